package carry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es"
)

const (
	// permitMargin is what must be left of a permit before anything is touched.
	permitMargin = 10 * time.Second
	// permitReserve is cut from the time that a system gets, so that its work
	// has ended when the permit ends.
	permitReserve = 3 * time.Second
	verifyTimeout = 30 * time.Second
)

// erasure is the work on one system.
type erasure struct {
	*journey
	name    string
	version system.Version
	sys     connector.System
	person  connector.Person
	leaves  []request.Leaf
	parts   []connector.Part // that the description names
	found   []connector.Found
	orders  []connector.Order
	// until is how long nobody is separated from who was found: what is found may
	// be destroyed until then.
	until time.Time
	// destructive: something is there that is to be erased.
	destructive bool
	began       time.Time
	attempt     uint32
	told        int // times that changes were announced
	// said is how many rows the last announcement says are destroyed, and sure
	// how many the one before: its commit has succeeded.
	said, sure uint64
}

// erase carries out the leaves of one system: look, ask for a permit, record,
// remember the identifying values, erase, read again, give the permit back,
// record.
func (j *journey) erase(ctx context.Context, name string) error {
	x := &erasure{journey: j, name: name, leaves: j.s.LeavesOf(name), began: j.cfg.Now()}
	var err error
	if x.version, err = j.inUse(ctx, name, x.leaves[0].Version); err != nil {
		return err
	}
	if x.parts, err = j.cfg.Connect.Parts(x.version.Description); err != nil {
		return err
	}
	if x.until, err = j.search(ctx); err != nil {
		return err
	}
	if x.person, err = j.person(ctx); err != nil {
		return err
	}
	if changed, err := j.outdated(ctx, x.person); changed || err != nil {
		return err
	}
	if x.sys, err = j.cfg.Connect.Open(ctx, x.agg.Tenant, x.version.Description); err != nil {
		return err
	}
	defer func() { _ = x.sys.Close() }()
	if err := x.look(ctx); err != nil {
		return err
	}
	if err := x.endFormer(ctx); err != nil {
		return err
	}
	if changed, err := x.reconsider(ctx); changed || err != nil {
		return err
	}
	if !x.destructive {
		return x.settle(ctx)
	}
	return x.destroy(ctx)
}

func (x *erasure) look(ctx context.Context) error { return x.find(ctx, x.sys) }

// find looks what a system holds that shows it.
func (x *erasure) find(ctx context.Context, in shows) error {
	ctx, cancel := context.WithTimeout(ctx, locateTimeout)
	defer cancel()
	var err error
	if x.found, err = in.Locate(ctx, x.person); err != nil {
		return err
	}
	for _, f := range x.found {
		l, ok := x.leafOf(f.Part)
		switch {
		case f.Rows == 0:
		case !ok && !x.s.InScope(x.name, f.Category): // it stays as it is
		case !ok:
			return connector.ErrMismatch // more than the manifest names
		default:
			x.destructive = x.destructive || l.Decision == request.Erase
		}
	}
	x.orders = x.everything()
	return x.point(PointLocated)
}

func (x *erasure) leafOf(p connector.Part) (request.Leaf, bool) {
	i := slices.IndexFunc(x.leaves, func(l request.Leaf) bool { return l.Collection == p.Collection && l.Category == p.Category })
	if i < 0 {
		return request.Leaf{}, false
	}
	return x.leaves[i], true
}

func (x *erasure) rowsOf(l request.Leaf) connector.Found {
	i := slices.IndexFunc(x.found, func(f connector.Found) bool { return f.Collection == l.Collection && f.Category == l.Category })
	if i < 0 {
		return connector.Found{}
	}
	return x.found[i]
}

// counts is what is there now, for the record that precedes the work.
func (x *erasure) counts() []request.Found {
	var out []request.Found
	for _, l := range x.leaves {
		if l.Ended() {
			continue // it was rejected
		}
		f := x.rowsOf(l)
		found := request.Found{Leaf: l.Leaf, Rows: f.Rows}
		if f.Rows > 0 {
			found.Digest = f.Digest[:]
		}
		out = append(out, found)
	}
	return out
}

