package sqlsystem_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
)

const customerFields = datasetHead + `  - name: customer
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
`

const customers = `CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(80));
INSERT INTO customer VALUES (1, 'ada@example.org'), (2, 'bob@example.org');
`

// cascade is a ledger that nobody described, which refers to the customers and
// would go with them.
type cascade struct {
	name, table, script string
	start               func(testing.TB, string) *sqltest.Database
}

func cascades() []cascade {
	const ledger = "(id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, total INTEGER, FOREIGN KEY (customer) REFERENCES "
	const rows = " VALUES (1, 1, 99), (2, 2, 5);"
	return []cascade{
		{
			name: "postgresql, from another schema", start: sqltest.Postgres, table: "finance.ledger",
			script: customers + "CREATE SCHEMA finance; CREATE TABLE finance.ledger " + ledger + "public.customer (id) ON DELETE CASCADE); INSERT INTO finance.ledger" + rows,
		},
		{
			name: "postgresql, from a table of the same name in another schema", start: sqltest.Postgres, table: "finance.customer",
			script: customers + "CREATE SCHEMA finance; CREATE TABLE finance.customer " + ledger + "public.customer (id) ON DELETE CASCADE); INSERT INTO finance.customer" + rows,
		},
		{
			name: "postgresql, to a partition", start: sqltest.Postgres, table: "ledger",
			script: `CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(80)) PARTITION BY RANGE (id);
CREATE SCHEMA parts; CREATE TABLE parts.customer_1 PARTITION OF customer FOR VALUES FROM (0) TO (100);
INSERT INTO customer VALUES (1, 'ada@example.org'), (2, 'bob@example.org'); CREATE TABLE ledger ` + ledger + "parts.customer_1 (id) ON DELETE CASCADE); INSERT INTO ledger" + rows,
		},
		{
			name: "postgresql, from a partition", start: sqltest.Postgres, table: "ledger",
			script: customers + `CREATE TABLE ledger (id INTEGER, customer INTEGER NOT NULL, total INTEGER) PARTITION BY RANGE (id);
CREATE TABLE ledger_1 PARTITION OF ledger (FOREIGN KEY (customer) REFERENCES customer (id) ON DELETE CASCADE) FOR VALUES FROM (0) TO (100); INSERT INTO ledger` + rows,
		},
		{
			name: "postgresql, to an heir", start: sqltest.Postgres, table: "ledger",
			script: `CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(80)); CREATE TABLE member (PRIMARY KEY (id)) INHERITS (customer);
INSERT INTO member VALUES (1, 'ada@example.org'), (2, 'bob@example.org'); CREATE TABLE ledger ` + ledger + "member (id) ON DELETE CASCADE); INSERT INTO ledger" + rows,
		},
		{
			name: "mysql, from another database", start: sqltest.MariaDB, table: "finance.ledger",
			script: customers + "CREATE DATABASE finance; CREATE TABLE finance.ledger " + ledger + "shop.customer (id) ON DELETE CASCADE); INSERT INTO finance.ledger" + rows,
		},
		{
			name: "sqlite, in other letters", start: sqltest.SQLite, table: "ledger",
			script: customers + "CREATE TABLE ledger " + ledger + "CUSTOMER (Id) ON DELETE CASCADE); INSERT INTO ledger" + rows,
		},
		{
			name: "sqlite, in other letters and without a column", start: sqltest.SQLite, table: "ledger",
			script: customers + "CREATE TABLE ledger " + ledger + "Customer ON DELETE CASCADE); INSERT INTO ledger" + rows,
		},
	}
}

func TestNoRowGoesByACascadeOfAKeyFromElsewhere(t *testing.T) {
	for _, c := range cascades() {
		t.Run(c.name, func(t *testing.T) {
			db := c.start(t, c.script)
			s := opened(t, db, customerFields, nil)
			remarks, err := s.Check(t.Context())
			if want := "table " + c.table + " refers to customer and is not described"; err != nil || !slices.Contains(remarks, want) {
				t.Errorf("the check remarks %q (%v), want %q", remarks, err, want)
			}
			who := person("ada@example.org")
			orders := ordersFor(locate(t, s, who))
			if got := doneOf(erase(t, s, who, orders), "customer", "user.contact.email"); got.Deleted != 0 || got.Masked != 1 {
				t.Errorf("the customer: %+v, want it masked", got)
			}
			got := db.Rows(t, "SELECT id, customer, total FROM "+c.table+" ORDER BY id")
			if diff := cmp.Diff([]string{"1 | 1 | 99", "2 | 2 | 5"}, got); diff != "" {
				t.Errorf("the ledger (-want +got):\n%s", diff)
			}
			nothingLeft(t, s, who, orders)
		})
	}
}

func TestAnAccountThatIsNotShownOthersKeysIsToldSo(t *testing.T) {
	db := sqltest.MariaDB(t, customers+"CREATE USER clerk IDENTIFIED BY 'of the shop'; GRANT SELECT, UPDATE, DELETE ON shop.* TO clerk;")
	const remark = "the account has no right to read other databases"
	for dsn, want := range map[string]bool{db.DSN: false, "clerk:of the shop@" + db.DSN[strings.Index(db.DSN, "unix("):]: true} {
		s := opened(t, db, customerFields, func(c *sqlsystem.Config) { c.DSN = dsn })
		remarks, err := s.Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(remarks, "\n"), remark); got != want {
			t.Errorf("the check remarks %q, want what is not seen among them: %v", remarks, want)
		}
	}
}

