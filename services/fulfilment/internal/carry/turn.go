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
