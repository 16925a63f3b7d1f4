package sqlsystem

import (
	"slices"
	"strconv"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
)

// search writes the queries that find a person's rows. Each table becomes some
// named subqueries, by its index: d, rows found by identity or because they refer
// to one of the person's (b, those that refer to one of another table); o, those
// of them that refer to nobody else's; u, rows that the person's refer to; w, the same and whether they are shared; m, those
// that are the person's in the end; h, those that are shared.
type search struct {
	*statement
	plan   *plan
	person connector.Person
}

func (s *System) search(plan *plan, p connector.Person) *search {
	st := s.statement()
	st.key = s.tokenKey(p.Key)
	return &search{statement: st, plan: plan, person: p}
}

// id is the name of a subquery.
func id(letter string, t *table) string { return letter + strconv.Itoa(t.index) }

// carried is the name under which a subquery has a column of a table.
func carried(t *table, name string) string {
	return "c" + strconv.Itoa(slices.Index(t.carried, name))
}

func (q *search) quoted(name string) string { return q.dialect.quote(name) }

// from writes the subqueries that table t needs.
func (q *search) from(t *table) {
	needed := map[*table]bool{}
	q.need(t, needed)
	q.put("WITH RECURSIVE ")
	first := true
	for _, other := range q.plan.order {
		if !needed[other] {
			continue
		}
		if !first {
			q.put(", ")
		}
		first = false
		q.own(other)
		q.settled(other)
	}
	q.put(" ")
}

func (q *search) need(t *table, needed map[*table]bool) {
	if needed[t] {
		return
	}
	needed[t] = true
	for _, e := range slices.Concat(t.down, t.up) {
		q.need(q.plan.tables[e.From], needed)
	}
	if len(t.up) == 0 {
		return
	}
	for _, k := range q.plan.sharers(t) {
		if other := q.plan.referring(k); other != nil && other.index < t.index {
			q.need(other, needed)
		}
	}
}

// columns writes the carried columns of alias t.
func (q *search) columns(t *table) {
	q.list(len(t.carried), ", ", func(i int) {
		q.put("t.", q.quoted(t.carried[i]), " AS c", strconv.Itoa(i))
	})
}

// own writes which rows are found by identity or because they refer to the
// person's, and those of them that are nobody else's. Only from the latter others
// of the same table are found.
func (q *search) own(t *table) {
	first, found, alone := id("o", t), id("d", t), id("o", t)
	switch {
	case t.divided() && len(t.self) > 0:
		first = id("b", t)
	case t.divided():
		first = found
	}
	q.put(first, " AS (SELECT ")
	q.columns(t)
	q.put(" FROM ", q.table(t.name), " t WHERE ")
	q.owned(t)
	for _, e := range t.down {
		q.put(" UNION ")
		q.step(t, e, "m")
	}
	if t.divided() {
		q.put("), ", alone, " AS (SELECT d.* FROM ", first, " d JOIN ", q.table(t.name), " t ON ")
		q.onKey(t, "d")
		q.put(" WHERE ")
		q.owned(t)
		q.put(" OR NOT (")
		q.divided(t)
		q.put(")")
	}
	if len(t.self) > 0 {
		q.put(" UNION ")
		q.below(t, alone)
		q.put(" AND NOT (")
		q.divided(t)
		q.put(")")
	}
	q.put(")")
	if t.divided() && len(t.self) > 0 {
		q.put(", ", found, " AS (SELECT * FROM ", first, " UNION SELECT * FROM ", alone, " UNION ")
		q.below(t, alone)
		q.put(")")
	}
}

// below writes the rows of t that refer to rows of a subquery of the same table
// and bear nobody else's identity.
func (q *search) below(t *table, name string) {
	q.put("SELECT ")
	q.columns(t)
	q.put(" FROM ", q.table(t.name), " t JOIN ", name, " s ON (")
	q.list(len(t.self), " OR ", func(i int) {
		q.put("t.", q.quoted(t.self[i].ToField), " = s.", carried(t, t.self[i].FromField))
	})
	q.put(") WHERE NOT (")
	q.elses(t, "t")
	q.put(")")
}

// divided says whether a row of the table can refer to rows of several people.
func (t *table) divided() bool { return len(t.down) > 1 || len(t.down) > 0 && len(t.self) > 0 }

// divided writes whether row t also refers to a row that is somebody else's.
func (q *search) divided(t *table) {
	for _, e := range t.down {
		source := q.plan.tables[e.From]
		value := "t." + q.quoted(e.ToField)
		q.put("(EXISTS (SELECT 1 FROM ", q.table(source.name), " x WHERE x.", q.quoted(e.FromField), " = ", value, " AND ")
		q.somebody(source, "x")
		q.put(")")
		q.put(" AND NOT EXISTS (SELECT 1 FROM ", id("m", source), " y WHERE y.", carried(source, e.FromField), " = ", value, ")) OR ")
	}
	q.put("1 = 0")
}

