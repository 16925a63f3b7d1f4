package sqlsystem_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
	"habeas.internal/services/internal/testwait"
)

// pairs are people who write to each other and live together: Ada and Bob have
// given an address, which is unique; the third is on file with a name alone, the fourth
// with nothing.
const pairs = `
CREATE TABLE home (id INTEGER PRIMARY KEY, street VARCHAR(80));
CREATE TABLE person (id INTEGER PRIMARY KEY, email VARCHAR(80) NOT NULL, name VARCHAR(80), born DATE NOT NULL, badge INTEGER NOT NULL UNIQUE);
CREATE UNIQUE INDEX person_email ON person (email);
CREATE TABLE lives (person INTEGER NOT NULL, home INTEGER NOT NULL, PRIMARY KEY (person, home),
  FOREIGN KEY (person) REFERENCES person (id), FOREIGN KEY (home) REFERENCES home (id));
CREATE TABLE letter (id INTEGER PRIMARY KEY, sender INTEGER NOT NULL, recipient INTEGER NOT NULL, body VARCHAR(80),
  FOREIGN KEY (sender) REFERENCES person (id), FOREIGN KEY (recipient) REFERENCES person (id));
INSERT INTO home VALUES (7, '12 Secret Street'), (8, 'of Ada and the third');
INSERT INTO person VALUES (1, 'ada@example.org', 'Ada', '1815-12-10', 11), (2, 'bob@example.org', 'Bob', '1900-01-02', 12), (3, '', 'Third', '1900-01-02', 13), (4, 'erased-aaaaaaaaaaaaaaaaaaaa', NULL, '1970-01-01', -4);
INSERT INTO lives VALUES (1, 7), (2, 7), (1, 8), (3, 8);
INSERT INTO letter VALUES (1, 1, 2, 'Ada to Bob: 555-0100'), (2, 2, 1, 'Bob to Ada'), (3, 1, 3, 'Ada to the third'), (4, 1, 4, 'Ada to nobody');
`

const pairFields = datasetHead + `  - name: person
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: name, data_categories: [user.name]}
    - {name: born, data_categories: [user.demographic.date_of_birth]}
    - {name: badge, data_categories: [user.unique_id]}
  - name: lives
    fields:
    - {name: person, data_categories: [system.operations], fides_meta: {references: [{dataset: d, field: person.id, direction: from}]}}
    - {name: home, data_categories: [system.operations], fides_meta: {references: [{dataset: d, field: home.id, direction: to}]}}
  - name: home
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: street, data_categories: [user.contact.address.street]}
  - name: letter
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: sender, data_categories: [system.operations], fides_meta: {references: [{dataset: d, field: person.id, direction: from}]}}
    - {name: recipient, data_categories: [system.operations], fides_meta: {references: [{dataset: d, field: person.id, direction: from}]}}
    - {name: body, data_categories: [user.content]}
`

// everyPart orders all of a system erased, whether anything was found of it or not.
func everyPart(found []connector.Found, keep ...string) []connector.Order {
	var orders []connector.Order
	for _, f := range found {
		orders = append(orders, connector.Order{Part: f.Part, Erase: !slices.Contains(keep, f.Category), Rows: f.Rows, Since: f.Since})
	}
	return orders
}

// someone is a person whose requests have a key of their own.
func someone(email string) connector.Person {
	who := person(email)
	who.Key = []byte("the key of requests of " + email)
	return who
}

func TestWhatTwoPeopleShareGoesWithTheSecond(t *testing.T) {
	for kind, start := range map[sqlsystem.Kind]func(testing.TB, string) *sqltest.Database{
		sqlsystem.PostgreSQL: sqltest.Postgres, sqlsystem.MySQL: sqltest.MariaDB, sqlsystem.SQLite: sqltest.SQLite,
	} {
		t.Run(string(kind), func(t *testing.T) {
			server := start(t, "")
			for i, c := range []struct {
				name string
				test func(*testing.T, *sqltest.Database)
			}{
				{name: "when one is erased after the other", test: oneAfterTheOther},
				{name: "when both are erased at once", test: bothAtOnce},
				{name: "and not while something of the first has to stay", test: someoneStays},
			} {
				t.Run(c.name, func(t *testing.T) {
					c.test(t, server.Another(t, fmt.Sprint("pairs", i), pairs))
				})
			}
		})
	}
}

