package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Trace is something by which a person could be recognised: what it is, and
// the text to look for.
type Trace struct{ What, Text string }

// Scan is what a reading of every column of every table found.
type Scan struct {
	Databases int `json:"databases"`
	Tables    int `json:"tables"`
	Columns   int `json:"columns"`
	Values    int `json:"values"`
	// Places are the columns that hold a trace, as table.column, with the number
	// of values, by what the trace is.
	Places map[string]map[string]int `json:"places"`
}

// Of is how many values hold traces of one kind.
func (s Scan) Of(what string) (n int) {
	for _, values := range s.Places[what] {
		n += values
	}
	return n
}

// add joins what was found in another database.
func (s *Scan) add(o Scan) {
	s.Databases, s.Tables, s.Columns, s.Values = s.Databases+o.Databases, s.Tables+o.Tables, s.Columns+o.Columns, s.Values+o.Values
	for what, places := range o.Places {
		for place, n := range places {
			s.found(what, place, n)
		}
	}
}

func (s *Scan) found(what, place string, n int) {
	if s.Places == nil {
		s.Places = map[string]map[string]int{}
	}
	if s.Places[what] == nil {
		s.Places[what] = map[string]int{}
	}
	s.Places[what][place] += n
}

// scan reads every column of every table of the demo's databases, whatever the
// datasets say of them.
func (p *player) scan(ctx context.Context, traces []Trace) (Scan, error) {
	var all Scan
	for _, s := range p.systems {
		found, err := Read(ctx, s.Path(p.cfg.Dir), s.Name, traces)
		if err != nil {
			return all, fmt.Errorf("scan %s: %w", s.Name, err)
		}
		all.add(found)
	}
	return all, nil
}

// Read scans one database for traces, in whatever case.
func Read(ctx context.Context, path, name string, traces []Trace) (out Scan, err error) {
	db, err := readOnly(path)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tables, err := column(ctx, db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
	if err != nil {
		return out, err
	}
	out.Databases = 1
	for _, table := range tables {
		if err := out.read(ctx, db, name, table, traces); err != nil {
			return out, err
		}
	}
	return out, nil
}

func readOnly(path string) (*sql.DB, error) {
	return sql.Open("sqlite", fileURL(path)+"?mode=ro&_pragma=busy_timeout(5000)")
}

// column is the first column of a query's rows.
func column(ctx context.Context, db *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var value sql.NullString
		if err := rows.Scan(&value); err != nil {
			return nil, err
		}
		if value.String != "" {
			all = append(all, value.String)
		}
	}
	return all, rows.Err()
}

func (s *Scan) read(ctx context.Context, db *sql.DB, name, table string, traces []Trace) error {
	rows, err := db.QueryContext(ctx, `SELECT * FROM "`+strings.ReplaceAll(table, `"`, `""`)+`"`)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	s.Tables, s.Columns = s.Tables+1, s.Columns+len(columns)
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, v := range values {
			s.Values++
			s.look(name+" "+table+"."+columns[i], strings.ToLower(v.String), traces)
		}
	}
	return rows.Err()
}

// look notes which kinds of trace a value holds, each once.
func (s *Scan) look(place, value string, traces []Trace) {
	var seen []string
	for _, t := range traces {
		if !slices.Contains(seen, t.What) && strings.Contains(value, strings.ToLower(t.Text)) {
			seen = append(seen, t.What)
			s.found(t.What, place, 1)
		}
	}
}

// What a person is recognised by.
const (
	traceEmail   = "e-mail address"
	tracePhone   = "telephone number"
	traceName    = "name"
	traceAddress = "address"
	traceDevice  = "device id"
	traceCard    = "card token"
)

// kinds are they, in the order in which they are told.
func kinds() []string {
	return []string{traceEmail, tracePhone, traceName, traceAddress, traceDevice, traceCard}
}

// traces are a person's, with the identifiers that the systems gave them.
func (p *player) traces(ctx context.Context, who Person) (out []Trace, err error) {
	street, _, _ := address(who.Household)
	out = []Trace{{traceEmail, who.Email}, {tracePhone, who.Phone}, {traceName, who.Name}}
	if who.Shop { // the messenger knows nobody's address
		out = append(out, Trace{traceAddress, street})
	}
	for _, given := range []struct{ system, what, query string }{
		{"messenger", traceDevice, "SELECT device_id FROM devices d JOIN accounts a ON a.id = d.account_id WHERE a.email = ?"},
		{"shop", traceCard, "SELECT card_token FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.email = ?"},
	} {
		values, err := p.given(ctx, given.system, given.query, who.Email)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			out = append(out, Trace{given.what, v})
		}
	}
	return out, nil
}

func (p *player) given(ctx context.Context, system, query, email string) (values []string, err error) {
	for _, s := range p.systems {
		if s.Name != system {
			continue
		}
		db, err := readOnly(s.Path(p.cfg.Dir))
		if err != nil {
			return nil, err
		}
		values, err = column(ctx, db, query, email)
		if err = errors.Join(err, db.Close()); err != nil {
			return nil, fmt.Errorf("look at %s: %w", system, err)
		}
	}
	return values, nil
}
