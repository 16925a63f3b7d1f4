// Package sweep does again what a process on identity's log was to do and has not
// done. A message to a process is a hint: whoever acknowledges it in the process's
// stead, loses it, or parks it, keeps nothing from being done for good, because
// what was begun stands in the log, and so does its end.
//
// What a caller may rely on: every commit that calls for work is looked at, and
// given to the process's reaction once it has had the time that a delivery takes,
// unless the log tells that the work has ended. A reaction that fails is tried
// again, later each time. Reactions must be harmless to repeat, also by several
// instances at once.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"habeas.internal/services/internal/es"
)

// Work is one kind of work: the stored names of the events after which it is to
// be done, and of those of the same aggregate after which it is not any more.
// Where no event tells that it is done, only what began lately is done again
// after a start: see Sweeper.Memory.
type Work struct {
	Begins, Ends []string
}

// Sweeper follows one context. Its methods are for one goroutine; any number of
// processes may each have one.
type Sweeper struct {
	Scan   func(ctx context.Context, after es.Token) iter.Seq2[es.Recorded, error]
	Verify func(ctx context.Context, r es.Recorded) error
	React  func(ctx context.Context, r es.Recorded) error
	Works  []Work
	// Standing is work that depends on terms; nil: there is none.
	Standing *Standing
	Now      func() time.Time
	// After is how long the process itself has for a commit.
	After time.Duration
	// Memory is how old work without a known end may be when it is first seen.
	Memory time.Duration

	seen es.Token
	open map[es.Aggregate][]item
}

// item is a commit that calls for work.
type item struct {
	commit es.Recorded
	works  []int // of the sweeper
	tries  int
	next   time.Time
}

// maxWait is the longest time between two tries.
const maxWait = 24 * time.Hour

// mostDoubled is how often the wait is doubled, so that it never overflows.
const mostDoubled = 16

// Sweep reads on and does what is due. One piece of work that fails does not keep
// the others from being done.
func (s *Sweeper) Sweep(ctx context.Context) error {
	if s.open == nil {
		s.seen, s.open = es.Token{}, map[es.Aggregate][]item{}
	}
	for r, err := range s.Scan(ctx, s.seen) {
		if err != nil {
			return fmt.Errorf("read on: %w", err)
		}
		s.note(r)
		if s.Standing != nil {
			s.Standing.note(r)
		}
		s.seen[r.Position.Stream] = r.Position
	}
	var failed []error
	for agg := range s.open {
		if err := s.work(ctx, agg); err != nil {
			failed = append(failed, err)
		}
	}
	if s.Standing != nil {
		failed = append(failed, s.Standing.sweep(ctx, s.React))
	}
	return errors.Join(failed...)
}

// note takes a commit's works up, and strikes those that it ends.
func (s *Sweeper) note(r es.Recorded) {
	var begun []int
	for i, w := range s.Works {
		if happened(r, w.Ends) {
			s.strike(r.Aggregate, i)
		} else if happened(r, w.Begins) && (len(w.Ends) > 0 || s.Now().Sub(r.Stored) <= s.Memory) {
			begun = append(begun, i)
		}
	}
	if len(begun) > 0 {
		s.open[r.Aggregate] = append(s.open[r.Aggregate], item{commit: r, works: begun, next: r.Stored.Add(s.After)})
	}
}

func happened(r es.Recorded, types []string) bool {
	return slices.ContainsFunc(r.Events, func(ev es.Event) bool { return slices.Contains(types, ev.Type) })
}

func (s *Sweeper) strike(agg es.Aggregate, work int) {
	for i := range s.open[agg] {
		it := &s.open[agg][i]
		it.works = slices.DeleteFunc(it.works, func(w int) bool { return w == work })
	}
	s.keep(agg, func(it item) bool { return len(it.works) > 0 })
}

// keep leaves those of an aggregate's items for which it is so.
func (s *Sweeper) keep(agg es.Aggregate, so func(item) bool) {
	left := slices.DeleteFunc(s.open[agg], func(it item) bool { return !so(it) })
	if len(left) == 0 {
		delete(s.open, agg)
		return
	}
	s.open[agg] = left
}

// work does what is due of one aggregate.
func (s *Sweeper) work(ctx context.Context, agg es.Aggregate) error {
	var failed []error
	for i := range s.open[agg] {
		it := &s.open[agg][i]
		if s.Now().Before(it.next) {
			continue
		}
		err := s.Verify(ctx, it.commit)
		if err == nil {
			err = s.React(ctx, it.commit)
		}
		if err == nil {
			it.works = nil
			continue
		}
		it.next = s.Now().Add(min(min(s.After, maxWait)<<min(it.tries, mostDoubled), maxWait))
		it.tries++
		failed = append(failed, fmt.Errorf("do %s again: %w", agg.Type, err))
	}
	s.keep(agg, func(it item) bool { return len(it.works) > 0 })
	return errors.Join(failed...)
}
