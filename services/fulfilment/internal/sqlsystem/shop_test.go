package sqlsystem_test

import (
	"fmt"
	"strings"
	"testing"

	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
)

// shopSchema is understood by all three kinds of databases.
const shopSchema = `
CREATE TABLE household (id INTEGER PRIMARY KEY, street VARCHAR(80) NOT NULL);
CREATE TABLE account (
  id INTEGER PRIMARY KEY, email VARCHAR(320), phone VARCHAR(40), name VARCHAR(80) NOT NULL,
  nickname VARCHAR(40) NOT NULL UNIQUE, born DATE NOT NULL, joined DATE, household_id INTEGER,
  FOREIGN KEY (household_id) REFERENCES household (id));
CREATE TABLE orders (
  id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, note VARCHAR(200) NOT NULL, total DECIMAL(10,2) NOT NULL,
  FOREIGN KEY (account_id) REFERENCES account (id) ON DELETE CASCADE);
CREATE TABLE order_line (
  order_id INTEGER NOT NULL, line_no INTEGER NOT NULL, gift_message VARCHAR(200),
  PRIMARY KEY (order_id, line_no), FOREIGN KEY (order_id) REFERENCES orders (id));
CREATE TABLE remark (
  id INTEGER PRIMARY KEY, account_id INTEGER, parent_id INTEGER, body VARCHAR(200) NOT NULL,
  FOREIGN KEY (account_id) REFERENCES account (id), FOREIGN KEY (parent_id) REFERENCES remark (id));
CREATE TABLE visit (email VARCHAR(320) NOT NULL, page INTEGER NOT NULL, PRIMARY KEY (email, page));
INSERT INTO household VALUES (1, 'Shared Lane 1'), (2, 'Lonely Road 2');
INSERT INTO account VALUES
  (1, 'Ada@Example.org', '+44 (20) 7946-0001', 'Ada Secret', 'ada', '1815-12-10', '2024-02-29', 1),
  (2, 'bob@example.org', '+44 20 7946 0002', 'Bob Public', 'bob', '1900-01-02', '2024-01-01', 1),
  (3, 'cyd@example.org', NULL, 'Cyd Charisse', 'cyd', '1922-03-08', NULL, 2);
INSERT INTO orders VALUES (10, 1, 'ring twice for Ada', 12.50), (11, 1, 'leave at the door', 7.25), (20, 2, 'ring once', 3.00);
INSERT INTO order_line VALUES (10, 1, 'with love from Ada'), (10, 2, NULL), (11, 1, NULL), (20, 1, 'for Bob');
INSERT INTO remark VALUES
  (100, 1, NULL, 'a secret thought'), (101, 1, 100, 'a second secret thought'), (102, 1, 101, 'a third secret thought'),
  (103, 1, NULL, 'a secret that Bob answers'), (104, 2, 103, 'quite so'), (105, 2, NULL, 'hello');
INSERT INTO visit VALUES ('ada@example.org', 1), ('ada@example.org', 2), ('bob@example.org', 1);
`

// adas are the rows that are Ada's, or that she shares.
func adas() map[string]string {
	return map[string]string{
		"account": "id = 1", "orders": "account_id = 1", "order_line": "order_id IN (10, 11)",
		"remark": "id IN (100, 101, 102, 103)", "visit": "lower(email) = 'ada@example.org' OR email LIKE '~%' OR email LIKE 'erased-%'",
	}
}

// TestInEveryKindOfDatabase runs what must be the same in all of them, each test
// in a shop of its own.
func TestInEveryKindOfDatabase(t *testing.T) {
	for kind, start := range map[sqlsystem.Kind]func(testing.TB, string) *sqltest.Database{
		sqlsystem.PostgreSQL: sqltest.Postgres, sqlsystem.MySQL: sqltest.MariaDB, sqlsystem.SQLite: sqltest.SQLite,
	} {
		t.Run(string(kind), func(t *testing.T) {
			server := start(t, "")
			for i, c := range []struct {
				name, script string
				test         func(*testing.T, *sqltest.Database)
			}{
				{name: "everything goes that nothing keeps", test: everythingGoes},
				{name: "what stays is masked as its column allows", test: whatStaysIsMasked},
				{name: "a household that nobody else lives in goes too", test: lonelyHousehold},
				{name: "a person without rows is no error", test: nobody},
				{name: "a telephone number is compared without the marks between its digits", test: byPhone},
				{name: "a telephone number is found however its country is written, and as a whole number", script: callers, test: spelledNumbers},
				{name: "no identifier reaches beyond itself", test: weirdIdentifiers},
				{name: "an order for what is not described is refused", test: otherOrders},
				{name: "what is several people's or must stay is left, and said so", script: club, test: severalPeoples},
				{name: "what the caller refuses is not committed", script: club, test: refusal},
				{name: "rows that stay are counted, in however many transactions", script: club, test: stayingCounted},
				{name: "a value that is also of a category that stays is told as kept", script: notes, test: twoCategories},
				{name: "values that stay are counted before a chunk loses their owner", script: notes, test: twoCategoriesInChunks},
				{name: "keys that stay are counted though chunks lose their owner", script: notes, test: keysInChunks},
				{name: "a telephone that is another account's too does not reach that account", script: family, test: oneTelephone},
				{name: "international domains are found in both forms", script: profiles, test: internationalDomains},
				{name: "values that look like tokens are masked as well", script: profiles, test: valuesLikeTokens},
				{name: "a key that is a text is masked where its row stays", test: textKey},
				{name: "what must be unique is masked for one person after the other", script: members, test: uniqueMasks},
				{name: "capitals of other alphabets are found", script: capitals, test: otherCapitals},
				{name: "rows are shown page by page in one order", test: pageByPage},
				{name: "more rows than one transaction takes go in chunks, across crashes", test: chunksAcrossCrashes},
			} {
				t.Run(c.name, func(t *testing.T) {
					c.test(t, server.Another(t, fmt.Sprint("shop", i), shopSchema+c.script))
				})
			}
		})
	}
}

// reset brings the shop back to its first state.
func reset(t *testing.T, db *sqltest.Database) {
	t.Helper()
	for _, table := range []string{"visit", "order_line", "orders", "remark", "account", "household"} {
		if table == "remark" {
			db.Run(t, "UPDATE remark SET parent_id = NULL")
		}
		db.Run(t, "DELETE FROM "+table)
	}
	for _, statement := range strings.Split(shopSchema, ";\n") {
		if strings.HasPrefix(strings.TrimSpace(statement), "INSERT") {
			db.Run(t, statement)
		}
	}
}

// many are n rows of values, "(%d)" filled with the numbers from first.
func many(table, row string, first, n int) string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = strings.ReplaceAll(row, "#", fmt.Sprint(first+i))
	}
	return "INSERT INTO " + table + " VALUES " + strings.Join(rows, ", ")
}
