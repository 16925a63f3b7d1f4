package pepper_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/pepper"
	"habeas.internal/services/internal/es"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func end(epoch uint64) pepper.Destroy {
	return pepper.Destroy{Epoch: epoch, RowsCarried: 5, At: noon}
}

func TestDecide(t *testing.T) {
	one, three := pepper.Destroyed(end(1)), pepper.Destroyed(end(3))
	again := end(3)
	again.RowsCarried, again.At = 6, noon.Add(1)
	for _, tc := range []struct {
		name  string
		given []pepper.Event
		when  pepper.Command
		then  []pepper.Event
		err   error
	}{
		{"an epoch ends", nil, end(1), []pepper.Event{one}, nil},
		{"a later epoch ends", []pepper.Event{one}, end(3), []pepper.Event{three}, nil},
		{"ending twice is a no-op", []pepper.Event{one, three}, end(3), nil, nil},
		{"what else is said of the same epoch changes nothing", []pepper.Event{three}, again, nil, nil},
		{"an earlier epoch that has ended is a no-op", []pepper.Event{one, three}, end(1), nil, nil},
		{"an earlier epoch that has not ended is refused", []pepper.Event{one, three}, end(2), nil, pepper.ErrOutOfOrder},
		{"an epoch is needed", nil, end(0), nil, pepper.ErrIncomplete},
		{"a time is needed", nil, pepper.Destroy{Epoch: 1}, nil, pepper.ErrIncomplete},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s pepper.Epochs
			for _, ev := range tc.given {
				s = pepper.Evolve(s, ev)
			}
			got, err := pepper.Decide(s, tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
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
	registry, err := wire.Pepper()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		var s pepper.Epochs
		for _, b := range script {
			s = step(t, registry, s, end(uint64(b)))
		}
	})
}

// step decides and evolves, and checks what is true after any command.
func step(t *testing.T, registry es.Registry[pepper.Event], s pepper.Epochs, cmd pepper.Destroy) pepper.Epochs {
	t.Helper()
	before := slices.Clone(s.Ended)
	events, err := pepper.Decide(s, cmd)
	next := s
	for _, ev := range events {
		next = pepper.Evolve(next, ev)
		survives(t, registry, ev)
	}
	if !slices.Equal(before, s.Ended) || !slices.Equal(before, next.Ended[:len(before)]) {
		t.Fatal("what had ended has changed")
	}
	if !slices.IsSorted(next.Ended) || len(slices.Compact(slices.Clone(next.Ended))) != len(next.Ended) {
		t.Fatalf("epochs ended in the order %v", next.Ended)
	}
	if err == nil {
		if more, err := pepper.Decide(next, cmd); err != nil || len(more) > 0 || !slices.Contains(next.Ended, cmd.Epoch) {
			t.Fatalf("the same command once more: %d events, error %v", len(more), err)
		}
	}
	return next
}

func survives(t *testing.T, registry es.Registry[pepper.Event], ev pepper.Event) {
	t.Helper()
	stored, err := wire.EncodePepper(t.Context(), es.Aggregate{ID: "lookup"}, "", ev)
	if err != nil {
		t.Fatal(err)
	}
	back, err := registry.Decode(stored)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]pepper.Event{ev}, back); diff != "" {
		t.Fatalf("event is not what was stored (-stored +read):\n%s", diff)
	}
}
