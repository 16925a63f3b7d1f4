package rows

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"sync"
)

// Memory is a Store for tests. Nothing outlives it. The zero value is empty
// and ready.
type Memory struct {
	mu    sync.Mutex
	last  uint64
	rows  map[string]Row
	order []place // by revision; holds replaced ones until compacted
}

type place struct {
	rev     uint64
	subject string
}

// Get is part of Store.
func (m *Memory) Get(ctx context.Context, subject string) (Row, error) {
	if err := ctx.Err(); err != nil {
		return Row{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	row, ok := m.rows[subject]
	if !ok {
		return Row{}, ErrNotFound
	}
	row.Value = bytes.Clone(row.Value)
	return row, nil
}

// Put is part of Store.
func (m *Memory) Put(ctx context.Context, subject string, value []byte, expect uint64) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.rows[subject]
	if old.Rev != expect {
		return 0, ErrConflict
	}
	if m.rows == nil {
		m.rows = map[string]Row{}
	}
	clear(old.Value)
	m.last++
	m.rows[subject] = Row{Subject: subject, Value: bytes.Clone(value), Rev: m.last}
	m.order = append(m.order, place{rev: m.last, subject: subject})
	m.compact()
	return m.last, nil
}

// compact forgets replaced places when most are.
func (m *Memory) compact() {
	if len(m.order) < 2*len(m.rows)+64 {
		return
	}
	m.order = slices.DeleteFunc(m.order, func(p place) bool { return m.rows[p.subject].Rev != p.rev })
}

// Delete is part of Store.
func (m *Memory) Delete(ctx context.Context, subject string, rev uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	row, ok := m.rows[subject]
	if !ok {
		return nil
	}
	if row.Rev != rev {
		return ErrConflict
	}
	clear(row.Value)
	delete(m.rows, subject)
	return nil
}

// List is part of Store.
func (m *Memory) List(ctx context.Context, filter string, after uint64) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for {
			if err := ctx.Err(); err != nil {
				yield(Row{}, err)
				return
			}
			row, ok := m.next(filter, after)
			if !ok || !yield(row, nil) {
				return
			}
			after = row.Rev
		}
	}
}

func (m *Memory) next(filter string, after uint64) (Row, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, _ := slices.BinarySearchFunc(m.order, after+1, func(p place, rev uint64) int { return int(p.rev) - int(rev) })
	for _, p := range m.order[from:] {
		row, ok := m.rows[p.subject]
		if ok && row.Rev == p.rev && Match(filter, p.subject) {
			row.Value = bytes.Clone(row.Value)
			return row, true
		}
	}
	return Row{}, false
}
