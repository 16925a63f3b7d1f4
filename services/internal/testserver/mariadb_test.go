package testserver_test

import (
	"database/sql"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"

	"habeas.internal/services/internal/testserver"
)

func TestMariaDBKeepsItsRowsWhenItIsKilled(t *testing.T) {
	server := testserver.MariaDB(t)
	db, err := sql.Open("mysql", server.DSN("mysql"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // the test is over
	for _, statement := range []string{"CREATE DATABASE kept", "CREATE TABLE kept.t AS SELECT 7 AS n"} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	server.Kill()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT n FROM kept.t").Scan(&n); err != nil || n != 7 {
		t.Errorf("the table holds %d (%v), want 7", n, err)
	}
	if err := server.Stop(); err != nil {
		t.Errorf("an orderly end failed: %v", err)
	}
	if !strings.Contains(server.DSN("kept"), server.Socket()) {
		t.Errorf("the address %s does not name the socket %s", server.DSN("kept"), server.Socket())
	}
}
