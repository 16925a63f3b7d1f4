package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/identity/internal/sweep"
	"habeas.internal/services/internal/es"
)

// history is a log of one stream, and what was done again.
type history struct {
	commits []es.Recorded
	now     time.Time
	done    []string
	fail    map[string]bool
	forged  map[string]bool
}

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func (h *history) add(id string, age time.Duration, types ...string) {
	r := es.Recorded{Stored: h.now.Add(-age), Position: es.Position{Stream: "s", Seq: uint64(len(h.commits) + 1)}}
	r.ID = fmt.Sprint(len(h.commits))
	r.Aggregate = es.Aggregate{Context: "identity", Tenant: "t", Type: "subject", ID: id}
	for _, name := range types {
		r.Events = append(r.Events, es.Event{Type: name})
	}
	h.commits = append(h.commits, r)
}

func (h *history) scan(_ context.Context, after es.Token) iter.Seq2[es.Recorded, error] {
	return func(yield func(es.Recorded, error) bool) {
		for _, r := range h.commits {
			if r.Position.Seq > after["s"].Seq && !yield(r, nil) {
				return
			}
		}
	}
}

var errTrouble = errors.New("trouble")

func (h *history) sweeper() *sweep.Sweeper {
	return &sweep.Sweeper{
		Scan: h.scan, Now: func() time.Time { return h.now }, After: time.Minute, Memory: time.Hour,
		Works: []sweep.Work{{Begins: []string{"begun"}, Ends: []string{"ended"}}, {Begins: []string{"said"}}},
		Verify: func(_ context.Context, r es.Recorded) error {
			if h.forged[r.Aggregate.ID] {
				return errTrouble
			}
			return nil
		},
		React: func(_ context.Context, r es.Recorded) error {
			h.done = append(h.done, fmt.Sprintf("%s %s", r.Aggregate.ID, r.Events[0].Type))
			if h.fail[r.Aggregate.ID] {
				return errTrouble
			}
			return nil
		},
	}
}

func TestWhatIsDoneAgain(t *testing.T) {
	for name, c := range map[string]struct {
		add  func(h *history)
		want []string
	}{
		"what was begun and not ended, however old": {func(h *history) { h.add("a", 9000*time.Hour, "begun") }, []string{"a begun"}},
		"what has ended is not": {func(h *history) {
			h.add("a", 2*time.Hour, "begun")
			h.add("a", 2*time.Hour, "ended")
		}, nil},
		"what began anew after it had ended": {func(h *history) {
			h.add("a", 3*time.Hour, "begun")
			h.add("a", 3*time.Hour, "ended")
			h.add("a", 2*time.Hour, "begun")
		}, []string{"a begun"}},
		"the end of another one ends nothing": {func(h *history) {
			h.add("a", 2*time.Hour, "begun")
			h.add("b", 2*time.Hour, "ended")
		}, []string{"a begun"}},
		"what is still with the process is left to it": {func(h *history) { h.add("a", time.Second, "begun") }, nil},
		"what has no end, lately":                      {func(h *history) { h.add("a", 2*time.Minute, "said") }, []string{"a said"}},
		"what has no end, long ago, is not":            {func(h *history) { h.add("a", 2*time.Hour, "said") }, nil},
		"nothing else":                                 {func(h *history) { h.add("a", 2*time.Minute, "whatever") }, nil},
		"what nobody has signed is not": {func(h *history) {
			h.add("a", 2*time.Hour, "begun")
			h.forged = map[string]bool{"a": true}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := &history{now: start}
			c.add(h)
			s := h.sweeper()
			err := s.Sweep(t.Context())
			if !slices.Equal(h.done, c.want) || (err != nil) != (h.forged != nil) {
				t.Errorf("did %v, %v; want %v", h.done, err, c.want)
			}
			before := len(h.done)
			if err := s.Sweep(t.Context()); len(h.done) != before {
				t.Errorf("done twice: %v, %v", h.done, err)
			}
		})
	}
}

func TestWhatFailsIsTriedAgainLaterEachTimeAndKeepsNothingElseBack(t *testing.T) {
	h := &history{now: start, fail: map[string]bool{"a": true}}
	h.add("a", time.Hour, "begun")
	h.add("b", time.Hour, "begun")
	s := h.sweeper()
	if err := s.Sweep(t.Context()); !errors.Is(err, errTrouble) || len(h.done) != 2 {
		t.Fatalf("did %v, %v", h.done, err)
	}
	var waits []time.Duration
	last := h.now
	for len(waits) < 4 {
		h.now = h.now.Add(time.Minute)
		before := len(h.done)
		if err := s.Sweep(t.Context()); len(h.done) == before && err != nil {
			t.Fatal(err)
		}
		if len(h.done) > before {
			waits, last = append(waits, h.now.Sub(last)), h.now
		}
	}
	if want := []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute}; !slices.Equal(waits, want) {
		t.Errorf("tried after %v, want %v", waits, want)
	}
	h.fail = nil
	h.now = h.now.Add(time.Hour)
	if err := s.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWhatFailsForLongIsTriedOnceADayHoweverLongTheFirstWait(t *testing.T) {
	for _, after := range []time.Duration{time.Minute, 3 * time.Hour, 100 * time.Hour} {
		h := &history{now: start, fail: map[string]bool{"a": true}}
		h.add("a", 9000*time.Hour, "begun")
		s := h.sweeper()
		s.After = after
		for range 40 {
			h.now = h.now.Add(24 * time.Hour)
			_ = s.Sweep(t.Context()) // fails
		}
		before := len(h.done)
		h.now = h.now.Add(23 * time.Hour)
		if _ = s.Sweep(t.Context()); len(h.done) != before {
			t.Errorf("after %v at first: tried again within a day", after)
		}
	}
}
