package kek_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/kek"
	"habeas.internal/services/internal/es"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func end(epoch uint64) kek.Destroy {
	return kek.Destroy{Epoch: epoch, LiveRewrapped: 5, DestroyedInEpoch: 2, KMSReference: "file:1", At: noon}
}

func TestDecide(t *testing.T) {
	one, three := kek.Destroyed(end(1)), kek.Destroyed(end(3))
	again := end(3)
	again.LiveRewrapped, again.KMSReference, again.At = 6, "file:2", noon.Add(1)
	for _, tc := range []struct {
		name  string
		given []kek.Event
		when  kek.Command
		then  []kek.Event
		err   error
	}{
		{"an epoch ends", nil, end(1), []kek.Event{one}, nil},
		{"a later epoch ends", []kek.Event{one}, end(3), []kek.Event{three}, nil},
		{"ending twice is a no-op", []kek.Event{one, three}, end(3), nil, nil},
		{"what else is said of the same epoch changes nothing", []kek.Event{three}, again, nil, nil},
		{"an earlier epoch that has ended is a no-op", []kek.Event{one, three}, end(1), nil, nil},
		{"an earlier epoch that has not ended is refused", []kek.Event{one, three}, end(2), nil, kek.ErrOutOfOrder},
		{"an epoch is needed", nil, end(0), nil, kek.ErrIncomplete},
		{"a time is needed", nil, kek.Destroy{Epoch: 1}, nil, kek.ErrIncomplete},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s kek.Epochs
			for _, ev := range tc.given {
				s = kek.Evolve(s, ev)
			}
			got, err := kek.Decide(s, tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPartitionIsReadFromItsID(t *testing.T) {
	id := kek.AggregateID("6d")
	if got := kek.Partition(id); id != "pp-6d" || got != "6d" {
		t.Errorf("partition 6d has id %s, which names %s", id, got)
	}
}

// FuzzDecide runs any sequence of commands, a byte each.
func FuzzDecide(f *testing.F) {
	random := rand.New(rand.NewPCG(2, 2))
	for range 50 {
		seed := make([]byte, 20)
		for i := range seed {
			seed[i] = byte(i + random.IntN(4))
		}
		f.Add(seed)
	}
	registry, err := wire.KEK()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		var s kek.Epochs
		for _, b := range script {
			s = step(t, registry, s, end(uint64(b)))
		}
	})
}

// step decides and evolves, and checks what is true after any command.
func step(t *testing.T, registry es.Registry[kek.Event], s kek.Epochs, cmd kek.Destroy) kek.Epochs {
	t.Helper()
	before := slices.Clone(s.Ended)
	events, err := kek.Decide(s, cmd)
	next := s
	for _, ev := range events {
		next = kek.Evolve(next, ev)
		survives(t, registry, ev)
	}
	if !slices.Equal(before, s.Ended) || !slices.Equal(before, next.Ended[:len(before)]) {
		t.Fatal("what had ended has changed")
	}
	if !slices.IsSorted(next.Ended) || len(slices.Compact(slices.Clone(next.Ended))) != len(next.Ended) {
		t.Fatalf("epochs ended in the order %v", next.Ended)
	}
	if err == nil {
		if more, err := kek.Decide(next, cmd); err != nil || len(more) > 0 || !slices.Contains(next.Ended, cmd.Epoch) {
			t.Fatalf("the same command once more: %d events, error %v", len(more), err)
		}
	}
	return next
}

func survives(t *testing.T, registry es.Registry[kek.Event], ev kek.Event) {
	t.Helper()
	stored, err := wire.EncodeKEK(t.Context(), es.Aggregate{ID: kek.AggregateID("6d")}, "", ev)
	if err != nil {
		t.Fatal(err)
	}
	back, err := registry.Decode(stored)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]kek.Event{ev}, back); diff != "" {
		t.Fatalf("event is not what was stored (-stored +read):\n%s", diff)
	}
}
