package systemtest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/vault"

	"github.com/redis/go-redis/v9"
)

// planted are values that exist nowhere else.
func planted() []string {
	return []string{"Wilhelmina Quarkbottom", "wq.planted-7731@example.invalid", "+49 30 55501 7731"}
}

// forms are the shapes in which a planted value would be a find: as it is, in
// hex and in base64 at each of its three alignments.
func forms(value string) [][]byte {
	out := [][]byte{[]byte(value), []byte(strings.ToUpper(value)), []byte(hex.EncodeToString([]byte(value)))}
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + value))
		out = append(out, []byte(text[4:len(text)-4])) // what does not depend on the neighbours
	}
	return out
}

func TestPlantedValuesAreFoundInClearNowhere(t *testing.T) {
	w := newWorld(t)
	d := w.start(t)
	product, agent := w.client(t, d.Addr, "acme", "product"), w.client(t, d.Addr, "acme", "agent")
	book := openBook(t, product, time.Now().Add(time.Hour)).GetBook()
	var guest []string
	var answers []string
	for i, value := range planted() {
		request := fmt.Sprintf("00000000-0000-4000-8000-0000000001%02d", i)
		guest = append(guest, sign(t, product, book, request, value).GetGuest())
		for _, bad := range []*samplev1.SignRequest{ // every way to be refused with a value in hand
			{RequestId: request, Book: book, Name: value + " again"},
			{RequestId: value, Book: value, Name: value},
			{RequestId: request, Book: book, Name: strings.Repeat(value, 300)},
			{RequestId: request, Book: strings.Repeat("a", 26), Name: value},
		} {
			_, err := product.Sign(deadline(t), bad)
			answers = append(answers, fmt.Sprint(err))
		}
	}
	if names, err := guests(withPurpose(deadline(t)), agent, book); err != nil || strings.Join(names, "|") != strings.Join(planted(), "|") {
		t.Fatalf("the values went in and did not come out: %q, %v", names, err)
	}
	for i, ref := range guest {
		holder, err := seal.NewHolder(seal.Subject, ref)
		if err != nil {
			t.Fatal(err)
		}
		id := seal.KeyID{Tenant: "acme", Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_PROFILE}
		if err := d.Keys.Vault.Destroy(deadline(t), vault.Order{Key: id, Reason: "ERASURE", CommandID: fmt.Sprintf("erase-%d", i)}); err != nil {
			t.Fatalf("destroy: %v", err)
		}
		if err := d.Keys.KEKs.Rotate(deadline(t), kek.Partition{Tenant: "acme", Name: es.Partition("acme", holder.String())}); err != nil {
			t.Fatalf("rotate: %v", err)
		}
	}
	if names, err := guests(withPurpose(deadline(t)), agent, book); err != nil || strings.Join(names, ",") != "[erased],[erased],[erased]" {
		t.Fatalf("names after the erasure: %q, %v", names, err)
	}
	places := map[string][]byte{
		"metrics": scrape(t, d.Ops), "redis": dump(t, w.redis.Addr()), "answers": []byte(strings.Join(answers, "\n")),
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	places["logs"] = []byte(w.logs.String())
	w.nats.Stop()
	files(t, places, w.dir, w.nats.Dir())
	for _, want := range []string{"metrics", "redis", "logs", w.spans} {
		if len(places[want]) < 100 {
			t.Errorf("%s holds %d bytes: there was nothing to search", want, len(places[want]))
		}
	}
	search(t, places)
}

// search looks for every form of every planted value, and first whether it
// would find one.
func search(t *testing.T, places map[string][]byte) {
	t.Helper()
	for _, value := range planted() {
		for _, form := range forms(value) {
			sample := []byte(base64.StdEncoding.EncodeToString([]byte("x"+value+"y")) + value + strings.ToUpper(value) + hex.EncodeToString([]byte(value)) +
				base64.StdEncoding.EncodeToString([]byte(value+"y")) + base64.StdEncoding.EncodeToString([]byte("xx"+value+"y")))
			if !bytes.Contains(sample, form) {
				t.Fatalf("the search is blind for %q", form)
			}
			for name, content := range places {
				if bytes.Contains(content, form) {
					t.Errorf("%s holds %q", name, form)
				}
			}
		}
	}
}

func scrape(t *testing.T, addr string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(deadline(t), http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// dump is every key of Redis with its serialized value.
func dump(t *testing.T, addr string) []byte {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = client.Close() }()
	ctx := context.Background()
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
