package estest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/google/go-cmp/cmp"
)

type counterItem = es.Item[CounterCommand]

// group is an Add of one for each aggregate.
func group(aggs []es.Aggregate) []counterItem {
	var out []counterItem
	for i, agg := range aggs {
		out = append(out, item(agg, i, Add{By: 1}))
	}
	return out
}

func item(agg es.Aggregate, n int, data CounterCommand) counterItem {
	return counterItem{Aggregate: agg, Command: es.Command[CounterCommand]{ID: fmt.Sprintf("g%d", n), At: time.Now().UTC(), Data: data}}
}

// grown makes aggregates of one shard with these numbers of commits.
func grown(t *testing.T, f Fixture, commits ...int) []es.Aggregate {
	t.Helper()
	aggs, heads := sameShard(t, len(commits)), make([]es.Head, len(commits))
	for n := 0; ; n++ { // in turns, so that nobody's commits lie side by side
		more := false
		for i, want := range commits {
			if n < want {
				heads[i], more = mustAppend(t, f, heads[i], NewCommit(t, aggs[i], uint64(n+1))), true
			}
		}
		if !more {
			return aggs
		}
	}
}

func loadAll(t *testing.T, f Fixture) {
	aggs := grown(t, f, 0, 1, 2, 40, 0, 3)
	got, err := f.Store.LoadAll(ctx(t), aggs)
	if err != nil {
		t.Fatal(err)
	}
	for i, agg := range aggs {
		want := mustLoad(t, f, agg, 0, es.AnyReplica)
		if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Errorf("aggregate %d (-alone +together):\n%s", i, diff)
		}
	}
	if got, err := f.Store.LoadAll(ctx(t), nil); err != nil || len(got) != 0 {
		t.Errorf("of nothing: %v, error %v", got, err)
	}
	if _, err := f.Store.LoadAll(ctx(t), make([]es.Aggregate, es.MaxBatch+1)); err == nil {
		t.Error("too many are loaded")
	}
}

func wholeGroup(t *testing.T, f Fixture) {
	h, aggs := handler(t, f), grown(t, f, 0, 1, 3, 40, 0)
	items := group(aggs)
	items[4].Command.Data = Add{By: 0} // causes nothing
	got, err := h.HandleGroup(ctx(t), items)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Counter{{Sum: 1, Adds: 1}, {Sum: 2, Adds: 2}, {Sum: 7, Adds: 4}, {Sum: 821, Adds: 41}, {}} {
		s, head, err := h.Load(ctx(t), aggs[i], es.Leader)
		if err != nil || s != want || got[i].State != want || got[i].Head != head {
			t.Errorf("counter %d: %+v at %+v, error %v; answered %+v at %+v", i, s, head, err, got[i].State, got[i].Head)
		}
	}
	if got[3].Before != (Counter{Sum: 820, Adds: 40}) || len(got[4].Events) != 0 || got[4].Token() != nil && len(got[4].Token()) != 0 {
		t.Errorf("before %+v; who did nothing has %+v", got[3].Before, got[4])
	}
}

// meddling is a store in which something happens before the next batch.
type meddling struct {
	es.Store
	before []func()
}

func (m *meddling) AppendBatch(ctx context.Context, batch []es.Pending) ([]es.Recorded, error) {
	if len(m.before) > 0 {
		do := m.before[0]
		m.before = m.before[1:]
		do()
	}
	return m.Store.AppendBatch(ctx, batch)
}

func groupConflict(t *testing.T, f Fixture) {
	aggs := grown(t, f, 0, 2, 0)
	other := handler(t, f)
	meet := func(agg es.Aggregate, id string) func() {
		return func() { mustHandle(t, other, agg, ClientCommand(id, Add{By: 100}, id)) }
	}
	h := handler(t, f)
	h.Store = &meddling{Store: f.Store, before: []func(){meet(aggs[1], "m1"), meet(aggs[2], "m2")}}
	got, err := h.HandleGroup(ctx(t), group(aggs))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{1, 104, 101} {
		if s, _, err := h.Load(ctx(t), aggs[i], es.Leader); err != nil || s.Sum != want || got[i].State.Sum != want {
			t.Errorf("counter %d holds %d, error %v; answered %d, want %d", i, s.Sum, err, got[i].State.Sum, want)
		}
	}
}

func groupRefusal(t *testing.T, f Fixture) {
	h, aggs := handler(t, f), grown(t, f, 0, 1, 1)
	mustHandle(t, h, aggs[1], ClientCommand("c", Close{}, ""))
	if _, err := h.HandleGroup(ctx(t), group(aggs)); !errors.Is(err, ErrCounterClosed) {
		t.Fatalf("want the refusal, got %v", err)
	}
	for i, want := range []uint64{0, 2, 1} {
		if head := fold(t, f, aggs[i]); head.Commits != want {
			t.Errorf("counter %d has %d commits, want %d", i, head.Commits, want)
		}
	}
	items := group(aggs)
	items[1].Command.ID = ""
	if _, err := h.HandleGroup(ctx(t), items); !errors.Is(err, es.ErrNoCommandID) {
		t.Errorf("a command without an id: %v", err)
	}
}

