package es_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
)

func TestAGroupWhoseOutcomeStaysUnknownStandsWholeOrNotAtAll(t *testing.T) {
	store, ring := openMemory(t)
	h, err := estest.CounterHandler(store, ring)
	if err != nil {
		t.Fatal(err)
	}
	var items []es.Item[estest.CounterCommand]
	for _, id := range []string{"a", "b", "c"} {
		items = append(items, es.Item[estest.CounterCommand]{
			Aggregate: es.Aggregate{Context: "identity", Tenant: "t", Type: "counter", ID: id},
			Command:   es.Command[estest.CounterCommand]{ID: id, At: time.Now(), Data: estest.Close{}},
		})
	}
	store.LoseOutcomes(1)
	if _, err := h.HandleGroup(t.Context(), items); !errors.Is(err, es.ErrUnknownOutcome) {
		t.Fatalf("want an unknown outcome, got %v", err)
	}
	got, err := h.HandleGroup(t.Context(), items) // the domain knows by its state what it has done
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range got {
		if !r.State.Closed || !r.Before.Closed || len(r.Events) != 0 || r.Head.Commits != 1 {
			t.Errorf("counter %d: %+v", i, r)
		}
	}
}

func TestAHeldAggregateIsWhatItWasAfterAnUnknownOutcome(t *testing.T) {
	store, ring := openMemory(t)
	h, err := estest.CounterHandler(store, ring)
	if err != nil {
		t.Fatal(err)
	}
	agg := es.Aggregate{Context: "identity", Tenant: "t", Type: "counter", ID: "a"}
	x, err := h.Hold(t.Context(), agg)
	if err != nil {
		t.Fatal(err)
	}
	add := func(id string) error {
		_, err := x.Handle(t.Context(), es.Command[estest.CounterCommand]{ID: id, At: time.Now(), Data: estest.Add{By: 1}})
		return err
	}
	store.LoseOutcomes(1)
	if err := add("1"); !errors.Is(err, es.ErrUnknownOutcome) || x.State().Adds != 0 {
		t.Fatalf("state %+v, error %v", x.State(), err)
	}
	if err := add("2"); !errors.Is(err, es.ErrConflict) { // the first stands: nothing is added behind what was held
		t.Errorf("want a conflict, got %v", err)
	}
	if x, err = h.Hold(t.Context(), agg); err != nil || x.State().Adds != 1 {
		t.Fatalf("held again: %v", err)
	}
	if err := add("3"); err != nil || x.State().Adds != 2 {
		t.Errorf("state %+v, error %v", x.State(), err)
	}
}

// TestWhatAProcessHasSignedItselfIsNotVerifiedAgain: only as it was signed, and only
// under a key that the ring has seen announced.
func TestWhatAProcessHasSignedItselfIsNotVerifiedAgain(t *testing.T) {
	store, ring := openMemory(t)
	agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: "counter", ID: "a"}
	r, err := store.Append(t.Context(), es.Head{}, estest.NewCommit(t, agg, 1))
	if err != nil {
		t.Fatal(err)
	}
	wrong := func(data string) es.Recorded { // nobody's signature; only Own can make it pass
		out := r
		out.Message.Data = []byte(data)
		return out
	}
	ring.Own(agg, wrong("before").Message)
	if err := ring.Verify(t.Context(), wrong("before")); err == nil {
		t.Error("trusted under a key that the ring does not know")
	}
	if err := ring.Verify(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	ring.Own(agg, wrong("own").Message)
	if err := ring.Verify(t.Context(), wrong("own")); err != nil {
		t.Errorf("what was signed here is verified again: %v", err)
	}
	if err := ring.Verify(t.Context(), wrong("other")); err == nil {
		t.Error("what was not signed here is trusted")
	}
}
