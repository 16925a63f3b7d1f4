package natsd_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/internal/natsd"
)

func TestADoubtfulStartIsRefusedAndChangesNoFile(t *testing.T) {
	right, wrong := testKey("r"), testKey("w")
	for name, c := range map[string]struct {
		made     natsd.Key
		spoil    func(t *testing.T, dir string)
		key, old natsd.Key
		want     natsd.Reason
	}{
		"the wrong key":                    {made: right, key: wrong, want: natsd.WrongKey},
		"two wrong keys":                   {made: right, key: wrong, old: testKey("x"), want: natsd.WrongKey},
		"no key":                           {made: right, want: natsd.KeyMissing},
		"a key for a plain store":          {key: right, want: natsd.KeyNotExpected},
		"no check beside a plain store":    {spoil: removeCheck, want: natsd.CheckMissing},
		"no check beside encrypted blocks": {made: right, spoil: removeCheck, key: right, want: natsd.CheckMissing},
		"a check cut short":                {made: right, spoil: cutCheck, key: right, want: natsd.CheckDamaged},
		"a check that says nothing":        {made: right, spoil: emptyCheck, key: right, want: natsd.CheckDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, admin := configuration(t)
			cfg.Key = c.made
			fill(t, cfg, admin)
			intact := readCheck(t, cfg.Dir)
			if c.spoil != nil {
				c.spoil(t, cfg.Dir)
			}
			before := hashTree(t, cfg.Dir)

			bad := cfg
			bad.Key, bad.OldKey = c.key, c.old
			expectRefused(t, bad, c.want)

			if diff := cmp.Diff(before, hashTree(t, cfg.Dir)); diff != "" {
				t.Errorf("files changed (-before +after):\n%s", diff)
			}
			writeCheck(t, cfg.Dir, intact)
			expectMessages(t, connect(t, run(t, cfg), admin), 5)
		})
	}
}

func TestTwoServersNeverShareADirectory(t *testing.T) {
	cfg, _ := configuration(t)
	first := run(t, cfg)
	expectRefused(t, cfg, natsd.StoreInUse)
	first.Shutdown()
	run(t, cfg)
}

func TestAStreamThatCannotBeRecoveredStopsTheStart(t *testing.T) {
	cfg, admin := configuration(t)
	fill(t, cfg, admin)
	sum := filepath.Join(natsd.StreamFolder(filepath.Join(cfg.Dir, "store-1"), "LOG"), "meta.sum")
	kept, err := os.ReadFile(sum)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(sum, []byte("0000000000000000"), 0o600); err != nil {
		t.Fatal(err)
	}
	expectRefused(t, cfg, natsd.StoreIncomplete)

	if err := os.WriteFile(sum, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	expectMessages(t, connect(t, run(t, cfg), admin), 5)
}

func TestKeyFilesAreMadeOnceAndKeptSecret(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	path := filepath.Join(dir, "jetstream.key")
	first, err := natsd.OpenKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := natsd.OpenKey(path); err != nil || again != first {
		t.Errorf("the second opening gave another key (%v)", err)
	}
	user, err := natsd.OpenUserKey(dir, "consent")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := natsd.OpenUserKey(dir, "consent"); err != nil || again != user {
		t.Errorf("the second opening gave another user key (%v)", err)
	}
	for _, file := range []string{path, user.SeedFile} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is not a file for its owner alone (%v)", filepath.Base(file), err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := natsd.OpenKey(path); err == nil {
		t.Error("a key that others may read was taken")
	}
	if _, err := natsd.OpenUserKey(dir, "../consent"); err == nil {
		t.Error("a name that leaves the folder was taken")
	}
}

// fill makes a store with five messages in it.
func fill(t *testing.T, cfg natsd.Config, admin natsd.UserKey) {
	t.Helper()
	s := run(t, cfg)
	conn := connect(t, s, admin)
	publish(t, conn, 5)
	conn.Close()
	s.Shutdown()
}

func expectRefused(t *testing.T, cfg natsd.Config, want natsd.Reason) {
	t.Helper()
	s, err := natsd.Start(t.Context(), cfg)
	if err == nil {
		s.Shutdown()
		t.Fatalf("the server started, want refusal %s", want)
	}
	var refused *natsd.RefusedError
	if !errors.As(err, &refused) || refused.Reason != want {
		t.Fatalf("got %v, want refusal %s", err, want)
	}
}

func checkPath(dir string) string { return filepath.Join(dir, "store-check.json") }

func readCheck(t *testing.T, dir string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(checkPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]any{}
	if err := json.Unmarshal(text, &content); err != nil {
		t.Fatal(err)
	}
	return content
}

func writeCheck(t *testing.T, dir string, content map[string]any) {
	t.Helper()
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(checkPath(dir), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func removeCheck(t *testing.T, dir string) {
	if err := os.Remove(checkPath(dir)); err != nil {
		t.Fatal(err)
	}
}

func cutCheck(t *testing.T, dir string) {
	if err := os.Truncate(checkPath(dir), 20); err != nil {
		t.Fatal(err)
	}
}

func emptyCheck(t *testing.T, dir string) { writeCheck(t, dir, map[string]any{}) }

// hashTree gives a digest of each file below dir, with its mode and time.
func hashTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		tree[path] = info.Mode().String() + " " + info.ModTime().String()
		if entry.IsDir() {
			return nil
		}
		content, err := os.ReadFile(path)
		sum := sha256.Sum256(content)
		tree[path] += " " + string(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
