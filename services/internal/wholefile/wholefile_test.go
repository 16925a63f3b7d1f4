package wholefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"habeas.internal/services/internal/wholefile"
)

// TestAFileIsReadWholeOrRefused: never a part of it, and never without an end.
func TestAFileIsReadWholeOrRefused(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"empty": 0, "fits": 8, "large": 9} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("a", size)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		size int
		err  error
	}{
		{filepath.Join(dir, "empty"), 0, nil},
		{filepath.Join(dir, "fits"), 8, nil},
		{filepath.Join(dir, "large"), 0, wholefile.ErrTooLarge},
		{filepath.Join(dir, "none"), 0, fs.ErrNotExist},
		{"/dev/zero", 0, wholefile.ErrTooLarge},
	} {
		text, err := wholefile.Read(tc.name, 8)
		if len(text) != tc.size || !errors.Is(err, tc.err) {
			t.Errorf("%s: %d bytes, %v", tc.name, len(text), err)
		}
	}
}
