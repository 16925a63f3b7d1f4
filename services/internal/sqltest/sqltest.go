// Package sqltest loads sample databases for tests and looks through whole
// databases: where a value occurs, and whether other people's rows are as they
// were.
package sqltest

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"habeas.internal/services/internal/testserver"

	_ "github.com/go-sql-driver/mysql" // drivers
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// Kind is the kind of a database, by the connector's names.
type Kind string

// The kinds.
const (
	PostgreSQL Kind = "postgresql"
	MySQL      Kind = "mysql"
	SQLiteFile Kind = "sqlite"
)

// Database is a database to look through.
type Database struct {
	Kind Kind
	DSN  string
	*sql.DB
}

// Chinook starts PostgreSQL with the music shop in it.
func Chinook(t testing.TB) *Database {
	t.Helper()
	server := testserver.Postgres(t, "fsync=off")
	text := sample(t, "chinook_postgres.sql")
	run(t, text, "psql", "-q", "-v", "ON_ERROR_STOP=1", server.URL())
	dsn := strings.Replace(server.URL(), "/postgres?", "/chinook?", 1)
	return open(t, PostgreSQL, "pgx", dsn)
}

// Sakila starts MariaDB with the film rental in it.
func Sakila(t testing.TB) *Database {
	t.Helper()
	server := testserver.MariaDB(t, unsynced()...)
	for _, name := range []string{"sakila_mysql_schema.sql", "sakila_mysql_data.sql"} {
		run(t, sample(t, name), "mariadb", "--no-defaults", "--socket="+server.Socket(), "-u", "root")
	}
	return open(t, MySQL, "mysql", server.DSN("sakila"))
}

// Postgres starts PostgreSQL and runs a script.
func Postgres(t testing.TB, script string) *Database {
	t.Helper()
	server := testserver.Postgres(t, "fsync=off")
	run(t, []byte(script), "psql", "-q", "-v", "ON_ERROR_STOP=1", server.URL())
	return open(t, PostgreSQL, "pgx", server.URL())
}

// unsynced leaves out the syncs to disk: nothing here outlives its test.
func unsynced() []string {
	return []string{"--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=0"}
}

// Another runs a script in a new database on the same server, or in a new file.
func (d *Database) Another(t testing.TB, name, script string) *Database {
	t.Helper()
	switch d.Kind {
	case SQLiteFile:
		return SQLite(t, script)
	case MySQL:
		_, rest, _ := strings.Cut(d.DSN, "unix(")
		socket, _, _ := strings.Cut(rest, ")")
		run(t, []byte("CREATE DATABASE "+name+" CHARACTER SET utf8mb4; USE "+name+"; "+script),
			"mariadb", "--no-defaults", "--socket="+socket, "-u", "root")
		return open(t, d.Kind, "mysql", strings.TrimSuffix(d.DSN, "shop")+name)
	default:
		d.Run(t, "CREATE DATABASE "+name)
		dsn := strings.Replace(d.DSN, "/postgres?", "/"+name+"?", 1)
		run(t, []byte(script), "psql", "-q", "-v", "ON_ERROR_STOP=1", dsn)
		return open(t, d.Kind, "pgx", dsn)
	}
}

// MariaDB starts MariaDB and runs a script in a database of its own.
func MariaDB(t testing.TB, script string) *Database {
	t.Helper()
	server := testserver.MariaDB(t, unsynced()...)
	run(t, []byte("CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop; "+script),
		"mariadb", "--no-defaults", "--socket="+server.Socket(), "-u", "root")
	return open(t, MySQL, "mysql", server.DSN("shop"))
}

// SQLite makes a file and runs a script.
func SQLite(t testing.TB, script string) *Database {
	t.Helper()
	d := open(t, SQLiteFile, "sqlite", "file:"+filepath.Join(t.TempDir(), "shop.db")+
		"?_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)&_pragma=synchronous(0)")
	d.Run(t, script)
	return d
}

func open(t testing.TB, kind Kind, driver, dsn string) *Database {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &Database{Kind: kind, DSN: dsn, DB: db}
}

