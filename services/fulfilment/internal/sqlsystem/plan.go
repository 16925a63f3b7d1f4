package sqlsystem

import (
	"slices"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
)

// plan is a dataset laid over the catalogue of its database.
type plan struct {
	tables map[string]*table
	// order has every table after those that lead to it; erase has every table
	// before those that its rows refer to.
	order, erase []*table
}

// table is a collection that rows of a person can be in.
type table struct {
	*relation
	index      int // in plan.order
	collection dataset.Collection
	fields     []field
	keys       []string
	// carried are the columns that are remembered of found rows: the key and
	// what references start from or end at.
	carried []string
	down    []dataset.Edge // from rows that this table's rows refer to
	up      []dataset.Edge // from rows that refer to this table's rows
	self    []dataset.Edge // downwards within the table
	// referrers are the rules and references that point at this table.
	referrers []foreignKey
	parts     []connector.Part
}

// field is a described column.
type field struct {
	dataset.Field
	column *column
	mask   mask
	// joint says that the column is part of a key or reference.
	joint bool
}

func (t *table) carry(name string) {
	if !slices.Contains(t.carried, name) {
		t.carried = append(t.carried, name)
	}
}

// newPlan needs a dataset and a catalogue that were compared already.
func newPlan(d *dataset.Dataset, c *catalogue) *plan {
	p := &plan{tables: map[string]*table{}}
	for _, name := range d.Order() {
		collection, _ := d.Collection(name)
		t := &table{relation: c.tables[name], collection: collection}
		t.keys = t.handle()
		t.carried = slices.Clone(t.keys)
		for _, category := range collection.Categories() {
			t.parts = append(t.parts, connector.Part{Collection: name, Category: category})
		}
		p.tables[name] = t
		p.order = append(p.order, t)
	}
	for _, e := range d.Edges() {
		p.follow(e, c)
	}
	for _, k := range c.keys {
		p.refer(k)
	}
	p.order = p.late()
	for i, t := range p.order {
		t.index = i
		t.describe(c)
	}
	p.erase = p.erasure()
	return p
}

// follow notes an edge, and the reference that it is.
func (p *plan) follow(e dataset.Edge, c *catalogue) {
	from, to := p.tables[e.From], p.tables[e.To]
	down := downwards(e, from.relation, to.relation, c)
	if from == to && !down {
		return // the row above is somebody's own
	}
	from.carry(e.FromField)
	switch {
	case from == to:
		to.self = append(to.self, e)
	case down:
		to.down = append(to.down, e)
	default:
		to.up = append(to.up, e)
	}
	k := foreignKey{table: e.From, columns: []string{e.FromField}, target: e.To, targetColumns: []string{e.ToField}}
	if down {
		k = foreignKey{table: e.To, columns: []string{e.ToField}, target: e.From, targetColumns: []string{e.FromField}}
	}
	p.refer(k)
}

// refer notes that rows of one table name rows of another.
func (p *plan) refer(k foreignKey) {
	target, ok := p.tables[k.target]
	if !ok || slices.ContainsFunc(target.referrers, k.same) {
		return
	}
	target.referrers = append(target.referrers, k)
	for _, name := range k.targetColumns {
		target.carry(name)
	}
}

// referring is the described table of which a key's rows are; nothing if it is
// not described, or of another schema, which may have one of the same name.
func (p *plan) referring(k foreignKey) *table {
	if k.schema != "" {
		return nil
	}
	return p.tables[k.table]
}

func (k foreignKey) same(other foreignKey) bool {
	return k.schema == other.schema && k.table == other.table && slices.Equal(k.columns, other.columns) &&
		k.target == other.target && slices.Equal(k.targetColumns, other.targetColumns)
}

// is says whether a foreign key is between two columns.
func (k foreignKey) is(table, name, target, targetName string) bool {
	return k.same(foreignKey{
		table: table, columns: []string{name}, target: target, targetColumns: []string{targetName},
	})
}

