package conformance_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"habeas.internal/services/systemtest/stack"

	"github.com/redis/go-redis/v9"
)

// places are all that the installation has written: the log's files, the read
// models, the services' logs, spans, and everything in their folder.
func (w *world) places() map[string][]byte {
	w.Helper()
	out := map[string][]byte{"the services' logs": []byte(w.Logs.String()), "redis": w.redis()}
	for _, dir := range []string{w.Dir, w.NATS.Dir()} {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return nil //nolint:nilerr // the services go on working: a file may have gone
			}
			if content, err := os.ReadFile(path); err == nil {
				out[path] = content
			}
			return nil
		})
		if err != nil {
			w.Fatal(err)
		}
	}
	return out
}

// redis is every key with its serialised value.
func (w *world) redis() []byte {
	w.Helper()
	client := redis.NewClient(&redis.Options{Addr: w.Redis.Addr()})
	defer func() { _ = client.Close() }()
	var out bytes.Buffer
	it := client.Scan(stack.Deadline(w), 0, "*", 100).Iterator()
	for it.Next(stack.Deadline(w)) {
		out.WriteString(it.Val())
		value, _ := client.Dump(stack.Deadline(w), it.Val()).Result() // empty when it has just ended
		out.WriteString(value)
	}
	if err := it.Err(); err != nil {
		w.Fatal(err)
	}
	return out.Bytes()
}

// found are the places that hold a text, or one of its common hashes.
func found(places map[string][]byte, text string) []string {
	forms := []string{text, strings.ToLower(text), hex.EncodeToString([]byte(text)), base64.RawStdEncoding.EncodeToString([]byte(text))}
	long, short, old := sha256.Sum256([]byte(text)), sha1.Sum([]byte(text)), md5.Sum([]byte(text))
	for _, sum := range [][]byte{long[:], short[:], old[:]} {
		forms = append(forms, string(sum), hex.EncodeToString(sum), base64.RawStdEncoding.EncodeToString(sum), base64.RawURLEncoding.EncodeToString(sum))
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(places)) {
		if slices.ContainsFunc(forms, func(f string) bool { return bytes.Contains(places[name], []byte(f)) }) {
			out = append(out, name)
		}
	}
	return out
}
