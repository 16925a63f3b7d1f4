package carry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

// turn gives a request the place that the docket has for it now, and reports
// whether that is another than it knew. A request that waits asks whenever it is
// woken: a docket's commits may be handled late or in another order, so that what
// one of them said may be over.
func (c *Carrier) turn(ctx context.Context, agg es.Aggregate, s request.Request, meta es.Meta) (moved bool, err error) {
	if !s.InDocket() {
		return false, nil
	}
	d, _, err := c.cfg.Dockets.Load(ctx, DocketOf(agg.Tenant, s.SubjectRef), es.Leader)
	if err != nil {
		return false, fmt.Errorf("load docket: %w", err)
	}
	e, there := d.Find(agg.ID)
	active := there && e.Place == docket.Active
	var cmd request.Command
	step := "turn"
	switch {
	case active == s.Active, !there: // it is over, or its answer is under way
		return false, nil
	case active:
		cmd = request.Activate{At: c.cfg.Now()}
	default:
		cmd, step = request.Yield{To: e.Behind, At: c.cfg.Now()}, "turn/"+e.Behind
	}
	meta.Correlation = agg.ID
	res, err := c.cfg.Requests.Handle(ctx, agg, es.Command[request.Command]{
		ID: es.StepID(agg, step, s.Events), At: c.cfg.Now(), Meta: meta, Data: cmd,
	})
	if errors.Is(err, request.ErrOutOfStep) { // it is over: it leaves by itself
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("give turn: %w", err)
	}
	return res.State.Active == active, nil
}

// pause lets an access go before an erasure that a hold keeps from going on, and
// reports whether one does: a hold may last for years, and what is left can be
// shown. The request gives its turn away before the docket does, so that nobody
// who had asked earlier begins to destroy.
func (c *Carrier) pause(ctx context.Context, agg es.Aggregate, s request.Request) (bool, error) {
	if s.Right != request.Erasure || !s.Held(c.cfg.Now()) {
		return false, nil
	}
	docketOf := DocketOf(agg.Tenant, s.SubjectRef)
	d, _, err := c.cfg.Dockets.Load(ctx, docketOf, es.Leader)
	if err != nil {
		return false, fmt.Errorf("load docket: %w", err)
	}
	e, there := d.Find(agg.ID)
	to, waits := d.Access()
	if !there || e.Place != docket.Active || !waits {
		return false, nil
	}
	err = c.record(ctx, agg, s, "pause", request.Yield{To: to, At: c.cfg.Now()})
	if errors.Is(err, request.ErrOutOfStep) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := c.point(PointPaused); err != nil {
		return false, err
	}
	_, err = c.cfg.Dockets.Handle(ctx, docketOf, es.Command[docket.Command]{
		ID: es.StepID(agg, "pause", s.Events), At: c.cfg.Now(), Meta: es.Meta{Correlation: agg.ID}, Data: docket.Pause{Request: agg.ID},
	})
	if err != nil {
		return false, fmt.Errorf("pause in docket: %w", err)
	}
	return true, nil
}

// docketed tells the requests that a docket's commit speaks of where they stand
// now. Only an answer is told as the commit has it: nothing comes after it.
func (c *Carrier) docketed(ctx context.Context, r es.Recorded) error {
	events, err := c.cfg.Dockets.Registry.DecodeAll(r.Commit)
	if err != nil {
		return err
	}
	meta := es.Meta{Causation: es.EventID(r.ID, 0)}
	var moved []string
	for _, ev := range events {
		switch e := ev.(type) { //nolint:gochecksumtype // the others tell nobody anything new
		case docket.Yielded:
			moved = append(moved, e.Request)
		case docket.Promoted:
			moved = append(moved, e.Request)
		case docket.Entered:
			if err := c.entered(ctx, r.Aggregate.Tenant, e); err != nil {
				return err
			}
		case docket.AgentRevoked:
			if err := c.revoked(ctx, r, e); err != nil {
				return err
			}
		case docket.Answered:
			if err := c.answer(ctx, r, e); err != nil {
				return err
			}
		}
	}
	slices.Sort(moved)
	for _, id := range slices.Compact(moved) {
		agg := RequestOf(r.Aggregate.Tenant, id)
		s, _, err := c.cfg.Requests.Load(ctx, agg, es.Leader)
		if err != nil {
			return fmt.Errorf("load request: %w", err)
		}
		if _, err := c.turn(ctx, agg, s, meta); err != nil {
			return err
		}
	}
	return nil
}

// entered has an erasure that a hold binds give its turn to an access that came.
func (c *Carrier) entered(ctx context.Context, tenant string, e docket.Entered) error {
	if !request.Right(e.Right).Shows() || e.Place != docket.Behind {
		return nil
	}
	agg := RequestOf(tenant, e.Behind)
	s, _, err := c.cfg.Requests.Load(ctx, agg, es.Leader)
	if err != nil {
		return fmt.Errorf("load request: %w", err)
	}
	_, err = c.pause(ctx, agg, s)
	return err
}

// answer ends a duplicate with the request that it waited for.
func (c *Carrier) answer(ctx context.Context, r es.Recorded, e docket.Answered) error {
	agg := RequestOf(r.Aggregate.Tenant, e.Request)
	_, err := c.cfg.Requests.Handle(ctx, agg, es.Command[request.Command]{
		ID: es.StepID(agg, "docket/"+r.ID, 1), At: c.cfg.Now(), Data: request.AnswerWith{Request: e.With, At: r.Time},
		Meta: es.Meta{Correlation: e.Request, Causation: es.EventID(r.ID, 0)},
	})
	if err != nil && !errors.Is(err, request.ErrOutOfStep) { // it is over: it leaves by itself
		return fmt.Errorf("answer request: %w", err)
	}
	return nil
}
