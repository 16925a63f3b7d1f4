package wire_test

import (
	"context"
	"errors"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/kek"
	"habeas.internal/services/identity/keyring"
	"habeas.internal/services/identity/pepper"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/seal"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// encoder fixes what an encoded event takes from its surroundings.
func encoder[E any](id string, encode func(context.Context, es.Aggregate, string, E) (es.Event, error)) func(E) (es.Event, error) {
	return func(ev E) (es.Event, error) {
		return encode(context.Background(), es.Aggregate{Context: "identity", Tenant: "t1", Type: "x", ID: id}, "event", ev)
	}
}

func TestKeyringEventsOfEveryReleaseAreRead(t *testing.T) {
	registry, err := wire.Keyring()
	if err != nil {
		t.Fatal(err)
	}
	estest.Corpus(t, "testdata/keyring", registry, encoder("subject-aaaaaaaaaaaaaaaaaaaaaaaaaa", wire.EncodeKeyring), []keyring.Event{
		keyring.Made{Class: "profile", Version: 1, Commitment: [32]byte{1}},
		keyring.Destroyed{
			Class: "profile", Version: 1, Commitment: [32]byte{1, 2, 3}, Reason: "REQUEST", RequestedBy: "r1",
			At: noon, KEKEpoch: 4, ResidueHorizon: noon.AddDate(0, 0, 8), Fence: keyring.Fence{Acked: 3, Expired: 1, Millis: 250},
		},
	})
}

func TestKEKEventsOfEveryReleaseAreRead(t *testing.T) {
	registry, err := wire.KEK()
	if err != nil {
		t.Fatal(err)
	}
	estest.Corpus(t, "testdata/kek", registry, encoder(kek.AggregateID("6d"), wire.EncodeKEK), []kek.Event{
		kek.Destroyed{Epoch: 4, LiveRewrapped: 17, DestroyedInEpoch: 2, KMSReference: "file:t1/6d/4", At: noon},
	})
}

func TestPepperEventsOfEveryReleaseAreRead(t *testing.T) {
	registry, err := wire.Pepper()
	if err != nil {
		t.Fatal(err)
	}
	estest.Corpus(t, "testdata/pepper", registry, encoder("lookup", wire.EncodePepper), []pepper.Event{
		pepper.Made{},
		pepper.Destroyed{Epoch: 4, RowsCarried: 17, At: noon},
	})
}

func TestMalformedEndsOfKeysAreNotRead(t *testing.T) {
	whole := keyring.Destroyed{Class: "profile", Version: 1, Commitment: [32]byte{1}, Reason: "REQUEST", At: noon, ResidueHorizon: noon}
	for name, spoil := range map[string]func(w *identityv1.KeyDestroyed){
		"a class that the contract does not know": func(w *identityv1.KeyDestroyed) { w.Class = 99 },
		"no class":                  func(w *identityv1.KeyDestroyed) { w.Class = 0 },
		"a short commitment":        func(w *identityv1.KeyDestroyed) { w.KeyCommit = w.KeyCommit[:31] },
		"a long commitment":         func(w *identityv1.KeyDestroyed) { w.KeyCommit = append(w.KeyCommit, 0) },
		"no time":                   func(w *identityv1.KeyDestroyed) { w.DestroyedAt = nil },
		"no residue horizon":        func(w *identityv1.KeyDestroyed) { w.ResidueHorizon = nil },
		"a time that never will be": func(w *identityv1.KeyDestroyed) { w.DestroyedAt.Nanos = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			w, err := wire.KeyDestroyed("subject-a", whole)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := wire.ReadKeyDestroyed(w); err != nil {
				t.Fatal(err)
			}
			spoil(w)
			if _, err := wire.ReadKeyDestroyed(w); !errors.Is(err, seal.ErrInvalid) {
				t.Errorf("read: %v, want ErrInvalid", err)
			}
		})
	}
}
