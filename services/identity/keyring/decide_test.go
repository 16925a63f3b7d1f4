package keyring_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/keyring"
	"habeas.internal/services/internal/es"

	"github.com/google/go-cmp/cmp"
)

var (
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	first = [32]byte{1}
	other = [32]byte{2}
)

// end is a command that ends a key; version 0 is a key that never was.
func end(class string, version uint32, commitment [32]byte) keyring.Destroy {
	return keyring.Destroy{
		Class: class, Version: version, Commitment: commitment, Reason: "REQUEST", RequestedBy: "r1",
		At: noon, KEKEpoch: uint64(version), ResidueHorizon: noon.AddDate(0, 0, 8),
	}
}

func TestDecide(t *testing.T) {
	never := end("profile", 0, [32]byte{})
	profile, evidence := end("profile", 1, first), end("evidence", 1, other)
	again := profile // by a vault that was restored, and has wrapped the key anew since
	again.Reason, again.At, again.KEKEpoch, again.Fence.Millis = "RETENTION", noon.Add(1), 7, 30
	for _, tc := range []struct {
		name  string
		given []keyring.Event
		when  keyring.Command
		then  []keyring.Event
		err   error
	}{
		{"a key ends", nil, profile, []keyring.Event{keyring.Destroyed(profile)}, nil},
		{"a key that never was ends too", nil, never, []keyring.Event{keyring.Destroyed(never)}, nil},
		{"each class ends by itself", []keyring.Event{keyring.Destroyed(profile)}, evidence, []keyring.Event{keyring.Destroyed(evidence)}, nil},
		{"ending twice is a no-op", []keyring.Event{keyring.Destroyed(profile)}, profile, nil, nil},
		{"what else is said of the same key changes nothing", []keyring.Event{keyring.Destroyed(profile)}, again, nil, nil},
		{"forbidding a key that has ended is a no-op", []keyring.Event{keyring.Destroyed(profile)}, never, nil, nil},
		{"forbidding twice is a no-op", []keyring.Event{keyring.Destroyed(never)}, never, nil, nil},
		{"another commitment is refused", []keyring.Event{keyring.Destroyed(profile)}, end("profile", 1, other), nil, keyring.ErrOtherKey},
		{"another version is refused", []keyring.Event{keyring.Destroyed(profile)}, end("profile", 2, first), nil, keyring.ErrOtherKey},
		{"a key that was forbidden can't have been", []keyring.Event{keyring.Destroyed(never)}, profile, nil, keyring.ErrOtherKey},
		{"a class is needed", nil, end("", 1, first), nil, keyring.ErrIncomplete},
		{"a version needs a commitment", nil, end("profile", 1, [32]byte{}), nil, keyring.ErrIncomplete},
		{"a commitment needs a version", nil, end("profile", 0, first), nil, keyring.ErrIncomplete},
		{"a reason is needed", nil, keyring.Destroy{Class: "profile", At: noon}, nil, keyring.ErrIncomplete},
		{"a time is needed", nil, keyring.Destroy{Class: "profile", Reason: "REQUEST"}, nil, keyring.ErrIncomplete},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s keyring.Keyring
			for _, ev := range tc.given {
				s = keyring.Evolve(s, ev)
			}
			got, err := keyring.Decide(s, tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzDecide runs any sequence of commands, two bytes each: which class, and
// which of a few keys.
func FuzzDecide(f *testing.F) {
	random := rand.New(rand.NewPCG(2, 2))
	for range 50 {
		seed := make([]byte, 40)
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		f.Add(seed)
	}
	registry, err := wire.Keyring()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		var s keyring.Keyring
		for pair := range slices.Chunk(script, 2) {
			if len(pair) == 2 {
				s = step(t, registry, s, command(pair[0], pair[1]))
			}
		}
	})
}

func command(a, b byte) keyring.Destroy {
	classes := []string{"profile", "evidence", "request", "package", "message", "statutory", ""}
	return end(classes[int(a)%len(classes)], uint32(b%3), [32]byte{b >> 2 % 3})
}

// step decides and evolves, and checks what is true after any command.
func step(t *testing.T, registry es.Registry[keyring.Event], s keyring.Keyring, cmd keyring.Destroy) keyring.Keyring {
	t.Helper()
	before := slices.Clone(s.Ended)
	events, err := keyring.Decide(s, cmd)
	if err != nil && len(events) > 0 {
		t.Fatal("a refusal came with events")
	}
	next := s
	for _, ev := range events {
		next = keyring.Evolve(next, ev)
		survives(t, registry, ev)
	}
	if !slices.Equal(before, s.Ended) || !slices.Equal(before, next.Ended[:len(before)]) {
		t.Fatal("what had ended has changed")
	}
	if len(next.Ended) != len(before)+len(events) {
		t.Fatalf("%d events ended %d keys", len(events), len(next.Ended)-len(before))
	}
	if err == nil {
		if more, err := keyring.Decide(next, cmd); err != nil || len(more) > 0 {
			t.Fatalf("the same command once more: %d events, error %v", len(more), err)
		}
	}
	return next
}

func survives(t *testing.T, registry es.Registry[keyring.Event], ev keyring.Event) {
	t.Helper()
	stored, err := wire.EncodeKeyring(t.Context(), es.Aggregate{ID: "subject-a"}, "", ev)
	if err != nil {
		t.Fatal(err)
	}
	back, err := registry.Decode(stored)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]keyring.Event{ev}, back); diff != "" {
		t.Fatalf("event is not what was stored (-stored +read):\n%s", diff)
	}
}