// settle ends the leaves of a system in which nothing is to be destroyed: it
// holds nothing of it, or it is all kept, or an earlier try had done its work
// before it was cut off.
func (x *erasure) settle(ctx context.Context) error {
	if err := x.absent(ctx, x.orders); err != nil {
		return err
	}
	if err := x.step(ctx, "start", request.StartLeaves{System: x.name, Yields: x.s.Yields, Leaves: x.counts(), At: x.cfg.Now()}); err != nil {
		return err
	}
	return x.complete(ctx, nil)
}

// everything orders all that the description names, found or not: a row may come in
// between.
func (x *erasure) everything() []connector.Order {
	var out []connector.Order
	for _, l := range x.leaves {
		part := connector.Part{Collection: l.Collection, Category: l.Category}
		if !slices.Contains(x.parts, part) {
			continue // a later version left it out, of which nothing was ever found
		}
		out = append(out, connector.Order{
			Part: part, Erase: l.Decision == request.Erase,
			Rows: x.rowsOf(l).Rows, Since: x.rowsOf(l).Since,
		})
	}
	for _, part := range x.parts { // what the request is not about is kept
		if !x.s.InScope(x.name, part.Category) {
			out = append(out, connector.Order{Part: part})
		}
	}
	return out
}

func (x *erasure) step(ctx context.Context, step string, cmd request.Command) error {
	return x.record(ctx, x.agg, x.s, step+"/"+x.name, cmd)
}

func (x *erasure) destroy(ctx context.Context) error {
	if err := x.vouched(ctx); err != nil {
		return err
	}
	if err := x.touch(ctx, identityv1.TouchKind_TOUCH_KIND_ERASURE); err != nil {
		return err
	}
	permit, err := x.cfg.Peers.Retention.RequestPermit(ctx, &retentionv1.RequestPermitRequest{
		RequestId:  x.id("permit/"+x.name, x.s.SystemOf(x.name).Tries+1),
		SubjectRef: x.s.SubjectRef, Request: x.agg.ID, System: x.name,
	})
	if answered(err) == request.NotDue { // what had ended has begun anew
		return failNotVouched
	}
	if answered(err) == request.OnHold {
		return x.step(ctx, "defer", request.DeferLeaves{System: x.name, Reason: request.OnHold, At: x.cfg.Now()})
	}
	if err != nil {
		return fmt.Errorf("request permit: %w", err)
	}
	if err := x.point(PointPermitted); err != nil {
		return err
	}
	ends := permit.GetExpiresAt().AsTime()
	if x.cfg.Now().Add(permitMargin).After(earlier(ends, x.until)) {
		return failPermitShort
	}
	if err := x.claim(ctx); err != nil {
		return errors.Join(err, x.end(ctx, permit.GetPermit(), 0))
	}
	if err := x.begin(ctx, permit.GetPermit(), ends); err != nil {
		return errors.Join(err, x.giveBack(ctx, permit.GetPermit(), err))
	}
	done, failed := x.under(ctx, earlier(ends, x.until))
	var crash crashed
	if errors.As(failed, &crash) {
		return failed
	}
	if err := x.end(ctx, permit.GetPermit(), max(total(done), x.sure)); err != nil {
		return errors.Join(failed, err)
	}
	if err := x.point(PointPermitEnded); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return x.complete(ctx, done)
}

// begin records what is about to be touched. Who finds that recorded already is
// the second of two: the first one has the permit.
func (x *erasure) begin(ctx context.Context, permit string, ends time.Time) error {
	now := x.cfg.Now()
	res, err := x.cfg.Requests.Handle(ctx, x.agg, es.Command[request.Command]{
		ID: es.StepID(x.agg, "start/"+x.name, x.s.Events), At: now, Meta: es.Meta{Correlation: x.agg.ID},
		Data: request.StartLeaves{
			System: x.name, Yields: x.s.Yields, Permit: permit, PermitAt: ends, Leaves: x.counts(), At: now,
		},
	})
	switch {
	case err != nil:
		return fmt.Errorf("record start: %w", err)
	case res.Repeated:
		return request.ErrOutOfStep
	}
	x.attempt = res.State.SystemOf(x.name).Attempts
	return x.point(PointStarted)
}

