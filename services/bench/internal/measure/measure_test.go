package measure

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func plan(rounds int) Plan {
	return Plan{
		Rounds: rounds, WarmUp: time.Millisecond, Length: 5 * time.Millisecond, Progress: io.Discard,
		ClientCPU: func() (time.Duration, error) { return 0, nil },
	}
}

func TestEverySecondRoundIsReversed(t *testing.T) {
	var order []string
	pass := func(name string) Variant {
		return Variant{Name: name, Callers: 1, Pass: func(context.Context) (int, error) {
			order = append(order, name)
			return 1, nil
		}}
	}
	if _, err := plan(3).Run(t.Context(), []Variant{pass("a"), pass("b"), pass("c")}); err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "b", "c", "c", "b", "a", "a", "b", "c"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestALoopCountsWhatEndsWithinTheMeasuredTime(t *testing.T) {
	var done atomic.Int64
	op := func(context.Context, int) error { done.Add(1); return nil }
	results, err := plan(2).Run(t.Context(), []Variant{{Name: "loop", Callers: 4, Op: op}})
	if err != nil {
		t.Fatal(err)
	}
	counted := 0
	for _, points := range results[0].Rounds {
		for _, p := range points {
			counted += p.Ops
			if p.Elapsed < 5*time.Millisecond {
				t.Errorf("measured for %s", p.Elapsed)
			}
		}
	}
	if counted == 0 || int64(counted) > done.Load() {
		t.Errorf("counted %d of %d operations", counted, done.Load())
	}
}

func TestAFailedOperationEndsTheRun(t *testing.T) {
	broken := errors.New("broken")
	for _, v := range []Variant{
		{Name: "op", Callers: 2, Op: func(context.Context, int) error { return broken }},
		{Name: "pass", Callers: 1, Pass: func(context.Context) (int, error) { return 0, broken }},
		{Name: "prepare", Callers: 1, Prepare: func(context.Context) error { return broken }},
	} {
		if _, err := plan(1).Run(t.Context(), []Variant{v}); !errors.Is(err, broken) {
			t.Errorf("%s: the error is %v", v.Name, err)
		}
	}
}

func TestARatioIsTheMedianOfTheRatiosOfEachRound(t *testing.T) {
	base := series(100, 200, 50)
	other := series(50, 50, 50) // ratios 0.5, 0.25 and 1
	if got := other.Ratio(base); got != 0.5 {
		t.Errorf("the ratio is %v, want 0.5", got)
	}
	if got := base.Spread(); got != 1.5 {
		t.Errorf("the spread is %v, want 1.5", got)
	}
	if got := base.Rate(); got != 100 {
		t.Errorf("the rate is %v, want 100", got)
	}
}

// series has one point a round.
func series(rates ...int) *Series {
	s := &Series{}
	for _, r := range rates {
		s.Rounds = append(s.Rounds, []Point{{Ops: r, Elapsed: time.Second}})
	}
	return s
}
