// Package merging makes two references one person, and undoes it.
//
// A merge takes five steps, each of which may be repeated: the one who goes is
// bound (nothing has changed yet); consent is told, so that a no of either counts
// for both; the one who stays takes the other (from then on both are one); the
// one who went leads there. If the one who stays declines, consent is told that,
// and the other one is free. A process on the log does what a crash left.
//
// Undoing goes the other way: identity's events first, then consent, since a
// separation takes a no away.
package merging

import (
	"context"
	"errors"
	"fmt"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/facts"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
)

// Desk merges and separates. It may be used by several goroutines and processes.
type Desk struct {
	Subjects registry.Subjects
	Registry *registry.Registry
	Facts    facts.Teller
	Now      func() time.Time
}

// Pair names the one who stays and the one who goes.
type Pair struct{ Stays, Goes string }

// Merge merges. The command's id makes the merge's.
func (d Desk) Merge(ctx context.Context, tenant string, cmd registry.Command, p Pair, evidence string) (string, registry.Result, error) {
	merge := es.DeriveID(tenant, identityv1.MergeService_MergeSubjects_FullMethodName, cmd.ID)
	if _, err := d.Registry.Load(ctx, tenant, p.Stays); err != nil {
		return "", registry.Result{}, err
	}
	if d.Facts.Consent == nil {
		return "", registry.Result{}, facts.ErrNotConnected
	}
	cmd.Data = subject.BeginMerge{Merge: merge, Into: p.Stays, Evidence: evidence, At: cmd.At}
	if res, err := d.Subjects.Handle(ctx, registry.Aggregate(tenant, p.Goes), cmd); err != nil {
		return "", res, err
	}
	res, err := d.finish(ctx, tenant, p.Goes)
	return merge, res, err
}

// finish does what is left of a merge that has begun. A declined one is an error
// with the reason.
func (d Desk) finish(ctx context.Context, tenant, goes string) (registry.Result, error) {
	s, err := d.Registry.Load(ctx, tenant, goes)
	if err != nil || s.Into.Merge == "" || s.Into.Done {
		return registry.Result{State: s}, err
	}
	merge, stays := s.Into.Merge, s.Into.Subject
	if err := d.Facts.Merged(ctx, tenant, stays, goes, merge); err != nil {
		return registry.Result{}, err
	}
	res, err := d.step(ctx, tenant, stays, merge, "absorb", subject.Absorb{Merge: merge, Other: goes, Evidence: s.Into.Evidence, At: d.Now()})
	var declined subject.Refusal
	if errors.As(err, &declined) {
		return res, errors.Join(err, d.abandon(ctx, tenant, Pair{Stays: stays, Goes: goes}, merge, declined))
	}
	if err != nil {
		return res, err
	}
	_, err = d.step(ctx, tenant, goes, merge, "complete", subject.CompleteMerge{Merge: merge})
	return res, err
}

func (d Desk) abandon(ctx context.Context, tenant string, p Pair, merge string, why subject.Refusal) error {
	if err := d.Facts.Separated(ctx, tenant, p.Stays, p.Goes, merge); err != nil {
		return err
	}
	_, err := d.step(ctx, tenant, p.Goes, merge, "abandon", subject.AbandonMerge{Merge: merge, Reason: why.Reason()})
	return err
}

// Unmerge separates, and returns the merge with everything that it touched.
func (d Desk) Unmerge(ctx context.Context, tenant string, cmd registry.Command, ref, merge, reason string) (subject.Merge, registry.Result, error) {
	if _, err := d.Registry.Load(ctx, tenant, ref); err != nil {
		return subject.Merge{}, registry.Result{}, err
	}
	if d.Facts.Consent == nil {
		return subject.Merge{}, registry.Result{}, facts.ErrNotConnected
	}
	cmd.Data = subject.Separate{Merge: merge, Reason: reason, At: cmd.At}
	res, err := d.Subjects.Handle(ctx, registry.Aggregate(tenant, ref), cmd)
	if err != nil {
		return subject.Merge{}, res, err
	}
	m, _ := res.State.MergeOf(merge)
	return m, res, d.separate(ctx, tenant, ref, m)
}

// separate does what is left of a separation.
func (d Desk) separate(ctx context.Context, tenant, stays string, m subject.Merge) error {
	if _, err := d.step(ctx, tenant, m.Other, m.ID, "undo", subject.UndoMerge{Merge: m.ID}); err != nil {
		return err
	}
	return d.Facts.Separated(ctx, tenant, stays, m.Other, m.ID)
}

func (d Desk) step(ctx context.Context, tenant, ref, merge, step string, cmd subject.Command) (registry.Result, error) {
	return d.Subjects.Handle(ctx, registry.Aggregate(tenant, ref), registry.Command{
		ID: es.DeriveID(tenant, step+"-merge", merge), At: d.Now(), Meta: es.Meta{Correlation: merge}, Data: cmd,
	})
}

// SignUp gives a person the refusals of the visit that they were. A visit is
// known to identity by a cookie at most.
func (d Desk) SignUp(ctx context.Context, tenant string, cmd registry.Command, ref, visit string) (registry.Result, error) {
	s, err := d.Registry.Load(ctx, tenant, ref)
	if err != nil {
		return registry.Result{}, err
	}
	was, err := d.Registry.Load(ctx, tenant, visit)
	if err != nil && !errors.Is(err, subject.ErrNotFound) {
		return registry.Result{}, err
	}
	data := subject.SignUp{Known: err == nil && !was.Anonymous(), At: cmd.At}
	cmd.Data = data
	if _, err := subject.Decide(s, data); err == nil { // only then has consent anything to learn
		cause := es.DeriveID(tenant, identityv1.MergeService_SignUp_FullMethodName, cmd.ID)
		if err := d.Facts.SignedUp(ctx, tenant, ref, visit, cause); err != nil {
			return registry.Result{}, err
		}
	}
	return d.Subjects.Handle(ctx, registry.Aggregate(tenant, ref), cmd)
}

// The stored names of the events after which something may be left to do.
const (
	typeBegun     = "subject.merge_begun"
	typeSeparated = "subject.separated"
)

// React does what is left of merges and separations. It is part of a process on
// the log; other commits are passed over.
func (d Desk) React(ctx context.Context, r es.Recorded) error {
	if r.Aggregate.Type != subject.AggregateType {
		return nil
	}
	for _, ev := range r.Events {
		var err error
		switch ev.Type {
		case typeBegun:
			_, err = d.finish(ctx, r.Aggregate.Tenant, r.Aggregate.ID)
		case typeSeparated:
			err = d.separateAll(ctx, r.Aggregate.Tenant, r.Aggregate.ID)
		}
		var declined subject.Refusal
		if err != nil && !errors.As(err, &declined) {
			return fmt.Errorf("go on with merge: %w", err)
		}
	}
	return nil
}

// separateAll ends what is left of every merge that has ended.
func (d Desk) separateAll(ctx context.Context, tenant, ref string) error {
	s, err := d.Registry.Load(ctx, tenant, ref)
	if err != nil {
		return err
	}
	for _, m := range s.Merges {
		if m.Ended.IsZero() {
			continue
		}
		if err := d.separate(ctx, tenant, ref, m); err != nil {
			return err
		}
	}
	return nil
}
