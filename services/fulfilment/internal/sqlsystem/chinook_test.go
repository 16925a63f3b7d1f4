package sqlsystem_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
)

func TestAMusicShop(t *testing.T) {
	db := sqltest.Chinook(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *sqltest.Database)
	}{
		{"a customer is found, shown and erased but for what tax law keeps", customerButForTax},
		{"a customer is deleted if nothing keeps them", customerDeleted},
		{"an employee to whom others refer is masked", employeeMasked},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, db) })
	}
}

func customerButForTax(t *testing.T, db *sqltest.Database) {
	s := described(t, db, "chinook.yaml", nil)
	who := person("Hholy@Gmail.com") // customer 6, in another case than the shop has it
	mine := map[string]string{
		"customer":     "customer_id = 6",
		"invoice":      "customer_id = 6",
		"invoice_line": "invoice_id IN (SELECT invoice_id FROM invoice WHERE customer_id = 6)",
	}
	others := db.Checksums(t, mine)

	if diff := cmp.Diff(byHand(t, db, mine), collected(t, s, who)); diff != "" {
		t.Errorf("what is shown differs from what is there (-want +got):\n%s", diff)
	}
	found := locate(t, s, who)
	if got := rowsOf(found, "customer"); got != 1 {
		t.Errorf("%d customers are found, want 1", got)
	}
	if got := sinceOf(found, "invoice"); !got.Equal(chinookLast(t, db)) {
		t.Errorf("the last start is %v, want %v", got, chinookLast(t, db))
	}

	kept := db.Rows(t, "SELECT invoice_id, invoice_date, total FROM invoice WHERE customer_id = 6 ORDER BY 1")
	orders := ordersFor(found, "user.financial")
	done := erase(t, s, who, orders)
	if got := doneOf(done, "customer", "user.name.last"); got.Masked != 1 || got.Deleted != 0 {
		t.Errorf("the customer's name: %+v, want one masked", got)
	}
	if got := doneOf(done, "invoice", "user.unique_id"); got.Kept != 7 {
		t.Errorf("the invoices' customer numbers: %+v, want 7 kept", got)
	}
	if got := db.Find(t, "hholy@gmail.com", "Helena", "Holý", "Rilská", "+420 2 4177 0449"); got != nil {
		t.Errorf("after the erasure the person is still in %v", got)
	}
	if got := db.Rows(t, "SELECT billing_address, billing_city, billing_postal_code FROM invoice WHERE customer_id = 6 AND concat(billing_address, billing_city, billing_country) <> ''"); got != nil {
		t.Errorf("billing addresses are left: %v", got)
	}
	if diff := cmp.Diff(kept, db.Rows(t, "SELECT invoice_id, invoice_date, total FROM invoice WHERE customer_id = 6 ORDER BY 1")); diff != "" {
		t.Errorf("what had to be kept changed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(others, db.Checksums(t, mine)); diff != "" {
		t.Errorf("other people's rows changed (-want +got):\n%s", diff)
	}
	nothingLeft(t, s, who, orders)
	nothingMoreToDo(t, db, s, who, orders)
}

func customerDeleted(t *testing.T, db *sqltest.Database) {
	s := described(t, db, "chinook.yaml", nil)
	who := person("luisg@embraer.com.br")
	done := erase(t, s, who, ordersFor(locate(t, s, who)))
	if got := doneOf(done, "customer", "user.contact.email"); got.Deleted != 1 {
		t.Errorf("the customer: %+v, want deleted", got)
	}
	for table, want := range map[string]string{"customer": "58", "invoice": "405", "invoice_line": "2202", "track": "3503"} {
		if got := db.Rows(t, "SELECT count(*) FROM "+table)[0]; got != want {
			t.Errorf("%s has %s rows, want %s", table, got, want)
		}
	}
}

func employeeMasked(t *testing.T, db *sqltest.Database) {
	s := described(t, db, "chinook.yaml", nil)
	who := person("nancy@chinookcorp.com")
	mine := map[string]string{"employee": "employee_id = 2"}
	others := db.Checksums(t, mine)
	orders := ordersFor(locate(t, s, who))
	if got := doneOf(erase(t, s, who, orders), "employee", "user.contact.email"); got.Masked != 1 {
		t.Errorf("the employee: %+v, want masked", got)
	}
	if diff := cmp.Diff(others, db.Checksums(t, mine)); diff != "" {
		t.Errorf("other people's rows changed (-want +got):\n%s", diff)
	}
	nothingLeft(t, s, who, orders)
}

func chinookLast(t *testing.T, db *sqltest.Database) time.Time {
	t.Helper()
	var last time.Time
	if err := db.QueryRowContext(t.Context(), "SELECT max(invoice_date) FROM invoice WHERE customer_id = 6").Scan(&last); err != nil {
		t.Fatal(err)
	}
	return last.UTC()
}

// described opens a database with a dataset of testdata.
func described(t testing.TB, db *sqltest.Database, name string, change func(*sqlsystem.Config)) *sqlsystem.System {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return opened(t, db, string(text), change)
}

// opened opens a database with a dataset and checks it.
func opened(t testing.TB, db *sqltest.Database, text string, change func(*sqlsystem.Config)) *sqlsystem.System {
	t.Helper()
	d, err := dataset.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	config := sqlsystem.Config{Kind: sqlsystem.Kind(db.Kind), DSN: db.DSN, Dataset: d}
	if change != nil {
		change(&config)
	}
	s, err := sqlsystem.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func person(email string) connector.Person {
	return connector.Person{
		Identifiers: []connector.Identifier{{Kind: "email", Value: email}},
		Key:         []byte("a key of 32 bytes for the tests."),
	}
}

func locate(t testing.TB, s *sqlsystem.System, who connector.Person) []connector.Found {
	t.Helper()
	found, err := s.Locate(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func erase(t testing.TB, s *sqlsystem.System, who connector.Person, orders []connector.Order) []connector.Done {
	t.Helper()
	done, err := s.Erase(t.Context(), who, orders, unheard)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// unheard is told of changes and has nothing against them.
func unheard(context.Context, []connector.Done) error { return nil }

func nothingLeft(t testing.TB, s *sqlsystem.System, who connector.Person, orders []connector.Order) {
	t.Helper()
	left, err := s.Verify(t.Context(), who, orders)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range left {
		if found.Rows > 0 {
			t.Errorf("%d rows of %s are left in %s", found.Rows, found.Category, found.Collection)
		}
	}
}

// nothingMoreToDo repeats an erasure, which must change no byte.
func nothingMoreToDo(t testing.TB, db *sqltest.Database, s *sqlsystem.System, who connector.Person, orders []connector.Order) {
	t.Helper()
	before := db.Checksums(t, nil)
	for _, done := range erase(t, s, who, orders) {
		if done.Deleted+done.Masked > 0 {
			t.Errorf("a second run did %+v", done)
		}
	}
	if diff := cmp.Diff(before, db.Checksums(t, nil)); diff != "" {
		t.Errorf("a second run changed something (-want +got):\n%s", diff)
	}
}

// collected is every row shown, as text.
func collected(t testing.TB, s *sqlsystem.System, who connector.Person) []string {
	t.Helper()
	var rows []string
	err := s.Collect(t.Context(), who, func(r connector.Row) error {
		texts := []string{r.Collection}
		for _, c := range r.Columns {
			texts = append(texts, c.Name+"="+shown(c.Value))
		}
		rows = append(rows, strings.Join(texts, " "))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func shown(value any) string {
	switch v := value.(type) {
	case nil:
		return "NULL"
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	default:
		return fmt.Sprint(v)
	}
}

// byHand is what the music shop has of a customer.
func byHand(t testing.TB, db *sqltest.Database, mine map[string]string) []string {
	t.Helper()
	columns := map[string][]string{
		"customer": {
			"customer_id", "first_name", "last_name", "company", "address", "city", "state", "country",
			"postal_code", "phone", "fax", "email", "support_rep_id",
		},
		"invoice": {
			"invoice_id", "customer_id", "invoice_date", "billing_address", "billing_city", "billing_state",
			"billing_country", "billing_postal_code", "total",
		},
		"invoice_line": {"invoice_line_id", "invoice_id", "track_id", "unit_price", "quantity"},
	}
	var all []string
	for _, table := range []string{"customer", "invoice", "invoice_line"} {
		for _, row := range db.Rows(t, fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s",
			strings.Join(columns[table], ", "), table, mine[table], columns[table][0])) {
			text := table
			for i, value := range strings.Split(row, " | ") {
				text += " " + columns[table][i] + "=" + value
			}
			all = append(all, text)
		}
	}
	return all
}

func rowsOf(found []connector.Found, collection string) uint64 {
	for _, f := range found {
		if f.Collection == collection {
			return f.Rows
		}
	}
	return 0
}

func sinceOf(found []connector.Found, collection string) time.Time {
	for _, f := range found {
		if f.Collection == collection {
			return f.Since
		}
	}
	return time.Time{}
}

// ordersFor erases every part with rows but those of some categories.
func ordersFor(found []connector.Found, keep ...string) []connector.Order {
	var orders []connector.Order
	for _, f := range found {
		if f.Rows == 0 {
			continue
		}
		erase := true
		for _, category := range keep {
			erase = erase && f.Category != category
		}
		orders = append(orders, connector.Order{Part: f.Part, Erase: erase, Rows: f.Rows, Since: f.Since})
	}
	return orders
}

func doneOf(done []connector.Done, collection, category string) connector.Done {
	for _, d := range done {
		if d.Collection == collection && d.Category == category {
			return d
		}
	}
	return connector.Done{}
}
