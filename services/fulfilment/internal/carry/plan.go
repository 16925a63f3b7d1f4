package carry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/fulfilment/catalogue"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/personal"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// locateTimeout bounds how long a system may take to say what it holds.
const locateTimeout = 30 * time.Second

// maxLeaves bounds a manifest, so that it fits a commit.
const maxLeaves = 2000

// CatalogueOf is a tenant's catalogue.
func CatalogueOf(tenant string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: tenant, Type: catalogue.AggregateType, ID: catalogue.ID}
}

// SystemOf is a system by its id.
func SystemOf(tenant, id string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: tenant, Type: system.AggregateType, ID: es.DeriveID(tenant, "system", id)}
}

// version is a system's description as it was pinned.
func (j *journey) version(ctx context.Context, id string, number uint32) (system.Version, error) {
	s, _, err := j.cfg.Systems.Load(ctx, SystemOf(j.agg.Tenant, id), es.Leader)
	if err != nil {
		return system.Version{}, fmt.Errorf("load system: %w", err)
	}
	v, ok := s.Version(number)
	if !ok {
		return system.Version{}, system.ErrNoSystem
	}
	return v, nil
}

// inUse is a system's description as it was pinned. If the system has been retired
// since, its leaves end here, and if a later version with the same parts is in force,
// that is recorded as the one to go on with; the step is ErrOutOfStep then.
func (j *journey) inUse(ctx context.Context, id string, number uint32) (system.Version, error) {
	s, _, err := j.cfg.Systems.Load(ctx, SystemOf(j.agg.Tenant, id), es.Leader)
	if err != nil {
		return system.Version{}, fmt.Errorf("load system: %w", err)
	}
	if s.Retired {
		err := j.record(ctx, j.agg, j.s, "retired/"+id, request.EndSystem{System: id, Reason: failRetired.Reason(), At: j.cfg.Now()})
		return system.Version{}, cmp.Or(err, request.ErrOutOfStep)
	}
	if latest, _ := s.Latest(); latest.Number > number {
		err := j.move(ctx, latest)
		if !errors.Is(err, request.ErrNotInManifest) {
			return system.Version{}, cmp.Or(err, request.ErrOutOfStep)
		}
	}
	v, ok := s.Version(number)
	if !ok {
		return system.Version{}, system.ErrNoSystem
	}
	return v, nil
}

// move records that a system is gone on with by a later version of its
// description; ErrNotInManifest says that the scope does not allow it.
func (j *journey) move(ctx context.Context, v system.Version) error {
	parts, err := j.cfg.Connect.Parts(v.Description)
	if err != nil {
		return inSystem{name: v.System, error: err}
	}
	cmd := request.MoveSystem{System: v.System, Version: v.Number, At: j.cfg.Now()}
	for _, p := range parts {
		if !j.s.InScope(v.System, p.Category) {
			continue
		}
		cmd.Parts = append(cmd.Parts, request.Part{Collection: p.Collection, Category: p.Category})
	}
	return j.record(ctx, j.agg, j.s, "move/"+v.System, cmd)
}

// scope is what one system may hold, and what it does if it could be asked.
type scope struct {
	version system.Version
	parts   []connector.Part
	found   []connector.Found
	located bool
}

// plan fixes the scope. A system that can't be asked now is in it all the same,
// with what its description names; its leaves are decided when it answers.
func (j *journey) plan(ctx context.Context) error {
	if j.s.Right.Lists() {
		return j.planList(ctx)
	}
	c, _, err := j.cfg.Catalogues.Load(ctx, CatalogueOf(j.agg.Tenant), es.Leader)
	if err != nil {
		return fmt.Errorf("load catalogue: %w", err)
	}
	if len(c.Entries) == 0 {
		return failNoSystems
	}
	key, err := es.NewID(j.cfg.Random)
	if err != nil {
		return err
	}
	ids, err := j.identifiers(ctx)
	if errors.Is(err, failForgotten) {
		return j.afterErasure(ctx, key)
	}
	if err != nil {
		return err
	}
	person := j.known(ids, key)
	var leaves []request.Planned
	schedule := uint32(0)
	for _, e := range c.Entries {
		sc, err := j.scope(ctx, e, person)
		if err != nil {
			return err
		}
		more, version, err := j.decide(ctx, sc, j.cfg.Now())
		if err != nil {
			return err
		}
		leaves, schedule = append(leaves, more...), max(schedule, version)
	}
	if len(leaves) == 0 {
		return failScope
	}
	if len(leaves) > maxLeaves {
		return failTooLarge
	}
	for i := range leaves {
		leaves[i].Leaf = uint32(i) + 1
	}
	approval, err := j.approval(ctx)
	if err != nil {
		return err
	}
	sought := ""
	if approval {
		if sought, err = j.sought(ctx, person); err != nil {
			return err
		}
	}
	if err := j.point(PointPlanned); err != nil {
		return err
	}
	return j.note(ctx, request.StepPlan, request.CommitManifest{
		Leaves: leaves, Schedule: schedule, DigestKey: personal.Clear(key), Approval: approval, Sought: sought, At: j.cfg.Now(),
	})
}

