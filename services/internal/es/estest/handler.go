package estest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"habeas.internal/services/internal/es"

	"github.com/google/go-cmp/cmp"
)

type counterHandler = es.Handler[Counter, CounterCommand, CounterEvent]

func handler(t *testing.T, f Fixture) counterHandler {
	t.Helper()
	h, err := CounterHandler(f.Store, f.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func mustHandle(t *testing.T, h counterHandler, agg es.Aggregate, cmd es.Command[CounterCommand]) es.Result[Counter, CounterEvent] {
	t.Helper()
	res, err := h.Handle(ctx(t), agg, cmd)
	if err != nil {
		t.Fatalf("handle: %v", err)
	}
	return res
}

func repeatedCommand(t *testing.T, f Fixture) {
	h, agg := handler(t, f), aggregate(t)
	first := mustHandle(t, h, agg, ClientCommand("c1", Add{By: 7}, "seven"))
	mustHandle(t, h, agg, ClientCommand("c2", Add{By: 1}, "one"))
	again := mustHandle(t, h, agg, ClientCommand("c1", Add{By: 7}, "seven"))
	if !again.Repeated || first.Repeated || again.Position != first.Position {
		t.Errorf("repeat stands at %v, first at %v", again.Position, first.Position)
	}
	if diff := cmp.Diff(first.Events, again.Events); diff != "" {
		t.Errorf("repeat did something else (-first +again):\n%s", diff)
	}
	if again.State.Sum != 8 {
		t.Errorf("sum is %d, want 8", again.State.Sum)
	}
}

func reusedCommand(t *testing.T, f Fixture) {
	h, agg := handler(t, f), aggregate(t)
	mustHandle(t, h, agg, ClientCommand("c1", Add{By: 7}, "seven"))
	if _, err := h.Handle(ctx(t), agg, ClientCommand("c1", Add{By: 8}, "eight")); !errors.Is(err, es.ErrCommandReused) {
		t.Errorf("want a reused command, got %v", err)
	}
}

func recordedRefusal(t *testing.T, f Fixture) {
	h, agg := handler(t, f), aggregate(t)
	mustHandle(t, h, agg, ClientCommand("c1", Close{}, ""))
	var places []es.Position
	for range 2 {
		res, err := h.Handle(ctx(t), agg, ClientCommand("c2", Add{By: 1}, "one"))
		if !errors.Is(err, ErrCounterClosed) {
			t.Fatalf("want the refusal, got %v", err)
		}
		if diff := cmp.Diff([]CounterEvent{AddRefused{}}, res.Events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		places = append(places, res.Position)
	}
	if places[0] != places[1] || fold(t, f, agg).Commits != 2 {
		t.Errorf("the refusal was recorded twice: %v", places)
	}
}

func remembered(t *testing.T, f Fixture) {
	h, agg := handler(t, f), aggregate(t)
	for i := range 40 {
		id := fmt.Sprintf("c%d", i)
		mustHandle(t, h, agg, ClientCommand(id, Add{By: 1}, id))
	}
	for _, i := range []int{8, 39} {
		id := fmt.Sprintf("c%d", i)
		if res := mustHandle(t, h, agg, ClientCommand(id, Add{By: 1}, id)); !res.Repeated {
			t.Errorf("command %d was carried out again", i)
		}
	}
	if head := fold(t, f, agg); head.Commits != 40 {
		t.Errorf("%d commits, want 40", head.Commits)
	}
}

func staleRefusal(t *testing.T, f Fixture) {
	if f.Lag == nil {
		manyClosers(t, f)
		return
	}
	h, agg := handler(t, f), aggregate(t)
	mustHandle(t, h, agg, ClientCommand("c1", Add{By: 1}, ""))
	mustHandle(t, h, agg, ClientCommand("c2", Close{}, ""))
	undo := f.Lag()
	defer undo()
	if _, err := h.Handle(ctx(t), agg, ClientCommand("c3", Add{By: 1}, "")); !errors.Is(err, ErrCounterClosed) {
		t.Errorf("an add to a closed counter: %v", err)
	}
	if _, err := h.Handle(ctx(t), agg, ClientCommand("c4", Add{By: 0}, "")); !errors.Is(err, ErrCounterClosed) {
		t.Errorf("a no-op was decided on a stale state: %v", err)
	}
	if res := mustHandle(t, h, agg, ClientCommand("c2", Close{}, "")); !res.Repeated && len(res.Events) > 0 {
		t.Error("a close was carried out twice")
	}
}

// manyClosers looks for a stale answer where lag can't be forced: after a
// close was acknowledged, a no-op must see the counter closed.
func manyClosers(t *testing.T, f Fixture) {
	h := handler(t, f)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 10 {
				agg := aggregate(t)
				if _, err := h.Handle(t.Context(), agg, ClientCommand("c1", Close{}, "")); err != nil {
					t.Errorf("close: %v", err)
					return
				}
				res, err := h.Handle(t.Context(), agg, ClientCommand("c2", Add{By: 0}, ""))
				if (err == nil && !res.State.Closed) || (err != nil && !errors.Is(err, ErrCounterClosed)) {
					t.Errorf("add after close: closed %v, error %v", res.State.Closed, err)
				}
			}
		})
	}
	wg.Wait()
}

func manyWriters(t *testing.T, f Fixture) {
	h := handler(t, f)
	aggs := make([]es.Aggregate, 8)
	for i := range aggs {
		aggs[i] = aggregate(t)
	}
	var done [8]atomic.Uint64
	var wg sync.WaitGroup
	for w := range 32 {
		wg.Go(func() {
			for i := range 10 {
				k := (w + i) % len(aggs)
				id := fmt.Sprintf("w%d-%d", w, i)
				_, err := h.Handle(t.Context(), aggs[k], ClientCommand(id, Add{By: 1}, id))
				switch {
				case err == nil:
					done[k].Add(1)
				case !errors.Is(err, es.ErrContended):
					t.Errorf("handle: %v", err)
				}
			}
		})
	}
	wg.Wait()
	for k, agg := range aggs {
		state, _, err := h.Load(ctx(t), agg, es.Leader)
		if err != nil {
			t.Fatal(err)
		}
		if state.Sum != done[k].Load() {
			t.Errorf("counter %d holds %d, %d adds succeeded", k, state.Sum, done[k].Load())
		}
	}
}

func sameCommandAtOnce(t *testing.T, f Fixture) {
	h, agg := handler(t, f), aggregate(t)
	var wg sync.WaitGroup
	results := make([]es.Result[Counter, CounterEvent], 16)
	errs := make([]error, len(results))
	for i := range results {
		wg.Go(func() { results[i], errs[i] = h.Handle(t.Context(), agg, ClientCommand("once", Add{By: 3}, "three")) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil || results[i].Position != results[0].Position {
			t.Errorf("caller %d: position %v, error %v; caller 0 has %v", i, results[i].Position, err, results[0].Position)
		}
	}
	if head := fold(t, f, agg); head.Commits != 1 {
		t.Errorf("%d commits, want 1", head.Commits)
	}
}
