package sqlsystem_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
	"habeas.internal/services/internal/testwait"
)

// typed describes a table "typed" of columns c0, c1… and the column kept.
func typed(columns int, metas map[string]string) string {
	text := new(strings.Builder)
	text.WriteString("dataset:\n- fides_key: d\n  collections:\n  - name: typed\n    fields:\n" +
		"    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}\n" +
		"    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}\n" +
		"    - {name: kept, data_categories: [user.financial]}\n")
	for i := range columns {
		name := fmt.Sprint("c", i)
		fmt.Fprintf(text, "    - {name: %s, data_categories: [user.content], fides_meta: {%s}}\n", name, metas[name])
	}
	return text.String()
}

// masks creates a table of columns that may not be null, erases all but kept
// and returns what is left in the columns.
func masks(t *testing.T, db *sqltest.Database, columns, values []string, metas map[string]string) []string {
	t.Helper()
	definition, names := "", make([]string, len(columns))
	for i, column := range columns {
		names[i] = fmt.Sprint("c", i)
		definition += fmt.Sprintf(", %s %s NOT NULL", names[i], column)
	}
	db.Run(t, "CREATE TABLE typed (id INTEGER PRIMARY KEY, email VARCHAR(80), kept INTEGER"+definition+")")
	db.Run(t, "INSERT INTO typed VALUES (1, 'ada@example.org', 5, "+strings.Join(values, ", ")+"), (2, 'bob@example.org', 6, "+strings.Join(values, ", ")+")")
	s := opened(t, db, typed(len(columns), metas), nil)
	mine := map[string]string{"typed": "id = 1"}
	others := db.Checksums(t, mine)
	who := person("ada@example.org")
	collected(t, s, who)
	orders := ordersFor(locate(t, s, who), "user.financial")
	erase(t, s, who, orders)
	if diff := cmp.Diff(others, db.Checksums(t, mine)); diff != "" {
		t.Errorf("other people's rows changed (-want +got):\n%s", diff)
	}
	nothingMoreToDo(t, db, s, person("bob@example.org"), nil)
	return strings.Split(db.Rows(t, "SELECT "+strings.Join(names, ", ")+" FROM typed WHERE id = 1")[0], " | ")
}

func TestEveryTypeIsMaskedByAValueThatItTakes(t *testing.T) {
	t.Run("postgresql", func(t *testing.T) {
		db := sqltest.Postgres(t, "CREATE TYPE mood AS ENUM ('calm', 'angry');")
		got := masks(t, db,
			[]string{"text", "int", "bigint", "double precision", "numeric(6,2)", "boolean", "date", "timestamptz", "bytea", "uuid", "jsonb", "json", "mood", "char(5)"},
			[]string{"'x'", "7", "7", "1.5", "1.25", "true", "'2020-02-03'", "now()", "'\\x01'", "'6f1c1a4e-0000-4000-8000-000000000001'", `'{"a":1}'`, `'{"a":1}'`, "'angry'", "'abc'"}, nil)
		want := []string{
			"", "0", "0", "0", "0.00", "false", "1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", "",
			"00000000-0000-0000-0000-000000000000", "{}", "{}", "calm", "     ",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the values are masked otherwise (-want +got):\n%s", diff)
		}
	})
	t.Run("mysql", func(t *testing.T) {
		db := sqltest.MariaDB(t, "")
		got := masks(t, db,
			[]string{"text", "int unsigned", "bigint unsigned", "double", "decimal(6,2)", "boolean", "date", "timestamp", "blob", "enum('calm','angry')", "datetime", "point", "year"},
			[]string{"'x'", "7", "18446744073709551615", "1.5", "1.25", "true", "'2020-02-03'", "now()", "x'01'", "'angry'", "now()", "ST_GeomFromText('POINT(1 2)')", "2020"}, nil)
		got[11] = db.Rows(t, "SELECT ST_AsText(c11) FROM typed WHERE id = 1")[0]
		want := []string{"", "0", "0", "0", "0.00", "0", "1970-01-01", "1970-01-02 00:00:00", "", "calm", "1970-01-01 00:00:00", "POINT(0 0)", "0"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the values are masked otherwise (-want +got):\n%s", diff)
		}
	})
	t.Run("sqlite, as the description wishes", func(t *testing.T) {
		db := sqltest.SQLite(t, "")
		got := masks(t, db, []string{"TEXT", "TEXT", "VARCHAR(30)", "TEXT"}, []string{"'x'", "'x'", "'x'", "'x'"}, map[string]string{
			"c0": "masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: MASKED}}",
			"c1": "masking_strategy_override: {strategy: random_string_rewrite, configuration: {length: 5, format_preservation: {suffix: \"@example.com\"}}}",
			"c2": "masking_strategy_override: {strategy: random_string_rewrite}",
			"c3": "length: 10, masking_strategy_override: {strategy: random_string_rewrite}",
		})
		if got[0] != "MASKED" || len(got[1]) != 17 || !strings.HasSuffix(got[1], "@example.com") || len(got[2]) != 27 || len(got[3]) != 10 {
			t.Errorf("the values are masked by %q", got)
		}
	})
}

