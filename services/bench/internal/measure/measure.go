// Package measure times variants of the same work side by side: in a closed
// loop, after a warm-up, in rounds. All variants are measured in every round,
// every second round in reverse order, and ratios are taken within a round, so
// that a machine that gets slower or faster meanwhile changes rates and not
// ratios.
package measure

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Variant is one way to do the work, at one number of callers.
type Variant struct {
	Name    string
	Callers int
	// Each is how many answers one request brings, if not one.
	Each int
	// Op is one request. Each caller makes its own one after another.
	Op func(ctx context.Context, caller int) error
	// Pass, where Op is nil, is a piece of work that is timed as a whole; it
	// returns how many operations it was.
	Pass func(ctx context.Context) (int, error)
	// Prepare, if any, runs before each point and is not timed.
	Prepare func(ctx context.Context) error
	// CPU, if any, is the processor time that the servers have used so far.
	CPU func() (time.Duration, error)
}

// Plan says how long to measure.
type Plan struct {
	Rounds int
	WarmUp time.Duration
	Length time.Duration // of one point
	// ClientCPU is the processor time that this process has used so far.
	ClientCPU func() (time.Duration, error)
	// Profile, if any, is told when a point begins and returns what to call
	// at its end.
	Profile func(variant string, round int) (stop func() error, err error)
	// Progress gets one line a point.
	Progress io.Writer
}

// Run measures every variant in every round. A variant may be listed several
// times: the points of one round are then taken together. The first error of
// any operation ends it.
func (p Plan) Run(ctx context.Context, variants []Variant) (Results, error) {
	results := Results{}
	for round := range p.Rounds {
		order := slices.Clone(variants)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, v := range order {
			point, err := p.point(ctx, v, round)
			if err != nil {
				return results, fmt.Errorf("measure %s with %d callers: %w", v.Name, v.Callers, err)
			}
			results.add(v, round, point)
			_, _ = fmt.Fprintf(p.Progress, "round %d  %-40s %3d callers %12.0f/s\n", round+1, v.Name, v.Callers, point.Rate())
		}
	}
	return results, nil
}

func (p Plan) point(ctx context.Context, v Variant, round int) (Point, error) {
	if v.Prepare != nil {
		if err := v.Prepare(ctx); err != nil {
			return Point{}, fmt.Errorf("prepare: %w", err)
		}
	}
	runtime.GC() // the garbage of the variant before is not this one's
	work := p.pass
	if v.Op != nil {
		work = p.loop
	}
	name := fmt.Sprintf("%s-%d", v.Name, v.Callers)
	return work(ctx, v, func() (func() error, error) {
		if p.Profile == nil {
			return func() error { return nil }, nil
		}
		return p.Profile(name, round)
	})
}

// begin starts a profile and returns what ends it.
type begin func() (end func() error, err error)

func (p Plan) pass(ctx context.Context, v Variant, profile begin) (Point, error) {
	m, err := p.startMeter(v, profile)
	if err != nil {
		return Point{}, err
	}
	n, err := v.Pass(ctx)
	if err != nil {
		return Point{}, err
	}
	point, err := m.stop()
	point.Ops = n
	return point, err
}

// loop runs the callers through warm-up and measurement without a pause in
// between; operations that end inside the measured time count.
func (p Plan) loop(ctx context.Context, v Variant, profile begin) (Point, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	callers := startCallers(ctx, v)
	defer callers.end()
	if err := callers.wait(ctx, p.WarmUp); err != nil {
		return Point{}, err
	}
	m, err := p.startMeter(v, profile)
	if err != nil {
		return Point{}, err
	}
	callers.measuring.Store(true)
	err = callers.wait(ctx, p.Length)
	callers.measuring.Store(false)
	point, stopErr := m.stop()
	if err != nil || stopErr != nil {
		return point, firstOf(err, stopErr)
	}
	callers.end()
	point.count(callers.latencies, max(v.Each, 1))
	if point.Ops == 0 {
		return point, fmt.Errorf("no operation ended within %s", p.Length)
	}
	return point, callers.err()
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// callers are the goroutines of one point.
type callers struct {
	measuring, stopped atomic.Bool
	done               sync.WaitGroup
	failed             chan error
	latencies          [][]time.Duration
}

func startCallers(ctx context.Context, v Variant) *callers {
	c := &callers{failed: make(chan error, 1), latencies: make([][]time.Duration, v.Callers)}
	for i := range v.Callers {
		c.done.Go(func() {
			if err := c.repeat(ctx, v, i); err != nil {
				select {
				case c.failed <- err:
				default:
				}
			}
		})
	}
	return c
}

func (c *callers) repeat(ctx context.Context, v Variant, caller int) error {
	var took []time.Duration
	for !c.stopped.Load() {
		started := time.Now()
		if err := v.Op(ctx, caller); err != nil {
			return err
		}
		if c.measuring.Load() {
			took = append(took, time.Since(started))
		}
	}
	c.latencies[caller] = took
	return nil
}

// wait returns after d, or at once when a caller failed.
func (c *callers) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case err := <-c.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end lets every caller finish its last operation. It may be called again.
func (c *callers) end() {
	c.stopped.Store(true)
	c.done.Wait()
}

func (c *callers) err() error {
	select {
	case err := <-c.failed:
		return err
	default:
		return nil
	}
}
