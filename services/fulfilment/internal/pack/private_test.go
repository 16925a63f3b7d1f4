package pack_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"io/fs"
	"math"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/pack"
	"habeas.internal/services/internal/es/eventpb/eventpbtest"
)

func TestNobodyElseCanOpenThePackages(t *testing.T) {
	dir, keys := filepath.Join(t.TempDir(), "packages"), new(eventpbtest.Keys)
	u := url.URL{Scheme: "file", Path: dir, RawQuery: "create_dir=true&no_tmp_dir=true&metadata=skip"}
	s, err := pack.Open(t.Context(), u.String(), keys, keys)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // what was written is closed already
	write(t, s, name(first), []byte("jane@example.com"))
	seen := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		seen++
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %s", path, info.Mode())
		}
		return nil
	})
	if err != nil || seen != 3 {
		t.Errorf("%d files and folders, %v", seen, err)
	}
}

func TestNumbersThatAreNoneAreWritten(t *testing.T) {
	files, _ := archived(t, connector.Row{Collection: "score", Columns: []connector.Column{
		{Name: "a", Value: math.NaN()}, {Name: "b", Value: math.Inf(1)}, {Name: "c", Value: math.Inf(-1)}, {Name: "d", Value: 1.5},
	}})
	var rows []map[string]any
	if err := json.Unmarshal([]byte(files["1-shop/1-score.json"]), &rows); err != nil {
		t.Fatal(err)
	}
	if r := rows[0]; r["a"] != "NaN" || r["b"] != "Infinity" || r["c"] != "-Infinity" || r["d"] != 1.5 {
		t.Errorf("JSON: %v", rows)
	}
	if got := files["1-shop/1-score.csv"]; got != "a,b,c,d\r\nNaN,Infinity,-Infinity,1.5\r\n" {
		t.Errorf("CSV: %q", got)
	}
}

func TestSpreadsheetsRunNothingAndShowTelephoneNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"+44 20 7946 0001": "+44 20 7946 0001", "+442079460001": "+442079460001", "-12.50": "-12.50", "+1.5": "+1.5",
		"+1+cmd|' /C calc'!A0": "'+1+cmd|' /C calc'!A0", "=1": "'=1", "@SUM(A1)": "'@SUM(A1)", "-x": "'-x", "+44 (20) 1": "'+44 (20) 1",
		"\tx": "'\tx", "\rx": "'x", "a=b": "a=b", "50%": "50%", "|x": "|x", "": "",
	} {
		files, _ := archived(t, connector.Row{Collection: "c", Columns: []connector.Column{{Name: "a", Value: text}, {Name: "b", Value: "x"}}})
		records, err := csv.NewReader(strings.NewReader(files["1-shop/1-c.csv"])).ReadAll()
		if err != nil || records[1][0] != want {
			t.Errorf("%q is written as %q (%v), want %q", text, records, err, want)
		}
	}
}

func TestThePageShowsTheRowsAndWhereTheRestIs(t *testing.T) {
	var rows []connector.Row
	for i := range 1003 {
		rows = append(rows, connector.Row{Collection: "visit", Columns: []connector.Column{
			{Name: "page", Category: "user.behavior", Value: "page <" + strconv.Itoa(i) + ">"}, {Name: "photo", Value: []byte{1, 2, 3}},
		}})
	}
	long := strings.Repeat("\u00e9", 1500)
	rows = append(rows, connector.Row{Collection: "letter", Columns: []connector.Column{{Name: "body", Value: "Dear Jane,\nhello"}, {Name: "more", Value: long}}})
	files, counts := archived(t, rows...)
	html := files["index.html"]
	for _, want := range []string{
		"page &lt;0&gt;", "page &lt;999&gt;", "<p>3 more entries", "<small>user.behavior</small>", "(3 bytes, in the files)",
		"Dear Jane,\nhello", "shop: letter", "Kept in: us.", "default-src 'none'", "(the rest is in the files)", "</html>",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{"page &lt;1000&gt;", "page <", long} {
		if strings.Contains(html, not) {
			t.Errorf("the page has %q", not)
		}
	}
	if !utf8.ValidString(html) || strings.Count(html, "<table>") != strings.Count(html, "</table>") {
		t.Error("the page is broken")
	}
	if len(counts) != 2 || counts[0].Rows != 1003 || counts[1].Rows != 1 {
		t.Errorf("counts: %+v", counts)
	}
}

func TestOnlyRowsInEveryFormCount(t *testing.T) {
	calls := 0
	counts, err := pack.Archive(t.Context(), io.Discard, pack.Contents{Sources: []pack.Source{{
		System: "shop",
		Collect: func(_ context.Context, yield func(connector.Row) error) error {
			calls++
			for range 3 - calls { // fewer at each look
				if err := yield(connector.Row{Collection: "a"}); err != nil {
					return err
				}
			}
			if calls == 1 {
				return yield(connector.Row{Collection: "b"})
			}
			return nil
		},
	}}})
	if err != nil || len(counts) != 2 || counts[0].Rows != 1 || counts[1].Rows != 0 {
		t.Errorf("counts: %+v, %v", counts, err)
	}
}
