package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
)

type counterHandler = es.Handler[estest.Counter, estest.CounterCommand, estest.CounterEvent]

// patience bounds one call of a writer. It is shorter than an election, so that
// outcomes stay unknown and have to be resolved.
const patience = 3 * time.Second

// crew is the writers of one process. Each sends one command after the other,
// and the same one again until it is acknowledged.
type crew struct {
	handler counterHandler
	journal *journal
	seed    uint64
	run     int           // of the crew's process, from 0
	round   *atomic.Int64 // which counters are written to
}

// work runs the writers until ctx ends. Each first settles what an earlier run
// of it left open.
func (c crew) work(ctx context.Context, open []entry) error {
	var all sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		all.Go(func() { errs[w] = c.writer(ctx, w, open) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (c crew) writer(ctx context.Context, w int, open []entry) error {
	for _, e := range open {
		if e.worker != w {
			continue
		}
		if err := c.settle(ctx, e); err != nil {
			return err
		}
	}
	rng := rand.New(rand.NewPCG(c.seed, uint64(c.run*writers+w)))
	for n := 0; ctx.Err() == nil; n++ {
		agg := counterAt(c.seed, int(c.round.Load()), rng.IntN(counters))
		e := entry{what: sent, worker: w, counter: agg.ID, command: fmt.Sprintf("%d-%d-%d", c.run, w, n)}
		if err := c.journal.note(e); err != nil {
			return err
		}
		if err := c.settle(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// settle sends the command until it is acknowledged or ctx ends.
func (c crew) settle(ctx context.Context, e entry) error {
	for ctx.Err() == nil {
		res, err := c.send(ctx, e)
		switch {
		case err == nil:
			e.what, e.seq, e.again = done, res.Position.Seq, res.Repeated
			return c.journal.note(e)
		case errors.Is(err, es.ErrUnknownOutcome):
			e.what = doubted
			if err := c.journal.note(e); err != nil {
				return err
			}
		case !errors.Is(err, es.ErrContended) && !errors.Is(err, es.ErrUnavailable):
			return fmt.Errorf("command %s: %w", e.command, err)
		}
	}
	return nil
}

func (c crew) send(ctx context.Context, e entry) (es.Result[estest.Counter, estest.CounterEvent], error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	agg := es.Aggregate{Context: domain, Tenant: tenant, Type: "counter", ID: e.counter}
	return c.handler.Handle(ctx, agg, estest.ClientCommand(e.command, estest.Add{By: 1}, e.command))
}
