package reach_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/internal/reach"
	"habeas.internal/services/fulfilment/system"
)

const description = `dataset:
  - fides_key: shop
    name: shop
    collections:
      - name: customer
        fields:
          - name: id
            fides_meta: {primary_key: true}
          - name: email
            data_categories: [user.contact.email]
            fides_meta: {identity: email}
`

func write(t *testing.T, mode os.FileMode, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "connections.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAFileOfSecretsIsForItsOwnerAlone(t *testing.T) {
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660} {
		if _, err := reach.Load(write(t, mode, "a/b: c\n"), nil); err == nil || !strings.Contains(err.Error(), "0600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	_, err := reach.Load(write(t, 0o600, "[planted-secret]"), nil)
	if err == nil || strings.Contains(err.Error(), "planted-secret") {
		t.Errorf("a file that is no mapping: %v", err)
	}
	if _, err := reach.Load("", nil); err != nil {
		t.Errorf("no file: %v", err)
	}
}

// shop makes a database with one table, and names its file.
func shop(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "shop.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT, note TEXT)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAConnectionOfNoTenantIsRefusedAtStart(t *testing.T) {
	for _, key := range []string{"planted-name", "/planted-name", "planted-name/"} {
		_, err := reach.Load(write(t, 0o600, key+": planted-secret\n"), nil)
		if err == nil || !strings.Contains(err.Error(), "tenant/name") || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestATenantReachesNoConnectionOfAnother(t *testing.T) {
	r, err := reach.Load(write(t, 0o600, "acme/shop-db: "+shop(t)+"\nglobex/own: file:nowhere\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	d := system.Description{System: "shop", Connector: 3, Connection: "shop-db", Dataset: description, Waivers: "customer.note: our_own"}
	if _, _, err := r.Check(t.Context(), "acme", d); err != nil {
		t.Errorf("the owner: %v", err)
	}
	unknown := d
	unknown.Connection = "nobody-has-this"
	_, _, want := r.Check(t.Context(), "globex", unknown)
	for _, c := range []struct{ tenant, connection string }{
		{"globex", "shop-db"}, {"globex", "acme/shop-db"}, {"globex", "../acme/shop-db"}, {"", "acme/shop-db"}, {"acme/", "shop-db"},
	} {
		d.Connection = c.connection
		_, _, err := r.Check(t.Context(), c.tenant, d)
		if !errors.Is(err, reach.ErrNoConnection) || err.Error() != want.Error() {
			t.Errorf("%s by %q: %v, an unknown one: %v", c.tenant, c.connection, err, want)
		}
		if sys, err := r.Open(t.Context(), c.tenant, d); !errors.Is(err, reach.ErrNoConnection) {
			t.Errorf("%s opened %q: %v, %v", c.tenant, c.connection, sys, err)
		}
	}
}

func TestASystemIsReachedByItsConnectionsName(t *testing.T) {
	r, err := reach.Load(write(t, 0o600, "acme/shop-db: "+shop(t)+"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	d := system.Description{System: "shop", Connector: 3, Connection: "shop-db", Dataset: description, Waivers: "customer.note: our_own"}
	n, remarks, err := r.Check(t.Context(), "acme", d)
	if err != nil || n != 1 || len(remarks) == 0 {
		t.Errorf("%d collections, remarks %v, error %v", n, remarks, err)
	}
	parts, err := r.Parts(d)
	if err != nil || len(parts) != 1 || parts[0] != (connector.Part{Collection: "customer", Category: "user.contact.email"}) {
		t.Errorf("parts %v, error %v", parts, err)
	}
	for name, change := range map[string]func(*system.Description){
		"an unknown connection": func(d *system.Description) { d.Connection = "other" },
		"an unknown kind":       func(d *system.Description) { d.Connector = 9 },
		"a table that is not there": func(d *system.Description) {
			d.Dataset = strings.ReplaceAll(d.Dataset, "name: customer", "name: nobody")
		},
	} {
		wrong := d
		change(&wrong)
		var reason connector.Error
		if _, _, err := r.Check(t.Context(), "acme", wrong); !errors.As(err, &reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.Dataset = strings.ReplaceAll(description, "name: email", "name: mail")
	var places connector.Mismatch
	if _, _, err := r.Check(t.Context(), "acme", d); !errors.As(err, &places) || len(places) != 1 || places[0].Path != "customer.mail" {
		t.Errorf("a column that is not there: %v", err)
	}
	d.Dataset = "dataset: [1]"
	var problems dataset.Problems
	if _, _, err := r.Check(t.Context(), "acme", d); !errors.As(err, &problems) {
		t.Errorf("no dataset: %v", err)
	}
}

func TestAColumnThatLooksPersonalIsDescribedOrWaived(t *testing.T) {
	r, err := reach.Load(write(t, 0o600, "acme/shop-db: "+shop(t)+"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	d := system.Description{System: "shop", Connector: 3, Connection: "shop-db", Dataset: description}
	var places connector.Unannotated
	_, _, err = r.Check(t.Context(), "acme", d)
	if !errors.Is(err, connector.ErrUnnamed) || !errors.As(err, &places) || len(places) != 1 || places[0].Path != "customer.note" {
		t.Errorf("neither described nor waived: %v %v", err, places)
	}
	d.Waivers = "customer.gone: shut_down\ncustomer.note: our_own"
	_, remarks, err := r.Check(t.Context(), "acme", d)
	if err != nil || !slices.ContainsFunc(remarks, func(s string) bool { return strings.Contains(s, "our_own") }) ||
		!slices.ContainsFunc(remarks, func(s string) bool { return strings.Contains(s, "customer.gone") }) {
		t.Errorf("waived: %v, remarks %q", err, remarks)
	}
	d.Waivers, d.Dataset = "", description+"          - {name: note, data_categories: [user.content]}\n"
	if _, _, err := r.Check(t.Context(), "acme", d); err != nil {
		t.Errorf("described: %v", err)
	}
}

// TestAConnectionToAnotherKindIsNamed: what the connection string says is never
// repeated.
func TestAConnectionToAnotherKindIsNamed(t *testing.T) {
	const secret = "hunter2"
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	urls := map[string]string{
		"postgres": "postgres://habeas:" + secret + "@127.0.0.1:5432/shop", "words": "host=127.0.0.1 dbname=shop password=" + secret,
		"mariadb": "habeas:" + secret + "@tcp(127.0.0.1:3306)/shop", "file": shop(t), "url": "file:" + shop(t), "text": text,
	}
	var lines strings.Builder
	for name, url := range urls {
		lines.WriteString("acme/" + name + ": \"" + url + "\"\n")
	}
	r, err := reach.Load(write(t, 0o600, lines.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	const postgres, mysql, sqlite = 1, 2, 3
	for kind, wrong := range map[uint8][]string{
		postgres: {"mariadb", "file", "url"}, mysql: {"postgres", "words", "file", "url"}, sqlite: {"postgres", "words", "mariadb", "text"},
	} {
		for _, name := range wrong {
			d := system.Description{System: "shop", Connector: kind, Connection: name, Dataset: description}
			_, _, err := r.Check(t.Context(), "acme", d)
			if !errors.Is(err, connector.ErrConnector) || strings.Contains(err.Error(), secret) {
				t.Errorf("kind %d by the connection %s: %v", kind, name, err)
			}
		}
	}
}