func (j *journey) scope(ctx context.Context, e catalogue.Entry, p connector.Person) (scope, error) {
	v, err := j.version(ctx, e.System, e.Version)
	if err != nil {
		return scope{}, err
	}
	sc := scope{version: v}
	if named, err := j.named(v); err != nil || !named {
		return sc, err
	}
	sc.found, err = j.look(ctx, v, p)
	if err == nil {
		sc.located = true
		sc.found = slices.DeleteFunc(sc.found, func(f connector.Found) bool { return !j.s.InScope(v.System, f.Category) })
		for _, f := range sc.found {
			sc.parts = append(sc.parts, f.Part)
		}
		return sc, nil
	}
	if ctx.Err() != nil {
		return scope{}, err
	}
	if sc.parts, err = j.cfg.Connect.Parts(v.Description); err != nil {
		return sc, inSystem{name: v.System, error: err}
	}
	sc.parts = slices.DeleteFunc(sc.parts, func(p connector.Part) bool { return !j.s.InScope(v.System, p.Category) })
	return sc, nil
}

// named reports whether a system may hold anything that the request is about.
func (j *journey) named(v system.Version) (bool, error) {
	if !j.s.Partial() {
		return true, nil
	}
	parts, err := j.cfg.Connect.Parts(v.Description)
	if err != nil {
		return false, inSystem{name: v.System, error: err}
	}
	return slices.ContainsFunc(parts, func(p connector.Part) bool { return j.s.InScope(v.System, p.Category) }), nil
}

// look asks a system what it holds.
func (j *journey) look(ctx context.Context, v system.Version, p connector.Person) ([]connector.Found, error) {
	ctx, cancel := context.WithTimeout(ctx, locateTimeout)
	defer cancel()
	sys, err := j.cfg.Connect.Open(ctx, j.agg.Tenant, v.Description)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sys.Close() }()
	return sys.Locate(ctx, p)
}

// decide says what is to become of each part of a system.
func (j *journey) decide(ctx context.Context, sc scope, at time.Time) ([]request.Planned, uint32, error) {
	out := make([]request.Planned, 0, len(sc.parts))
	for _, p := range sc.parts {
		leaf := request.Planned{
			System: sc.version.System, Version: sc.version.Number, Collection: p.Collection, Category: p.Category,
			Decision: request.Undecided,
		}
		if j.s.Right.Shows() {
			leaf.Decision = request.Collect
		}
		for _, f := range sc.found {
			if f.Part == p {
				leaf.Rows = f.Rows
			}
		}
		out = append(out, leaf)
	}
	if j.s.Right.Shows() {
		return out, 0, nil
	}
	if !sc.located {
		return out, 0, j.recognise(ctx, sc, out)
	}
	version, err := j.evaluate(ctx, sc, out, at)
	if err != nil {
		return nil, 0, err
	}
	return out, version, nil
}

// recognise refuses what rules say of categories that nobody knows, or that hold
// more than a rule keeps: nothing is destroyed by them. What is kept is kept, by
// whatever name, and what holds nothing of the person has nothing to lose.
func (j *journey) recognise(ctx context.Context, sc scope, leaves []request.Planned) error {
	var doubtful []request.Planned
	for _, l := range leaves {
		if l.Decision == request.Undecided || l.Decision == request.Erase && l.Rows > 0 {
			doubtful = append(doubtful, l)
		}
	}
	if len(doubtful) == 0 {
		return nil
	}
	known, err := j.cfg.Words.Of(ctx, j.agg.Tenant)
	if err != nil {
		return fmt.Errorf("look up categories: %w", err)
	}
	for _, l := range doubtful {
		if err := known.Judge(l.System, l.Category); err != nil {
			return inSystem{sc.version.System, l.Category, err}
		}
	}
	return nil
}

