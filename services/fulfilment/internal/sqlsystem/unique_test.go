package sqlsystem_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
)

const members = `CREATE TABLE member (id INTEGER PRIMARY KEY, email VARCHAR(80), paid INTEGER,
  card INTEGER NOT NULL UNIQUE, number BIGINT NOT NULL UNIQUE, token UUID NOT NULL UNIQUE,
  club INTEGER NOT NULL, seat INTEGER NOT NULL, lucky SMALLINT NOT NULL, UNIQUE (club, seat), UNIQUE (seat, lucky));
INSERT INTO member VALUES
  (1, 'ada@example.org', 5, 4711, 4711000000000, '6f1c1a4e-0000-4000-8000-000000000001', 1, 1, 7),
  (2, 'bob@example.org', 6, 4712, 4712000000000, '6f1c1a4e-0000-4000-8000-000000000002', 1, 2, 7),
  (3, 'ada@example.org', 7, 4713, 4713000000000, '6f1c1a4e-0000-4000-8000-000000000003', 1, 3, 7);`

const memberFields = datasetHead + `  - name: member
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: paid, data_categories: [user.financial]}
`

func memberOf(names ...string) string {
	text := memberFields
	for _, name := range names {
		text += "    - {name: " + name + ", data_categories: [user.unique_id]}\n"
	}
	return text
}

func uniqueMasks(t *testing.T, db *sqltest.Database) {
	s := opened(t, db, memberOf("card", "number", "token", "club", "seat", "lucky"), nil)
	for i, email := range []string{"ada@example.org", "bob@example.org"} {
		who := person(email)
		who.Key = fmt.Append(nil, "a key of 32 bytes for the tests", i)
		orders := ordersFor(locate(t, s, who), "user.financial", "user.contact.email") // the person stays findable
		if got := doneOf(erase(t, s, who, orders), "member", "user.unique_id"); got.Masked != uint64(2-i) {
			t.Errorf("the numbers of %s: %+v, want all masked", email, got)
		}
		nothingLeft(t, s, who, orders)
		nothingMoreToDo(t, db, s, who, orders)
	}
	if got := db.Find(t, "4711000000000", "4712000000000", "6f1c1a4e-0000"); got != nil {
		t.Errorf("numbers are still in %v", got)
	}
	if got := db.Rows(t, "SELECT count(*) FROM member WHERE card < 0 AND number < 0 AND seat < 0 AND lucky <= 0")[0]; got != "3" {
		t.Errorf("%s members have masks, want 3", got)
	}
}

func TestMySQLMasksUniqueNumbersWithoutASign(t *testing.T) {
	db := sqltest.MariaDB(t, `CREATE TABLE member (id INTEGER PRIMARY KEY, email VARCHAR(80), paid INTEGER,
c0 INTEGER UNSIGNED NOT NULL UNIQUE, c1 BIGINT UNSIGNED NOT NULL UNIQUE, c2 MEDIUMINT NOT NULL UNIQUE, c3 MEDIUMINT UNSIGNED NOT NULL UNIQUE);
INSERT INTO member VALUES (1, 'ada@example.org', 5, 1, 1, 1, 1), (2, 'bob@example.org', 6, 2, 2, 2, 2)`)
	s := opened(t, db, memberOf("c0", "c1", "c2", "c3"), nil)
	for _, email := range []string{"ada@example.org", "bob@example.org"} {
		who := person(email)
		orders := ordersFor(locate(t, s, who), "user.financial", "user.contact.email")
		erase(t, s, who, orders)
		nothingLeft(t, s, who, orders)
		nothingMoreToDo(t, db, s, who, orders)
	}
	if got := db.Rows(t, "SELECT count(*) FROM member WHERE c0 > 3000000000 AND c1 > 13000000000000000000 AND c2 < 0 AND c3 > 12000000")[0]; got != "2" {
		t.Errorf("%s members have masks, want 2: %q", got, db.Rows(t, "SELECT * FROM member"))
	}
}

func TestAUniqueColumnOfATypeWithTooFewValuesIsRemarked(t *testing.T) {
	for _, column := range []string{"DATETIME", "BOOLEAN", "BLOB", "REAL", "DECIMAL(4,2)"} {
		db := sqltest.SQLite(t, `CREATE TABLE member (id INTEGER PRIMARY KEY, email TEXT, paid INTEGER, c `+column+` NOT NULL UNIQUE);
INSERT INTO member VALUES (1, 'ada@example.org', 5, 1)`)
		s := opened(t, db, memberOf("c"), nil)
		remarks, err := s.Check(t.Context())
		if want := "column member.c can't be masked: rows that must stay can't be erased"; err != nil || !slices.Contains(remarks, want) {
			t.Errorf("%s: the check remarks %q (%v), want %q", column, remarks, err, want)
		}
		who := person("ada@example.org")
		if _, err := s.Erase(t.Context(), who, ordersFor(locate(t, s, who), "user.financial"), unheard); !errors.Is(err, connector.ErrConstraint) {
			t.Errorf("%s: the erasure ends with %v, want that it can't be", column, err)
		}
	}
}

func TestAUniqueColumnIsNotRewrittenByOneText(t *testing.T) {
	db := sqltest.SQLite(t, `CREATE TABLE member (id INTEGER PRIMARY KEY, email TEXT, paid INTEGER, nick TEXT NOT NULL UNIQUE)`)
	d, err := dataset.Parse([]byte(memberFields + `    - name: nick
      data_categories: [user.name]
      fides_meta: {masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: MASKED}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlsystem.Open(sqlsystem.Config{Kind: sqlsystem.SQLite, DSN: db.DSN, Dataset: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	_, err = s.Check(t.Context())
	var wrong connector.Mismatch
	if !errors.As(err, &wrong) || !strings.Contains(fmt.Sprint(wrong), "column member.nick is unique") {
		t.Errorf("the check ends with %v, want what is wrong with the nickname", err)
	}
}
