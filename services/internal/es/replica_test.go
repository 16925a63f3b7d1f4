package es_test

import (
	"context"
	"crypto/rand"
	"iter"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
)

// behind answers any replica's question with the first commits only, as a
// follower does that has not got the rest yet.
type behind struct {
	es.Store
	commits int
}

func (b behind) Load(ctx context.Context, agg es.Aggregate, after uint64, from es.Source) iter.Seq2[es.Recorded, error] {
	if from == es.Leader {
		return b.Store.Load(ctx, agg, after, from)
	}
	return func(yield func(es.Recorded, error) bool) {
		n := 0
		for r, err := range b.Store.Load(ctx, agg, after, from) {
			if n++; n > b.commits || !yield(r, err) {
				return
			}
		}
	}
}

// TestARepeatedCommandIsAnsweredWithWhatTheClientHasDoneSince repeats a command
// towards a replica that knows the command and nothing after it.
func TestARepeatedCommandIsAnsweredWithWhatTheClientHasDoneSince(t *testing.T) {
	store, ring := openMemory(t)
	h, err := estest.CounterHandler(behind{Store: store, commits: 1}, ring)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	id, err := es.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: "counter", ID: id}
	first := estest.ClientCommand("c1", estest.Add{By: 7}, "seven")
	for _, cmd := range []es.Command[estest.CounterCommand]{first, estest.ClientCommand("c2", estest.Add{By: 1}, "one")} {
		if _, err := h.Handle(ctx, agg, cmd); err != nil {
			t.Fatal(err)
		}
	}
	again, err := h.Handle(ctx, agg, first)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Repeated || again.State.Sum != 8 {
		t.Errorf("repeated %v with sum %d, want the state of the leader, 8", again.Repeated, again.State.Sum)
	}
}