// evaluate fills in retention's verdict on each part that holds something. What
// holds nothing has nothing to keep yet. Every schedule of the tenant counts: the
// policy of the request says by when it must be answered, and whoever asks may
// choose it.
func (j *journey) evaluate(ctx context.Context, sc scope, leaves []request.Planned, at time.Time) (uint32, error) {
	var items []*retentionv1.Item
	var of []int
	for i, f := range sc.found {
		leaves[i].Decision = request.Erase
		if f.Rows == 0 {
			continue
		}
		items = append(items, &retentionv1.Item{
			System: sc.version.System, Collection: f.Collection, Category: f.Category, StartedAt: eventpb.Stamp(f.Since),
		})
		of = append(of, i)
	}
	version := uint32(0)
	for chunk, places := range chunks(items, of) {
		got, err := j.cfg.Peers.Retention.Evaluate(ctx, &retentionv1.EvaluateRequest{
			SubjectRef: j.s.SubjectRef, Items: chunk, At: eventpb.Stamp(at),
		})
		if err != nil {
			return 0, fmt.Errorf("evaluate: %w", err)
		}
		if len(got.GetVerdicts()) != len(chunk) {
			return 0, failVerdict
		}
		version = got.GetScheduleVersion()
		for k, v := range got.GetVerdicts() {
			if err := apply(&leaves[places[k]], v); err != nil {
				return 0, err
			}
		}
	}
	return version, j.recognise(ctx, sc, leaves)
}

// chunks cuts a question into parts that one call may hold.
func chunks(items []*retentionv1.Item, of []int) func(yield func([]*retentionv1.Item, []int) bool) {
	const most = 1000
	return func(yield func([]*retentionv1.Item, []int) bool) {
		for len(items) > 0 {
			n := min(most, len(items))
			if !yield(items[:n], of[:n]) {
				return
			}
			items, of = items[n:], of[n:]
		}
	}
}

// verdict is what retention says, with its reasons.
type verdict interface {
	GetVerdict() retentionv1.Verdict
	GetUntil() *timestamppb.Timestamp
	GetGround() string
	GetAuthority() string
	GetBy() string
}

// apply is a verdict as a decision. A hold decides nothing, and no system is
// touched while one binds: what counts is what the rules say beneath it. What is
// no verdict permits nothing.
func apply(leaf *request.Planned, item *retentionv1.ItemVerdict) error {
	v := verdict(item)
	if v.GetVerdict() == retentionv1.Verdict_VERDICT_HOLD {
		v = item.GetBeneath()
	}
	switch v.GetVerdict() { //nolint:exhaustive // anything else permits nothing
	case retentionv1.Verdict_VERDICT_ERASE:
		leaf.Decision = request.Erase
	case retentionv1.Verdict_VERDICT_KEEP:
		leaf.Decision, leaf.Ground, leaf.Authority = request.Keep, v.GetGround(), v.GetAuthority()
		leaf.Until, leaf.Rule = eventpb.Moment(v.GetUntil()), v.GetBy()
	default:
		return failVerdict
	}
	return nil
}

// locate decides the leaves of a system that could not be asked before.
func (j *journey) locate(ctx context.Context, name string) error {
	leaves := j.s.LeavesOf(name)
	v, err := j.inUse(ctx, name, leaves[0].Version)
	if err != nil {
		return err
	}
	person, err := j.person(ctx)
	if err != nil {
		return err
	}
	all, err := j.look(ctx, v, person)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(f connector.Found) bool { return !j.s.InScope(name, f.Category) })
	sc := scope{version: v, located: true}
	for _, l := range leaves {
		part := connector.Part{Collection: l.Collection, Category: l.Category}
		i := slices.IndexFunc(all, func(f connector.Found) bool { return f.Part == part })
		f := connector.Found{Part: part}
		if i >= 0 {
			f = all[i]
			all = slices.Delete(all, i, i+1)
		}
		sc.parts, sc.found = append(sc.parts, part), append(sc.found, f)
	}
	if slices.ContainsFunc(all, func(f connector.Found) bool { return f.Rows > 0 }) {
		return connector.ErrMismatch // it holds what the manifest does not name
	}
	decided, _, err := j.decide(ctx, sc, j.cfg.Now())
	if err != nil {
		return err
	}
	for i := range decided {
		decided[i].Leaf = leaves[i].Leaf
	}
	err = j.record(ctx, j.agg, j.s, "locate/"+name, request.DecideLeaves{System: name, Leaves: decided, At: j.cfg.Now()})
	if errors.Is(err, request.ErrNotInManifest) {
		return connector.ErrMismatch
	}
	return err
}
