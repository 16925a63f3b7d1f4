package carry

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/personal"
)

// afterErasure answers the request of a person whom identity has forgotten.
// Nobody can be looked for any more. An access that comes after an erasure of the
// same person, by whichever reference, is answered with what that one left, leaf for
// leaf; anything else is failForgotten: it ends, and touches nothing.
func (j *journey) afterErasure(ctx context.Context, key string) error {
	d, _, err := j.cfg.Dockets.Load(ctx, DocketOf(j.agg.Tenant, j.s.SubjectRef), es.Leader)
	if err != nil {
		return fmt.Errorf("load docket: %w", err)
	}
	others, err := j.others(ctx)
	if err != nil {
		return err
	}
	erased := d.Erased
	for _, o := range others {
		erased = cmp.Or(erased, o.Erased)
	}
	if j.s.Right != request.Access || erased == "" {
		return failForgotten
	}
	former, _, err := j.cfg.Requests.Load(ctx, RequestOf(j.agg.Tenant, erased), es.Leader)
	if err != nil {
		return fmt.Errorf("load former request: %w", err)
	}
	return j.note(ctx, request.StepPlan, request.CommitManifest{
		Leaves: request.Left(former), After: erased, DigestKey: personal.Clear(key), At: j.cfg.Now(),
	})
}

// state ends the leaves of a manifest that an erasure has left: system by system,
// without looking.
func (j *journey) state(ctx context.Context) error {
	for _, y := range j.s.Systems {
		var found []request.Found
		var done []request.Done
		for _, l := range j.s.LeavesOf(y.Name) {
			found, done = append(found, request.Found{Leaf: l.Leaf, Rows: l.Rows}), append(done, request.Done{Leaf: l.Leaf})
		}
		if y.Attempts == 0 {
			err := j.record(ctx, j.agg, j.s, "start/"+y.Name, request.StartLeaves{System: y.Name, Leaves: found, At: j.cfg.Now()})
			if err != nil && !errors.Is(err, request.ErrOutOfStep) {
				return err
			}
		}
		err := j.record(ctx, j.agg, j.s, "state/"+y.Name, request.CompleteLeaves{System: y.Name, Leaves: done, At: j.cfg.Now()})
		if err != nil {
			return err
		}
	}
	return nil
}
