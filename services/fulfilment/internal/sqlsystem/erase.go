package sqlsystem

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"strconv"

	"habeas.internal/services/fulfilment/internal/connector"
)

// errMany says that more rows are concerned than one transaction takes.
var errMany = errors.New("more rows than one transaction takes")

// batch is how many keys one statement names.
const batch = 200

// Erase carries out orders: in one transaction, or beyond the limit of rows in
// chunks, with the rows that identify the person in the last transaction.
func (s *System) Erase(ctx context.Context, p connector.Person, orders []connector.Order, about connector.About) ([]connector.Done, error) {
	plan, err := s.ready(ctx)
	if err != nil {
		return nil, err
	}
	tasks, err := plan.tasks(orders)
	if err != nil {
		return nil, err
	}
	e := &erasure{System: s, plan: plan, person: p, tasks: tasks, orders: orders, about: about}
	err = e.whole(ctx, s.config.Rows)
	if errors.Is(err, errMany) {
		e.forget()
		if err = e.chunks(ctx); err == nil {
			err = e.whole(ctx, 0)
		}
	}
	if err != nil {
		return nil, s.failed(ctx, "erase", err)
	}
	if s.config.Kind == SQLite {
		s.checkpoint(ctx)
	}
	return e.done(), nil
}

// checkpoint moves SQLite's write-ahead log, which still has the pages from
// before, into the database, and cuts it off. A reader that is at work keeps it
// from that; then a later checkpoint does it, or the end of the last connection.
func (s *System) checkpoint(ctx context.Context) {
	_, _ = s.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
}

// erasure is one erasure in progress.
type erasure struct {
	*System
	plan   *plan
	person connector.Person
	tasks  map[*table]*task
	orders []connector.Order
	about  connector.About
}

// statement is one that knows the tokens of this erasure.
func (e *erasure) statement() *statement {
	st := e.System.statement()
	st.key = e.tokenKey(e.person.Key)
	return st
}

// forget undoes what was counted in a transaction that was rolled back.
func (e *erasure) forget() {
	for _, t := range e.tasks {
		t.keys = nil
		t.deleted, t.shared = 0, 0
		clear(t.masked)
		clear(t.kept)
	}
}

