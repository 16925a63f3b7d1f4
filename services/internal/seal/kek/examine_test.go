package kek_test

import (
	"crypto/rand"
	"errors"
	"testing"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/vault"
)

// peopled is a world with the keys of n people.
func peopled(t *testing.T, n int) (*sealtest.World, *sealtest.Process) {
	t.Helper()
	w := sealtest.NewWorld(nil)
	p := w.Serve(t, nil)
	for range n {
		holder, err := seal.RandomHolder(seal.Subject, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		id := seal.KeyID{Tenant: "t1", Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_PROFILE}
		if _, err := p.Vault.GetOrCreate(t.Context(), vault.Access{Reader: "test", Purpose: "testing"}, id); err != nil {
			t.Fatal(err)
		}
	}
	return w, p
}

func examine(t *testing.T, w *sealtest.World, all bool) kek.Examination {
	t.Helper()
	found, err := kek.Examine(t.Context(), w.Rows, w.KMS, []kek.Kind{vault.Rows(), pepper.Rows()}, all)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func refs(t *testing.T, w *sealtest.World) []kms.Ref {
	t.Helper()
	all, err := w.KMS.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestKeysThatAreThereAndOpenAreWell(t *testing.T) {
	w, p := peopled(t, 20)
	before := len(refs(t, w))
	if found := examine(t, w, true); len(found.Unusable) != 0 || found.Needed != before || found.Opened != 20 {
		t.Errorf("found %+v, want %d needed, 20 opened", found, before)
	}
	first := refs(t, w)[0]
	if err := p.Keeper.Rotate(t.Context(), kek.Partition{Tenant: first.Tenant, Name: first.Partition}); err != nil {
		t.Fatal(err)
	}
	if found := examine(t, w, false); len(found.Unusable) != 0 || found.Needed != before {
		t.Errorf("after a rotation: %+v", found)
	}
}

func TestALostKeyIsNamedAndNotMadeAnew(t *testing.T) {
	w, _ := peopled(t, 20)
	lost := refs(t, w)[0]
	if _, err := w.KMS.Destroy(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	found := examine(t, w, false)
	if len(found.Unusable) != 1 || found.Unusable[0].Ref != lost || !errors.Is(found.Unusable[0].Err, kek.ErrLost) {
		t.Errorf("found %+v, want %s lost", found, lost)
	}
	if _, err := w.KMS.AEAD(t.Context(), lost); !errors.Is(err, kms.ErrNoKEK) {
		t.Errorf("the lost key is there again: %v", err)
	}
}

func TestAnotherKeyOfTheSameNameOpensNothing(t *testing.T) {
	w, _ := peopled(t, 20)
	swapped := refs(t, w)[0]
	_, err := w.KMS.Destroy(t.Context(), swapped)
	if err = errors.Join(err, w.KMS.Create(t.Context(), swapped)); err != nil {
		t.Fatal(err)
	}
	found := examine(t, w, false)
	if len(found.Unusable) != 1 || found.Unusable[0].Ref != swapped || !errors.Is(found.Unusable[0].Err, kek.ErrMismatch) {
		t.Errorf("found %+v, want a mismatch of %s", found, swapped)
	}
}
