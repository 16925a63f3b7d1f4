package sqlsystem_test

import (
	"fmt"
	"strings"
	"testing"

	"habeas.internal/services/internal/sqltest"
)

// crowdOf is how many people a benchmark can erase.
const crowdOf = 3000

// BenchmarkErase erases people with 44 rows in 3 tables each, by the connector
// and by the statements that somebody would write by hand.
func BenchmarkErase(b *testing.B) {
	b.Run("connector", func(b *testing.B) {
		db := crowded(b)
		s := described(b, db, "shop.yaml", nil)
		i := 0
		for b.Loop() {
			who := person(fmt.Sprintf("p%d@example.org", 1000+i%crowdOf))
			i++
			erase(b, s, who, ordersFor(locate(b, s, who)))
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/person")
	})
	b.Run("connector, without locating", func(b *testing.B) {
		db := crowded(b)
		s := described(b, db, "shop.yaml", nil)
		orders := ordersFor(locate(b, s, person("p1000@example.org")))
		i := 0
		for b.Loop() {
			erase(b, s, person(fmt.Sprintf("p%d@example.org", 1000+i%crowdOf)), orders)
			i++
		}
	})
	b.Run("by hand", func(b *testing.B) {
		db := crowded(b)
		i := 0
		for b.Loop() {
			byHandErase(b, db, fmt.Sprintf("p%d@example.org", 1000+i%crowdOf))
			i++
		}
	})
}

func crowded(b *testing.B) *sqltest.Database {
	b.Helper()
	script := new(strings.Builder)
	fmt.Fprintf(script, "INSERT INTO account SELECT i, 'p' || i || '@example.org', NULL, 'Name', 'nick' || i, '2000-01-01', NULL, NULL FROM generate_series(1000, %d) i;\n", 999+crowdOf)
	fmt.Fprintf(script, "INSERT INTO orders SELECT i * 10 + j, i, 'note', 1 FROM generate_series(1000, %d) i, generate_series(1, 3) j;\n", 999+crowdOf)
	script.WriteString("INSERT INTO order_line SELECT o.id, j, 'line' FROM orders o, generate_series(1, 14) j WHERE o.id > 1000 AND (o.id % 10 > 1 OR j < 13);\n")
	script.WriteString("CREATE INDEX ON account (lower(email)); CREATE INDEX ON visit (lower(email)); CREATE INDEX ON orders (account_id); CREATE INDEX ON remark (account_id); CREATE INDEX ON remark (parent_id); CREATE INDEX ON account (household_id); ANALYZE;\n")
	return sqltest.Postgres(b, shopSchema+script.String())
}

func byHandErase(b *testing.B, db *sqltest.Database, email string) {
	b.Helper()
	tx, err := db.BeginTx(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // after the commit it does nothing
	const of = "(SELECT id FROM account WHERE lower(email) = $1)"
	for _, statement := range []string{
		"DELETE FROM order_line WHERE order_id IN (SELECT id FROM orders WHERE account_id IN " + of + ")",
		"DELETE FROM orders WHERE account_id IN " + of,
		"DELETE FROM account WHERE lower(email) = $1",
	} {
		if _, err := tx.ExecContext(b.Context(), statement, email); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}
