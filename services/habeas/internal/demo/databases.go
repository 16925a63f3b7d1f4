package demo

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver of the demo's systems
)

//go:embed datasets/*.yaml
var datasets embed.FS

// System is one of the demo's data systems.
type System struct {
	Name    string // of the system and of its connection
	Policy  string // under which people ask about it
	Dataset []byte
	schema  string
	fill    func(context.Context, *sql.Tx, []Person) error
}

// Systems are the demo's data systems.
func Systems() ([]System, error) {
	all := []System{
		{Name: "shop", Policy: "caseworks", schema: shopSchema, fill: fillShop},
		{Name: "messenger", Policy: "personnel-technology", schema: messengerSchema, fill: fillMessenger},
	}
	for i := range all {
		text, err := fs.ReadFile(datasets, "datasets/"+all[i].Name+".yaml")
		if err != nil {
			return nil, fmt.Errorf("read dataset: %w", err)
		}
		all[i].Dataset = text
	}
	return all, nil
}

// Path is where a system's database lies.
func (s System) Path(dir string) string { return filepath.Join(dir, s.Name+".db") }

// fileURL is the data source name of a database file.
func fileURL(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// Make makes a system's database, unless it is there.
func (s System) Make(ctx context.Context, dir string) (err error) {
	path := s.Path(dir)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make demo folder: %w", err)
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make %s: %w", s.Name, err)
	}
	if err := s.write(ctx, fresh); err != nil {
		return fmt.Errorf("make %s: %w", s.Name, err)
	}
	if err := os.Chmod(fresh, 0o600); err != nil {
		return fmt.Errorf("make %s: %w", s.Name, err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("make %s: %w", s.Name, err)
	}
	return nil
}

func (s System) write(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", fileURL(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, s.schema); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := s.fill(ctx, tx, People()); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

const shopSchema = `
CREATE TABLE addresses (id INTEGER PRIMARY KEY, street TEXT NOT NULL, city TEXT NOT NULL, postcode TEXT NOT NULL);
CREATE TABLE customers (
  id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, phone TEXT,
  address_id INTEGER REFERENCES addresses (id), registered_at DATETIME NOT NULL, newsletter INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX customers_by_email ON customers (lower(CAST("email" AS TEXT)) COLLATE BINARY);
CREATE TABLE orders (
  id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), ordered_at DATETIME NOT NULL,
  billing_name TEXT NOT NULL, billing_address TEXT NOT NULL, card_last4 TEXT, card_token TEXT, total_cents INTEGER NOT NULL
);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE TABLE order_lines (
  order_id INTEGER NOT NULL REFERENCES orders (id), line INTEGER NOT NULL, article TEXT NOT NULL,
  quantity INTEGER NOT NULL, price_cents INTEGER NOT NULL, PRIMARY KEY (order_id, line)
);
CREATE TABLE tickets (
  id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), opened_at DATETIME NOT NULL,
  subject TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX tickets_by_customer ON tickets (customer_id);
`

const messengerSchema = `
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, mobile TEXT, created_at DATETIME NOT NULL
);
CREATE INDEX accounts_by_email ON accounts (lower(CAST("email" AS TEXT)) COLLATE BINARY);
CREATE TABLE devices (
  id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), device_id TEXT NOT NULL UNIQUE,
  model TEXT NOT NULL, os TEXT NOT NULL, seen_at DATETIME NOT NULL
);
CREATE INDEX devices_by_account ON devices (account_id);
CREATE TABLE contacts (
  account_id INTEGER NOT NULL REFERENCES accounts (id), contact_id INTEGER NOT NULL REFERENCES accounts (id),
  label TEXT NOT NULL, PRIMARY KEY (account_id, contact_id)
);
CREATE TABLE messages (
  id INTEGER PRIMARY KEY, sender_id INTEGER NOT NULL REFERENCES accounts (id),
  recipient_id INTEGER NOT NULL REFERENCES accounts (id), sent_at DATETIME NOT NULL, body TEXT NOT NULL
);
CREATE INDEX messages_by_sender ON messages (sender_id);
CREATE INDEX messages_by_recipient ON messages (recipient_id);
`

// filler writes rows and remembers the first error.
type filler struct {
	ctx context.Context
	tx  *sql.Tx
	c   *chance
	err error
}

func (f *filler) row(table string, values ...any) {
	if f.err != nil {
		return
	}
	marks := strings.TrimSuffix(strings.Repeat("?,", len(values)), ",")
	_, f.err = f.tx.ExecContext(f.ctx, "INSERT INTO "+table+" VALUES ("+marks+")", values...)
}

// moment is within the given number of days before the epoch.
func (f *filler) moment(days int) string {
	ago := time.Duration(f.c.below(days*24*60)) * time.Minute
	return epoch().Add(-ago).Format(time.DateTime)
}

func fillShop(ctx context.Context, tx *sql.Tx, people []Person) error {
	f := &filler{ctx: ctx, tx: tx, c: &chance{seed + 1}}
	homes := map[int]bool{}
	order := 0
	for i, p := range people {
		if !p.Shop {
			continue
		}
		street, city, postcode := address(p.Household)
		if !homes[p.Household] {
			homes[p.Household] = true
			f.row("addresses", p.Household, street, city, postcode)
		}
		id := i + 1
		f.row("customers", id, p.Email, p.Name, p.Phone, p.Household, f.moment(2000), f.c.below(2))
		for range 1 + f.c.below(5) {
			order++
			f.order(order, id, p.Name, street+", "+postcode+" "+city)
		}
		for range f.c.below(3) {
			f.row("tickets", nil, id, f.moment(400), "Order "+fmt.Sprint(order), sentence(f.c)+"\n"+p.Name)
		}
	}
	return f.err
}

func (f *filler) order(order, customer int, name, billing string) {
	articles := strings.Fields("kettle lamp blanket notebook teapot clock basket lantern")
	total, when := 0, f.moment(1500)
	var lines [][]any
	for line := range 1 + f.c.below(4) {
		quantity, price := 1+f.c.below(3), 500+f.c.below(9000)
		total += quantity * price
		lines = append(lines, []any{order, line + 1, of(f.c, articles), quantity, price})
	}
	f.row("orders", order, customer, when, name, billing, fmt.Sprintf("%04d", f.c.below(10000)), fmt.Sprintf("tok_%016x", f.c.next()), total)
	for _, line := range lines {
		f.row("order_lines", line...)
	}
}

func fillMessenger(ctx context.Context, tx *sql.Tx, people []Person) error {
	f := &filler{ctx: ctx, tx: tx, c: &chance{seed + 2}}
	var accounts []int
	for i, p := range people {
		if p.Messenger {
			accounts = append(accounts, i+1)
			f.row("accounts", i+1, p.Email, p.Name, p.Phone, f.moment(1500))
		}
	}
	models := []string{"Fern 3", "Fern 3 Mini", "Slate X", "Slate 11", "Pebble"}
	systems := []string{"Fern OS 12", "Slate OS 9", "Slate OS 10"}
	for _, id := range accounts {
		for range 1 + f.c.below(2) {
			f.row("devices", nil, id, fmt.Sprintf("dev-%016x", f.c.next()), of(f.c, models), of(f.c, systems), f.moment(60))
		}
		known := map[int]bool{id: true}
		for range 2 + f.c.below(6) {
			other := of(f.c, accounts)
			if !known[other] {
				known[other] = true
				f.row("contacts", id, other, of(f.c, []string{"work", "family", "friends", "team", "neighbours"}))
			}
		}
		for range 3 + f.c.below(10) {
			if other := of(f.c, accounts); other != id {
				f.row("messages", nil, id, other, f.moment(300), sentence(f.c))
			}
		}
	}
	return f.err
}
