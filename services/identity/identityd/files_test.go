package identityd_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

var errNotYet = errors.New("not yet")

// scanFiles lists the files of the world, the event log's own among them, that
// hold a planted value.
func (w *world) scanFiles(t *testing.T, planted []string) []string {
	t.Helper()
	var found []string
	for _, root := range []string{w.dir, w.nats.Dir()} {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, p := range planted {
				if bytes.Contains(data, []byte(p)) {
					found = append(found, filepath.Base(path)+": "+p)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
