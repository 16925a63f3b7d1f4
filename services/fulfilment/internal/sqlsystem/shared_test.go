package sqlsystem_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/internal/sqltest"
)

// club adds to the shop what belongs to several people, or has to stay.
const club = `
CREATE TABLE letter (
  id INTEGER PRIMARY KEY, sender_id INTEGER NOT NULL, recipient_id INTEGER, body VARCHAR(80) NOT NULL,
  FOREIGN KEY (sender_id) REFERENCES account (id), FOREIGN KEY (recipient_id) REFERENCES account (id));
INSERT INTO letter VALUES (1, 1, 2, 'Ada to Bob'), (2, 2, 1, 'Bob to Ada'), (3, 1, 1, 'Ada to herself'), (4, 1, NULL, 'Ada to the sea'), (5, 2, 3, 'Bob to Cyd');
CREATE TABLE post (
  id INTEGER PRIMARY KEY, account_id INTEGER, parent_id INTEGER, body VARCHAR(80) NOT NULL,
  FOREIGN KEY (account_id) REFERENCES account (id), FOREIGN KEY (parent_id) REFERENCES post (id));
INSERT INTO post VALUES (1, 1, NULL, 'Ada posts'), (2, NULL, 1, 'nobody answers'), (3, 2, 1, 'Bob answers'), (4, NULL, 3, 'nobody answers Bob'), (5, NULL, 2, 'nobody goes on'), (6, 2, NULL, 'Bob posts');
CREATE TABLE archive (id INTEGER PRIMARY KEY, account_id INTEGER, body VARCHAR(80));
INSERT INTO archive VALUES (1, 1, 'Ada on file'), (2, 2, 'Bob on file');
CREATE TABLE pool (id INTEGER PRIMARY KEY, account_id INTEGER, body VARCHAR(80));
INSERT INTO pool VALUES (1, 1, 'Ada swims'), (2, 2, 'Bob swims');
CREATE TABLE badge (id INTEGER PRIMARY KEY, account_id INTEGER, number VARCHAR(80), colour VARCHAR(80) NOT NULL);
INSERT INTO badge VALUES (1, 1, 'number of Ada', 'red'), (2, 2, 'number of Bob', 'blue');
`

const clubFields = `
      - name: letter
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: sender_id, fides_meta: {references: [{dataset: shop, field: account.id, direction: from}]}}
          - {name: recipient_id, fides_meta: {references: [{dataset: shop, field: account.id, direction: from}]}}
          - {name: body, data_categories: [user.content.private]}
      - name: post
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: account_id, fides_meta: {references: [{dataset: shop, field: account.id, direction: from}]}}
          - {name: parent_id, fides_meta: {references: [{dataset: shop, field: post.id, direction: from}]}}
          - {name: body, data_categories: [user.content.public]}
      - name: archive
        fides_meta: {habeas: {keep: true}}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: account_id, fides_meta: {references: [{dataset: shop, field: account.id, direction: from}]}}
          - {name: body, data_categories: [user.content.private]}
      - name: pool
        fides_meta: {habeas: {shared: true}}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: account_id, fides_meta: {references: [{dataset: shop, field: account.id, direction: from}]}}
          - {name: body, data_categories: [user.content.private]}
      - name: badge
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: account_id, fides_meta: {references: [{dataset: shop, field: account.id, direction: from}]}}
          - {name: number, data_categories: [user.unique_id], fides_meta: {habeas: {keep: true}}}
          - name: colour
            data_categories: [user.behavior]
            fides_meta: {masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: grey}}}
`

func severalPeoples(t *testing.T, db *sqltest.Database) {
	text, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := opened(t, db, string(text)+clubFields, nil)
	who := person("ada@example.org")
	found := locate(t, s, who)
	for _, c := range []struct {
		table        string
		rows, shared uint64
	}{{"letter", 2, 2}, {"post", 3, 1}, {"archive", 1, 0}, {"pool", 0, 1}, {"badge", 1, 0}, {"household", 0, 1}} {
		for _, f := range found {
			if f.Collection == c.table && (f.Rows != c.rows || f.Shared != c.shared) {
				t.Errorf("%s: %d rows and %d shared are found, want %d and %d", c.table, f.Rows, f.Shared, c.rows, c.shared)
			}
		}
	}
	if all := strings.Join(collected(t, s, who), "\n"); !strings.Contains(all, "Bob answers") || strings.Contains(all, "nobody answers Bob") {
		t.Errorf("Ada is shown\n%s\nwant Bob's answer to her, and not what follows on it", all)
	}
	orders := ordersFor(found)
	done := erase(t, s, who, orders)
	if got := doneOf(done, "post", "user.content.public"); got.Deleted != 2 || got.Masked != 1 || got.Shared != 1 {
		t.Errorf("the posts: %+v, want 2 deleted, the one that Bob answers masked, and his told as shared", got)
	}
	if got := doneOf(done, "archive", "user.content.private"); got.Kept != 1 || !got.Described || got.Deleted+got.Masked > 0 {
		t.Errorf("the archive: %+v, want one row kept as described", got)
	}
	if got := doneOf(done, "letter", "user.content.private"); got.Deleted != 2 || got.Shared != 2 {
		t.Errorf("the letters: %+v, want 2 deleted and 2 shared", got)
	}
	if got := doneOf(done, "badge", "user.unique_id"); got.Kept != 1 || !got.Described {
		t.Errorf("the badge's number: %+v, want it kept", got)
	}
	for query, want := range map[string][]string{
		"SELECT body FROM letter ORDER BY id":          {"Ada to Bob", "Bob to Ada", "Bob to Cyd"},
		"SELECT id, body FROM post ORDER BY id":        {"1 | ", "3 | Bob answers", "4 | nobody answers Bob", "6 | Bob posts"},
		"SELECT body FROM archive ORDER BY id":         {"Ada on file", "Bob on file"},
		"SELECT body FROM pool ORDER BY id":            {"Ada swims", "Bob swims"},
		"SELECT number, colour FROM badge ORDER BY id": {"number of Ada | grey", "number of Bob | blue"},
		"SELECT street FROM household ORDER BY id":     {"Shared Lane 1", "Lonely Road 2"},
	} {
		if diff := cmp.Diff(want, db.Rows(t, query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	nothingLeft(t, s, who, orders)
	shown := strings.Join(collected(t, s, person("bob@example.org")), "\n")
	if !strings.Contains(shown, "Ada to Bob") {
		t.Errorf("the letter that Bob has from Ada is not shown to him:\n%s", shown)
	}
}
