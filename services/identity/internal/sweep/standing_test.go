package sweep_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/identity/internal/sweep"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/rows"
)

// judged counts what is judged again, and under which terms.
type judged struct {
	terms string
	err   error
	fail  bool
	who   []string
	ids   map[string]bool
}

func (j *judged) sweeper(h *history) *sweep.Sweeper {
	s := h.sweeper()
	s.Works, j.ids = nil, map[string]bool{}
	s.React = func(_ context.Context, r es.Recorded) error {
		j.who, j.ids[r.ID] = append(j.who, r.Aggregate.ID), true
		if j.fail {
			return errTrouble
		}
		return nil
	}
	s.Standing = &sweep.Standing{
		Work:  sweep.Work{Begins: []string{"stated"}, Ends: []string{"forgotten"}},
		Terms: func(context.Context, string) (string, error) { return j.terms, j.err },
	}
	return s
}

func TestEverybodyIsJudgedAgainWhenTheTermsChange(t *testing.T) {
	h, j := &history{now: start}, &judged{terms: "13"}
	for _, id := range []string{"a", "b", "gone"} {
		h.add(id, 9000*time.Hour, "stated")
	}
	h.add("a", time.Hour, "stated", "whatever")
	h.add("gone", time.Hour, "forgotten")
	h.add("nobody", time.Hour, "whatever")
	s := j.sweeper(h)
	sweeps := func(want ...string) {
		t.Helper()
		j.who = nil
		err := s.Sweep(t.Context())
		slices.Sort(j.who)
		if !slices.Equal(j.who, want) || (err != nil) != (j.fail || j.err != nil) {
			t.Errorf("under %q judged %v, %v; want %v", j.terms, j.who, err, want)
		}
	}
	sweeps("a", "b") // after a start
	sweeps()
	j.terms = "18"
	sweeps("a", "b")
	if len(j.ids) != 4 {
		t.Errorf("%d commands of two judgements of two people", len(j.ids))
	}
	j.terms = ""
	sweeps() // nobody knows the terms
	j.terms, j.err = "21", errors.New("away")
	sweeps()
	j.err, j.fail = nil, true
	sweeps("a", "b")
	j.fail = false
	sweeps("a", "b") // what failed is tried again
	h.add("c", time.Hour, "stated")
	sweeps() // whoever comes later is judged by the process itself
}

// TestAStartJudgesNobodyAgainUnderTheTermsOfBefore: what was done under them is kept,
// and forgotten as soon as others are judged by.
func TestAStartJudgesNobodyAgainUnderTheTermsOfBefore(t *testing.T) {
	h, j := &history{now: start}, &judged{terms: "13"}
	for _, id := range []string{"a", "b"} {
		h.add(id, 9000*time.Hour, "stated")
	}
	kept := sweep.KeptRows{Rows: new(rows.Memory), Kind: "ages"}
	starts := func() *sweep.Sweeper {
		s := j.sweeper(h)
		s.Standing.Kept = kept
		return s
	}
	sweeps := func(what string, s *sweep.Sweeper, want ...string) {
		t.Helper()
		j.who = nil
		err := s.Sweep(t.Context())
		slices.Sort(j.who)
		if !slices.Equal(j.who, want) || (err != nil) != j.fail {
			t.Errorf("%s: judged %v, %v; want %v", what, j.who, err, want)
		}
	}
	s := starts()
	sweeps("at first", s, "a", "b")
	sweeps("once more", s)
	sweeps("after a start", starts())
	j.terms = "18"
	sweeps("other terms", starts(), "a", "b")
	j.terms, j.fail = "21", true
	sweeps("terms under which it fails", s, "a", "b")
	j.terms, j.fail = "18", false
	sweeps("those of before are back, and not all was done under them", starts(), "a", "b")
	sweeps("all was done", starts())
	j.terms = "21"
	other := starts()
	other.Standing.Kept = nil
	sweeps("nothing is kept", other, "a", "b")
}
