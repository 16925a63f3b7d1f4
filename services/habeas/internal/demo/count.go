package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// count says how many values in the demo's databases hold a text: every column
// of every table is read, whatever the datasets say of it.
func (p *player) count(ctx context.Context, text string) (n int, err error) {
	for _, s := range p.systems {
		found, err := Count(ctx, s.Path(p.cfg.Dir), text)
		if err != nil {
			return 0, fmt.Errorf("scan %s: %w", s.Name, err)
		}
		n += found
	}
	return n, nil
}

// Count says how many values of a database hold a text, in whatever case.
func Count(ctx context.Context, path, text string) (n int, err error) {
	db, err := sql.Open("sqlite", fileURL(path)+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tables, err := names(ctx, db)
	if err != nil {
		return 0, err
	}
	for _, table := range tables {
		found, err := countIn(ctx, db, table, strings.ToLower(text))
		if err != nil {
			return 0, err
		}
		n += found
	}
	return n, nil
}

func names(ctx context.Context, db *sql.DB) ([]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		all = append(all, name)
	}
	return all, rows.Err()
}

func countIn(ctx context.Context, db *sql.DB, table, text string) (n int, err error) {
	rows, err := db.QueryContext(ctx, `SELECT * FROM "`+strings.ReplaceAll(table, `"`, `""`)+`"`)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return 0, err
		}
		for _, v := range values {
			if strings.Contains(strings.ToLower(v.String), text) {
				n++
			}
		}
	}
	return n, rows.Err()
}
