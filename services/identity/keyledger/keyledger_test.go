package keyledger_test

import (
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/kek"
	"habeas.internal/services/identity/keyledger"
	"habeas.internal/services/identity/keyring"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/vault"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func access() vault.Access { return vault.Access{Reader: "test", Purpose: "testing"} }

func (w *world) newKey(t testing.TB) seal.KeyID {
	t.Helper()
	holder, err := seal.RandomHolder(seal.Subject, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return seal.KeyID{Tenant: w.tenant, Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_PROFILE}
}

func create(t testing.TB, v *vault.Vault, id seal.KeyID) [32]byte {
	t.Helper()
	lease, err := v.GetOrCreate(t.Context(), access(), id)
	if err != nil {
		t.Fatal(err)
	}
	return lease.Key.Commit()
}

func order(id seal.KeyID) vault.Order {
	return vault.Order{Key: id, Reason: "REQUEST", CommandID: "request-1"}
}

func destroy(t testing.TB, v *vault.Vault, id seal.KeyID) {
	t.Helper()
	if err := v.Destroy(t.Context(), order(id)); err != nil {
		t.Fatal(err)
	}
}

func expectErased(t testing.TB, v *vault.Vault, id seal.KeyID) {
	t.Helper()
	var gone *seal.Erased
	if _, err := v.GetOrCreate(t.Context(), access(), id); !errors.As(err, &gone) || gone.Reason != "REQUEST" {
		t.Errorf("get or create: %v, want an Erased error with its reason", err)
	}
}

// destructions are the destroyed keys of the world's tenant.
func (w *world) destructions(t testing.TB, l *keyledger.Ledger) []*identityv1.KeyDestroyed {
	t.Helper()
	var out []*identityv1.KeyDestroyed
	for d, err := range l.Destructions(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Tenant == w.tenant {
			out = append(out, d.Event)
		}
	}
	return out
}

func (w *world) expectEvents(t testing.TB, l *keyledger.Ledger, want int) {
	t.Helper()
	if got := len(w.destructions(t, l)); got != want {
		t.Fatalf("%d destructions are in the log, want %d", got, want)
	}
}

func TestADestroyedKeyIsInTheLogOnce(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		w := newWorld(t, at)
		l := w.ledger(t, es.Signer{})
		v, id := w.serve(t, l).vault, w.newKey(t)
		commit := create(t, v, id)
		w.expectEvents(t, l, 0)
		destroy(t, v, id)
		destroy(t, v, id)
		want := []*identityv1.KeyDestroyed{{
			Holder: id.Holder.String(), Class: id.Class, KeyVersion: 1, KeyCommit: commit[:], KekEpoch: 1,
			Reason: "REQUEST", RequestedBy: "request-1", DestroyedAt: timestamppb.New(w.clock.Now()),
		}}
		unlike := protocmp.IgnoreFields(&identityv1.KeyDestroyed{},
			"residue_horizon", "replicas_acked", "replicas_expired", "fence_ms")
		if diff := cmp.Diff(want, w.destructions(t, l), protocmp.Transform(), unlike); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// destroyed is an event as a vault makes it.
func destroyed(w *world, id seal.KeyID) *identityv1.KeyDestroyed {
	commit := make([]byte, 32)
	commit[0] = 1
	return &identityv1.KeyDestroyed{
		Holder: id.Holder.String(), Class: id.Class, KeyVersion: 1, KeyCommit: commit, KekEpoch: 3,
		Reason: "REQUEST", RequestedBy: "request-1", ReplicasAcked: 2, ReplicasExpired: 1, FenceMs: 7,
		DestroyedAt: timestamppb.New(w.clock.Now()), ResidueHorizon: timestamppb.New(w.clock.Now().Add(time.Hour)),
	}
}

func TestOneEndIsRecordedByManyProcessesOnce(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		w := newWorld(t, at)
		id := w.newKey(t)
		var all sync.WaitGroup
		for i := range 6 {
			l, ev := w.ledger(t, es.Signer{}), destroyed(w, id)
			ev.FenceMs, ev.ReplicasAcked = uint32(i), uint32(i)
			all.Go(func() {
				if err := l.KeyDestroyed(t.Context(), w.tenant, "the-command", ev); err != nil {
					t.Errorf("record: %v", err)
				}
			})
		}
		all.Wait()
		w.expectEvents(t, w.ledger(t, es.Signer{}), 1)
	})
}

func TestAnEndReadsAsItWasRecorded(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		w := newWorld(t, at)
		l := w.ledger(t, es.Signer{})
		first := destroyed(w, w.newKey(t))
		never := &identityv1.KeyDestroyed{
			Holder: first.GetHolder(), Class: sealv1.KeyClass_KEY_CLASS_EVIDENCE, Reason: "REQUEST",
			DestroyedAt: first.GetDestroyedAt(), ResidueHorizon: first.GetResidueHorizon(),
		}
		for _, ev := range []*identityv1.KeyDestroyed{first, never} {
			if err := l.KeyDestroyed(t.Context(), w.tenant, "command-"+ev.GetClass().String(), ev); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]*identityv1.KeyDestroyed{first, never}, w.destructions(t, l), protocmp.Transform()); diff != "" {
			t.Errorf("events (-recorded +read):\n%s", diff)
		}
	})
}

