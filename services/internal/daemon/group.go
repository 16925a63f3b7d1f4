package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// group runs parts and stops them in the reverse order.
type group struct {
	log   *slog.Logger
	grace time.Duration
	// leave is told why, before anything is stopped, and may take its time.
	leave func(reason string)
}

// running is a part at work.
type running struct {
	Part
	cancel context.CancelFunc
	done   chan error // holds one value when Run has returned
	asked  chan struct{}
}

// run returns when all parts have ended or the grace is over: nil if ctx ended
// and every part stopped well, and else what went wrong, first things first.
func (g group) run(ctx context.Context, parts []Part) error {
	failed := make(chan error, len(parts))
	var all []*running
	for _, p := range parts {
		if p.Run != nil {
			all = append(all, g.start(ctx, p, failed))
		}
	}
	var first error
	select {
	case <-ctx.Done():
	case first = <-failed:
	}
	g.leave(reasonFor(first))
	stopped := g.stop(ctx, all)
	return errors.Join(first, rest(failed), stopped)
}

// rest returns the failures of parts that failed while others were stopped.
func rest(failed <-chan error) error {
	var more []error
	for {
		select {
		case err := <-failed:
			more = append(more, err)
		default:
			return errors.Join(more...)
		}
	}
}

// start runs a part outside of ctx's end: when ctx ends, parts are stopped one
// after the other and not all at once.
func (g group) start(ctx context.Context, p Part, failed chan<- error) *running {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{Part: p, cancel: cancel, done: make(chan error, 1), asked: make(chan struct{})}
	go func() {
		err := p.run(own, g.log)
		select {
		case <-r.asked: // stop reports it
			if errors.Is(err, ErrEnded) {
				err = nil
			}
			r.done <- err
		default:
			failed <- err
			r.done <- nil
		}
	}()
	return r
}

func reasonFor(err error) string {
	var halt *HaltError
	switch {
	case err == nil:
		return "SHUTTING_DOWN"
	case errors.As(err, &halt):
		return halt.Reason
	default:
		return "PART_FAILED"
	}
}

// stop ends the parts from the last to the first, within one grace.
func (g group) stop(ctx context.Context, all []*running) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.grace)
	defer cancel()
	var wrong []error
	for i := len(all) - 1; i >= 0; i-- {
		wrong = append(wrong, all[i].end(ctx))
	}
	return errors.Join(wrong...)
}

// end ends one part and waits for it as long as ctx lasts. When the grace is
// over already, it still ends the part, and waits no more.
func (r *running) end(ctx context.Context) error {
	close(r.asked)
	var stopped error
	if r.Stop != nil {
		if err := r.Stop(ctx); err != nil {
			stopped = fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	r.cancel()
	select {
	case err := <-r.done:
		return errors.Join(stopped, err)
	case <-ctx.Done():
	}
	select { // it may have ended at the same moment
	case err := <-r.done:
		return errors.Join(stopped, err)
	default:
		return errors.Join(stopped, fmt.Errorf("%s: %w", r.Name, ErrStuck))
	}
}
