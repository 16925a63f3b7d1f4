package chaos_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// files is what a server keeps of one stream, while the server is down.
type files struct{ dir string }

// streamFiles finds the files of the stream under a server's data directory.
func streamFiles(t *testing.T, data string) files {
	t.Helper()
	dir := streamFilesIn(data)
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("no files of %s under the data directory: %v", stream, err)
	}
	return files{dir}
}

func streamFilesIn(data string) string {
	return filepath.Join(data, "jetstream", "HABEAS", "streams", stream, "msgs")
}

// blocks are the paths of the stream's message files, oldest first.
func (f files) blocks(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(f.dir, "*.blk"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no blocks: %v", err)
	}
	slices.SortFunc(found, func(a, b string) int {
		if len(a) != len(b) { // 9.blk comes before 10.blk
			return len(a) - len(b)
		}
		return bytes.Compare([]byte(a), []byte(b))
	})
	return found
}

// flip turns one bit over in the record that holds the text, which is to be
// found once.
func (f files) flip(t *testing.T, text string) {
	t.Helper()
	for _, path := range f.blocks(t) {
		content := read(t, path)
		at := bytes.Index(content, []byte(text))
		if at < 0 {
			continue
		}
		content[at] ^= 1
		write(t, path, content)
		return
	}
	t.Fatal("the record to damage is in no block")
}

// truncate cuts a block to so many percent of its length.
func (f files) truncate(t *testing.T, block, percent int) {
	t.Helper()
	path := f.blocks(t)[block]
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()*int64(percent)/100); err != nil {
		t.Fatal(err)
	}
}

// remove removes a block.
func (f files) remove(t *testing.T, block int) {
	t.Helper()
	if err := os.Remove(f.blocks(t)[block]); err != nil {
		t.Fatal(err)
	}
}

// forgetIndex removes the index, as if the server had crashed before it wrote
// one.
func (f files) forgetIndex(t *testing.T) {
	t.Helper()
	if err := os.Remove(filepath.Join(f.dir, "index.db")); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// copyDir makes to a copy of from, and nothing else.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