func TestResidueLastsAsLongAsTheDigestsOfCommands(t *testing.T) {
	for digests, want := range map[time.Duration]time.Duration{0: time.Hour, time.Minute: time.Hour, 3 * time.Hour: 3 * time.Hour} {
		w := newWorld(t, inMemory(t))
		w.digests = digests
		l, id := w.ledger(t, es.Signer{}), w.newKey(t)
		ev := destroyed(w, id)
		if err := l.KeyDestroyed(t.Context(), w.tenant, "command", ev); err != nil {
			t.Fatal(err)
		}
		got, err := l.Residue(t.Context(), []seal.KeyID{id})
		if err != nil || !got.Equal(ev.GetDestroyedAt().AsTime().Add(want)) {
			t.Errorf("digests that last %v: residue ends at %v (%v), want %v after the end", digests, got, err, want)
		}
	}
}

func TestAnEndThatContradictsTheLogIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		w := newWorld(t, at)
		l, ev := w.ledger(t, es.Signer{}), destroyed(w, w.newKey(t))
		if err := l.KeyDestroyed(t.Context(), w.tenant, "command-1", ev); err != nil {
			t.Fatal(err)
		}
		ev.KeyCommit[0]++
		var refusal es.Refusal
		if err := l.KeyDestroyed(t.Context(), w.tenant, "command-2", ev); !errors.As(err, &refusal) || !errors.Is(err, keyring.ErrOtherKey) {
			t.Errorf("another commitment: %v, want a refusal", err)
		}
		for epoch, want := range map[uint64]error{3: nil, 2: kek.ErrOutOfOrder} {
			later := &identityv1.KekEpochDestroyed{Partition: "6d", Epoch: 3, DestroyedAt: ev.GetDestroyedAt()}
			if err := l.KekEpochDestroyed(t.Context(), w.tenant, "command-3", later); err != nil {
				t.Fatal(err)
			}
			later.Epoch = epoch
			if err := l.KekEpochDestroyed(t.Context(), w.tenant, "command-4", later); !errors.Is(err, want) {
				t.Errorf("epoch %d after 3: %v, want %v", epoch, err, want)
			}
		}
		w.expectEvents(t, l, 1)
	})
}

func TestMalformedEndsAreNotRecorded(t *testing.T) {
	w := newWorld(t, inMemory(t))
	l := w.ledger(t, es.Signer{})
	for name, spoil := range map[string]func(*identityv1.KeyDestroyed){
		"no holder":             func(ev *identityv1.KeyDestroyed) { ev.Holder = "" },
		"a person as holder":    func(ev *identityv1.KeyDestroyed) { ev.Holder = "subject-ada" },
		"no class":              func(ev *identityv1.KeyDestroyed) { ev.Class = 0 },
		"no commitment":         func(ev *identityv1.KeyDestroyed) { ev.KeyCommit = nil },
		"no time":               func(ev *identityv1.KeyDestroyed) { ev.DestroyedAt = nil },
		"no reason":             func(ev *identityv1.KeyDestroyed) { ev.Reason = "" },
		"a version and no more": func(ev *identityv1.KeyDestroyed) { proto.Reset(ev); ev.KeyVersion = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			ev := destroyed(w, w.newKey(t))
			spoil(ev)
			err := l.KeyDestroyed(t.Context(), w.tenant, "command", ev)
			if !errors.Is(err, seal.ErrInvalid) && !errors.Is(err, keyring.ErrIncomplete) {
				t.Errorf("record: %v, want an invalid argument", err)
			}
		})
	}
	if err := l.KekEpochDestroyed(t.Context(), w.tenant, "command", &identityv1.KekEpochDestroyed{Partition: "6d", Epoch: 1}); !errors.Is(err, seal.ErrInvalid) {
		t.Errorf("record key-encryption key: %v, want ErrInvalid", err)
	}
	if err := l.PepperEpochDestroyed(t.Context(), w.tenant, "command", &identityv1.PepperEpochDestroyed{Purpose: "lookup", Epoch: 1}); !errors.Is(err, seal.ErrInvalid) {
		t.Errorf("record pepper: %v, want ErrInvalid", err)
	}
	w.expectEvents(t, l, 0)
}

func TestALedgerNeedsEverything(t *testing.T) {
	if _, err := keyledger.New(keyledger.Config{}); err == nil {
		t.Error("a ledger was made of nothing")
	}
}
