// Package canary looks for values that a test has planted: in packets, files,
// Redis and whatever else a test gives it.
package canary

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Nowhere fails the test for each place that holds a value in any form, and for
// places in which there was nothing to search.
func Nowhere(t testing.TB, values []string, places map[string][]byte) {
	t.Helper()
	for name, content := range places {
		if slices.Contains([]string{"redis", "metrics", "packets", "logs", "export"}, name) && len(content) < 100 {
			t.Errorf("%s holds %d bytes: there was nothing to search", name, len(content))
		}
	}
	for _, value := range values {
		for _, form := range Forms(value) {
			for name, content := range places {
				if bytes.Contains(content, form) {
					t.Errorf("%s holds %q", name, form)
				}
			}
		}
	}
}

// Forms are the shapes in which a planted value would be a find: as it is, in
// upper case, in hex and in base64 at each of its three alignments.
func Forms(value string) [][]byte {
	out := [][]byte{[]byte(value), []byte(strings.ToUpper(value)), []byte(strings.ToLower(value)), []byte(hex.EncodeToString([]byte(value)))}
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + value))
		if inner := text[4 : len(text)-4]; len(inner) >= 8 { // less is found by chance
			out = append(out, []byte(inner))
		}
	}
	return out
}

// Dump is every key of Redis with its serialized value.
func Dump(t testing.TB, addr string) []byte {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out []byte
	it := client.Scan(ctx, 0, "*", 100).Iterator()
	for it.Next(ctx) {
		value, err := client.Dump(ctx, it.Val()).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(append(out, it.Val()...), '\n'), value...)
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// Files adds every file under the folders.
func Files(t testing.TB, places map[string][]byte, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a running server has taken it away
			}
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			places[path], err = os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
