package kms_test

import (
	"errors"
	"path/filepath"
	"testing"

	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/kms/transittest"
)

func regions(t testing.TB, stores ...kms.Store) *kms.Regions {
	t.Helper()
	r, err := kms.NewRegions(stores...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A file and a Vault, so that the two regions have nothing in common.
func TestEitherRegionOpensWhatBothWrapped(t *testing.T) {
	files, server := openFile(t, filepath.Join(t.TempDir(), "keks")), transittest.New(t)
	vault := openTransit(t, server, nil)
	both := regions(t, files, vault)
	if err := both.Create(t.Context(), transitRef(1)); err != nil {
		t.Fatal(err)
	}
	wrapped := wrap(t, both, transitRef(1))
	server.Seal(true)
	if err := unwrap(t, both, transitRef(1), wrapped); err != nil {
		t.Errorf("the Vault is sealed: %v", err)
	}
	if err := used(t, both, transitRef(1)); !errors.Is(err, kms.ErrUnavailable) {
		t.Errorf("wrapping while a region is away: %v, want ErrUnavailable", err)
	}
	if err := both.Create(t.Context(), transitRef(2)); !errors.Is(err, kms.ErrUnavailable) {
		t.Errorf("making while a region is away: %v, want ErrUnavailable", err)
	}
	server.Seal(false)
	for name, alone := range map[string]kms.Store{"the files": files, "the Vault": vault} {
		if err := unwrap(t, regions(t, alone), transitRef(1), wrapped); err != nil {
			t.Errorf("%s alone: %v", name, err)
		}
	}
	server.Lose()
	if whole, err := both.Whole(t.Context(), transitRef(1)); err != nil || whole {
		t.Errorf("a region that lost its keys is whole: %t, %v", whole, err)
	}
	if err := used(t, both, transitRef(1)); !errors.Is(err, kms.ErrHalf) {
		t.Errorf("wrapping under half a key: %v, want ErrHalf", err)
	}
}

func TestWhatOneStoreWrappedOpensInRegionsAndIsNotCovered(t *testing.T) {
	east, west := openFile(t, filepath.Join(t.TempDir(), "e")), openFile(t, filepath.Join(t.TempDir(), "w"))
	if err := errors.Join(east.Create(t.Context(), transitRef(1)), west.Create(t.Context(), transitRef(1))); err != nil {
		t.Fatal(err)
	}
	both := regions(t, west, east)
	alone := wrap(t, east, transitRef(1))
	if err := unwrap(t, both, transitRef(1), alone); err != nil {
		t.Errorf("open: %v", err)
	}
	for name, tc := range map[string]struct {
		wrapped []byte
		want    bool
	}{"by one": {alone, false}, "by both": {wrap(t, both, transitRef(1)), true}} {
		if got, err := both.Covered(t.Context(), transitRef(1), tc.wrapped, []byte("purpose")); err != nil || got != tc.want {
			t.Errorf("wrapped %s: covered %t (%v)", name, got, err)
		}
	}
	if len(wrap(t, regions(t, east), transitRef(1))) != 60 {
		t.Error("a region alone wraps in another form than a store alone")
	}
}

func TestWhatOneRegionDestroyedNoneMakesAgain(t *testing.T) {
	east, west := openFile(t, filepath.Join(t.TempDir(), "e")), openFile(t, filepath.Join(t.TempDir(), "w"))
	if _, err := west.Destroy(t.Context(), transitRef(3)); err != nil {
		t.Fatal(err)
	}
	if err := regions(t, east, west).Create(t.Context(), transitRef(2)); !errors.Is(err, kms.ErrDestroyed) {
		t.Errorf("create: %v, want ErrDestroyed", err)
	}
	if err := east.Create(t.Context(), transitRef(3)); !errors.Is(err, kms.ErrDestroyed) {
		t.Errorf("the other region: %v, want ErrDestroyed", err)
	}
}
