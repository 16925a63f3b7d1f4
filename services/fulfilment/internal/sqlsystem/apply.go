package sqlsystem

import (
	"context"
	"database/sql"
	"slices"

	"habeas.internal/services/fulfilment/internal/connector"
)

// apply erases rows of one table: it deletes those that it may, overwrites the
// others, and reads both again.
func (e *erasure) apply(ctx context.Context, tx *sql.Tx, task *task, keys [][]any) error {
	var staying [][]any
	for some := range slices.Chunk(keys, batch) {
		left, err := e.remove(ctx, tx, task, some)
		if err != nil {
			return err
		}
		staying = append(staying, left...)
	}
	// Within a table rows can refer to each other: those that were kept only by
	// rows that are gone now go as well.
	for before := len(staying) + 1; task.deletes && task.inward() && len(staying) > 0 && len(staying) < before; {
		before = len(staying)
		var still [][]any
		for some := range slices.Chunk(staying, batch) {
			left, err := e.remove(ctx, tx, task, some)
			if err != nil {
				return err
			}
			still = append(still, left...)
		}
		staying = still
	}
	if task.deletes && task.inward() && len(staying) > 0 {
		left, err := e.circles(ctx, tx, task, staying)
		if err != nil {
			return err
		}
		staying = left
	}
	for some := range slices.Chunk(staying, batch) {
		if err := e.overwrite(ctx, tx, task, some); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes the rows that nothing refers to and returns the others' keys.
func (e *erasure) remove(ctx context.Context, tx *sql.Tx, task *task, keys [][]any) ([][]any, error) {
	if !task.deletes {
		return keys, nil
	}
	t := task.table
	free := keys
	if len(t.referrers) > 0 {
		q := e.search(e.plan, e.person)
		q.put("SELECT ")
		q.keyColumns(t)
		q.put(" FROM ", q.table(t.name), " t WHERE ")
		q.among(t, "t", keys)
		q.put(" AND ")
		q.unreferred(t)
		var err error
		if free, err = e.keysOf(ctx, tx, t, q.statement); err != nil {
			return nil, err
		}
	}
	if len(free) == 0 {
		return keys, nil
	}
	if err := e.loosenOwn(ctx, tx, t, free); err != nil {
		return nil, err
	}
	st := e.statement()
	st.put("DELETE FROM ", st.table(t.name), " WHERE ")
	st.among(t, e.dialect.quote(t.name), free)
	result, err := tx.ExecContext(ctx, st.String(), st.args...)
	if err != nil {
		return nil, err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return nil, err
	}
	if err := e.nothing(ctx, tx, t, free, func(st *statement) { st.put("1 = 1") }); err != nil {
		return nil, err
	}
	task.deleted += uint64(n)
	return without(keys, free), nil
}

// without lists the keys that are not among others.
func without(keys, others [][]any) [][]any {
	if len(keys) == len(others) {
		return nil
	}
	gone := map[string]bool{}
	for _, key := range others {
		gone[fingerprint(key)] = true
	}
	return slices.DeleteFunc(slices.Clone(keys), func(key []any) bool { return gone[fingerprint(key)] })
}

func fingerprint(key []any) string {
	d := newDigest(nil, "")
	d.add(key)
	sum := d.sum()
	return string(sum[:])
}

// overwrite masks what rows hold of the erased parts. Rows that hold nothing of
// them are not touched.
func (e *erasure) overwrite(ctx context.Context, tx *sql.Tx, task *task, keys [][]any) error {
	task.keep(uint64(len(keys)))
	if !task.masks() {
		return nil
	}
	holding, err := e.holding(ctx, tx, task, keys)
	if err != nil || len(holding) == 0 {
		return err
	}
	if task.impossible() {
		return failed("mask in "+task.name, connector.ErrConstraint, "")
	}
	// What can be the same in all rows comes first: a key is masked when those
	// of the person's rows that referred to it do so no more.
	if steady := task.steady(); len(steady) > 0 {
		for some := range slices.Chunk(holding, batch) {
			if err := e.update(ctx, tx, task, some, steady); err != nil {
				return err
			}
		}
	}
	if varying := task.varying(); len(varying) > 0 {
		if err := e.unnamed(ctx, tx, task, keys); err != nil {
			return err
		}
		for one := range slices.Chunk(holding, 1) {
			if err := e.update(ctx, tx, task, one, varying); err != nil {
				return err
			}
		}
	}
	return e.nothing(ctx, tx, task.table, holding, func(st *statement) { st.anyHeld(task.erased, "t") })
}

// holding reads which rows hold something, part by part.
func (e *erasure) holding(ctx context.Context, tx *sql.Tx, task *task, keys [][]any) ([][]any, error) {
	t := task.table
	st := e.search(e.plan, e.person)
	st.put("SELECT ")
	st.keyColumns(t)
	for _, part := range task.parts {
		st.put(", CASE WHEN ")
		st.anyHeld(task.of(part), "t")
		st.put(" THEN 1 ELSE 0 END")
	}
	st.put(" FROM ", st.table(t.name), " t WHERE ")
	st.among(t, "t", keys)
	st.put(" AND (")
	st.anyHeldOrImpossible(task.erased, "t")
	st.put(")")
	var found [][]any
	values, into := scanned(len(t.keys))
	flags := make([]int64, len(task.parts))
	for i := range flags {
		into = append(into, &flags[i])
	}
	err := each(ctx, tx, st.String(), st.args, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		found = append(found, t.keyOf(values))
		for i, part := range task.parts {
			task.masked[part.Category] += uint64(flags[i])
		}
		return nil
	})
	return found, err
}

// anyHeldOrImpossible also counts what could not be overwritten.
func (s *statement) anyHeldOrImpossible(fields []field, alias string) {
	for _, f := range fields {
		if f.mask.way == maskImpossible {
			s.put(alias, ".", s.dialect.quote(f.Name), " IS NOT NULL OR ")
		}
	}
	s.anyHeld(fields, alias)
}

func (e *erasure) update(ctx context.Context, tx *sql.Tx, task *task, keys [][]any, fields []field) error {
	t := task.table
	st := e.statement()
	st.put("UPDATE ", st.table(t.name), " SET ")
	st.list(len(fields), ", ", func(i int) {
		st.put(e.dialect.quote(fields[i].Name), " = ")
		st.set(fields[i])
	})
	st.put(" WHERE ")
	st.among(t, e.dialect.quote(t.name), keys)
	_, err := tx.ExecContext(ctx, st.String(), st.args...)
	return err
}

// nothing reads again that none of some rows meets a condition any more. A
// trigger or rule of the database could have undone what was written.
func (e *erasure) nothing(ctx context.Context, tx *sql.Tx, t *table, keys [][]any, condition func(*statement)) error {
	for some := range slices.Chunk(keys, batch) {
		st := e.statement()
		st.put("SELECT count(*) FROM ", st.table(t.name), " t WHERE ")
		st.among(t, "t", some)
		st.put(" AND (")
		condition(st)
		st.put(")")
		var left int64
		err := each(ctx, tx, st.String(), st.args, func(rows *sql.Rows) error { return rows.Scan(&left) })
		if err != nil {
			return err
		}
		if left > 0 {
			return failed("read "+t.name+" again", connector.ErrConstraint, "")
		}
	}
	return nil
}