// downwards says whether the rows that an edge leads to refer to those from
// which it leads. The database knows best, then keys tell, then whoever wrote
// the reference.
func downwards(e dataset.Edge, from, to *relation, c *catalogue) bool {
	for _, k := range c.keys {
		switch {
		case k.is(e.To, e.ToField, e.From, e.FromField):
			return true
		case k.is(e.From, e.FromField, e.To, e.ToField):
			return false
		}
	}
	fromKey, toKey := from.onlyUnique(e.FromField), to.onlyUnique(e.ToField)
	if fromKey != toKey {
		return fromKey
	}
	return e.Declared == e.To
}

// late sorts the tables so that each comes after those that lead to it and, as
// far as that goes, after those that refer to it: whose a referrer is must be
// known before it can be said whether a row is shared.
func (p *plan) late() []*table {
	leads := map[*table][]*table{}
	refers := map[*table][]*table{}
	for _, t := range p.order {
		for _, e := range slices.Concat(t.down, t.up) {
			leads[t] = append(leads[t], p.tables[e.From])
		}
		refers[t] = leads[t]
		for _, k := range t.referrers {
			if from := p.referring(k); from != nil && from != t && len(t.up) > 0 {
				refers[t] = append(refers[t], from)
			}
		}
	}
	return sorted(p.order, refers, leads)
}

// erasure sorts the tables so that each comes after those whose rows refer to
// its own, and above all after those that the description names.
func (p *plan) erasure() []*table {
	wished := map[*table][]*table{}
	refers := map[*table][]*table{}
	for _, t := range p.order {
		for _, name := range t.collection.EraseAfter {
			if first := p.tables[name]; first != nil {
				wished[t] = append(wished[t], first)
			}
		}
		refers[t] = slices.Clone(wished[t])
		for _, k := range t.referrers {
			if from := p.referring(k); from != nil && from != t {
				refers[t] = append(refers[t], from)
			}
		}
	}
	backwards := slices.Clone(p.order)
	slices.Reverse(backwards)
	return sorted(backwards, refers, wished)
}

// sorted puts tables after those that they should come after and, where that
// has no end, after those that they must come after.
func sorted(tables []*table, should, must map[*table][]*table) []*table {
	rest := slices.Clone(tables)
	var order []*table
	for len(rest) > 0 {
		free := func(after map[*table][]*table) int {
			return slices.IndexFunc(rest, func(t *table) bool {
				return !slices.ContainsFunc(after[t], func(b *table) bool { return slices.Contains(rest, b) })
			})
		}
		i := free(should)
		if i < 0 {
			i = max(0, free(must))
		}
		order = append(order, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	return order
}

// describe settles how the columns are masked.
func (t *table) describe(c *catalogue) {
	foreign := slices.Clone(t.carried)
	for _, k := range c.keys {
		if k.table == t.name && k.schema == "" {
			foreign = append(foreign, k.columns...)
		}
	}
	for _, f := range t.collection.Fields {
		col, _ := t.column(f.Name)
		described := field{Field: f, column: col}
		described.joint = slices.Contains(foreign, f.Name) || t.refers(f.Name)
		described.mask = maskOf(described, slices.Contains(t.key(), f.Name))
		t.fields = append(t.fields, described)
	}
}

// refers says whether a column refers to rows of a described table.
func (t *table) refers(name string) bool {
	points := func(e dataset.Edge) bool { return e.ToField == name }
	return slices.ContainsFunc(t.down, points) || slices.ContainsFunc(t.self, points)
}

// sharers are the references by which others could lay claim to a row of the
// table: all but those that are followed down from it.
func (p *plan) sharers(t *table) []foreignKey {
	return slices.DeleteFunc(slices.Clone(t.referrers), func(k foreignKey) bool {
		from := p.referring(k)
		return from != nil && slices.ContainsFunc(slices.Concat(from.down, from.self), func(e dataset.Edge) bool {
			return k.is(e.To, e.ToField, e.From, e.FromField)
		})
	})
}

// leads lists the tables to which followed references lead from this one.
func (p *plan) leads(t *table) (down, up []*table) {
	for _, other := range p.order {
		from := func(e dataset.Edge) bool { return e.From == t.name }
		if slices.ContainsFunc(other.down, from) {
			down = append(down, other)
		}
		if slices.ContainsFunc(other.up, from) {
			up = append(up, other)
		}
	}
	return down, up
}
