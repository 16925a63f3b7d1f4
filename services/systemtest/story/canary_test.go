package story_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/redis/go-redis/v9"
)

// planted are values that exist nowhere else.
func planted() []string {
	return []string{"Quarkbottom", "wq.planted-7731@example.invalid", "5550177319", "Plantation Row 77"}
}

// plant gives them to a customer of the music shop.
func plant(t *testing.T, w *world) {
	t.Helper()
	p := planted()
	w.chinook.Run(t, `UPDATE customer SET last_name = $1, email = $2, phone = $3, address = $4 WHERE customer_id = 8`, p[0], p[1], p[2], p[3])
}

// showAndErase takes somebody through access and erasure and returns what the
// package held.
func (w *world) showAndErase(email string) string {
	w.Register(tenant, email)
	access := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ACCESS, policy, email))
	unpacked := strings.Join(values(w.Package(tenant, access.GetRequest())), "\n")
	w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, policy, email))
	return unpacked
}

// nowhere looks for the planted values in everything that Habeas wrote or sent
// but for the mail itself.
func (w *world) nowhere(t *testing.T, unpacked string, places map[string][]byte) {
	for _, v := range planted() {
		if !strings.Contains(unpacked, v) {
			t.Fatalf("the package lacks %q: there would be nothing to find", v)
		}
	}
	isNowhere(t, w.Stack, planted(), places)
}

// isNowhere stops the log and looks for values in its files, in all that the
// services have written, and in other places.
func isNowhere(t *testing.T, s *stack.Stack, texts []string, places map[string][]byte) {
	t.Helper()
	places["logs"] = []byte(s.Logs.String())
	s.NATS.Stop()
	files(t, places, s.Dir, s.NATS.Dir())
	for name, content := range places {
		if slices.Contains([]string{"redis", "metrics", "packets", "logs"}, name) && len(content) < 100 {
			t.Errorf("%s holds %d bytes: there was nothing to search", name, len(content))
		}
	}
	for _, value := range texts {
		for _, form := range forms(value) {
			for name, content := range places {
				if bytes.Contains(content, form) {
					t.Errorf("%s holds %q", name, form)
				}
			}
		}
	}
}

func values(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// forms are the shapes in which a planted value would be a find: as it is, in
// upper case, in hex and in base64 at each of its three alignments.
func forms(value string) [][]byte {
	out := [][]byte{[]byte(value), []byte(strings.ToUpper(value)), []byte(strings.ToLower(value)), []byte(hex.EncodeToString([]byte(value)))}
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + value))
		if inner := text[4 : len(text)-4]; len(inner) >= 8 { // less is found by chance
			out = append(out, []byte(inner))
		}
	}
	return out
}

// dump is every key of Redis with its serialized value.
func dump(t *testing.T, addr string) []byte {
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

// files adds every file under the folders.
func files(t *testing.T, places map[string][]byte, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			places[path], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
