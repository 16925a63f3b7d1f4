package kms_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/kms/transittest"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"

	"github.com/google/go-cmp/cmp"
)

func stores(t *testing.T) map[string]kms.Store {
	t.Helper()
	return map[string]kms.Store{
		"files": openFile(t, filepath.Join(t.TempDir(), "keys")), "memory": new(sealtest.KMS), "transit": openTransit(t, transittest.New(t), nil),
		"rows":    openRooted(t, new(rows.Memory), kms.Root{Name: "root", AEAD: newCloudKey(t)}),
		"regions": regions(t, openFile(t, filepath.Join(t.TempDir(), "east"))),
	}
}

func openFile(t testing.TB, dir string) *kms.File {
	t.Helper()
	f, err := kms.OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func wrap(t testing.TB, s kms.Store, ref kms.Ref) []byte {
	t.Helper()
	aead, err := s.AEAD(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	out, err := aead.EncryptWithContext(t.Context(), bytes.Repeat([]byte{7}, 32), []byte("purpose"))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// used is what comes of using a KEK.
func used(t testing.TB, s kms.Store, ref kms.Ref) error {
	t.Helper()
	aead, err := s.AEAD(t.Context(), ref)
	if err == nil {
		_, err = aead.EncryptWithContext(t.Context(), []byte("x"), nil)
	}
	return err
}

func TestAKEKLivesFromCreateToDestroy(t *testing.T) {
	for name, s := range stores(t) {
		t.Run("in "+name, func(t *testing.T) {
			ref := kms.Ref{Tenant: "t1", Partition: "0a", Epoch: 1}
			if err := used(t, s, ref); !errors.Is(err, kms.ErrNoKEK) {
				t.Errorf("use before create: %v, want ErrNoKEK", err)
			}
			if err := s.Create(t.Context(), ref); err != nil {
				t.Fatal(err)
			}
			wrapped := wrap(t, s, ref)
			if name != "transit" && len(wrapped) != 60 {
				t.Errorf("a wrapped key takes %d bytes, want 60", len(wrapped))
			}
			if err := s.Create(t.Context(), ref); err != nil { // changes nothing
				t.Fatal(err)
			}
			aead, err := s.AEAD(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := aead.DecryptWithContext(t.Context(), wrapped, []byte("purpose"))
			if err != nil || !bytes.Equal(plain, bytes.Repeat([]byte{7}, 32)) {
				t.Errorf("unwrap after a second create: %v", err)
			}
			if _, err := aead.DecryptWithContext(t.Context(), wrapped, []byte("other")); !errors.Is(err, kms.ErrUndecryptable) {
				t.Errorf("unwrap for another purpose: %v, want ErrUndecryptable", err)
			}
			for range 2 {
				if _, err := s.Destroy(t.Context(), ref); err != nil {
					t.Fatal(err)
				}
				if err := used(t, s, ref); !errors.Is(err, kms.ErrNoKEK) {
					t.Errorf("use after destroy: %v, want ErrNoKEK", err)
				}
			}
		})
	}
}

func TestADestroyedKEKIsNeverMadeAgainNorAnEarlierOne(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "keys"))
	ref := func(epoch uint64) kms.Ref { return kms.Ref{Tenant: "t1", Partition: "0a", Epoch: epoch} }
	for epoch := range uint64(3) {
		if err := s.Create(t.Context(), ref(epoch+1)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Destroy(t.Context(), ref(2)); err != nil {
		t.Fatal(err)
	}
	for _, epoch := range []uint64{1, 2} {
		var gone *kms.Destroyed
		if err := s.Create(t.Context(), ref(epoch)); !errors.As(err, &gone) || gone.Through != 2 {
			t.Errorf("epoch %d: %v, want destroyed through 2", epoch, err)
		}
		if _, err := s.AEAD(t.Context(), ref(epoch)); !errors.Is(err, kms.ErrNoKEK) {
			t.Errorf("epoch %d: %v, want ErrNoKEK", epoch, err)
		}
	}
	wrap(t, s, ref(3)) // still there
	if err := s.Create(t.Context(), kms.Ref{Tenant: "t1", Partition: "0b", Epoch: 1}); err != nil {
		t.Errorf("another partition: %v", err)
	}
	if _, err := s.Destroy(t.Context(), ref(1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), ref(2)); !errors.Is(err, kms.ErrDestroyed) {
		t.Errorf("after an earlier one is destroyed again: %v, want ErrDestroyed", err)
	}
}

func TestEveryKEKIsListed(t *testing.T) {
	all := stores(t)
	delete(all, "transit") // its epochs have no gaps
	for name, s := range all {
		t.Run("in "+name, func(t *testing.T) {
			kept, gone := kms.Ref{Tenant: "t-1_x", Partition: "ff", Epoch: 12}, kms.Ref{Tenant: "t2", Partition: "00", Epoch: 1}
			for _, ref := range []kms.Ref{kept, gone} {
				if err := s.Create(t.Context(), ref); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Destroy(t.Context(), gone); err != nil {
				t.Fatal(err)
			}
			got, err := s.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]kms.Ref{kept}, got); diff != "" {
				t.Errorf("listed keys differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAReferenceCannotLeaveTheFolder(t *testing.T) {
	f := openFile(t, filepath.Join(t.TempDir(), "keys"))
	for _, ref := range []kms.Ref{
		{Tenant: "../t", Partition: "00", Epoch: 1},
		{Tenant: "", Partition: "00", Epoch: 1},
		{Tenant: "t", Partition: "0", Epoch: 1},
		{Tenant: "t", Partition: "00", Epoch: 0},
	} {
		if err := f.Create(t.Context(), ref); !errors.Is(err, kms.ErrReference) {
			t.Errorf("create %s: %v, want ErrReference", ref, err)
		}
	}
}

func TestKeyFilesAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	f := openFile(t, dir)
	if err := f.Create(t.Context(), kms.Ref{Tenant: "t1", Partition: "00", Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "t1.00.1.kek"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
		}
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := kms.OpenFile(dir); !errors.Is(err, kms.ErrDamaged) {
		t.Errorf("open a folder that others may enter: %v, want ErrDamaged", err)
	}
}

func TestADamagedKeyFileIsNotUsed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	f := openFile(t, dir)
	ref := kms.Ref{Tenant: "t1", Partition: "00", Epoch: 1}
	if err := f.Create(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "t1.00.1.kek")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[20] ^= 1
	for name, content := range map[string][]byte{"a flipped bit": flipped, "a cut": whole[:30], "nothing": nil} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := f.AEAD(t.Context(), ref); !errors.Is(err, kms.ErrDamaged) {
				t.Errorf("use: %v, want ErrDamaged", err)
			}
		})
	}
}

func TestDestroyOverwritesBeforeItRemoves(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	f := openFile(t, dir)
	ref := kms.Ref{Tenant: "t1", Partition: "00", Epoch: 1}
	if err := f.Create(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	path, kept := filepath.Join(dir, "t1.00.1.kek"), filepath.Join(t.TempDir(), "link")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, kept); err != nil { // the same bytes on disk, under a name that stays
		t.Fatal(err)
	}
	if _, err := f.Destroy(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(after, before[14:46]) {
		t.Error("the key's bytes are still on disk")
	}
}

func TestWhatACrashLeftOfACreationIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	openFile(t, dir)
	if err := os.WriteFile(filepath.Join(dir, ".new-123"), []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	openFile(t, dir)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("%d files are left (%v)", len(entries), err)
	}
}

func TestManyCreatorsMakeOneKEK(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	ref := kms.Ref{Tenant: "t1", Partition: "00", Epoch: 1}
	wrapped := make([][]byte, 8)
	var all sync.WaitGroup
	for i := range wrapped {
		all.Go(func() {
			f, err := kms.OpenFile(dir)
			if err == nil {
				err = f.Create(t.Context(), ref)
			}
			if err != nil {
				t.Error(err)
				return
			}
			aead, err := f.AEAD(t.Context(), ref)
			if err == nil {
				wrapped[i], err = aead.EncryptWithContext(t.Context(), []byte("x"), nil)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	aead, err := openFile(t, dir).AEAD(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range wrapped {
		if _, err := aead.DecryptWithContext(t.Context(), w, nil); err != nil {
			t.Errorf("what creator %d wrapped does not open: %v", i, err)
		}
	}
}