// sharedLeft are the letters and homes that are left.
func sharedLeft(t *testing.T, db *sqltest.Database, want ...string) {
	t.Helper()
	got := append(db.Rows(t, "SELECT body FROM letter ORDER BY id"), db.Rows(t, "SELECT street FROM home WHERE street IS NOT NULL ORDER BY id")...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("of letters and homes there are left (-want +got):\n%s", diff)
	}
}

func oneAfterTheOther(t *testing.T, db *sqltest.Database) {
	s := opened(t, db, pairFields, nil)
	ada, bob := someone("ada@example.org"), someone("bob@example.org")
	if found := locate(t, s, ada); rowsOf(found, "letter") != 1 || sharedOf(found, "letter") != 3 || sharedOf(found, "home") != 2 {
		t.Errorf("of Ada there are %+v, want the letter to nobody, three shared ones and two shared homes", found)
	}
	orders := everyPart(locate(t, s, ada))
	erase(t, s, ada, orders)
	nothingLeft(t, s, ada, orders)
	sharedLeft(t, db, "Ada to Bob: 555-0100", "Bob to Ada", "Ada to the third", "12 Secret Street", "of Ada and the third")
	if found := locate(t, s, bob); rowsOf(found, "letter") != 2 || rowsOf(found, "home") != 1 || sharedOf(found, "letter")+sharedOf(found, "home") > 0 {
		t.Errorf("of Bob there are %+v, want two letters and a home, none of them shared any more", found)
	}
	orders = everyPart(locate(t, s, bob))
	erase(t, s, bob, orders)
	nothingLeft(t, s, bob, orders)
	sharedLeft(t, db, "Ada to the third", "of Ada and the third")
}

// bothAtOnce begins Bob's erasure before Ada's has committed.
func bothAtOnce(t *testing.T, db *sqltest.Database) {
	s, other := opened(t, db, pairFields, nil), opened(t, db, pairFields, nil)
	ada, bob := someone("ada@example.org"), someone("bob@example.org")
	orders := everyPart(locate(t, s, ada))
	ended := make(chan error, 1)
	_, err := s.Erase(t.Context(), ada, orders, func(ctx context.Context, _ []connector.Done) error {
		go func() {
			_, err := other.Erase(t.Context(), bob, orders, unheard)
			ended <- err
		}()
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return testwait.Until(ctx, func() error {
			if waiting := waitingIn[db.Kind]; waiting == "" || db.Rows(t, waiting)[0] != "0" {
				return nil // SQLite's transactions begin one after the other
			}
			return errors.New("nobody waits for the rows")
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, connector.ErrMoved) {
			t.Fatalf("Bob's erasure ends with %v, want it to see that letters have become his", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("they wait for each other")
	}
	erase(t, s, bob, everyPart(locate(t, s, bob)))
	sharedLeft(t, db, "Ada to the third", "of Ada and the third")
}

// waitingIn counts the transactions that wait for others.
var waitingIn = map[sqltest.Kind]string{
	"postgresql": "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
	"mysql":      "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'innodb_row_lock_current_waits'",
}

func someoneStays(t *testing.T, db *sqltest.Database) {
	s := opened(t, db, pairFields, nil)
	for _, who := range []connector.Person{someone("ada@example.org"), someone("bob@example.org")} {
		erase(t, s, who, everyPart(locate(t, s, who), "user.name"))
	}
	sharedLeft(t, db, "Ada to Bob: 555-0100", "Bob to Ada", "Ada to the third", "12 Secret Street", "of Ada and the third")
}

func TestTokensDoNotTellWhoIsTheSamePersonInTwoSystems(t *testing.T) {
	stamps := map[string]string{}
	for _, name := range []string{"shop", "messenger"} {
		db := sqltest.SQLite(t, pairs)
		s := opened(t, db, pairFields, func(c *sqlsystem.Config) { c.Name = name })
		who := person("ada@example.org")
		orders := everyPart(locate(t, s, who), "user.name")
		erase(t, s, who, orders)
		row := db.Rows(t, "SELECT substr(email, 1, 15), badge / 4294967296 FROM person WHERE id = 1")[0]
		for stamp := range strings.SplitSeq(row, " | ") {
			if other, same := stamps[stamp]; same {
				t.Errorf("%s and %s have tokens that begin alike: %s", name, other, stamp)
			}
			stamps[stamp] = name
		}
		nothingMoreToDo(t, db, s, who, orders)
	}
}
