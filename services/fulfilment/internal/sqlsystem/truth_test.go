package sqlsystem_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
)

const datasetHead = "dataset:\n- fides_key: d\n  collections:\n"

const noteFields = datasetHead + `  - name: note
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: body, data_categories: [user.content, user.financial]}
`

const notes = `CREATE TABLE note (id INTEGER PRIMARY KEY, email VARCHAR(80), body VARCHAR(80));
INSERT INTO note VALUES (1, 'ada@example.org', 'a tale of money'), (2, 'ada@example.org', NULL), (3, 'bob@example.org', 'another');`

func twoCategories(t *testing.T, db *sqltest.Database) {
	s := opened(t, db, noteFields, nil)
	who := person("ada@example.org")
	orders := ordersFor(locate(t, s, who), "user.financial")
	done := erase(t, s, who, orders)
	if got := doneOf(done, "note", "user.content"); got.Kept != 1 || got.Described || got.Deleted+got.Masked > 0 {
		t.Errorf("the bodies: %+v, want the one kept that is also something that has to stay", got)
	}
	if got := doneOf(done, "note", "user.contact.email"); got.Kept > 0 || got.Masked != 2 {
		t.Errorf("the addresses: %+v, want both masked", got)
	}
	want := []string{"NULL | a tale of money", "NULL | NULL", "bob@example.org | another"}
	if diff := cmp.Diff(want, db.Rows(t, "SELECT email, body FROM note ORDER BY id")); diff != "" {
		t.Errorf("the notes (-want +got):\n%s", diff)
	}
	nothingLeft(t, s, who, orders)
	nothingMoreToDo(t, db, s, who, orders)
}

// In chunks the address is gone before the last transaction, which finds nobody.
func twoCategoriesInChunks(t *testing.T, db *sqltest.Database) {
	const crowd = 30
	db.Run(t, many("note", "(#, 'ada@example.org', 'money')", 1000, crowd))
	s := opened(t, db, noteFields, func(c *sqlsystem.Config) { c.Rows, c.Chunk = 10, 4 })
	who := person("ada@example.org")
	orders := ordersFor(locate(t, s, who), "user.financial")
	calls := 0
	done, err := s.Erase(t.Context(), who, orders, func(_ context.Context, done []connector.Done) error {
		calls++
		if got := doneOf(done, "note", "user.content"); got.Kept != crowd+1 {
			t.Errorf("before commit %d: %+v, want %d kept", calls, got, crowd+1)
		}
		return nil
	})
	if got := doneOf(done, "note", "user.content"); err != nil || got.Kept != crowd+1 || calls < 3 {
		t.Errorf("after %d transactions (%v): %+v, want %d kept", calls, err, got, crowd+1)
	}
}

const profileFields = datasetHead + `  - name: customer
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
  - name: profile
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: customer, data_categories: [system.operations], fides_meta: {references: [{dataset: d, field: customer.id, direction: from}]}}
    - {name: nick, data_categories: [user.name]}
    - {name: handle, data_categories: [user.name]}
    - {name: spent, data_categories: [user.financial]}
`

const profiles = `CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(80));
CREATE TABLE profile (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, nick VARCHAR(20) NOT NULL UNIQUE, handle VARCHAR(60) NOT NULL UNIQUE, spent INTEGER);
INSERT INTO customer VALUES (1, 'ada@example.org'), (2, 'bob@example.org');
INSERT INTO profile VALUES (1, 1, '~Ada Lovelace', 'erased-ada.lovelace', 5), (2, 2, 'Bob', 'bob', 6);`

func valuesLikeTokens(t *testing.T, db *sqltest.Database) {
	s := opened(t, db, profileFields, nil)
	who := person("ada@example.org")
	orders := ordersFor(locate(t, s, who), "user.financial", "user.contact.email") // the person stays findable
	for _, found := range locate(t, s, who) {
		if found.Category == "user.name" && found.Rows != 1 {
			t.Errorf("the names found: %+v", found)
		}
	}
	left, err := s.Verify(t.Context(), who, orders)
	if err != nil || len(left) != 1 || left[0].Rows != 1 {
		t.Errorf("before the erasure a look finds %+v (%v), want the name", left, err)
	}
	if got := doneOf(erase(t, s, who, orders), "profile", "user.name"); got.Masked != 1 {
		t.Errorf("the names: %+v, want them masked", got)
	}
	if got := db.Find(t, "Lovelace", "lovelace"); got != nil {
		t.Errorf("the name is still in %v", got)
	}
	nothingLeft(t, s, who, orders)
	nothingMoreToDo(t, db, s, who, orders)
	other := who // another request for the same person, whose key is its own
	other.Key = []byte("another key of 32 bytes for tests")
	erase(t, s, other, orders)
	nothingLeft(t, s, other, orders)
	nothingMoreToDo(t, db, s, other, orders)
}

