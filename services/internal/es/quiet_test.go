package es_test

import (
	"errors"
	"slices"
	"testing"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
)

func TestAQuietRefusalIsAnsweredAndNotRecorded(t *testing.T) {
	store, ring := openMemory(t)
	h, err := estest.CounterHandler(store, ring)
	if err != nil {
		t.Fatal(err)
	}
	agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: "counter", ID: "quiet"}
	quiet := es.Quiet(t.Context())
	recorded := func() (types []string) {
		for r, err := range store.Load(t.Context(), agg, 0, es.Leader) {
			if err != nil {
				t.Fatal(err)
			}
			for _, ev := range r.Events {
				types = append(types, ev.Type)
			}
		}
		return types
	}
	for _, c := range []es.Command[estest.CounterCommand]{
		estest.ClientCommand("add", estest.Add{By: 1}, "add"), estest.ClientCommand("close", estest.Close{}, "close"),
	} {
		if _, err := h.Handle(quiet, agg, c); err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
	}
	if got := recorded(); !slices.Equal(got, []string{"counter.added", "counter.closed"}) {
		t.Errorf("a quiet command that nothing refuses: recorded %v", got)
	}
	late := estest.ClientCommand("late", estest.Add{By: 1}, "late")
	if _, err := h.Handle(quiet, agg, late); !errors.Is(err, estest.ErrCounterClosed) {
		t.Errorf("a quiet refusal is answered with %v", err)
	}
	if n := len(recorded()); n != 2 {
		t.Errorf("%d events after a quiet refusal, want 2", n)
	}
	if _, err := h.Handle(t.Context(), agg, late); !errors.Is(err, estest.ErrCounterClosed) || len(recorded()) != 3 {
		t.Errorf("the same command afterwards: %v, %d events, want 3", err, len(recorded()))
	}
}
