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
// order in which references lead to them, in the order of their keys. One page
// is held at a time and no query runs while yield does.
func (s *System) Collect(ctx context.Context, p connector.Person, yield func(connector.Row) error) error {
	plan, err := s.ready(ctx)
	if err != nil {
		return err
	}
	for _, t := range plan.order {
		var last []any
		for {
			page, err := s.page(ctx, plan, t, p, last)
			if err != nil {
				return s.failed(ctx, "collect from "+t.name, err)
			}
			for _, r := range page {
				if err := yield(r.row); err != nil {
					return err
				}
			}
			if len(page) < s.config.Page {
				break
			}
			last = page[len(page)-1].key
		}
	}
	return nil
}

type keyed struct {
	key []any
	row connector.Row
}

func (s *System) page(ctx context.Context, plan *plan, t *table, p connector.Person, last []any) ([]keyed, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	q := s.search(plan, p)
	q.from(t)
	q.put("SELECT ")
	q.keyColumns(t)
	for _, f := range t.fields {
		q.put(", ", s.dialect.selected("t."+q.quoted(f.Name), f.column))
	}
	q.put(" FROM ", q.table(t.name), " t JOIN (SELECT * FROM ", id("m", t))
	if t.sharing() {
		q.put(" UNION SELECT * FROM ", id("h", t))
	}
	q.put(") m ON ")
	q.onKey(t, "m")
	if last != nil {
		q.put(" WHERE ")
		q.after(t, last)
	}
	q.put(" ORDER BY ")
	q.keyColumns(t)
	q.put(" LIMIT ", strconv.Itoa(s.config.Page))
	var page []keyed
	values, into := scanned(len(t.keys) + len(t.fields))
	err := each(ctx, s.db, q.String(), q.args, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		r := keyed{key: t.keyOf(values), row: connector.Row{Collection: t.name}}
		for i, f := range t.fields {
			value, err := f.value(values[len(t.keys)+i], s.config.MostValue)
			if err != nil {
				return err
			}
			category := ""
			if categories := slices.Concat(f.Personal(), f.Categories); len(categories) > 0 {
				category = categories[0]
			}
			r.row.Columns = append(r.row.Columns, connector.Column{Name: f.Name, Category: category, Value: value})
		}
		page = append(page, r)
		return nil
	})
	return page, err
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
