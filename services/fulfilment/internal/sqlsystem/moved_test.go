package sqlsystem_test

import (
	"errors"
	"fmt"
	"testing"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
)

const moved = `dataset:
- fides_key: d
  collections:
  - name: customer
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
  - name: invoice
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: customer, data_categories: [system.operations], fides_meta: {references: [{dataset: d, field: customer.id, direction: from}]}}
    - {name: issued, data_categories: [system.operations], fides_meta: {habeas: {start: true}}}
    - {name: total, data_categories: [user.financial]}
`

func TestRowsThatNobodyJudgedAreNotErased(t *testing.T) {
	for name, c := range map[string]struct {
		before, between string
		want            error
	}{
		"a collection was empty": {"", "INSERT INTO invoice VALUES (2, 1, '2026-11-22', 4711)", connector.ErrMoved},
		"a row more": {
			"INSERT INTO invoice VALUES (1, 1, '2010-01-01', 9)", "INSERT INTO invoice VALUES (2, 1, '2009-11-22', 4711)", connector.ErrMoved,
		},
		"a later row":       {"INSERT INTO invoice VALUES (1, 1, '2010-01-01', 9)", "UPDATE invoice SET issued = '2026-11-22'", connector.ErrMoved},
		"a row less":        {"INSERT INTO invoice VALUES (1, 1, '2010-01-01', 9), (2, 1, '2010-01-01', 8)", "DELETE FROM invoice WHERE id = 2", nil},
		"somebody else's":   {"", "INSERT INTO invoice VALUES (2, 2, '2026-11-22', 4711)", nil},
		"nothing in effect": {"INSERT INTO invoice VALUES (1, 1, '2010-01-01', 9)", "UPDATE invoice SET total = 8", nil},
	} {
		t.Run(name, func(t *testing.T) {
			db := sqltest.SQLite(t, `CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(80));
CREATE TABLE invoice (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customer(id), issued DATETIME, total INTEGER);
INSERT INTO customer VALUES (1, 'ada@example.org'), (2, 'bob@example.org');`+c.before)
			s := opened(t, db, moved, nil)
			who := person("ada@example.org")
			var orders []connector.Order
			for _, f := range locate(t, s, who) {
				orders = append(orders, connector.Order{Part: f.Part, Erase: true, Rows: f.Rows, Since: f.Since})
			}
			db.Run(t, c.between)
			_, err := s.Erase(t.Context(), who, orders, unheard)
			left := len(db.Rows(t, "SELECT * FROM customer WHERE id = 1")) + len(db.Rows(t, "SELECT * FROM invoice WHERE customer = 1"))
			if !errors.Is(err, c.want) || (c.want == nil) != (left == 0) {
				t.Errorf("it ends with %v, want %v; %d rows are left", err, c.want, left)
			}
		})
	}
}

// TestRowsThatComeBetweenChunksAreNotErasedInPlaceOfOthers: no more is deleted, over
// all chunks, than was judged. The twin gets no row in between, and is erased whole.
func TestRowsThatComeBetweenChunksAreNotErasedInPlaceOfOthers(t *testing.T) {
	for more, want := range map[int]error{0: nil, 4: connector.ErrMoved} {
		db := sqltest.SQLite(t, `CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(80));
CREATE TABLE invoice (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customer(id), issued DATETIME, total INTEGER);
INSERT INTO customer VALUES (1, 'ada@example.org');
INSERT INTO invoice SELECT value, 1, '2010-01-01', 9 FROM json_each('[1,2,3,4,5,6,7,8,9,10]');`)
		s := opened(t, db, moved, func(c *sqlsystem.Config) { c.Rows, c.Chunk = 5, 4 })
		who := person("ada@example.org")
		var orders []connector.Order
		for _, f := range locate(t, s, who) {
			orders = append(orders, connector.Order{Part: f.Part, Erase: true, Rows: f.Rows, Since: f.Since})
		}
		chunks := 0
		s.AfterChunk(func() {
			for i := range more * (1 - min(chunks, 1)) { // as many as the first chunk has deleted
				db.Run(t, fmt.Sprintf("INSERT INTO invoice VALUES (%d, 1, '2010-01-01', 9)", 100+i))
			}
			chunks++
		})
		_, err := s.Erase(t.Context(), who, orders, unheard)
		left := len(db.Rows(t, "SELECT * FROM invoice"))
		if chunks == 0 || !errors.Is(err, want) || (want == nil) != (left == 0) {
			t.Errorf("%d rows more: after %d chunks it ends with %v, want %v; %d rows are left", more, chunks, err, want, left)
		}
	}
}