// sample reads a sample database, which lies beside the repository because it
// is not the project's.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		text, failure := os.ReadFile(filepath.Join(dir, "shared", "data", name))
		if failure == nil {
			return text
		}
		dir = filepath.Dir(dir)
	}
	t.Fatalf("the sample database %s is missing: put it into ../shared/data beside the repository", name)
	return nil
}

func run(t testing.TB, input []byte, name string, args ...string) {
	t.Helper()
	command := exec.Command(name, args...)
	command.Stdin = bytes.NewReader(input)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("run %s: %v\n%s", name, err, output[:min(len(output), 2000)])
	}
}

// Run runs statements.
func (d *Database) Run(t testing.TB, statement string, args ...any) {
	t.Helper()
	if _, err := d.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%v\n%s", err, statement)
	}
}

// Rows are the rows of a query as text, values separated by " | ".
func (d *Database) Rows(t testing.TB, query string, args ...any) []string {
	t.Helper()
	rows, err := d.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(values))
		for i, value := range values {
			texts[i] = value.String
			if !value.Valid {
				texts[i] = "NULL"
			}
		}
		all = append(all, strings.Join(texts, " | "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Find looks for texts in every column of every table and says where it found
// them, as "table.column". The case of letters does not matter.
func (d *Database) Find(t testing.TB, texts ...string) []string {
	t.Helper()
	var found []string
	for _, table := range d.Tables(t) {
		for _, column := range d.columns(t, table) {
			for _, text := range texts {
				query := fmt.Sprintf("SELECT count(*) FROM %s WHERE %s LIKE %s",
					d.quote(table), d.text(d.quote(column)), d.literal("%"+escaped(strings.ToLower(text))+"%"))
				if d.Kind != MySQL {
					query += " ESCAPE '\\'"
				}
				if d.Rows(t, query)[0] != "0" {
					found = append(found, table+"."+column)
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Checksums are hashes of the tables' rows but for those that meet a table's
// condition in but.
func (d *Database) Checksums(t testing.TB, but map[string]string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	for _, table := range d.Tables(t) {
		query := "SELECT * FROM " + d.quote(table)
		if condition := but[table]; condition != "" {
			query += " WHERE NOT (" + condition + ")"
		}
		rows := d.Rows(t, query)
		slices.Sort(rows)
		sum := sha256.Sum256([]byte(strings.Join(rows, "\n")))
		sums[table] = fmt.Sprintf("%d rows %s", len(rows), hex.EncodeToString(sum[:8]))
	}
	return sums
}

// Tables lists the tables, without views.
func (d *Database) Tables(t testing.TB) []string {
	t.Helper()
	switch d.Kind {
	case SQLiteFile:
		return d.Rows(t, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name")
	case MySQL:
		return d.Rows(t, "SELECT table_name FROM information_schema.tables WHERE table_schema = database() AND table_type = 'BASE TABLE' ORDER BY table_name")
	default:
		return d.Rows(t, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
	}
}

func (d *Database) columns(t testing.TB, table string) []string {
	t.Helper()
	switch d.Kind {
	case SQLiteFile:
		return d.Rows(t, "SELECT name FROM pragma_table_info(?)", table)
	case MySQL:
		return d.Rows(t, "SELECT column_name FROM information_schema.columns WHERE table_schema = database() AND table_name = ?", table)
	default:
		return d.Rows(t, "SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1", table)
	}
}

func (d *Database) quote(name string) string {
	if d.Kind == MySQL {
		return "`" + name + "`"
	}
	return `"` + name + `"`
}

func (d *Database) text(column string) string {
	switch d.Kind {
	case SQLiteFile:
		return "lower(CAST(" + column + " AS TEXT))"
	case MySQL:
		return "LOWER(CONVERT(" + column + " USING utf8mb4))"
	default:
		return "lower(" + column + "::text)"
	}
}

// literal is a text in quotes; only tests write values into statements.
func (d *Database) literal(text string) string {
	text = strings.ReplaceAll(text, "'", "''")
	if d.Kind == MySQL {
		text = strings.ReplaceAll(text, `\`, `\\`)
	}
	return "'" + text + "'"
}

func escaped(text string) string {
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text)
}
