package sqlsystem_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/internal/sqltest"
)

// family is somebody who lives with Ada and has given the same number.
const family = `INSERT INTO account VALUES (4, 'dan@example.org', '+44 20 7946 0001', 'Dan Daring', 'dan', '1950-04-14', '2024-01-01', 1);
INSERT INTO orders VALUES (40, 4, 'ring for Dan', 1.00);`

// known is a person by some identifiers, "kind value".
func known(identifiers ...string) connector.Person {
	who := person("")
	who.Identifiers = nil
	for _, text := range identifiers {
		kind, value, _ := strings.Cut(text, " ")
		who.Identifiers = append(who.Identifiers, connector.Identifier{Kind: kind, Value: value})
	}
	return who
}

func sharedOf(found []connector.Found, collection string) uint64 {
	i := slices.IndexFunc(found, func(f connector.Found) bool { return f.Collection == collection })
	return found[i].Shared
}

func oneTelephone(t *testing.T, db *sqltest.Database) {
	s := described(t, db, "shop.yaml", nil)
	who := known("email ada@example.org", "phone +442079460001")
	found := locate(t, s, who)
	if rowsOf(found, "account") != 1 || sharedOf(found, "account") != 1 || rowsOf(found, "orders") != 2 {
		t.Errorf("found %+v, want one account, another that is shared, and two orders", found)
	}
	if all := strings.Join(collected(t, s, who), "\n"); strings.Contains(all, "Dan") || strings.Contains(all, "dan@") {
		t.Errorf("what is another's is disclosed:\n%s", all)
	}
	unsure := known("phone +442079460001")
	if got := locate(t, s, unsure); rowsOf(got, "account") != 0 || sharedOf(got, "account") != 2 || rowsOf(got, "orders") != 0 {
		t.Errorf("by the number alone there are %+v, want two accounts that are shared", got)
	}
	others := db.Checksums(t, adas())
	if got := doneOf(erase(t, s, who, ordersFor(found)), "account", "user.contact.email"); got.Shared != 1 {
		t.Errorf("the accounts: %+v, want one told as shared", got)
	}
	if diff := cmp.Diff(others, db.Checksums(t, adas())); diff != "" {
		t.Errorf("other people's rows changed (-want +got):\n%s", diff)
	}
	nothingLeft(t, s, who, ordersFor(found))
	nothingMoreToDo(t, db, s, who, ordersFor(found))
}

const contactFields = datasetHead + `  - name: contact
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: partner, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: phone, data_categories: [user.contact], fides_meta: {identity: phone}}
    - {name: cookie, data_categories: [user.contact], fides_meta: {identity: cookie}}
`

const (
	contacts       = `CREATE TABLE contact (id INTEGER PRIMARY KEY, email VARCHAR(80), partner VARCHAR(80), phone VARCHAR(40), cookie VARCHAR(40));`
	uniqueContacts = `CREATE TABLE contact (id INTEGER PRIMARY KEY, email VARCHAR(80) UNIQUE, partner VARCHAR(80), phone VARCHAR(40), cookie VARCHAR(40));`
)

// several is rows with several identities.
type several struct {
	name, schema string // contacts unless stated
	who          connector.Person
	rows         []string // email, partner, phone, cookie
	mine, shared uint64
}

func severals() []several {
	return []several{
		{
			name: "an address says more than a number that changed",
			who:  known("email a@x.org", "phone +441"), rows: []string{"'a@x.org', NULL, '+442', NULL"}, mine: 1,
		},
		{
			name: "a number says less than another's address",
			who:  known("email a@x.org", "phone +441"), rows: []string{"'b@x.org', NULL, '+441', NULL"}, shared: 1,
		},
		{
			name: "any address of the person is theirs",
			who:  known("email a@x.org", "email c@x.org", "phone +441"), rows: []string{"'C@x.org', 'a@x.org', '+441', NULL"}, mine: 1,
		},
		{
			name: "a number without an address is the person's",
			who:  known("email a@x.org", "phone +441"), rows: []string{"NULL, '', '+441', NULL"}, mine: 1,
		},
		{
			name: "a number alone finds the only one who has it",
			who:  known("phone +441"), rows: []string{"'a@x.org', NULL, '+441', NULL", "'A@x.org', NULL, '+4 41', NULL"}, mine: 2,
		},
		{
			name: "a number alone does not choose between two",
			who:  known("phone +441"), rows: []string{"'a@x.org', NULL, '+441', NULL", "'b@x.org', NULL, '+441', NULL"}, shared: 2,
		},
		{
			name: "many cookies are one person's",
			who:  known("email a@x.org", "cookie k1"), rows: []string{"'a@x.org', NULL, NULL, 'k2'", "'a@x.org', NULL, NULL, 'k3'"}, mine: 2,
		},
		{
			name: "a cookie says less than another's number",
			who:  known("phone +441", "cookie k1"), rows: []string{"NULL, NULL, '+442', 'k1'"}, shared: 1,
		},
		{
			name: "two people's addresses in one row make it both's",
			who:  known("email b@x.org"), rows: []string{"'a@x.org', 'b@x.org', NULL, NULL", "'b@x.org', NULL, NULL, NULL"}, mine: 1, shared: 1,
		},
		{
			name: "an address that is unique says whose the row is", schema: uniqueContacts,
			who: known("email a@x.org"), rows: []string{"'a@x.org', 'b@x.org', NULL, NULL"}, mine: 1,
		},
		{
			name: "one beside it does not", schema: uniqueContacts,
			who: known("email b@x.org"), rows: []string{"'a@x.org', 'b@x.org', NULL, NULL"}, shared: 1,
		},
	}
}

