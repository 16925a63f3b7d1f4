package sqlsystem_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
)

// rings are rows that refer to each other: by a text of which each is the other's
// key, and by a number. Ada has a circle of two and one that leads to it, and of
// the numbered a circle of three, to which Bob's row leads as well, another,
// and one that names itself.
const rings = `
CREATE TABLE person (id INTEGER PRIMARY KEY, email VARCHAR(80));
INSERT INTO person VALUES (1, 'ada@example.org'), (2, 'bob@example.org');
CREATE TABLE node (name VARCHAR(40) PRIMARY KEY, next VARCHAR(40), person INTEGER, body VARCHAR(40), price INTEGER,
  FOREIGN KEY (next) REFERENCES node (name), FOREIGN KEY (person) REFERENCES person (id));
INSERT INTO node VALUES ('k1', NULL, 1, 'one', 1), ('k2', NULL, 1, 'two', 2), ('k3', 'k2', 1, 'three', 3), ('b1', NULL, 2, 'Bob', 4), ('b2', 'b1', 2, 'Bob', 5);
UPDATE node SET next = 'k3' WHERE name IN ('k1', 'k2');
UPDATE node SET next = 'b2' WHERE name = 'b1';
CREATE TABLE knot (id INTEGER PRIMARY KEY, next INTEGER, person INTEGER, body VARCHAR(40),
  FOREIGN KEY (next) REFERENCES knot (id), FOREIGN KEY (person) REFERENCES person (id));
INSERT INTO knot VALUES (1, NULL, 1, 'one'), (2, 1, 1, 'two'), (3, 2, 1, 'three'), (4, 2, 2, 'of Bob'), (5, NULL, 1, 'five'), (6, 5, 1, 'six'), (7, NULL, 1, 'seven');
UPDATE knot SET next = 3 WHERE id = 1;
UPDATE knot SET next = 6 WHERE id = 5;
UPDATE knot SET next = 7 WHERE id = 7;
`

const ringFields = datasetHead + `  - name: person
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
  - name: node
    fields:
    - {name: name, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
    - {name: next, data_categories: [system.operations]}
    - {name: person, data_categories: [system.operations], fides_meta: {references: [{dataset: d, field: person.id, direction: from}]}}
    - {name: body, data_categories: [user.content]}
    - {name: price, data_categories: [user.financial]}
  - name: knot
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: next, data_categories: [system.operations]}
    - {name: person, data_categories: [system.operations], fides_meta: {references: [{dataset: d, field: person.id, direction: from}]}}
    - {name: body, data_categories: [user.content]}
`

func TestRowsThatReferToEachOtherAreErased(t *testing.T) {
	for kind, start := range map[sqlsystem.Kind]func(testing.TB, string) *sqltest.Database{
		sqlsystem.PostgreSQL: sqltest.Postgres, sqlsystem.MySQL: sqltest.MariaDB, sqlsystem.SQLite: sqltest.SQLite,
	} {
		t.Run(string(kind), func(t *testing.T) {
			server := start(t, "")
			for i, c := range []struct {
				name string
				keep []string
				// The rows that are left.
				nodes, knots []string
			}{
				{
					name:  "and go, unless others refer to them",
					nodes: []string{"b1 | b2 | Bob | 4", "b2 | b1 | Bob | 5"},
					knots: []string{"1 | 3 | NULL", "2 | 1 | NULL", "3 | 2 | NULL", "4 | 2 | of Bob"},
				},
				{
					name:  "and name each other no more where they stay",
					keep:  []string{"user.financial"},
					nodes: []string{"b1 | b2 | Bob | 4", "b2 | b1 | Bob | 5", "token | NULL | NULL | 1", "token | NULL | NULL | 2", "token | NULL | NULL | 3"},
					knots: []string{"1 | 3 | NULL", "2 | 1 | NULL", "3 | 2 | NULL", "4 | 2 | of Bob"},
				},
			} {
				t.Run(c.name, func(t *testing.T) {
					db := server.Another(t, fmt.Sprint("rings", i), rings)
					s := opened(t, db, ringFields, nil)
					who := person("ada@example.org")
					orders := ordersFor(locate(t, s, who), c.keep...)
					erase(t, s, who, orders)
					for query, want := range map[string][]string{
						"SELECT CASE WHEN name LIKE 'erased-%' THEN 'token' ELSE name END, next, body, price FROM node ORDER BY 1, 4": c.nodes,
						"SELECT id, next, body FROM knot ORDER BY id":                                                                 c.knots,
					} {
						if diff := cmp.Diff(want, db.Rows(t, query)); diff != "" {
							t.Errorf("%s (-want +got):\n%s", query, diff)
						}
					}
					nothingLeft(t, s, who, orders)
				})
			}
		})
	}
}