func TestARowWithoutAReadableStartMayHaveStartedJustNow(t *testing.T) {
	db := sqltest.SQLite(t, `CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(80));
CREATE TABLE invoice (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, issued DATETIME, total INTEGER);
INSERT INTO customer VALUES (1, 'ada@example.org')`)
	s := opened(t, db, datasetHead+`  - name: customer
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
  - name: invoice
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: customer, data_categories: [system.operations], fides_meta: {references: [{dataset: d, field: customer.id, direction: from}]}}
    - {name: issued, data_categories: [system.operations], fides_meta: {habeas: {start: true}}}
    - {name: total, data_categories: [user.financial]}
`, nil)
	for rows, want := range map[string]time.Time{
		"(1, 1, NULL, 9)":                                        {},
		"(1, 1, '2010-01-01', 9)":                                time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC),
		"(1, 1, '2010-01-01', 9), (2, 1, '2011-01-01', 9)":       time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC),
		"(1, 1, '2010-01-01', 9), (2, 1, NULL, 9)":               {},
		"(1, 1, NULL, 9), (2, 1, '2010-01-01', 9)":               {},
		"(1, 1, '2010-01-01', 9), (2, 1, 'the first of May', 9)": {},
	} {
		db.Run(t, "DELETE FROM invoice")
		db.Run(t, "INSERT INTO invoice VALUES "+rows)
		if got := sinceOf(locate(t, s, person("ada@example.org")), "invoice"); !got.Equal(want) {
			t.Errorf("%s: since %s, want %s", rows, got, want)
		}
	}
}

func internationalDomains(t *testing.T, db *sqltest.Database) {
	s := opened(t, db, profileFields, nil)
	for i, email := range []string{"jane@b\u00fccher.de", "Jane@xn--bcher-kva.de"} {
		db.Run(t, fmt.Sprintf("INSERT INTO customer VALUES (%d, '%s')", 10+i, email))
	}
	for _, email := range []string{"jane@xn--bcher-kva.de", "jane@b\u00fccher.de"} {
		if got := rowsOf(locate(t, s, person(email)), "customer"); got != 2 {
			t.Errorf("%s finds %d customers, want both", email, got)
		}
	}
	if got := rowsOf(locate(t, s, person("jane@bucher.de")), "customer"); got != 0 {
		t.Errorf("another domain finds %d customers", got)
	}
}

func TestSQLiteTimesAreMaskedInTheFormThatTheyHave(t *testing.T) {
	db := sqltest.SQLite(t, "")
	masks(t, db, []string{"DATETIME", "DATE", "TIMESTAMP", "DATETIME"},
		[]string{"'2020-02-03 04:05:06'", "'2020-02-03'", "1580702706", "1580702706.25"}, nil)
	raw := db.Rows(t, "SELECT typeof(c0) || ' ' || CAST(c0 AS TEXT), CAST(c1 AS TEXT), CAST(c2 AS TEXT), CAST(c3 AS TEXT) FROM typed WHERE id = 1")
	if diff := cmp.Diff([]string{"text 1970-01-01 00:00:00 | 1970-01-01 | 0 | 0"}, raw); diff != "" {
		t.Errorf("the times (-want +got):\n%s", diff)
	}
}

func TestErasedValuesAreNotInTheFileEither(t *testing.T) {
	for _, mode := range []string{"DELETE", "WAL"} {
		t.Run(mode, func(t *testing.T) {
			db := sqltest.SQLite(t, shopSchema)
			s := described(t, db, "shop.yaml", nil)
			db.Rows(t, "PRAGMA journal_mode = "+mode)
			who := person("ada@example.org")
			erase(t, s, who, ordersFor(locate(t, s, who), "user.financial"))
			path := strings.TrimPrefix(db.DSN, "file:")
			path, _, _ = strings.Cut(path, "?")
			files, err := filepath.Glob(path + "*")
			if err != nil || len(files) == 0 {
				t.Fatalf("files %v, %v", files, err)
			}
			for _, name := range files {
				data, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				for _, value := range []string{"ada@", "Ada@", "Ada Secret", "ring twice", "7946-0001"} {
					if bytes.Contains(data, []byte(value)) {
						t.Errorf("%s still holds %q", filepath.Base(name), value)
					}
				}
			}
		})
	}
}

// In chunks the address is gone before the last transaction, which finds nobody.
func keysInChunks(t *testing.T, db *sqltest.Database) {
	const crowd = 30
	db.Run(t, many("note", "(#, 'ada@example.org', 'money')", 1000, crowd))
	text := strings.Replace(noteFields, "[system.operations]", "[user.unique_id]", 1)
	s := opened(t, db, text, func(c *sqlsystem.Config) { c.Rows, c.Chunk = 10, 4 })
	who := person("ada@example.org")
	done := erase(t, s, who, ordersFor(locate(t, s, who), "user.financial", "user.content"))
	if got := doneOf(done, "note", "user.unique_id"); got.Kept != crowd+2 {
		t.Errorf("the keys: %+v, want %d kept", got, crowd+2)
	}
}