func TestWhoseARowOfSeveralIdentitiesIs(t *testing.T) {
	for _, c := range severals() {
		t.Run(c.name, func(t *testing.T) {
			if c.schema == "" {
				c.schema = contacts
			}
			db := sqltest.SQLite(t, c.schema)
			for i, row := range c.rows {
				db.Run(t, fmt.Sprintf("INSERT INTO contact VALUES (%d, %s)", i, row))
			}
			s := opened(t, db, contactFields, nil)
			found := locate(t, s, c.who)
			if got := rowsOf(found, "contact"); got != c.mine || sharedOf(found, "contact") != c.shared {
				t.Errorf("%d rows are theirs and %d shared, want %d and %d", got, sharedOf(found, "contact"), c.mine, c.shared)
			}
			if got := uint64(len(collected(t, s, c.who))); got != c.mine {
				t.Errorf("%d rows are shown, want %d", got, c.mine)
			}
			erase(t, s, c.who, ordersFor(found))
			if got := db.Rows(t, "SELECT count(*) FROM contact")[0]; got != fmt.Sprint(c.shared) {
				t.Errorf("%s rows are left, want the %d that are shared", got, c.shared)
			}
		})
	}
}

func TestTheCheckRemarksOnIdentitiesBesideEachOther(t *testing.T) {
	remarks, err := opened(t, sqltest.SQLite(t, contacts), contactFields, nil).Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"columns contact.email and partner are both identities of the kind email: a row that bears two people's is shared",
		"column contact.phone can be several people's: a row found by it that bears another email than the person's is shared",
		"column contact.cookie can be several people's: a row found by it that bears another phone than the person's is shared",
	} {
		if !slices.Contains(remarks, want) {
			t.Errorf("the check does not remark %q, but: %q", want, remarks)
		}
	}
}

const callers = `CREATE TABLE caller (id INTEGER PRIMARY KEY, number VARCHAR(40));
CREATE TABLE dialled (id INTEGER PRIMARY KEY, number BIGINT, account INTEGER, device UUID);
INSERT INTO caller VALUES (1, '0012025550000'), (2, '1.202.555.0000'), (3, '+1 (202) 555-0000'), (4, '00 1 202 555 0000'), (5, '2025550000'), (6, '112025550000');
INSERT INTO dialled (id, number, account) VALUES (1, 12025550000, 7), (2, 2025550000, 8), (3, NULL, 9), (4, 0, NULL), (5, 12025550000, NULL);
INSERT INTO dialled VALUES (6, NULL, 7, '6f1c1a4e-0000-4000-8000-000000000001'), (7, NULL, 8, '6f1c1a4e-0000-4000-8000-000000000001');`

func spelledNumbers(t *testing.T, db *sqltest.Database) {
	s := opened(t, db, datasetHead+`  - name: caller
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: number, data_categories: [user.contact.phone_number], fides_meta: {identity: phone_number}}
  - name: dialled
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: number, data_categories: [user.contact.phone_number], fides_meta: {identity: phone_number}}
    - {name: account, data_categories: [user.unique_id], fides_meta: {identity: user_id}}
    - {name: device, data_categories: [user.device], fides_meta: {identity: fides_user_device_id}}
`, nil)
	if found := locate(t, s, known("device 6F1C1A4E-0000-4000-8000-000000000001")); rowsOf(found, "dialled") != 0 || sharedOf(found, "dialled") != 2 {
		t.Errorf("by the device there are %+v, want two accounts that are shared", found)
	}
	if found := locate(t, s, known("device 6f1c1a4e-0000-4000-8000-000000000001", "account 7")); rowsOf(found, "dialled") != 2 || sharedOf(found, "dialled") != 1 {
		t.Errorf("by the device and an account there are %+v, want two that are the account's and one that is shared", found)
	}
	who := known("phone +12025550000")
	found := locate(t, s, who)
	if rowsOf(found, "caller") != 4 || rowsOf(found, "dialled") != 2 {
		t.Errorf("found %+v, want 4 callers and two who were dialled", found)
	}
	erase(t, s, who, ordersFor(found))
	nothingLeft(t, s, who, ordersFor(found))
	left := append(db.Rows(t, "SELECT id FROM caller ORDER BY id"), db.Rows(t, "SELECT id FROM dialled ORDER BY id")...)
	if diff := cmp.Diff([]string{"5", "6", "2", "3", "4", "6", "7"}, left); diff != "" {
		t.Errorf("the rows left (-want +got):\n%s", diff)
	}
}
