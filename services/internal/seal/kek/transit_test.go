package kek_test

import (
	"sync"
	"testing"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/kms/transittest"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/vault"

	"github.com/google/go-cmp/cmp"
)

// inTransit makes the world's key store a transit engine.
func inTransit(t *testing.T, w *sealtest.World) *transittest.Server {
	t.Helper()
	server := transittest.New(t)
	store, err := kms.NewTransit(kms.TransitConfig{
		Addr: server.URL, Mount: transittest.Mount, Prefix: "habeas", HTTP: server.Client(),
		Token: func() (string, error) { return transittest.Token, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.KMS = store
	return server
}

// inPartition is holders of the partition of the first one.
func inPartition(t *testing.T, n int) []seal.KeyID {
	t.Helper()
	out := holders(t, 1)
	for len(out) < n {
		if more := holders(t, 1)[0]; partitionName(more) == partitionName(out[0]) {
			out = append(out, more)
		}
	}
	return out
}

// peopledBy makes the keys and ends the first one.
func peopledBy(t *testing.T, w *sealtest.World, ids []seal.KeyID) map[seal.KeyID][32]byte {
	t.Helper()
	p := w.Serve(t, nil)
	for _, id := range ids {
		if _, err := p.Vault.GetOrCreate(t.Context(), vault.Access{Reader: "drill", Purpose: "drill"}, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Vault.Destroy(t.Context(), vault.Order{Key: ids[0], Reason: "erasure", CommandID: "c"}); err != nil {
		t.Fatal(err)
	}
	live, _ := commitments(t, p, ids)
	return live
}

// Eight processes rotate one partition in a transit engine at once, twice: the
// keys stay, the versions before are trimmed, and each end is told once.
func TestRotationsInATransitEngineRaceAndTrim(t *testing.T) {
	w := sealtest.NewWorld(nil)
	server, ids := inTransit(t, w), inPartition(t, 6)
	before := peopledBy(t, w, ids)
	part := kek.Partition{Tenant: ids[0].Tenant, Name: partitionName(ids[0])}
	for range 2 {
		markDirty(t, w.Start(t, nil).Keeper, part)
		w.Clock.Advance(sealtest.Epoch)
		var all sync.WaitGroup
		for range 8 {
			k := w.Start(t, nil).Keeper
			all.Go(func() {
				if _, err := k.RotateDirty(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	after, erased := commitments(t, w.Serve(t, nil), ids)
	if diff := cmp.Diff(before, after); diff != "" || erased != 1 {
		t.Errorf("%d erased; keys differ (-before +after):\n%s", erased, diff)
	}
	ends := sealtest.Events[*identityv1.KekEpochDestroyed](w.Ledger)
	if len(ends) != 2 || ends[0].GetLiveRewrapped() != 5 || ends[0].GetDestroyedInEpoch() != 1 || ends[1].GetLiveRewrapped() != 5 {
		t.Errorf("ends: %v", ends)
	}
	refs := keks(t, w)
	if len(refs) == 0 || refs[0].Epoch != 3 || server.Archive("habeas.t1."+part.Name) != len(refs) {
		t.Errorf("key-encryption keys left: %v, versions kept: %d", refs, server.Archive("habeas.t1."+part.Name))
	}
}

// TestARotationInATransitEngineSurvivesACrashAtEveryStep kills the process at
// every call that it makes, and lets another one finish.
func TestARotationInATransitEngineSurvivesACrashAtEveryStep(t *testing.T) {
	ids := inPartition(t, 3)
	part := kek.Partition{Tenant: ids[0].Tenant, Name: partitionName(ids[0])}
	for n := 0; ; n++ {
		w := sealtest.NewWorld(nil)
		inTransit(t, w)
		before := peopledBy(t, w, ids)
		w.Clock.Advance(sealtest.Epoch)
		err := w.Start(t, sealtest.Crash(n)).Keeper.Rotate(t.Context(), part)
		if _, err := w.Start(t, nil).Keeper.RotateDirty(t.Context()); err != nil {
			t.Fatalf("crash at step %d: %v", n, err)
		}
		if after, _ := commitments(t, w.Serve(t, nil), ids); !cmp.Equal(before, after) {
			t.Fatalf("crash at step %d: the keys changed", n)
		}
		if ends := sealtest.Events[*identityv1.KekEpochDestroyed](w.Ledger); len(ends) != 1 {
			t.Fatalf("crash at step %d: %d epochs ended, want 1", n, len(ends))
		}
		if err == nil {
			return
		}
	}
}