func staleGroup(t *testing.T, f Fixture) {
	h, aggs := handler(t, f), grown(t, f, 0, 1)
	mustHandle(t, h, aggs[1], ClientCommand("c", Close{}, ""))
	if f.Lag != nil {
		defer f.Lag()()
	}
	items := group(aggs)
	items[1].Command.Data = Add{By: 0} // nothing to do, if it were open
	if _, err := h.HandleGroup(ctx(t), items); !errors.Is(err, ErrCounterClosed) {
		t.Errorf("an add to a closed counter: %v", err)
	}
	items[1].Command.Data = Close{}
	got, err := h.HandleGroup(ctx(t), items)
	if err != nil || len(got[1].Events) != 0 || got[0].State.Sum != 1 {
		t.Errorf("closed again: %+v, error %v", got, err)
	}
}

func lostGroupAck(t *testing.T, f Fixture) {
	h, aggs := handler(t, f), grown(t, f, 0, 2, 0)
	mend := f.LoseAck()
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-time.After(2 * time.Second):
		case <-t.Context().Done():
		}
		mend()
	}()
	got, err := h.HandleGroup(ctx(t), group(aggs))
	<-done
	if errors.Is(err, es.ErrUnknownOutcome) { // a store that can't ask: whoever called looks again
		t.Logf("answered %v", err)
	} else if err != nil || len(got) != len(aggs) {
		t.Fatalf("%d results, error %v", len(got), err)
	}
	for i, want := range []uint64{1, 3, 1} {
		if head := fold(t, f, aggs[i]); head.Commits != want {
			t.Errorf("counter %d has %d commits, want %d", i, head.Commits, want)
		}
	}
}

func held(t *testing.T, f Fixture) {
	h, agg := handler(t, f), grown(t, f, 3)[0]
	x, err := h.Hold(ctx(t), agg)
	if err != nil || x.State().Sum != 6 {
		t.Fatalf("held %+v, error %v", x, err)
	}
	do := func(n int, data CounterCommand) ([]CounterEvent, error) {
		return x.Handle(ctx(t), item(agg, n, data).Command)
	}
	for n := range 3 {
		if _, err := do(n, Add{By: 10}); err != nil {
			t.Fatal(err)
		}
	}
	if events, err := do(3, Add{By: 0}); err != nil || len(events) != 0 || x.State().Sum != 36 {
		t.Errorf("nothing to do: %v, error %v, state %+v", events, err, x.State())
	}
	mustHandle(t, h, agg, ClientCommand("c", Add{By: 100}, ""))
	if _, err := do(4, Add{By: 0}); !errors.Is(err, es.ErrStale) {
		t.Errorf("nothing to do, on what is not the last: %v", err)
	}
	if _, err := do(5, Add{By: 1}); !errors.Is(err, es.ErrConflict) {
		t.Errorf("somebody else was first: %v", err)
	}
	if x, err = h.Hold(ctx(t), agg); err != nil || x.State().Sum != 136 {
		t.Fatalf("held again %+v, error %v", x.State(), err)
	}
	if _, err := do(6, Close{}); err != nil {
		t.Fatal(err)
	}
	if events, err := do(7, Add{By: 1}); !errors.Is(err, ErrCounterClosed) || len(events) != 1 || !x.State().Closed {
		t.Errorf("refused: %v, error %v", events, err)
	}
	if _, err := x.Handle(ctx(t), es.Command[CounterCommand]{Data: Add{By: 1}}); !errors.Is(err, es.ErrNoCommandID) {
		t.Errorf("a command without an id: %v", err)
	}
	if head := fold(t, f, agg); head.Commits != 9 {
		t.Errorf("%d commits, want 9", head.Commits)
	}
}

// lostHeldAck: after a loss that stays unknown the log tells what stands.
func lostHeldAck(t *testing.T, f Fixture) {
	h, agg := handler(t, f), aggregate(t)
	x, err := h.Hold(ctx(t), agg)
	if err != nil {
		t.Fatal(err)
	}
	mend := f.LoseAck()
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	_, err = x.Handle(short, item(agg, 0, Add{By: 1}).Command)
	cancel()
	mend()
	if err != nil && !errors.Is(err, es.ErrUnknownOutcome) {
		t.Fatalf("want an unknown outcome, got %v", err)
	}
	if told := x.State().Adds == 1; told != (err == nil) {
		t.Errorf("state %+v after %v", x.State(), err)
	}
	again, err := h.Hold(ctx(t), agg)
	if err != nil {
		t.Fatal(err)
	}
	before := again.State().Sum
	if _, err := again.Handle(ctx(t), item(agg, 1, Add{By: 10}).Command); err != nil && !errors.Is(err, es.ErrConflict) {
		t.Fatal(err)
	}
	if s, head, err := h.Load(ctx(t), agg, es.Leader); err != nil || s.Adds != head.Commits || s.Sum < before {
		t.Errorf("state %+v at %+v, error %v", s, head, err)
	}
}