// tx runs do in a transaction of its own.
func (e *erasure) tx(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, e.config.Timeout)
	defer cancel()
	options := &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	if e.config.Kind == SQLite {
		options = nil // it knows one level, and a transaction of its own is alone
	}
	tx, err := e.db.BeginTx(ctx, options)
	if err != nil {
		return e.failed(ctx, "begin", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, and before one the failure is known
	if err := do(ctx, tx); err != nil {
		if errors.Is(err, errMany) {
			return err
		}
		return e.failed(ctx, "erase", err)
	}
	if err := e.about(ctx, e.done()); err != nil {
		return refused{err}
	}
	if err := tx.Commit(); err != nil {
		return e.failed(ctx, "commit", err)
	}
	return nil
}

// whole erases everything in one transaction. Rows are locked from those that
// identify the person downwards, so that no row can be added under one that was
// read already; then they are changed from below. A limit of 0 is none.
func (e *erasure) whole(ctx context.Context, limit int) error {
	return e.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows := 0
		for _, t := range e.plan.order {
			task := e.tasks[t]
			if err := e.hold(ctx, tx, task); err != nil {
				return err
			}
			if err := e.inspect(ctx, tx, task); err != nil {
				return err
			}
			if !task.concerned() && !task.anchors {
				continue
			}
			most := 0
			if limit > 0 {
				most = limit + 1 - rows
			}
			if err := e.capture(ctx, tx, task, most); err != nil {
				return err
			}
			if err := e.moved(ctx, tx, task); err != nil {
				return err
			}
			if err := e.staying(ctx, tx, task); err != nil {
				return err
			}
			if rows += len(task.keys); limit > 0 && rows > limit {
				return errMany
			}
		}
		for _, t := range e.plan.erase {
			if task := e.tasks[t]; task.concerned() && len(task.keys) > 0 {
				if err := e.apply(ctx, tx, task, task.keys); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// inspect counts the rows that stay whatever is ordered.
func (e *erasure) inspect(ctx context.Context, tx *sql.Tx, task *task) (err error) {
	if len(task.ordered) == 0 {
		return nil
	}
	if task.shared, err = e.shared(ctx, tx, e.plan, task.table, e.person); err != nil {
		return err
	}
	if err := e.withholding(ctx, tx, task); err != nil || !task.collection.Keep {
		return err
	}
	n, err := e.mine(ctx, tx, task.table)
	for category := range task.ordered {
		task.kept[category] = n
	}
	return err
}

// withholding counts the rows that hold a value which is ordered erased as one
// category and kept as another. Such rows stay. What was counted before an
// earlier transaction stands: its rows may not be found any more.
func (e *erasure) withholding(ctx context.Context, tx *sql.Tx, task *task) error {
	for category := range task.ordered {
		fields := having(task.withheld, category)
		if len(fields) == 0 {
			continue
		}
		q := e.search(e.plan, e.person)
		q.rows(task.table, "m", func() { q.put("count(*)") })
		q.put(" WHERE ")
		q.list(len(fields), " OR ", func(i int) { q.put("t.", q.quoted(fields[i].Name), " IS NOT NULL") })
		var n uint64
		if err := each(ctx, tx, q.String(), q.args, func(rows *sql.Rows) error { return rows.Scan(&n) }); err != nil {
			return err
		}
		task.holding[category] = max(task.holding[category], n)
	}
	return nil
}

// staying counts the rows of a table that was erased in chunks which stay with a
// value that can't be taken out of them: those that no chunk took, too.
func (e *erasure) staying(ctx context.Context, tx *sql.Tx, task *task) error {
	if !task.chunked || !task.leaves() {
		return nil
	}
	n, err := e.mine(ctx, tx, task.table)
	seen := maps.Clone(task.kept)
	clear(task.kept)
	task.keep(n - min(n, uint64(len(task.keys)))) // those are counted when they are changed
	for category, rows := range seen {            // chunks may have taken what they were found by
		task.kept[category] = max(task.kept[category], rows)
	}
	return err
}

// mine counts the rows of a table that are the person's alone.
func (e *erasure) mine(ctx context.Context, tx *sql.Tx, t *table) (n uint64, err error) {
	q := e.search(e.plan, e.person)
	q.from(t)
	q.put("SELECT count(*) FROM ", id("m", t))
	err = each(ctx, tx, q.String(), q.args, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n, err
}

// capture locks a person's rows in a table and remembers their keys. Of a table
// that was erased in chunks it takes only rows that were added meanwhile.
func (e *erasure) capture(ctx context.Context, tx *sql.Tx, task *task, most int) error {
	q := e.locking(task, most, task.chunked)
	if !task.concerned() {
		return each(ctx, tx, q.String(), q.args, func(*sql.Rows) error { return nil })
	}
	keys, err := e.keysOf(ctx, tx, task.table, q.statement)
	if err == nil && len(keys) > 0 && len(task.up) > 0 {
		// Who refers to the rows can have changed until they were locked, but
		// not since.
		keys, err = e.keysOf(ctx, tx, task.table, q.statement)
	}
	task.keys = keys
	return err
}

// locking selects and locks keys; if open, only those of rows with something
// left to erase.
func (e *erasure) locking(task *task, most int, open bool) *search {
	t := task.table
	q := e.search(e.plan, e.person)
	q.rows(t, "m", func() { q.keyColumns(t) })
	if open {
		q.put(" WHERE (")
		if task.deletes {
			q.unreferred(t)
			q.put(" OR ")
		}
		q.anyHeld(task.erased, "t")
		q.put(")")
	}
	q.put(" ORDER BY ")
	q.keyColumns(t)
	if most > 0 && task.concerned() {
		q.put(" LIMIT ", strconv.Itoa(most))
	}
	q.put(e.dialect.forUpdate())
	return q
}

// keysOf reads the keys that a query selects.
func (e *erasure) keysOf(ctx context.Context, tx *sql.Tx, t *table, q *statement) ([][]any, error) {
	var keys [][]any
	values, into := scanned(len(t.keys))
	err := each(ctx, tx, q.String(), q.args, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		keys = append(keys, t.keyOf(values))
		return nil
	})
	return keys, err
}

// unreferred writes that nothing refers to row t any more.
func (q *search) unreferred(t *table) {
	q.put("(")
	for _, k := range t.referrers {
		q.put("NOT EXISTS (SELECT 1 FROM ", q.referring(k), " x WHERE ")
		q.refers(k, "x", "t")
		if q.plan.referring(k) == t { // a row may refer to itself
			q.put(" AND NOT (")
			q.list(len(t.keys), " AND ", func(i int) {
				q.put("x.", q.quoted(t.keys[i]), " = t.", q.quoted(t.keys[i]))
			})
			q.put(")")
		}
		q.put(") AND ")
	}
	q.put("1 = 1)")
}

// anyHeld writes whether row t holds something in any of some columns.
func (s *statement) anyHeld(fields []field, alias string) {
	for _, f := range fields {
		if f.mask.masks() {
			s.held(f, alias+"."+s.dialect.quote(f.Name))
			s.put(" OR ")
		}
	}
	s.put("1 = 0")
}

// among writes that row t has one of some keys.
func (s *statement) among(t *table, alias string, keys [][]any) {
	if len(t.keys) == 1 {
		s.put(alias, ".", s.dialect.quote(t.keys[0]), " IN (")
		s.list(len(keys), ", ", func(i int) { s.arg(keys[i][0]) })
		s.put(")")
		return
	}
	s.put("(")
	s.list(len(keys), " OR ", func(i int) {
		s.put("(")
		s.list(len(t.keys), " AND ", func(j int) {
			s.put(alias, ".", s.dialect.quote(t.keys[j]), " = ").arg(keys[i][j])
		})
		s.put(")")
	})
	s.put(")")
}
