package sqlsystem_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
)

func everythingGoes(t *testing.T, db *sqltest.Database) {
	s := described(t, db, "shop.yaml", nil)
	who := person("ada@example.org")
	others := db.Checksums(t, adas())
	orders := ordersFor(locate(t, s, who))
	everythingLeft(t, s, who, orders)
	done := erase(t, s, who, orders)
	if got := doneOf(done, "orders", "user.content"); got.Deleted != 2 {
		t.Errorf("the orders: %+v, want 2 deleted", got)
	}
	if got := doneOf(done, "remark", "user.content"); got.Deleted != 3 || got.Masked != 1 {
		t.Errorf("the remarks: %+v, want 3 deleted, and masked the one that Bob answers", got)
	}
	if got := db.Find(t, "ada@", "secret", "love", "7946-0001", "ring twice"); got != nil {
		t.Errorf("the person is still in %v", got)
	}
	if diff := cmp.Diff(others, db.Checksums(t, adas())); diff != "" {
		t.Errorf("other people's rows changed (-want +got):\n%s", diff)
	}
	nothingLeft(t, s, who, orders)
	nothingMoreToDo(t, db, s, who, orders)
}

func whatStaysIsMasked(t *testing.T, db *sqltest.Database) {
	s := described(t, db, "shop.yaml", nil)
	who := person("ADA@example.org")
	others := db.Checksums(t, adas())
	kept := db.Rows(t, "SELECT id, account_id, total FROM orders ORDER BY 1")
	orders := ordersFor(locate(t, s, who), "user.financial")
	done := erase(t, s, who, orders)
	if got := doneOf(done, "order_line", "user.content"); got.Deleted != 3 {
		t.Errorf("the lines: %+v, want 3 deleted", got)
	}
	row := strings.Split(db.Rows(t, "SELECT email, phone, name, nickname, joined, household_id FROM account WHERE id = 1")[0], " | ")
	if got := append(row[:3:3], row[4:]...); !cmp.Equal(got, []string{"NULL", "NULL", "", "NULL", "1"}) {
		t.Errorf("the account is %q", row)
	}
	if !strings.HasPrefix(row[3], "erased-") || len(row[3]) < 20 {
		t.Errorf("the unique name is %q, want a token", row[3])
	}
	if got := db.Rows(t, "SELECT count(*) FROM orders WHERE note = '' AND account_id = 1")[0]; got != "2" {
		t.Errorf("%s notes are empty, want 2", got)
	}
	if diff := cmp.Diff(kept, db.Rows(t, "SELECT id, account_id, total FROM orders ORDER BY 1")); diff != "" {
		t.Errorf("what had to be kept changed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(others, db.Checksums(t, adas())); diff != "" {
		t.Errorf("other people's rows changed (-want +got):\n%s", diff)
	}
	nothingLeft(t, s, who, orders)
	nothingMoreToDo(t, db, s, who, orders)
}

func lonelyHousehold(t *testing.T, db *sqltest.Database) {
	s := described(t, db, "shop.yaml", nil)
	who := person("cyd@example.org")
	erase(t, s, who, ordersFor(locate(t, s, who)))
	if got := db.Rows(t, "SELECT id FROM household"); !cmp.Equal(got, []string{"1"}) {
		t.Errorf("the households left are %v, want 1", got)
	}
	who = person("ada@example.org")
	for _, f := range locate(t, s, who) {
		if f.Collection == "household" && (f.Rows != 0 || f.Shared != 1) {
			t.Errorf("the household that Bob lives in too: %+v, want it shared", f)
		}
	}
}

func nobody(t *testing.T, db *sqltest.Database) {
	s := described(t, db, "shop.yaml", nil)
	before := db.Checksums(t, nil)
	for _, who := range []connector.Person{person("nobody@example.org"), {}, {Identifiers: []connector.Identifier{{Kind: "moon", Value: "1"}}}} {
		found := locate(t, s, who)
		if len(found) == 0 || len(ordersFor(found)) > 0 || found[0].Digest != [32]byte{} {
			t.Errorf("nobody has %+v", found)
		}
		if got := collected(t, s, who); got != nil {
			t.Errorf("nobody has %v", got)
		}
		for i := range found {
			found[i].Rows = 1
		}
		erase(t, s, who, ordersFor(found))
	}
	if diff := cmp.Diff(before, db.Checksums(t, nil)); diff != "" {
		t.Errorf("rows changed (-want +got):\n%s", diff)
	}
}

func byPhone(t *testing.T, db *sqltest.Database) {
	s := described(t, db, "shop.yaml", nil)
	who := connector.Person{Identifiers: []connector.Identifier{{Kind: "phone", Value: "+442079460001"}}}
	if got := rowsOf(locate(t, s, who), "orders"); got != 2 {
		t.Errorf("%d orders are found, want 2", got)
	}
}

func weirdIdentifiers(t *testing.T, db *sqltest.Database) {
	s := described(t, db, "shop.yaml", nil)
	long := strings.Repeat("l", 308) + "@example.org"
	weird := []string{
		"o'brien@example.org", `back\slash@example.org`, "100%@example.org", "under_score@example.org",
		`"quoted;--"@example.org`, "jos\u00e9@example.org", "\u5b57@example.org", "emoji\U0001f600@example.org", long,
		"jose@example.org", "underxscore@example.org", "1000@example.org",
	}
	for i, email := range weird {
		query := "INSERT INTO account VALUES (?, ?, NULL, 'Someone', ?, '2000-01-01', NULL, NULL)"
		if db.Kind == sqltest.PostgreSQL {
			query = "INSERT INTO account VALUES ($1, $2, NULL, 'Someone', $3, '2000-01-01', NULL, NULL)"
		}
		db.Run(t, query, 1000+i, strings.ToUpper(email), fmt.Sprint("nick", i))
	}
	for _, odd := range []string{"%", "_", "", "' OR '1'='1", "a\x00b", "\xff", "%@example.org", "jose\u0301@example.org "} {
		if got := rowsOf(locate(t, s, person(odd)), "account"); got != 0 {
			t.Errorf("%q finds %d accounts, want none", odd, got)
		}
	}
	for i, email := range weird {
		who := person(email)
		found := locate(t, s, who)
		if got := rowsOf(found, "account"); got != 1 {
			t.Errorf("%q finds %d accounts, want 1", email, got)
			continue
		}
		erase(t, s, who, ordersFor(found))
		want := len(weird) - i - 1
		if got := len(db.Rows(t, "SELECT id FROM account WHERE id >= 1000")); got != want {
			t.Errorf("after %q %d accounts are left, want %d", email, got, want)
		}
	}
}

func otherOrders(t *testing.T, db *sqltest.Database) {
	s := described(t, db, "shop.yaml", nil)
	part := connector.Part{Collection: "account", Category: "user.shoe_size"}
	_, err := s.Erase(t.Context(), person("ada@example.org"), []connector.Order{{Part: part, Erase: true}}, unheard)
	if !errors.Is(err, connector.ErrMismatch) {
		t.Errorf("an order for a part that there is not: %v, want %v", err, connector.ErrMismatch)
	}
}

// everythingLeft holds that a look before the erasure finds every part.
func everythingLeft(t *testing.T, s *sqlsystem.System, who connector.Person, orders []connector.Order) {
	t.Helper()
	left, err := s.Verify(t.Context(), who, orders)
	if err != nil || len(left) != len(orders) {
		t.Fatalf("%d of %d parts are read again (%v)", len(left), len(orders), err)
	}
	for _, found := range left {
		if found.Rows == 0 || found.Digest == [32]byte{} {
			t.Errorf("before the erasure nothing is left of %s in %s", found.Category, found.Collection)
		}
	}
}