// onKey writes that row t has the key of a row of a subquery.
func (q *search) onKey(t *table, alias string) {
	q.list(len(t.keys), " AND ", func(i int) {
		q.put("t.", q.quoted(t.keys[i]), " = ", alias, ".", carried(t, t.keys[i]))
	})
}

// step writes the rows of t to which an edge leads.
func (q *search) step(t *table, e dataset.Edge, letter string) {
	source := q.plan.tables[e.From]
	q.put("SELECT ")
	q.columns(t)
	q.put(" FROM ", q.table(t.name), " t JOIN ", id(letter, source), " s ON t.",
		q.quoted(e.ToField), " = s.", carried(source, e.FromField))
}

// settled writes which rows are the person's and which are shared.
func (q *search) settled(t *table) {
	if t.collection.Shared {
		q.put(", ", id("m", t), " AS (SELECT * FROM ", id("o", t), " WHERE 1 = 0)")
		q.put(", ", id("h", t), " AS (SELECT * FROM ", id(t.found(), t))
		for _, e := range t.up {
			q.put(" UNION ")
			q.step(t, e, "m")
		}
		q.put(")")
		return
	}
	if len(t.up) > 0 {
		q.put(", ", id("u", t), " AS (")
		q.list(len(t.up), " UNION ", func(i int) { q.step(t, t.up[i], "m") })
		q.put("), ", id("w", t), " AS (SELECT t.*, CASE WHEN ")
		q.shared(t)
		q.put(" THEN 1 ELSE 0 END AS shared FROM ", id("u", t), " t)")
	}
	referred := func(value string) {
		q.put("SELECT ")
		q.list(len(t.carried), ", ", func(i int) { q.put("w.c", strconv.Itoa(i)) })
		q.put(" FROM ", id("w", t), " w WHERE w.shared = ", value)
	}
	q.put(", ", id("m", t), " AS (SELECT * FROM ", id("o", t))
	if len(t.up) > 0 {
		q.put(" UNION ")
		referred("0")
	}
	q.put(")")
	if !t.sharing() {
		return
	}
	q.put(", ", id("h", t), " AS (SELECT z.* FROM (SELECT * FROM ", id(t.found(), t))
	if len(t.up) > 0 {
		q.put(" UNION ")
		referred("1")
	}
	q.put(") z WHERE NOT EXISTS (SELECT 1 FROM ", id("m", t), " o WHERE ")
	q.sameKey(t, "o", "z")
	q.put("))")
}

// found is the subquery of all rows that are found in a table by identity or
// from above.
func (t *table) found() string {
	if t.divided() {
		return "d"
	}
	return "o"
}

// sharing says whether rows of the table can be shared.
func (t *table) sharing() bool { return t.collection.Shared || len(t.up) > 0 || t.divided() }

func (q *search) sameKey(t *table, a, b string) {
	q.list(len(t.keys), " AND ", func(i int) {
		name := carried(t, t.keys[i])
		q.put(a, ".", name, " = ", b, ".", name)
	})
}

// shared writes whether a row t of subquery u is anybody else's too.
func (q *search) shared(t *table) {
	for _, k := range q.plan.sharers(t) {
		q.put("EXISTS (SELECT 1 FROM ", q.referring(k), " x WHERE ")
		q.list(len(k.columns), " AND ", func(i int) {
			q.put("x.", q.quoted(k.columns[i]), " = t.", carried(t, k.targetColumns[i]))
		})
		other, letter := q.plan.referring(k), "m"
		if other == t {
			letter = "o"
		}
		if other != nil && (other.index < t.index || other == t) {
			q.put(" AND NOT EXISTS (SELECT 1 FROM ", id(letter, other), " y WHERE ")
			q.list(len(other.keys), " AND ", func(i int) {
				q.put("y.", carried(other, other.keys[i]), " = x.", q.quoted(other.keys[i]))
			})
			q.put(")")
		}
		if other != nil {
			q.put(" AND ")
			q.somebody(other, "x")
		}
		q.put(") OR ")
	}
	q.put("EXISTS (SELECT 1 FROM ", q.table(t.name), " t1 WHERE ")
	q.list(len(t.keys), " AND ", func(i int) {
		q.put("t1.", q.quoted(t.keys[i]), " = t.", carried(t, t.keys[i]))
	})
	q.put(" AND (")
	q.elses(t, "t1")
	q.put("))")
}

// rows writes a query for a person's rows in t, without conditions or an order.
func (q *search) rows(t *table, letter string, columns func()) {
	q.from(t)
	q.put("SELECT ")
	columns()
	q.put(" FROM ", q.table(t.name), " t JOIN ", id(letter, t), " m ON ")
	q.onKey(t, "m")
}

func (q *search) keyColumns(t *table) {
	q.list(len(t.keys), ", ", func(i int) { q.put("t.", q.quoted(t.keys[i])) })
}
