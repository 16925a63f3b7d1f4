package sqlsystem_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/internal/sqltest"
)

// The film rental's first customer, and what belongs to her.
const mary = "mary.smith@sakilacustomer.org"

func marys() map[string]string {
	return map[string]string{
		"customer": "customer_id = 1", "payment": "customer_id = 1", "rental": "customer_id = 1",
		"address": "address_id = (SELECT c.address_id FROM customer c WHERE c.customer_id = 1) OR address_id = 5",
	}
}

func TestAFilmRental(t *testing.T) {
	db := sqltest.Sakila(t)
	s := described(t, db, "sakila.yaml", nil)
	remarked(t, s)

	t.Run("a customer's payments stay for tax, and nothing else that is hers", func(t *testing.T) {
		who := person(mary)
		others := db.Checksums(t, marys())
		found := locate(t, s, who)
		for table, want := range map[string]uint64{"customer": 1, "address": 1, "rental": 32, "payment": 32} {
			if got := rowsOf(found, table); got != want {
				t.Errorf("%d rows are found in %s, want %d", got, table, want)
			}
		}
		shownRows(t, db, collected(t, s, who))
		kept := db.Rows(t, "SELECT payment_id, amount, payment_date, staff_id FROM payment WHERE customer_id = 1 ORDER BY 1")
		orders := ordersFor(found, "user.financial")
		done := erase(t, s, who, orders)
		if got := doneOf(done, "rental", "user.behavior.media_consumption"); got.Deleted != 32 {
			t.Errorf("the rentals: %+v, want 32 deleted", got)
		}
		if got := db.Find(t, mary, "Mary Smith", "1913 Hanoi Way", "28303384290"); got != nil {
			t.Errorf("the person is still in %v", got)
		}
		if diff := cmp.Diff(kept, db.Rows(t, "SELECT payment_id, amount, payment_date, staff_id FROM payment WHERE customer_id = 1 ORDER BY 1")); diff != "" {
			t.Errorf("what had to be kept changed (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(others, db.Checksums(t, marys())); diff != "" {
			t.Errorf("other people's rows changed (-want +got):\n%s", diff)
		}
		nothingLeft(t, s, who, orders)
		nothingMoreToDo(t, db, s, who, orders)
	})

	t.Run("an address that a store has as well is shared", func(t *testing.T) {
		db.Run(t, "UPDATE customer SET address_id = 1 WHERE customer_id = 2")
		stays(t, db, s, "patricia.johnson@sakilacustomer.org")
	})

	t.Run("an address that another customer has as well is shared", func(t *testing.T) {
		db.Run(t, "UPDATE customer SET address_id = 8 WHERE customer_id = 3")
		stays(t, db, s, "linda.williams@sakilacustomer.org")
	})

	t.Run("a member of staff is masked, for payments name whom they were made to", func(t *testing.T) {
		who := person("mike.hillyer@sakilastaff.com")
		done := erase(t, s, who, ordersFor(locate(t, s, who)))
		if got := doneOf(done, "staff", "user.name.last"); got.Masked != 1 {
			t.Errorf("the member of staff: %+v, want masked", got)
		}
		if got := db.Find(t, "hillyer"); got != nil {
			t.Errorf("the name is still in %v", got)
		}
	})
}

func remarked(t *testing.T, s connector.System) {
	t.Helper()
	remarks, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"table store refers to address and is not described",
		"column payment.last_update is not described",
	} {
		if !strings.Contains(strings.Join(remarks, "\n"), want) {
			t.Errorf("the check does not remark %q, but: %q", want, remarks)
		}
	}
}

// shownRows counts what is shown of the customer against the database.
func shownRows(t *testing.T, db *sqltest.Database, rows []string) {
	t.Helper()
	var want []string
	for _, row := range db.Rows(t, "SELECT payment_id, customer_id, staff_id, rental_id, amount, payment_date FROM payment WHERE customer_id = 1 ORDER BY 1") {
		v := strings.Split(row, " | ")
		want = append(want, fmt.Sprintf("payment payment_id=%s customer_id=%s staff_id=%s rental_id=%s amount=%s payment_date=%sZ",
			v[0], v[1], v[2], v[3], v[4], strings.TrimSuffix(strings.Replace(v[5], " ", "T", 1), "Z")))
	}
	var got []string
	for _, row := range rows {
		if strings.HasPrefix(row, "payment ") {
			got = append(got, row)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the payments shown differ (-want +got):\n%s", diff)
	}
}

// stays erases somebody whose address is others' too.
func stays(t *testing.T, db *sqltest.Database, s connector.System, email string) {
	t.Helper()
	who := person(email)
	before := db.Rows(t, "SELECT address_id, address, phone FROM address ORDER BY 1")
	found, err := s.Locate(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Collection == "address" && (f.Rows != 0 || f.Shared != 1) {
			t.Errorf("the address: %+v, want it shared", f)
		}
	}
	if _, err := s.Erase(t.Context(), who, ordersFor(found), unheard); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, db.Rows(t, "SELECT address_id, address, phone FROM address ORDER BY 1")); diff != "" {
		t.Errorf("an address changed (-want +got):\n%s", diff)
	}
	if got := db.Find(t, email); got != nil {
		t.Errorf("the person is still in %v", got)
	}
}
