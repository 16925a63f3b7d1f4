package carry

import (
	"context"
	"fmt"

	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

// claim asks the docket whether the erasure may begin to destroy. It may not if an
// access goes first: then it is held back, and ErrOutOfStep says that it waits.
func (j *journey) claim(ctx context.Context) error {
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
