package keyfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/keyfile"
)

func TestAKeyIsMadeOnceAndFoundAfterwards(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first, made, err := keyfile.Open(dir, "log")
	if err != nil || !made {
		t.Fatalf("made %v, error %v", made, err)
	}
	second, made, err := keyfile.Open(dir, "log")
	if err != nil || made || second.KeyID != first.KeyID {
		t.Errorf("made %v, key %s, error %v; want key %s found", made, second, err, first)
	}
	public, err := keyfile.ReadPublic(filepath.Join(dir, "log"+keyfile.Public))
	if err != nil || es.KeyID(public) != first.KeyID {
		t.Errorf("public key %s, error %v; want %s", es.KeyID(public), err, first)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%d files in the folder, error %v; want 2", len(left), err)
	}
}

func TestTwoThatMakeTheSameKeyGetOne(t *testing.T) {
	dir := t.TempDir()
	ids := make([]string, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			s, _, err := keyfile.Open(dir, "log")
			if err != nil {
				t.Error(err)
			}
			ids[i] = s.KeyID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("keys differ: %v", ids)
		}
	}
}

func TestAKeyThatIsNotOneIsRefused(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(dir string) error
		want    error
	}{
		{"missing", func(string) error { return nil }, fs.ErrNotExist},
		{"readable by others", func(dir string) error {
			if _, _, err := keyfile.Open(dir, "log"); err != nil {
				return err
			}
			return os.Chmod(filepath.Join(dir, "log.key"), 0o640)
		}, keyfile.ErrExposed},
		{"something else", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "log.key"), []byte("c2hvcnQ="), 0o600)
		}, keyfile.ErrMalformed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := test.prepare(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := keyfile.Read(filepath.Join(dir, "log.key")); !errors.Is(err, test.want) {
				t.Errorf("error = %v, want %v", err, test.want)
			}
		})
	}
}

func TestAPublicHalfOfAnotherKeyIsRefused(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"log", "other"} {
		if _, _, err := keyfile.Open(dir, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(filepath.Join(dir, "other.pub"), filepath.Join(dir, "log.pub")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := keyfile.Open(dir, "log"); !errors.Is(err, keyfile.ErrMalformed) {
		t.Errorf("error = %v, want %v", err, keyfile.ErrMalformed)
	}
}
