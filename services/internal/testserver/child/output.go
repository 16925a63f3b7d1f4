package child

import (
	"io"
	"os"
	"testing"
)

// shownBytes bounds what a failed test prints of one process.
const shownBytes = 64 << 10

// ShowOnFailure prints the end of a command's output when the test has failed.
// Call it once per command, before the first Start.
func ShowOnFailure(t testing.TB, c Command) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("output of %s:\n%s", c.Name, Tail(c.LogFile()))
		}
	})
}

// Tail returns the last 64 KiB of a file, or why it could not be read.
func Tail(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close() //nolint:errcheck // only read
	if info, err := file.Stat(); err == nil && info.Size() > shownBytes {
		if _, err := file.Seek(-shownBytes, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