func textKey(t *testing.T, db *sqltest.Database) {
	s := described(t, db, "shop.yaml", nil)
	who := person("ada@example.org")
	orders := ordersFor(locate(t, s, who), "user.behavior.browsing_history")
	erase(t, s, who, orders)
	if got := db.Rows(t, "SELECT count(*) FROM visit WHERE email LIKE 'erased-%'")[0]; got != "2" {
		t.Errorf("%s visits have a token instead of their key, want 2", got)
	}
	nothingLeft(t, s, who, orders)
}

// capitals are visits under names that only some databases fold.
const capitals = "INSERT INTO visit VALUES ('\u00c9MILE@EXAMPLE.ORG', 1), ('\u00e9mile@example.org', 2), ('emile@example.org', 3);"

func otherCapitals(t *testing.T, db *sqltest.Database) {
	s := described(t, db, "shop.yaml", nil)
	if got := rowsOf(locate(t, s, person("\u00e9mile@example.org")), "visit"); got != 2 {
		t.Errorf("%d visits are found, want 2", got)
	}
}

func TestNamesAreQuoted(t *testing.T) {
	db := sqltest.Postgres(t, `CREATE TABLE "we""ird; --" ("select" int PRIMARY KEY, "E-Mail" text); INSERT INTO "we""ird; --" VALUES (1, 'ada@example.org'), (2, 'bob@example.org');`)
	s := opened(t, db, `
dataset:
- fides_key: d
  collections:
  - name: 'we"ird; --'
    fields: [{name: select, fides_meta: {primary_key: true}}, {name: E-Mail, data_categories: [user.contact.email], fides_meta: {identity: email}}]
`, nil)
	who := person("ada@example.org")
	orders := ordersFor(locate(t, s, who))
	erase(t, s, who, orders)
	if got := db.Rows(t, `SELECT "select" FROM "we""ird; --"`); !cmp.Equal(got, []string{"2"}) {
		t.Errorf("the rows left are %v, want 2", got)
	}
}

func TestADatabaseThatIsNotAsDescribedIsRefused(t *testing.T) {
	const head = "dataset:\n- fides_key: d\n  collections:\n  - name: %s\n    fields:\n    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}\n"
	db := sqltest.SQLite(t, "CREATE TABLE bare (email TEXT, n INTEGER); CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT NOT NULL, n INTEGER, at DATE, short VARCHAR(3));")
	for name, c := range map[string]struct{ table, field, want string }{
		"no table":            {"gone", "", "no table gone"},
		"no key":              {"bare", "", "no key in table bare"},
		"no column":           {"person", "{name: gone}", "no column person.gone"},
		"another type":        {"person", "{name: n, fides_meta: {data_type: string}}", "person.n is not of type string"},
		"another key":         {"person", "{name: n, fides_meta: {primary_key: true}}", "person.n is not in the key"},
		"no time":             {"person", "{name: n, fides_meta: {habeas: {start: true}}}", "person.n holds no time"},
		"no identifier":       {"person", "{name: at, fides_meta: {identity: phone}}", "person.at can hold no identifier"},
		"no room":             {"person", "{name: short, data_categories: [user], fides_meta: {masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: MASKED}}}}", "person.short has no room"},
		"a text for a number": {"person", "{name: n, data_categories: [user], fides_meta: {masking_strategy_override: {strategy: random_string_rewrite}}}", "person.n holds no text"},
		"different types":     {"person", "{name: at, fides_meta: {references: [{dataset: d, field: person.n, direction: from}]}}\n    - {name: n}", "are of different types"},
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf(head, c.table)
			if c.field != "" {
				text += "    - " + c.field + "\n"
			}
			d, err := dataset.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			s, err := sqlsystem.Open(sqlsystem.Config{Kind: sqlsystem.Kind(db.Kind), DSN: db.DSN, Dataset: d})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close() //nolint:errcheck // nothing was written
			_, err = s.Check(t.Context())
			if !errors.Is(err, connector.ErrMismatch) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the check says %v, want %q", err, c.want)
			}
		})
	}
}

