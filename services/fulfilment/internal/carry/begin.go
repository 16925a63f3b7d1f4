package carry

import (
	"context"
	"fmt"

	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

// claim asks the docket whether the erasure may begin to destroy. It may not if an
// access goes first: then it is held back, and ErrOutOfStep says that it waits. One
// that was asked for by another reference of the person is waited for as well.
func (j *journey) claim(ctx context.Context) error {
	if err := j.letShow(ctx); err != nil {
		return err
	}
	e, err := j.begun(ctx)
	if err != nil || e.Begun {
		return err
	}
	if err := j.point(PointRefused); err != nil {
		return err
	}
	err = j.record(ctx, j.agg, j.s, "yield", request.Yield{To: e.Behind, At: j.cfg.Now()})
	if err != nil {
		return err
	}
	if err := j.point(PointYielded); err != nil {
		return err
	}
	return request.ErrOutOfStep // whether it still has to wait is asked when it comes to rest
}

// begun is the request's entry after the docket was asked.
func (j *journey) begun(ctx context.Context) (docket.Entry, error) {
	res, err := j.cfg.Dockets.Handle(ctx, DocketOf(j.agg.Tenant, j.s.SubjectRef), es.Command[docket.Command]{
		ID: j.id("begin", j.s.Events), At: j.cfg.Now(), Meta: es.Meta{Correlation: j.agg.ID}, Data: docket.Begin{Request: j.agg.ID},
	})
	if err != nil {
		return docket.Entry{}, fmt.Errorf("begin in docket: %w", err)
	}
	e, there := res.State.Find(j.agg.ID)
	if !there { // it is over
		return docket.Entry{}, request.ErrOutOfStep
	}
	return e, nil
}

// letShow is failAccessFirst while an access that was asked for by another reference
// of the person is carried out: a merge leaves each its docket. Only one that is
// active is waited for: it waits for nobody, so that no two wait for one another.
func (j *journey) letShow(ctx context.Context) error {
	dockets, err := j.others(ctx)
	if err != nil {
		return err
	}
	for _, d := range dockets {
		if e, _ := d.Find(d.Current()); request.Right(e.Right).Shows() {
			return failAccessFirst
		}
	}
	return nil
}

// others are the dockets of the person's other references.
func (j *journey) others(ctx context.Context) ([]docket.Docket, error) {
	refs, err := j.References(ctx, j.s.SubjectRef)
	if err != nil {
		return nil, err
	}
	var out []docket.Docket
	for _, ref := range refs {
		if ref == j.s.SubjectRef {
			continue
		}
		d, _, err := j.cfg.Dockets.Load(ctx, DocketOf(j.agg.Tenant, ref), es.Leader)
		if err != nil {
			return nil, fmt.Errorf("load docket: %w", err)
		}
		out = append(out, d)
	}
	return out, nil
}
