package sqlsystem

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"

	"habeas.internal/services/fulfilment/internal/connector"
)

// Collect gives the person's rows to yield, collection by collection in the
// order in which references lead to them, in the order of their keys. One row is
// held at a time. The query of a page stays open while yield runs on its rows,
// and each page goes on after the last key of the one before.
func (s *System) Collect(ctx context.Context, p connector.Person, yield func(connector.Row) error) error {
	plan, err := s.ready(ctx)
	if err != nil {
		return err
	}
	for _, t := range plan.order {
		r := &reading{System: s, plan: plan, table: t, person: p, yield: yield}
		for more := true; more; {
			if more, err = r.page(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// reading is a table that is being shown.
type reading struct {
	*System
	plan   *plan
	table  *table
	person connector.Person
	yield  func(connector.Row) error
	last   []any // key of the last row shown
}

// page shows the next rows, and says whether there can be more.
func (r *reading) page(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	t := r.table
	q := r.query()
	values, into := scanned(len(t.keys) + len(t.fields))
	n := 0
	var refused error // by whom the rows are for
	err = each(ctx, r.db, q.String(), q.args, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row, err := t.row(values, r.config.MostValue)
		if err != nil {
			return err
		}
		n++
		r.last = t.keyOf(values)
		refused = r.yield(row)
		return refused
	})
	switch {
	case refused != nil:
		return false, refused
	case err != nil:
		return false, r.failed(ctx, "collect from "+t.name, err)
	}
	return n == r.config.Page, nil
}

// query selects the rows after the last one.
func (r *reading) query() *search {
	t := r.table
	q := r.search(r.plan, r.person)
	q.from(t)
	q.put("SELECT ")
	q.keyColumns(t)
	for _, f := range t.fields {
		q.put(", ", r.dialect.selected("t."+q.quoted(f.Name), f.column))
	}
	q.put(" FROM ", q.table(t.name), " t JOIN (SELECT * FROM ", id("m", t))
	if t.sharing() {
		q.put(" UNION SELECT * FROM ", id("h", t))
	}
	q.put(") m ON ")
	q.onKey(t, "m")
	if r.last != nil {
		q.put(" WHERE ")
		q.after(t, r.last)
	}
	q.put(" ORDER BY ")
	q.keyColumns(t)
	q.put(" LIMIT ", strconv.Itoa(r.config.Page))
	return q
}

// row makes a row of scanned values, the key first.
func (t *table) row(values []any, most int) (connector.Row, error) {
	row := connector.Row{Collection: t.name, Columns: make([]connector.Column, 0, len(t.fields))}
	for i, f := range t.fields {
		value, err := f.value(values[len(t.keys)+i], most)
		if err != nil {
			return row, err
		}
		category := ""
		if categories := slices.Concat(f.Personal(), f.Categories); len(categories) > 0 {
			category = categories[0]
		}
		row.Columns = append(row.Columns, connector.Column{Name: f.Name, Category: category, Value: value})
	}
	return row, nil
}

// after writes that a row's key follows another.
func (q *search) after(t *table, last []any) {
	q.list(len(t.keys), " OR ", func(i int) {
		q.put("(")
		for j := range i {
			q.put("t.", q.quoted(t.keys[j]), " = ").arg(last[j]).put(" AND ")
		}
		q.put("t.", q.quoted(t.keys[i]), " > ").arg(last[i]).put(")")
	})
}

// keyOf copies a key as it can be passed back to the database: a text of which
// the driver makes bytes would be compared as bytes.
func (t *table) keyOf(values []any) []any {
	key := make([]any, len(t.keys))
	for i, name := range t.keys {
		c, _ := t.column(name)
		if v, ok := values[i].([]byte); ok && c.class != classBytes {
			key[i] = string(v)
		} else if ok {
			key[i] = slices.Clone(v)
		} else {
			key[i] = values[i]
		}
	}
	return key
}

// value is what the driver gave as the types that connector.Column promises.
func (f field) value(given any, most int) (any, error) {
	value := given
	switch v := given.(type) {
	case []byte:
		if f.column.class == classBytes || f.column.class == classPoint {
			value = slices.Clone(v)
		} else {
			value = string(v)
		}
		if len(v) > most {
			return nil, failed("read "+f.Name, connector.ErrTooLarge, "")
		}
	case string:
		if len(v) > most {
			return nil, failed("read "+f.Name, connector.ErrTooLarge, "")
		}
	case int32:
		value = int64(v)
	case uint64:
		value = strconv.FormatUint(v, 10)
	case float32:
		value = float64(v)
	case int64:
		switch f.column.class {
		case classBool:
			value = v != 0
		case classDecimal:
			value = strconv.FormatInt(v, 10)
		}
	case float64:
		if f.column.class == classDecimal {
			value = fmt.Sprint(v)
		}
	}
	return value, nil
}
