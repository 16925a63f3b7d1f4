// Package connectortest holds what every connector owes its callers, as tests: each
// implementation runs the same ones, over the same contacts and notes.
package connectortest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/internal/sqltest"
)

// Described is the dataset of the contacts and notes.
const Described = `dataset:
- fides_key: crm
  collections:
  - name: contact
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: name, data_categories: [user.name]}
    - {name: since, data_categories: [system.operations], fides_meta: {habeas: {start: true}}}
  - name: note
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: contact_id, data_categories: [system.operations], fides_meta: {references: [{dataset: crm, field: contact.id, direction: from}]}}
    - {name: text, data_categories: [user.content]}
    - {name: since, data_categories: [system.operations], fides_meta: {habeas: {start: true}}}
`

const schema = `
CREATE TABLE contact (id TEXT NOT NULL PRIMARY KEY, email TEXT, name TEXT, since DATETIME NOT NULL);
CREATE TABLE note (id TEXT NOT NULL PRIMARY KEY, contact_id TEXT NOT NULL REFERENCES contact(id), text TEXT, tag TEXT, since DATETIME NOT NULL);
CREATE INDEX note_contact ON note (contact_id);
INSERT INTO contact VALUES ('c1', 'ada@example.org', 'Ada Secret', '2020-02-01 10:00:00'), ('c2', 'bob@example.org', 'Bob Public', '2020-02-02 10:00:00');
INSERT INTO note VALUES ('n1', 'c1', 'likes secrets', 'x', '2021-03-01 10:00:00'), ('n2', 'c1', 'wrote a secret', NULL, '2022-04-01 10:00:00'), ('n3', 'c2', 'likes nothing', NULL, '2021-05-01 10:00:00');
`

// parts of the contacts and notes, all of them.
func parts() []connector.Part {
	return []connector.Part{{Collection: "contact", Category: "user.contact.email"}, {Collection: "contact", Category: "user.name"}, {Collection: "note", Category: "user.content"}}
}

// Open opens the connector under test over a database with the contacts and notes.
type Open func(t *testing.T, db *sqltest.Database, d *dataset.Dataset) connector.System

// Run runs every test, each over a database of its own.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, fixture){
		"every part is found, and nothing of others":                located,
		"a digest changes with the rows and the key alone":          digests,
		"looking changes nothing":                                   looking,
		"every row is shown with its categories":                    shown,
		"everything goes, and nothing of others":                    erased,
		"what is kept stays as it was":                              kept,
		"what the caller refuses is not committed":                  refused,
		"what is told before the last commit is what was done":      told,
		"rows that nobody has judged are not touched":               unjudged,
		"an order for what is not described is refused":             undescribed,
		"what has not gone is found again":                          remaining,
		"many rows go in chunks, and a cut is mended by a new look": chunked,
		"a person of whom nothing is held is no error":              nobody,
		"an address with quotes and wildcards finds itself alone":   weird,
	} {
		t.Run(name, func(t *testing.T) {
			db := sqltest.SQLite(t, schema)
			d, err := dataset.Parse([]byte(Described))
			if err != nil {
				t.Fatal(err)
			}
			test(t, fixture{db, open(t, db, d)})
		})
	}
}

type fixture struct {
	db  *sqltest.Database
	sys connector.System
}

func person(email string) connector.Person {
	return connector.Person{Identifiers: []connector.Identifier{{Kind: "email", Value: email}}, Key: []byte("a key of 32 bytes for the tests."), Zone: time.UTC}
}

func ada() connector.Person { return person("ada@example.org") }