// under does what needs the permit.
func (x *erasure) under(ctx context.Context, ends time.Time) ([]connector.Done, error) {
	if err := x.suppress(ctx); err != nil {
		return nil, err
	}
	left := ends.Sub(x.cfg.Now())
	if left < permitMargin {
		return nil, failPermitShort
	}
	work, cancel := context.WithTimeout(ctx, left-permitReserve)
	defer cancel()
	done, err := x.sys.Erase(work, x.person, x.orders, x.announce)
	if err != nil {
		if ctx.Err() == nil && work.Err() != nil {
			err = failPermitShort
		}
		return done, err
	}
	if err := x.point(PointErased); err != nil {
		return done, err
	}
	if err := x.absent(ctx, x.orders); err != nil {
		return done, err
	}
	return done, x.point(PointVerifiedAbsent)
}

// absent reads again. Rows that remain mean that the erasure is not whole.
func (x *erasure) absent(ctx context.Context, orders []connector.Order) error {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	left, err := x.sys.Verify(ctx, x.person, orders)
	if err != nil {
		return err
	}
	erase := func(p connector.Part) bool {
		return slices.ContainsFunc(orders, func(o connector.Order) bool { return o.Part == p && o.Erase })
	}
	if slices.ContainsFunc(left, func(f connector.Found) bool { return f.Rows > 0 && erase(f.Part) }) {
		return failRowsRemain
	}
	return nil
}

// announce records what is about to be committed. Who goes on after a crash may
// find nothing of the person any more, and knows from it how the leaves end. An
// error, such as that another attempt has begun, keeps it from being committed.
func (x *erasure) announce(ctx context.Context, done []connector.Done) error {
	var leaves []request.Done
	for _, d := range x.outcome(done) {
		if d.Deleted+d.Masked+d.Kept+d.Shared > 0 {
			leaves = append(leaves, d)
		}
	}
	x.told++
	x.said, x.sure = total(done), x.said
	step := fmt.Sprintf("announce/%s/%d", x.name, x.attempt)
	now := x.cfg.Now()
	_, err := x.cfg.Requests.Handle(ctx, x.agg, es.Command[request.Command]{
		ID: es.StepID(x.agg, step, x.told), At: now, Meta: es.Meta{Correlation: x.agg.ID},
		Data: request.AnnounceChanges{System: x.name, Attempt: x.attempt, Leaves: leaves, At: now},
	})
	if err != nil {
		return fmt.Errorf("announce changes: %w", err)
	}
	return x.point(PointAnnounced)
}

// outcome is what was done to the leaves that have not ended.
func (x *erasure) outcome(done []connector.Done) []request.Done {
	var out []request.Done
	for _, l := range x.leaves {
		if l.Ended() {
			continue
		}
		d := request.Done{Leaf: l.Leaf, Shared: x.rowsOf(l).Shared}
		for _, one := range done {
			if one.Collection == l.Collection && one.Category == l.Category && l.Decision == request.Erase {
				d.Deleted, d.Masked, d.Shared = one.Deleted, one.Masked, max(d.Shared, one.Shared)
				d.Kept, d.Described = one.Kept, one.Described
			}
		}
		out = append(out, d)
	}
	return out
}

// complete records how the leaves ended.
func (x *erasure) complete(ctx context.Context, done []connector.Done) error {
	err := x.step(ctx, "complete", request.CompleteLeaves{
		System: x.name, Leaves: x.outcome(done), Reread: true, At: x.cfg.Now(),
	})
	if err != nil {
		return err
	}
	x.traceLeaves(ctx, x.began, x.leaves)
	return x.point(PointCompleted)
}

func total(done []connector.Done) uint64 {
	n := uint64(0)
	for _, d := range done {
		n += d.Deleted + d.Masked
	}
	return n
}
