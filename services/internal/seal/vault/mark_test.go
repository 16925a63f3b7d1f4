package vault_test

import (
	"errors"
	"testing"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/vault"

	"github.com/google/go-cmp/cmp"
)

func at(stream, epoch string, seq uint64) es.Position {
	return es.Position{Stream: stream, Epoch: epoch, Seq: seq}
}

func mark(t *testing.T, v *vault.Vault, seen ...es.Position) {
	t.Helper()
	if err := v.Mark(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
}

func expectReplay(t *testing.T, v *vault.Vault, want ...es.Position) {
	t.Helper()
	got, err := v.ReplayAfter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]es.Position{}
	for _, p := range want {
		wanted[p.Stream] = p
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("positions to replay from differ (-want +got):\n%s", diff)
	}
}

func TestAMarkSaysFromWhereToReplay(t *testing.T) {
	v := sealtest.NewWorld(nil).Serve(t, nil).Vault
	expectReplay(t, v)
	mark(t, v, at("A", "e", 10), at("B", "e", 5))
	expectReplay(t, v, at("A", "e", 10), at("B", "e", 5))
	mark(t, v, at("A", "e", 7), at("B", "e", 6))
	expectReplay(t, v, at("A", "e", 10), at("B", "e", 6))
	mark(t, v, at("A", "made anew", 1))
	expectReplay(t, v, at("A", "made anew", 1), at("B", "e", 6))
}

func TestAVaultThatHasNotReplayedMarksNothing(t *testing.T) {
	v := sealtest.NewWorld(nil).Start(t, nil).Vault
	if err := v.Mark(t.Context(), []es.Position{at("A", "e", 1)}); !errors.Is(err, vault.ErrNotReady) {
		t.Errorf("mark: %v, want ErrNotReady", err)
	}
	expectReplay(t, v)
}

func TestAPartitionRestoredFromABackupIsReplayedFromItsOwnMark(t *testing.T) {
	w := sealtest.NewWorld(nil)
	v := w.Serve(t, nil).Vault
	mark(t, v, at("A", "e", 10), at("B", "e", 5))
	backup, err := w.Rows.Get(t.Context(), "habeas.vault.7f.mark._vault")
	if err != nil {
		t.Fatal(err)
	}
	mark(t, v, at("A", "e", 20), at("B", "e", 5))
	now, err := w.Rows.Get(t.Context(), backup.Subject)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Rows.Put(t.Context(), backup.Subject, backup.Value, now.Rev); err != nil {
		t.Fatal(err)
	}
	expectReplay(t, v, at("A", "e", 10), at("B", "e", 5))
	mark(t, v, at("A", "e", 20))
	expectReplay(t, v, at("A", "e", 20), at("B", "e", 5))
	lost, err := w.Rows.Get(t.Context(), backup.Subject)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Rows.Delete(t.Context(), lost.Subject, lost.Rev); err != nil {
		t.Fatal(err)
	}
	expectReplay(t, v) // a partition without a mark needs everything
}
