package sqlsystem

import (
	"context"
	"database/sql"
	"slices"

	"habeas.internal/services/fulfilment/internal/connector"
)

// chunks erases, table by table from below, what a later chunk and the last
// transaction can do without: rows through which no others are found.
func (e *erasure) chunks(ctx context.Context) error {
	for _, t := range e.plan.erase {
		task := e.tasks[t]
		if !e.bulk(task) {
			continue
		}
		for task.concerned() {
			n, err := e.chunk(ctx, task)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			e.paused()
		}
		task.chunked = true
	}
	return nil
}

// bulk says whether a table can be gone through in chunks: nothing is found
// through its rows but what was gone through already, and what the description
// wants before it was as well.
func (e *erasure) bulk(task *task) bool {
	t := task.table
	down, up := e.plan.leads(t)
	if len(t.up) > 0 || len(t.self) > 0 || t.collection.Shared {
		return false
	}
	for _, other := range up {
		if e.tasks[other].concerned() {
			return false
		}
	}
	for _, other := range down {
		if !e.tasks[other].chunked {
			return false
		}
	}
	for _, name := range t.collection.EraseAfter {
		if first := e.plan.tables[name]; first != nil && !e.tasks[first].chunked {
			return false
		}
	}
	identified := false
	for _, f := range t.fields {
		identified = identified || f.Identity != ""
	}
	return !identified || len(down)+len(up) == 0
}

// chunk erases some rows with something left to erase, and says how many.
func (e *erasure) chunk(ctx context.Context, task *task) (n int, err error) {
	before := *task
	err = e.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if len(task.holding) == 0 { // before the first
			if err := e.withholding(ctx, tx, task); err != nil {
				return err
			}
		}
		keys, err := e.keysOf(ctx, tx, task.table, e.locking(task, e.config.Chunk, true).statement)
		if err != nil || len(keys) == 0 {
			return err
		}
		n = len(keys)
		if err := e.moved(ctx, tx, task); err != nil {
			return err
		}
		if err := e.apply(ctx, tx, task, keys); err != nil {
			return err
		}
		if task.deleted == before.deleted && !task.masks() {
			return failed("erase in "+task.name, connector.ErrConstraint, "")
		}
		return nil
	})
	return n, err
}

// Verify reads again what can be found of a person in the parts that were
// ordered erased.
func (s *System) Verify(ctx context.Context, p connector.Person, orders []connector.Order) ([]connector.Found, error) {
	plan, err := s.ready(ctx)
	if err != nil {
		return nil, err
	}
	tasks, err := plan.tasks(orders)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	var all []connector.Found
	for _, order := range orders {
		if !order.Erase {
			continue
		}
		task := tasks[plan.tables[order.Collection]]
		found, err := s.remaining(ctx, plan, task, order.Part, p)
		if err != nil {
			return nil, s.failed(ctx, "verify in "+task.name, err)
		}
		all = append(all, found)
	}
	return all, nil
}

// remaining counts the rows that still hold something of a part, and digests
// their keys.
func (s *System) remaining(ctx context.Context, plan *plan, task *task, part connector.Part, p connector.Person) (connector.Found, error) {
	t := task.table
	found := connector.Found{Part: part}
	q := s.search(plan, p)
	q.rows(t, "m", func() { q.keyColumns(t) })
	q.put(" WHERE (")
	columns := task.of(part)
	if slices.ContainsFunc(columns, func(f field) bool { return f.mask.way == maskLeft }) {
		columns = task.erased // a number that may stay counts as long as its row tells more
	}
	q.anyHeldOrImpossible(columns, "t")
	if task.deletes { // a row that nothing keeps should be gone, whatever it holds
		q.put(" OR ")
		q.unreferred(t)
	}
	q.put(") ORDER BY ")
	q.keyColumns(t)
	digest := newDigest(p.Key, t.name)
	values, into := scanned(len(t.keys))
	err := each(ctx, s.db, q.String(), q.args, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		found.Rows++
		digest.add(values)
		return nil
	})
	if found.Rows > 0 {
		found.Digest = digest.sum()
	}
	return found, err
}
