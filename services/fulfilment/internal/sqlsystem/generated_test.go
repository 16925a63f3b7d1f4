package sqlsystem_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
)

// badges have columns that are made of others: of an address, of that again in SQLite and
// MariaDB, and of an address with a number that nobody orders erased. Rows that
// are referred to stay.
const badges = `CREATE TABLE badge (
  id INTEGER PRIMARY KEY, email VARCHAR(80), code INTEGER,
  loud VARCHAR(80) GENERATED ALWAYS AS (upper(replace(email, ') as (', ''))) STORED,
  louder VARCHAR(90) GENERATED ALWAYS AS (%s) STORED,
  coded VARCHAR(80) GENERATED ALWAYS AS (CASE WHEN code > 4 THEN 'much' ELSE email END) STORED);
CREATE TABLE gate (id INTEGER PRIMARY KEY, badge INTEGER, FOREIGN KEY (badge) REFERENCES badge (id));
INSERT INTO badge (id, email, code) VALUES (1, 'ada@example.org', 5), (2, 'bob@example.org', 6);
INSERT INTO gate VALUES (1, 1), (2, 2);
`

const badgeFields = datasetHead + `  - name: badge
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: code, data_categories: [system.operations]}
    - {name: loud, data_categories: [user.name]}
    - {name: louder, data_categories: [user.unique_id]}
    - {name: coded, data_categories: [user.content]}
`

func TestAColumnThatIsMadeOfErasedOnesGoesWithThem(t *testing.T) {
	for kind, c := range map[sqlsystem.Kind]struct {
		start  func(testing.TB, string) *sqltest.Database
		louder string // PostgreSQL makes no generated column of another
	}{
		sqlsystem.PostgreSQL: {sqltest.Postgres, "upper(email || 'x')"},
		sqlsystem.MySQL:      {sqltest.MariaDB, "concat(`loud`, '!')"},
		sqlsystem.SQLite:     {sqltest.SQLite, "[loud] || CAST(\"loud\" AS TEXT)"},
	} {
		t.Run(string(kind), func(t *testing.T) {
			db := c.start(t, fmt.Sprintf(badges, c.louder))
			s := opened(t, db, badgeFields, nil)
			who := person("ada@example.org")
			orders := ordersFor(locate(t, s, who))
			left, err := s.Verify(t.Context(), who, orders)
			for _, f := range left {
				if f.Category != "user.content" && f.Rows != 1 {
					t.Errorf("before the erasure %d rows have something of %s, want 1 (%v)", f.Rows, f.Category, err)
				}
			}
			done := erase(t, s, who, orders)
			for category, kept := range map[string]uint64{"user.contact.email": 0, "user.name": 0, "user.unique_id": 0, "user.content": 1} {
				if got := doneOf(done, "badge", category); got.Kept != kept || got.Masked != 1-kept {
					t.Errorf("%s: %+v, want %d rows kept and %d masked", category, got, kept, 1-kept)
				}
			}
			want := []string{"1 | NULL | 5 | NULL | NULL | much", "2 | bob@example.org | 6 | BOB@EXAMPLE.ORG | "}
			rows := db.Rows(t, "SELECT id, email, code, loud, louder, coded FROM badge ORDER BY id")
			rows[1] = rows[1][:len(want[1])]
			if diff := cmp.Diff(want, rows); diff != "" {
				t.Errorf("the badges (-want +got):\n%s", diff)
			}
			nothingLeft(t, s, who, orders)
			nothingMoreToDo(t, db, s, who, orders)
		})
	}
}