func TestTriggersAndRulesAreRemarkedWhereverTheyAre(t *testing.T) {
	for name, c := range map[string]struct {
		start  func(testing.TB, string) *sqltest.Database
		script string
	}{
		"sqlite, in other letters": {sqltest.SQLite, customers + "CREATE TRIGGER echo AFTER DELETE ON CUSTOMER BEGIN SELECT 1; END;"},
		"postgresql, a rule":       {sqltest.Postgres, customers + "CREATE RULE echo AS ON DELETE TO customer DO ALSO NOTIFY echo;"},
		"postgresql, of a partition": {sqltest.Postgres, `CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(80)) PARTITION BY RANGE (id);
CREATE TABLE customer_1 PARTITION OF customer FOR VALUES FROM (0) TO (100);
CREATE FUNCTION echo() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER echo AFTER DELETE ON customer_1 FOR EACH ROW EXECUTE FUNCTION echo();`},
	} {
		t.Run(name, func(t *testing.T) {
			remarks, err := opened(t, c.start(t, c.script), customerFields, nil).Check(t.Context())
			if want := "table customer has the trigger echo, which runs at an erasure"; err != nil || !slices.Contains(remarks, want) {
				t.Errorf("the check remarks %q (%v), want %q", remarks, err, want)
			}
		})
	}
}

const visitFields = datasetHead + `  - name: visitor
    fields:
    - {name: code, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
    - {name: place, data_categories: [user.location], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
  - name: visit
    fields:
    - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: page, data_categories: [user.content]}
    - {name: paid, data_categories: [user.financial]}
`

const visitors = `CREATE TABLE visitor (code TEXT, place TEXT, email TEXT, PRIMARY KEY (code, place));
CREATE TABLE visit (id TEXT PRIMARY KEY, "RowID" INTEGER, email TEXT, page TEXT NOT NULL, paid INTEGER);
INSERT INTO visitor VALUES (NULL, 'here', 'ada@example.org'), ('a', NULL, 'ada@example.org'), (NULL, 'here', 'bob@example.org'), ('a', 'here', 'ada@example.org');
INSERT INTO visit VALUES (NULL, 1, 'ada@example.org', 'one', 5), (NULL, 1, 'bob@example.org', 'two', 5), (NULL, 1, 'ada@example.org', 'three', 5);`

func TestSQLiteRowsWithoutAKeyAreFoundAndErased(t *testing.T) {
	for name, change := range map[string]func(*sqlsystem.Config){
		"at once": nil, "page by page and in chunks": func(c *sqlsystem.Config) { c.Rows, c.Chunk, c.Page = 1, 1, 1 },
	} {
		t.Run(name, func(t *testing.T) {
			db := sqltest.SQLite(t, visitors)
			s := opened(t, db, visitFields, change)
			who := person("ada@example.org")
			found := locate(t, s, who)
			if rowsOf(found, "visitor") != 3 || rowsOf(found, "visit") != 2 || len(collected(t, s, who)) != 5 {
				t.Errorf("found %+v and collected %q, want 3 visitors and 2 visits", found, collected(t, s, who))
			}
			orders := ordersFor(found, "user.financial")
			erase(t, s, who, orders)
			nothingLeft(t, s, who, orders)
			if diff := cmp.Diff([]string{"NULL | here | bob@example.org"}, db.Rows(t, "SELECT * FROM visitor")); diff != "" {
				t.Errorf("the visitors (-want +got):\n%s", diff)
			}
			want := []string{"NULL |  | 5", "NULL |  | 5", "bob@example.org | two | 5"}
			if diff := cmp.Diff(want, db.Rows(t, "SELECT email, page, paid FROM visit ORDER BY email")); diff != "" {
				t.Errorf("the visits (-want +got):\n%s", diff)
			}
			nothingMoreToDo(t, db, s, who, orders)
		})
	}
}

func TestSQLiteRowsThatCannotBeToldApartAreRefused(t *testing.T) {
	db := sqltest.SQLite(t, `CREATE TABLE customer (id TEXT PRIMARY KEY, email TEXT, rowid, oid, _rowid_)`)
	d, err := dataset.Parse([]byte(customerFields))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlsystem.Open(sqlsystem.Config{Kind: sqlsystem.SQLite, DSN: db.DSN, Dataset: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.Check(t.Context()); !errors.Is(err, connector.ErrMismatch) {
		t.Errorf("the check ends with %v, want a mismatch", err)
	}
}

func TestATableOfWhichTheAccountIsShownSomeRowsIsRemarked(t *testing.T) {
	db := sqltest.Postgres(t, customers+`CREATE SCHEMA finance;
CREATE TABLE finance.ledger (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer (id) ON DELETE CASCADE);
ALTER TABLE finance.ledger ENABLE ROW LEVEL SECURITY; ALTER TABLE customer ENABLE ROW LEVEL SECURITY;
CREATE TABLE other (id INTEGER); ALTER TABLE other ENABLE ROW LEVEL SECURITY;
CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA finance TO clerk; GRANT ALL ON finance.ledger, customer, other TO clerk;`)
	owner, err := opened(t, db, customerFields, nil).Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	clerk, err := opened(t, db, customerFields, func(c *sqlsystem.Config) {
		c.DSN += "&role=clerk"
	}).Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	only := func(remarks []string) []string {
		return slices.DeleteFunc(remarks, func(r string) bool { return !strings.Contains(r, "by row security") })
	}
	if got := only(owner); len(got) > 0 {
		t.Errorf("to the owner, who sees all, the check remarks %q", got)
	}
	want := []string{
		"table customer shows the account some of its rows only, by row security: others are neither found nor heeded",
		"table finance.ledger shows the account some of its rows only, by row security: others are neither found nor heeded",
	}
	if diff := cmp.Diff(want, only(clerk)); diff != "" {
		t.Errorf("to the clerk the check remarks (-want +got):\n%s", diff)
	}
}
