package pack_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/pack"
	"habeas.internal/services/internal/es/eventpb/eventpbtest"
	"habeas.internal/services/internal/seal"
)

const (
	request = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	first   = "bbbbbbbbbbbbbbbbbbbbbbbbba"
	second  = "ccccccccccccccccccccccccca"
)

func open(t *testing.T) (*pack.Store, *eventpbtest.Keys, string) {
	t.Helper()
	dir, keys := t.TempDir(), new(eventpbtest.Keys)
	u := url.URL{Scheme: "file", Path: dir, RawQuery: "no_tmp_dir=true&metadata=skip"}
	s, err := pack.Open(t.Context(), u.String(), keys, keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, keys, dir
}

func name(p string) pack.Name { return pack.Name{Tenant: "acme", Request: request, Package: p} }

func read(t *testing.T, s *pack.Store, n pack.Name) ([]byte, error) {
	t.Helper()
	var out []byte
	err := s.Read(t.Context(), n, func(b []byte) error { out = append(out, b...); return nil })
	return out, err
}

func write(t *testing.T, s *pack.Store, n pack.Name, data []byte) {
	t.Helper()
	size, err := s.Write(t.Context(), n, func(w io.Writer) error { _, err := w.Write(data); return err })
	if err != nil || size != uint64(len(data)) {
		t.Fatalf("%d bytes, error %v", size, err)
	}
}

func TestWhatIsStoredIsReadAndNobodyElseCanReadIt(t *testing.T) {
	s, keys, dir := open(t)
	data := bytes.Repeat([]byte("jane@example.com "), 100_000) // several chunks
	write(t, s, name(first), data)
	if got, err := read(t, s, name(first)); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, error %v", len(got), err)
	}
	stored, err := os.ReadFile(filepath.Join(dir, "acme", first))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(stored, []byte("jane")) {
		t.Error("the store holds data in clear")
	}
	holder, err := seal.NewHolder(seal.Request, request)
	if err != nil {
		t.Fatal(err)
	}
	keys.Destroy(seal.KeyID{Tenant: "acme", Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_PACKAGE})
	if _, err := read(t, s, name(first)); !errors.Is(err, pack.ErrGone) {
		t.Errorf("after the key's end: %v", err)
	}
}

func TestAChangedPackageIsNotGivenOut(t *testing.T) {
	s, _, dir := open(t)
	write(t, s, name(first), bytes.Repeat([]byte("a"), 600<<10))
	write(t, s, name(second), []byte("other"))
	file := filepath.Join(dir, "acme", first)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	chunk := len(whole) / 3
	for what, stored := range map[string][]byte{
		"cut off": whole[:len(whole)-100], "cut off at a chunk": whole[:4+frameSize(whole)], "empty": {},
		"turned": append(bytes.Clone(whole[4+frameSize(whole):]), whole[:4+frameSize(whole)]...),
		"a byte": flip(whole, chunk), "a length": append([]byte{255, 255, 255, 255}, whole[4:]...),
	} {
		if err := os.WriteFile(file, stored, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := read(t, s, name(first))
		if !errors.Is(err, pack.ErrBroken) {
			t.Errorf("%s: %d bytes, error %v", what, len(got), err)
		}
	}
	moved, err := os.ReadFile(filepath.Join(dir, "acme", second))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, moved, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, s, name(first)); !errors.Is(err, pack.ErrBroken) {
		t.Errorf("another package in its place: %v", err)
	}
}

func frameSize(b []byte) int { return int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3]) }

func flip(b []byte, i int) []byte {
	out := bytes.Clone(b)
	out[i] ^= 1
	return out
}

func TestAPackageThatFailsIsNotStored(t *testing.T) {
	s, _, _ := open(t)
	_, err := s.Write(t.Context(), name(first), func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 300<<10)); err != nil {
			return err
		}
		return connector.ErrUnreachable
	})
	if !errors.Is(err, connector.ErrUnreachable) {
		t.Errorf("error %v", err)
	}
	if _, err := read(t, s, name(first)); !errors.Is(err, pack.ErrGone) {
		t.Errorf("it is there: %v", err)
	}
	if err := s.Delete(t.Context(), "acme", first); err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
}

// archived is the content of an archive of some rows.
func archived(t *testing.T, rows ...connector.Row) (map[string]string, []pack.Count) {
	t.Helper()
	var b bytes.Buffer
	counts, err := pack.Archive(t.Context(), &b, pack.Contents{
		Request: request, MadeAt: time.Unix(1790000000, 0), ExpiresAt: time.Unix(1790000000, 0).AddDate(0, 0, 30),
		Sources: []pack.Source{{
			System: "shop", Region: "us", Categories: map[string][]string{"customer": {"user.contact"}},
			Collect: func(_ context.Context, yield func(connector.Row) error) error {
				for _, r := range rows {
					if err := yield(r); err != nil {
						return err
					}
				}
				return nil
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files, counts
}

func TestAnArchiveHoldsEveryRowTwiceAndAPage(t *testing.T) {
	hostile := `<script>alert(1)</script>`
	files, counts := archived(t,
		connector.Row{Collection: "customer", Columns: []connector.Column{
			{Name: "id", Value: int64(-1)},
			{Name: "name", Value: `=HYPERLINK("http://evil")`},
			{Name: "born", Value: time.Unix(0, 0).UTC()},
			{Name: "photo", Value: []byte{1, 2}},
			{Name: "note", Value: nil},
			{Name: "amount", Value: "-12.50"},
		}},
		connector.Row{Collection: "customer", Columns: []connector.Column{
			{Name: "id", Value: int64(2)},
			{Name: "name", Value: hostile},
			{Name: "born", Value: nil},
			{Name: "photo", Value: nil},
			{Name: "note", Value: "a\nb,\"c\""},
			{Name: "amount", Value: "@SUM(A1)"},
		}},
		connector.Row{Collection: "../../etc/" + hostile, Columns: []connector.Column{{Name: "x", Value: true}}},
	)
	var rows []map[string]any
	if err := json.Unmarshal([]byte(files["1-shop/1-customer.json"]), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0]["name"] != `=HYPERLINK("http://evil")` || rows[0]["photo"] != "AQI=" || rows[1]["note"] != "a\nb,\"c\"" {
		t.Errorf("JSON: %v", rows)
	}
	records, err := csv.NewReader(strings.NewReader(files["1-shop/1-customer.csv"])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != 3 || records[1][1] != `'=HYPERLINK("http://evil")` || records[2][5] != "'@SUM(A1)" || records[1][0] != "-1" || records[1][5] != "-12.50" {
		t.Errorf("CSV: %q", records)
	}
	page := files["index.html"]
	if strings.Contains(page, hostile) || !strings.Contains(page, "user.contact") || !strings.Contains(page, request) {
		t.Errorf("page: %s", page)
	}
	for name := range files {
		if strings.Contains(name, "..") || strings.ContainsAny(name, "<>") {
			t.Errorf("file %q", name)
		}
	}
	if len(counts) != 2 || counts[0].Rows != 2 {
		t.Errorf("counts: %v", counts)
	}
}
