package sqlsystem

import (
	"slices"

	"habeas.internal/services/fulfilment/internal/connector"
)

// task is what an erasure does in one table.
type task struct {
	*table
	// erased are the columns of which every category is ordered erased.
	erased []field
	// withheld are those of which some category is ordered erased and another is
	// not: their values stay.
	withheld []field
	// derivations are those that go with what they are generated from.
	derivations []derivation
	// deletes says that rows go if nothing keeps them.
	deletes bool
	// anchors says that other rows are found through these, so that they are
	// locked whatever becomes of them.
	anchors bool
	// ordered are the categories that are ordered erased.
	ordered map[string]bool
	// chunked says that the table was gone through in chunks.
	chunked bool

	keys            [][]any
	deleted, shared uint64
	masked, kept    map[string]uint64 // by category
	// holding counts, by category, the rows that hold a withheld value. It is
	// counted before anything is changed.
	holding map[string]uint64
}

func (t *task) concerned() bool { return t.deletes || len(t.erased) > 0 }

// tasks turns orders into what is done in each table. What nobody ordered
// erased is kept.
func (p *plan) tasks(orders []connector.Order) (map[*table]*task, error) {
	tasks := map[*table]*task{}
	for _, t := range p.order {
		down, up := p.leads(t)
		tasks[t] = &task{
			table: t, ordered: map[string]bool{}, masked: map[string]uint64{}, kept: map[string]uint64{}, holding: map[string]uint64{},
			anchors: len(down)+len(up) > 0,
		}
	}
	for _, order := range orders {
		t := p.tables[order.Collection]
		if t == nil || !slices.Contains(t.parts, order.Part) {
			return nil, failed("read orders", connector.ErrMismatch, "")
		}
		if order.Erase {
			tasks[t].ordered[order.Category] = true
		}
	}
	for _, order := range orders { // one that says keep wins
		if !order.Erase {
			delete(tasks[p.tables[order.Collection]].ordered, order.Category)
		}
	}
	for _, t := range p.order {
		p.settle(tasks, tasks[t])
	}
	return tasks, nil
}

// settle derives what is erased in a table and whether its rows may go. Rows
// without anything personal go with those that they refer to.
func (p *plan) settle(tasks map[*table]*task, t *task) {
	if t.collection.Shared || t.collection.Keep {
		return
	}
	keeps := false
	for _, f := range t.fields {
		keeps = keeps || f.Keep
		personal := f.Personal()
		ordered := func(category string) bool { return t.ordered[category] }
		switch {
		case !slices.ContainsFunc(personal, ordered):
		case slices.ContainsFunc(personal, func(c string) bool { return !ordered(c) }):
			t.withheld = append(t.withheld, f)
		default:
			t.erased = append(t.erased, f)
		}
	}
	t.derived()
	if len(t.parts) > 0 {
		t.deletes = !keeps && len(t.ordered) == len(t.parts)
		return
	}
	t.deletes = !keeps && len(t.down) > 0 && len(t.up) == 0
	for _, e := range t.down {
		t.deletes = t.deletes && tasks[p.tables[e.From]].deletes
	}
}

// inward says whether rows of the table refer to others of it.
func (t *task) inward() bool {
	return slices.ContainsFunc(t.referrers, func(k foreignKey) bool { return k.schema == "" && k.table == t.name })
}

func (t *task) masks() bool {
	return slices.ContainsFunc(t.erased, func(f field) bool { return f.mask.masks() || f.mask.way == maskImpossible })
}

// steady are the columns that are masked alike in many rows.
func (t *task) steady() []field {
	return slices.DeleteFunc(slices.Clone(t.erased), func(f field) bool { return !f.mask.masks() || f.mask.varies() })
}

// varying are those that have another mask in every row.
func (t *task) varying() []field {
	return slices.DeleteFunc(slices.Clone(t.erased), func(f field) bool { return !f.mask.varies() })
}

func (t *task) impossible() bool {
	return slices.ContainsFunc(t.erased, func(f field) bool { return f.mask.way == maskImpossible })
}

// of lists the erased columns of a part, of generated ones those behind them.
func (t *task) of(part connector.Part) []field {
	fields := having(t.erased, part.Category)
	for _, d := range t.derivations {
		if slices.Contains(d.Personal(), part.Category) {
			fields = append(fields, d.roots...)
		}
	}
	return fields
}

// having lists those of some columns that hold a category.
func having(fields []field, category string) []field {
	return slices.DeleteFunc(slices.Clone(fields), func(f field) bool {
		return !slices.Contains(f.Personal(), category)
	})
}

// keep counts rows that stay with values that are left.
func (t *task) keep(rows uint64) {
	for _, part := range t.parts {
		if slices.ContainsFunc(t.of(part), field.left) {
			t.kept[part.Category] += rows
		}
	}
}

// leaves says whether any part has values that are left in rows that stay.
func (t *task) leaves() bool { return slices.ContainsFunc(t.erased, field.left) }

// left says whether the column's value stays in a row that stays.
func (f field) left() bool { return f.mask.way == maskLeft || f.mask.way == maskNever }

// described says whether the description wants something of a part kept.
func (t *task) described(part connector.Part) bool {
	return t.collection.Keep || slices.ContainsFunc(t.of(part), func(f field) bool { return f.Keep })
}

// done tells what became of every part that was ordered erased, so far.
func (e *erasure) done() []connector.Done {
	var all []connector.Done
	for _, order := range e.orders {
		if !order.Erase {
			continue
		}
		t := e.tasks[e.plan.tables[order.Collection]]
		all = append(all, connector.Done{
			Part: order.Part, Deleted: t.deleted, Shared: t.shared,
			Masked: t.masked[order.Category], Kept: max(t.kept[order.Category], t.holding[order.Category]),
			Described: t.kept[order.Category] > 0 && t.described(order.Part),
		})
	}
	return all
}