func TestAHouseholdThatSomebodyJoinsMeanwhileStays(t *testing.T) {
	db := sqltest.Postgres(t, shopSchema)
	s := described(t, db, "shop.yaml", nil)
	who := person("cyd@example.org")
	orders := ordersFor(locate(t, s, who))
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // after the commit it does nothing
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO account VALUES (9, 'new@example.org', NULL, 'New', 'new', '2000-01-01', NULL, 2)"); err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		if _, err := s.Erase(t.Context(), who, orders, unheard); err != nil {
			t.Error(err)
		}
	})
	testwait.For(t, 10*time.Second, func() error {
		if db.Rows(t, "SELECT count(*) FROM pg_locks WHERE NOT granted")[0] == "0" {
			return errors.New("the erasure does not wait for the transaction that refers to the row")
		}
		return nil
	})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	done.Wait()
	if got := db.Rows(t, "SELECT street FROM household WHERE id = 2"); !cmp.Equal(got, []string{"Lonely Road 2"}) {
		t.Errorf("the household that somebody joined is %v", got)
	}
}

func TestAFileThatIsNotThereIsNotMade(t *testing.T) {
	d, err := dataset.Parse([]byte(typed(0, nil)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gone.db")
	for _, dsn := range []string{path, "file:" + path} {
		s, err := sqlsystem.Open(sqlsystem.Config{Kind: sqlsystem.SQLite, DSN: dsn, Dataset: d})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close() //nolint:errcheck // nothing was opened
		if _, err := s.Check(t.Context()); !errors.Is(err, connector.ErrUnreachable) {
			t.Errorf("to check %s ends with %v, want %v", dsn, err, connector.ErrUnreachable)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file is there: %v", err)
		}
	}
}

func TestAStatementThatTakesTooLongIsASystemThatDoesNotAnswer(t *testing.T) {
	db := sqltest.SQLite(t, shopSchema)
	s := described(t, db, "shop.yaml", nil)
	slow, err := sqlsystem.Open(sqlsystem.Config{Kind: sqlsystem.Kind(db.Kind), DSN: db.DSN, Dataset: s.Dataset(), Timeout: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close() //nolint:errcheck // nothing was written
	if _, err := slow.Locate(t.Context(), person("ada@example.org")); connector.Reason(err) != "SYSTEM_UNREACHABLE" {
		t.Errorf("it ends with %v, want %v", err, connector.ErrUnreachable)
	}
}

func TestMariaDBsRefusalsAreTold(t *testing.T) {
	db := sqltest.MariaDB(t, shopSchema+"CREATE USER reader IDENTIFIED BY 'x'; GRANT SELECT ON shop.* TO reader;")
	d := described(t, db, "shop.yaml", nil).Dataset()
	who := person("ada@example.org")
	for name, c := range map[string]struct {
		dsn  string
		want error
	}{
		"a wrong password":         {strings.Replace(db.DSN, "root@", "reader:y@", 1), connector.ErrDenied},
		"a right too few":          {strings.Replace(db.DSN, "root@", "reader:x@", 1), connector.ErrDenied},
		"nobody at the socket":     {strings.Replace(db.DSN, ".sock", ".gone", 1), connector.ErrUnreachable},
		"a database that is gone":  {strings.Replace(db.DSN, "/shop", "/gone", 1), connector.ErrMismatch},
		"an address that is wrong": {"root@unix(", connector.ErrConnector},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := sqlsystem.Open(sqlsystem.Config{Kind: sqlsystem.Kind(db.Kind), DSN: c.dsn, Dataset: d})
			if err == nil {
				defer s.Close() //nolint:errcheck // nothing was written
				_, err = s.Erase(t.Context(), who, []connector.Order{{
					Part: connector.Part{Collection: "orders", Category: "user.content"}, Erase: true, Rows: 99,
				}}, unheard)
			}
			if !errors.Is(err, c.want) || strings.Contains(err.Error(), "reader") {
				t.Errorf("it ends with %v, want %v", err, c.want)
			}
		})
	}
}
