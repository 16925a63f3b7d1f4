package sqlsystem

import (
	"context"
	"database/sql"
	"slices"
)

// inner lists the keys by which rows of a table refer to others of it, each with
// a column that can be null; whole says that every one has such a column.
func (t *table) inner() (inner []innerKey, whole bool) {
	whole = true
	for _, k := range t.referrers {
		if k.schema != "" || k.table != t.name {
			continue
		}
		i := slices.IndexFunc(k.columns, func(name string) bool {
			c, ok := t.column(name)
			return ok && c.nullable && !c.generated && !slices.Contains(t.keys, name)
		})
		if i < 0 {
			whole = false
			continue
		}
		inner = append(inner, innerKey{k, k.columns[i]})
	}
	return inner, whole
}

// innerKey is a key between rows of one table, which is let go of by a null in
// one of its columns.
type innerKey struct {
	foreignKey
	loose string
}

// pair is a row and one that refers to it.
type pair struct{ target, referrer []any }

// circles deletes rows that only each other keep, and returns the others' keys.
func (e *erasure) circles(ctx context.Context, tx *sql.Tx, task *task, keys [][]any) ([][]any, error) {
	inner, whole := task.inner()
	if !whole {
		return keys, nil
	}
	held, err := e.outside(ctx, tx, task.table, keys)
	if err != nil {
		return nil, err
	}
	rest := map[string]bool{}
	for _, key := range without(keys, held) {
		rest[fingerprint(key)] = true
	}
	var pairs []pair
	for _, k := range inner {
		some, err := e.pairs(ctx, tx, task.table, k, keys)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, some...)
	}
	for before := -1; before != len(rest); { // whoever is referred to by one that stays, stays
		before = len(rest)
		for _, p := range pairs {
			if !rest[fingerprint(p.referrer)] {
				delete(rest, fingerprint(p.target))
			}
		}
	}
	gone := slices.DeleteFunc(slices.Clone(keys), func(key []any) bool { return !rest[fingerprint(key)] })
	staying := without(keys, gone)
	for _, k := range inner {
		if err := e.loosen(ctx, tx, task.table, k, gone); err != nil {
			return nil, err
		}
	}
	for some := range slices.Chunk(gone, batch) {
		left, err := e.remove(ctx, tx, task, some)
		if err != nil {
			return nil, err
		}
		staying = append(staying, left...)
	}
	return staying, nil
}

// outside reads which rows others than rows of the same table refer to.
func (e *erasure) outside(ctx context.Context, tx *sql.Tx, t *table, keys [][]any) ([][]any, error) {
	var held [][]any
	for some := range slices.Chunk(keys, batch) {
		q := e.search(e.plan, e.person)
		q.put("SELECT ")
		q.keyColumns(t)
		q.put(" FROM ", q.table(t.name), " t WHERE ")
		q.among(t, "t", some)
		q.put(" AND (")
		for _, k := range t.referrers {
			if k.schema == "" && k.table == t.name {
				continue
			}
			q.put("EXISTS (SELECT 1 FROM ", q.referring(k), " x WHERE ")
			q.refers(k, "x", "t")
			q.put(") OR ")
		}
		q.put("1 = 0)")
		found, err := e.keysOf(ctx, tx, t, q.statement)
		if err != nil {
			return nil, err
		}
		held = append(held, found...)
	}
	return held, nil
}

// refers writes that one row refers to another by a key.
func (s *statement) refers(k foreignKey, referrer, target string) {
	s.list(len(k.columns), " AND ", func(i int) {
		s.put(referrer, ".", s.dialect.quote(k.columns[i]), " = ", target, ".", s.dialect.quote(k.targetColumns[i]))
	})
}

// pairs reads which rows of a table refer to some of its rows by a key.
func (e *erasure) pairs(ctx context.Context, tx *sql.Tx, t *table, k innerKey, keys [][]any) ([]pair, error) {
	var pairs []pair
	values, into := scanned(2 * len(t.keys))
	for some := range slices.Chunk(keys, batch) {
		st := e.statement()
		st.put("SELECT ")
		st.list(len(t.keys), ", ", func(i int) { st.put("t.", e.dialect.quote(t.keys[i])) })
		st.put(", ")
		st.list(len(t.keys), ", ", func(i int) { st.put("x.", e.dialect.quote(t.keys[i])) })
		st.put(" FROM ", st.table(t.name), " t JOIN ", st.table(t.name), " x ON ")
		st.refers(k.foreignKey, "x", "t")
		st.put(" WHERE ")
		st.among(t, "t", some)
		err := each(ctx, tx, st.String(), st.args, func(rows *sql.Rows) error {
			err := rows.Scan(into...)
			pairs = append(pairs, pair{t.keyOf(values), t.keyOf(values[len(t.keys):])})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

// loosen lets rows refer to nothing by a key.
func (e *erasure) loosen(ctx context.Context, tx *sql.Tx, t *table, k innerKey, keys [][]any) error {
	for some := range slices.Chunk(keys, batch) {
		st := e.statement()
		st.put("UPDATE ", st.table(t.name), " SET ", e.dialect.quote(k.loose), " = NULL WHERE ")
		st.among(t, e.dialect.quote(t.name), some)
		if _, err := tx.ExecContext(ctx, st.String(), st.args...); err != nil {
			return err
		}
	}
	return nil
}

// loosenOwn lets rows that refer to themselves do so no more: not every database
// deletes them otherwise.
func (e *erasure) loosenOwn(ctx context.Context, tx *sql.Tx, t *table, keys [][]any) error {
	inner, _ := t.inner()
	for _, k := range inner {
		st := e.statement()
		name := e.dialect.quote(t.name)
		st.put("UPDATE ", st.table(t.name), " SET ", e.dialect.quote(k.loose), " = NULL WHERE ")
		st.among(t, name, keys)
		st.put(" AND ")
		st.refers(k.foreignKey, name, name)
		if _, err := tx.ExecContext(ctx, st.String(), st.args...); err != nil {
			return err
		}
	}
	return nil
}

// unnamed lets go of what rows that stay have of each other's keys, where those
// are about to be masked: such a reference is a copy of the key.
func (e *erasure) unnamed(ctx context.Context, tx *sql.Tx, task *task, keys [][]any) error {
	inner, _ := task.inner()
	for _, k := range inner {
		if !slices.ContainsFunc(task.varying(), func(f field) bool { return slices.Contains(k.targetColumns, f.Name) }) {
			continue
		}
		pairs, err := e.pairs(ctx, tx, task.table, k, keys)
		if err != nil {
			return err
		}
		var own [][]any
		mine := map[string]bool{}
		for _, key := range keys {
			mine[fingerprint(key)] = true
		}
		for _, p := range pairs {
			if mine[fingerprint(p.referrer)] {
				own = append(own, p.referrer)
			}
		}
		if err := e.loosen(ctx, tx, task.table, k, own); err != nil {
			return err
		}
	}
	return nil
}