func (f fixture) locate(t *testing.T, p connector.Person) map[connector.Part]connector.Found {
	t.Helper()
	all, err := f.sys.Locate(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	out := map[connector.Part]connector.Found{}
	for _, found := range all {
		out[found.Part] = found
	}
	if len(out) != len(parts()) || len(all) != len(parts()) {
		t.Fatalf("got %d parts, want each of %d once", len(all), len(parts()))
	}
	return out
}

// orders are for all that is found, to be erased but for some categories.
func (f fixture) orders(t *testing.T, p connector.Person, but ...string) []connector.Order {
	t.Helper()
	found := f.locate(t, p)
	var out []connector.Order
	for _, part := range parts() {
		at := found[part]
		out = append(out, connector.Order{Part: part, Erase: !slices.Contains(but, part.Category), Rows: at.Rows, Since: at.Since})
	}
	return out
}

func agreed(context.Context, []connector.Done) error { return nil }

func (f fixture) erase(t *testing.T, p connector.Person, orders []connector.Order) map[connector.Part]connector.Done {
	t.Helper()
	all, err := f.sys.Erase(t.Context(), p, orders, agreed)
	if err != nil {
		t.Fatal(err)
	}
	out := map[connector.Part]connector.Done{}
	for _, done := range all {
		out[done.Part] = done
	}
	return out
}

func (f fixture) left(t *testing.T, p connector.Person, orders []connector.Order) (n uint64) {
	t.Helper()
	all, err := f.sys.Verify(t.Context(), p, orders)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range all {
		n += found.Rows
	}
	return n
}

// all is everything that the database holds.
func (f fixture) all(t *testing.T) string {
	t.Helper()
	return strings.Join(append(f.db.Rows(t, "SELECT * FROM contact ORDER BY id"), f.db.Rows(t, "SELECT * FROM note ORDER BY id")...), "\n")
}

func located(t *testing.T, f fixture) {
	found := f.locate(t, ada())
	want := map[string]uint64{"contact": 1, "note": 2}
	for part, at := range found {
		if at.Rows != want[part.Collection] || at.Shared != 0 {
			t.Errorf("%s: %d rows, %d shared", part.Collection, at.Rows, at.Shared)
		}
	}
	since := found[parts()[2]].Since
	if want := time.Date(2022, 4, 1, 10, 0, 0, 0, time.UTC); !since.Equal(want) {
		t.Errorf("the latest note began at %s, want %s", since, want)
	}
	if got := f.sys.IdentityColumns("email"); !slices.Equal(got, []string{"contact.email"}) {
		t.Errorf("an address lies in %v", got)
	}
	if _, err := f.sys.Check(t.Context()); err != nil {
		t.Errorf("the system is not as described: %v", err)
	}
}

func digests(t *testing.T, f fixture) {
	notes := parts()[2]
	first := f.locate(t, ada())[notes].Digest
	if again := f.locate(t, ada())[notes].Digest; again != first || first == [32]byte{} {
		t.Error("it changes with nothing, or is none")
	}
	other := ada()
	other.Key = []byte("another key of 32 bytes to test.")
	if f.locate(t, other)[notes].Digest == first {
		t.Error("it is the same under another key")
	}
	f.db.Run(t, "UPDATE note SET text = 'else' WHERE id = 'n1'")
	if f.locate(t, ada())[notes].Digest != first {
		t.Error("it changes with a value")
	}
	f.db.Run(t, "DELETE FROM note WHERE id = 'n1'")
	if f.locate(t, ada())[notes].Digest == first {
		t.Error("it is the same with other rows")
	}
}

func looking(t *testing.T, f fixture) {
	before := f.all(t)
	orders := f.orders(t, ada())
	f.left(t, ada(), orders)
	if err := f.sys.Collect(t.Context(), ada(), func(connector.Row) error { return nil }); err != nil {
		t.Error(err)
	}
	if after := f.all(t); after != before {
		t.Error("it changed something")
	}
}

func shown(t *testing.T, f fixture) {
	var got []string
	err := f.sys.Collect(t.Context(), ada(), func(r connector.Row) error {
		for _, c := range r.Columns {
			if c.Category != "" && !strings.HasPrefix(c.Category, "system") {
				got = append(got, fmt.Sprint(r.Collection, " ", c.Category, " ", c.Value))
			}
		}
		return nil
	})
	slices.Sort(got)
	want := []string{
		"contact user.contact.email ada@example.org", "contact user.name Ada Secret",
		"note user.content likes secrets", "note user.content wrote a secret",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("shown: %q, %v; want %q", got, err, want)
	}
	enough := errors.New("enough")
	if err := f.sys.Collect(t.Context(), ada(), func(connector.Row) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("a reader that has enough gets %v", err)
	}
}

func erased(t *testing.T, f fixture) {
	bobs := f.db.Rows(t, "SELECT * FROM contact JOIN note ON contact_id = contact.id WHERE contact.id = 'c2'")
	orders := f.orders(t, ada())
	done := f.erase(t, ada(), orders)
	for part, d := range done {
		if want := map[string]uint64{"contact": 1, "note": 2}[part.Collection]; d.Deleted != want || d.Masked+d.Kept+d.Shared != 0 {
			t.Errorf("%s %s: %+v, want %d deleted", part.Collection, part.Category, d, want)
		}
	}
	if left := f.left(t, ada(), orders); left != 0 {
		t.Errorf("%d rows are left", left)
	}
	if found := f.db.Find(t, "ada@example.org", "Secret", "likes secrets"); len(found) != 0 {
		t.Errorf("found in %v", found)
	}
	if got := f.db.Rows(t, "SELECT * FROM contact JOIN note ON contact_id = contact.id"); !slices.Equal(got, bobs) {
		t.Errorf("others' rows changed: %q, want %q", got, bobs)
	}
	for _, d := range f.erase(t, ada(), f.orders(t, ada())) {
		if d.Deleted+d.Masked != 0 {
			t.Errorf("a repetition did %+v", d)
		}
	}
}

func kept(t *testing.T, f fixture) {
	orders := f.orders(t, ada(), "user.contact.email")
	done := f.erase(t, ada(), orders)
	if d := done[parts()[1]]; d.Masked != 1 || d.Deleted != 0 {
		t.Errorf("the name: %+v, want one row masked", d)
	}
	if d := done[parts()[0]]; d.Masked+d.Deleted != 0 {
		t.Errorf("the address, which is kept: %+v", d)
	}
	if f.left(t, ada(), orders) != 0 {
		t.Error("something is left")
	}
	if got := f.db.Rows(t, "SELECT email FROM contact WHERE id = 'c1'"); len(got) != 1 || !strings.Contains(got[0], "ada@example.org") {
		t.Errorf("the address is %q", got)
	}
	if len(f.db.Find(t, "Ada Secret")) != 0 {
		t.Error("the name is there")
	}
}

func refused(t *testing.T, f fixture) {
	before, orders := f.all(t), f.orders(t, ada())
	no := errors.New("no")
	if _, err := f.sys.Erase(t.Context(), ada(), orders, func(context.Context, []connector.Done) error { return no }); !errors.Is(err, no) {
		t.Errorf("got %v, want the caller's own error", err)
	}
	if f.all(t) != before {
		t.Error("it was committed")
	}
}

func told(t *testing.T, f fixture) {
	var last []connector.Done
	orders := f.orders(t, ada())
	done, err := f.sys.Erase(t.Context(), ada(), orders, func(_ context.Context, done []connector.Done) error {
		last = slices.Clone(done)
		return nil
	})
	if err != nil || !maps.Equal(counted(done), counted(last)) || len(last) != len(orders) {
		t.Errorf("told %+v, done %+v, %v", last, done, err)
	}
}

func counted(done []connector.Done) map[connector.Part]connector.Done {
	out := map[connector.Part]connector.Done{}
	for _, d := range done {
		out[d.Part] = d
	}
	return out
}

func unjudged(t *testing.T, f fixture) {
	for name, between := range map[string]string{
		"a row more":  "INSERT INTO note VALUES ('n9', 'c1', 'came later', NULL, '2019-01-01 10:00:00')",
		"a later row": "UPDATE note SET since = '2026-11-22 10:00:00' WHERE id = 'n1'",
	} {
		orders := f.orders(t, ada())
		f.db.Run(t, between)
		before := f.all(t)
		_, err := f.sys.Erase(t.Context(), ada(), orders, agreed)
		if !errors.Is(err, connector.ErrMoved) || f.all(t) != before {
			t.Errorf("%s: %v", name, err)
		}
		f.db.Run(t, "DELETE FROM note WHERE id = 'n9'")
	}
}

func undescribed(t *testing.T, f fixture) {
	before := f.all(t)
	orders := append(f.orders(t, ada()), connector.Order{Part: connector.Part{Collection: "salary", Category: "user.financial"}, Erase: true})
	if _, err := f.sys.Erase(t.Context(), ada(), orders, agreed); !errors.Is(err, connector.ErrMismatch) || f.all(t) != before {
		t.Errorf("got %v", err)
	}
}

func remaining(t *testing.T, f fixture) {
	orders := f.orders(t, ada())
	if left := f.left(t, ada(), orders); left == 0 {
		t.Error("nothing is left, though nothing was erased")
	}
}

// chunked erases more rows than one transaction takes, cut off after the first of
// its commits.
func chunked(t *testing.T, f fixture) {
	f.db.Run(t, `INSERT INTO note WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
		SELECT printf('m%06d', i), 'c1', 'secret', NULL, '2020-01-01 10:00:00' FROM n`)
	cut, calls := errors.New("cut"), 0
	_, err := f.sys.Erase(t.Context(), ada(), f.orders(t, ada()), func(context.Context, []connector.Done) error {
		if calls++; calls == 2 {
			return cut
		}
		return nil
	})
	if !errors.Is(err, cut) {
		t.Fatalf("it went in one transaction, or another error came: %v", err)
	}
	left := f.locate(t, ada())[parts()[2]].Rows
	if left == 0 || left >= 12_002 || f.locate(t, ada())[parts()[0]].Rows != 1 {
		t.Errorf("after the cut %d notes are left, want fewer, and the contact", left)
	}
	orders := f.orders(t, ada())
	if d := f.erase(t, ada(), orders)[parts()[2]]; d.Deleted != left {
		t.Errorf("the second try says %d, want %d", d.Deleted, left)
	}
	if f.left(t, ada(), orders) != 0 || len(f.db.Rows(t, "SELECT * FROM note")) != 1 || len(f.db.Rows(t, "SELECT * FROM contact")) != 1 {
		t.Error("something is left, or something of others is gone")
	}
}

func nobody(t *testing.T, f fixture) {
	for part, at := range f.locate(t, person("nobody@example.org")) {
		if at.Rows != 0 || at.Digest != [32]byte{} {
			t.Errorf("%s: %+v", part.Collection, at)
		}
	}
	before := f.all(t)
	f.erase(t, person("nobody@example.org"), f.orders(t, person("nobody@example.org")))
	if f.all(t) != before {
		t.Error("something changed")
	}
}

func weird(t *testing.T, f fixture) {
	const email = `'"%_\@example.org`
	f.db.Run(t, "INSERT INTO contact VALUES ('c3', ?, 'Odd', '2020-01-01 10:00:00')", email)
	f.erase(t, person(email), f.orders(t, person(email)))
	if got := f.db.Rows(t, "SELECT id FROM contact ORDER BY id"); len(got) != 2 {
		t.Errorf("left are %q", got)
	}
}
