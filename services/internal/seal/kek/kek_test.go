package kek_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/sealtest"
)

// How keys and peppers live through rotations, races and crashes is tested
// where they are kept: in packages vault and pepper.

var errAway = errors.New("key store is away")

func partition(name string) kek.Partition { return kek.Partition{Tenant: "t1", Name: name} }

func markDirty(t *testing.T, k *kek.Keeper, p kek.Partition) time.Time {
	t.Helper()
	horizon, err := k.MarkDirty(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return horizon
}

func TestResidueEndsOneEpochAfterTheFirstDestruction(t *testing.T) {
	w := sealtest.NewWorld(nil)
	k := w.Start(t, nil).Keeper
	first := w.Clock.Now()
	expect := func(when string, want time.Time) {
		t.Helper()
		if got := markDirty(t, k, partition("00")); !got.Equal(want) {
			t.Errorf("%s: horizon %s, want %s", when, got, want)
		}
	}
	expect("the first destruction", first.Add(sealtest.Epoch+sealtest.Window))
	w.Clock.Advance(3 * 24 * time.Hour)
	expect("another in the same epoch", first.Add(sealtest.Epoch+sealtest.Window))
	w.Clock.Advance(sealtest.Epoch)
	expect("one in an epoch that is overdue", w.Clock.Now().Add(sealtest.Window))
	if err := k.Rotate(t.Context(), partition("00")); err != nil {
		t.Fatal(err)
	}
	expect("the first in the next epoch", w.Clock.Now().Add(sealtest.Epoch+sealtest.Window))
}

func TestAPartitionThatCannotBeRotatedKeepsNoOtherFromIt(t *testing.T) {
	w := sealtest.NewWorld(nil)
	k := w.Start(t, nil).Keeper
	for _, name := range []string{"00", "01", "02"} {
		markDirty(t, k, partition(name))
	}
	w.Clock.Advance(sealtest.Epoch)
	w.KMS = refusing{Store: w.KMS, partition: "01"}
	rotated, err := w.Start(t, nil).Keeper.RotateDirty(t.Context())
	if rotated != 2 || !errors.Is(err, errAway) {
		t.Errorf("%d rotated (%v), want 2 and the error of the third", rotated, err)
	}
	if n := len(sealtest.Events[*identityv1.KekEpochDestroyed](w.Ledger)); n != 2 {
		t.Errorf("%d epochs ended, want 2", n)
	}
}

func TestRotationsOfOnePartitionAgree(t *testing.T) {
	w := sealtest.NewWorld(nil)
	markDirty(t, w.Start(t, nil).Keeper, partition("00"))
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
	if n := len(sealtest.Events[*identityv1.KekEpochDestroyed](w.Ledger)); n != 1 {
		t.Errorf("%d epochs ended, want 1", n)
	}
}

func TestAnIncompleteConfigurationIsRefused(t *testing.T) {
	if _, err := kek.New(kek.Config{KMS: new(sealtest.KMS)}); err == nil {
		t.Error("a keeper without rows was made")
	}
}

// refusing is a key store that is away for one partition.
type refusing struct {
	kms.Store
	partition string
}

func (r refusing) Create(ctx context.Context, ref kms.Ref) error {
	if ref.Partition == r.partition {
		return errAway
	}
	return r.Store.Create(ctx, ref)
}
