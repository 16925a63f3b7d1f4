package kek_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/sealtest"

	"github.com/google/go-cmp/cmp"
)

// inFiles is a world whose key-encryption keys lie in files.
func inFiles(t *testing.T) *sealtest.World {
	t.Helper()
	w := sealtest.NewWorld(nil)
	files, err := kms.OpenFile(filepath.Join(t.TempDir(), "keks"))
	if err != nil {
		t.Fatal(err)
	}
	w.KMS = files
	return w
}

func keks(t *testing.T, w *sealtest.World) []kms.Ref {
	t.Helper()
	all, err := w.KMS.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A rotation stops before it makes the next KEK; meanwhile that very KEK is
// made, used and destroyed by others.
func TestAVeryLateRotationMakesNoKEKAgain(t *testing.T) {
	w := inFiles(t)
	reached, resume := make(chan struct{}), make(chan struct{})
	late := w.Start(t, func(_ context.Context, op sealtest.Op) error {
		if op.Name == "create" && !op.After && op.Subject == "t1/00/2" {
			close(reached)
			<-resume
		}
		return nil
	}).Keeper
	others := w.Start(t, nil).Keeper
	markDirty(t, others, partition("00"))
	ended := make(chan error, 1)
	go func() { ended <- late.Rotate(t.Context(), partition("00")) }()
	<-reached
	for range 2 {
		if err := others.Rotate(t.Context(), partition("00")); err != nil {
			t.Fatal(err)
		}
	}
	close(resume)
	if err := <-ended; err != nil {
		t.Errorf("the late rotation: %v, want none: it is done", err)
	}
	if diff := cmp.Diff([]kms.Ref{{Tenant: "t1", Partition: "00", Epoch: 3}}, keks(t, w)); diff != "" {
		t.Errorf("key-encryption keys (-want +got):\n%s", diff)
	}
}

func TestRowsThatAreOlderThanTheKeyStoreAreNotRotated(t *testing.T) {
	w := inFiles(t)
	k := w.Start(t, nil).Keeper
	markDirty(t, k, partition("00"))
	for _, epoch := range []uint64{1, 2} {
		if _, err := w.KMS.Destroy(t.Context(), kms.Ref{Tenant: "t1", Partition: "00", Epoch: epoch}); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Rotate(t.Context(), partition("00")); !errors.Is(err, kek.ErrLost) || !errors.Is(err, kms.ErrDestroyed) {
		t.Errorf("rotate: %v, want ErrLost, because it was destroyed", err)
	}
	if all := keks(t, w); len(all) != 0 {
		t.Errorf("made again: %v", all)
	}
}

func TestAPartitionThatItsRowsForgotBeginsBehindWhatWasDestroyed(t *testing.T) {
	w := inFiles(t)
	if _, err := w.KMS.Destroy(t.Context(), kms.Ref{Tenant: "t1", Partition: "00", Epoch: 4}); err != nil {
		t.Fatal(err)
	}
	k := w.Start(t, nil).Keeper
	markDirty(t, k, partition("00"))
	if err := k.Rotate(t.Context(), partition("00")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]kms.Ref{{Tenant: "t1", Partition: "00", Epoch: 6}}, keks(t, w)); diff != "" {
		t.Errorf("key-encryption keys (-want +got):\n%s", diff)
	}
}
