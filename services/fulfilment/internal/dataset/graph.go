package dataset

import (
	"cmp"
	"slices"
)

// check holds a description that has the right shape against its own names, and
// works out in which direction its references are followed.
func (r *reader) check(d *Dataset) {
	r.names(d)
	r.referents(d)
	r.unattributable(d)
	if len(r.problems) > 0 {
		return
	}
	if !slices.ContainsFunc(d.Collections, func(c Collection) bool { return c.identified() && !c.Skip }) {
		r.problem(nil, "dataset[0]", NoIdentity)
		return
	}
	depth := d.depths()
	d.edges = d.oriented(depth)
	r.reach(d, depth)
	order, cyclic := d.sorted()
	for _, name := range cyclic {
		r.problem(nil, "dataset[0].collections["+name+"]", Cycle)
	}
	d.order = order
	r.erasable(d)
}

func (r *reader) names(d *Dataset) {
	seen := map[string]bool{}
	for _, c := range d.Collections {
		path := "dataset[0].collections[" + c.Name + "]"
		if seen[c.Name] {
			r.problem(nil, path, Duplicate)
		}
		seen[c.Name] = true
		fields := map[string]bool{}
		for _, f := range c.Fields {
			if fields[f.Name] {
				r.problem(nil, path+".fields["+f.Name+"]", Duplicate)
			}
			fields[f.Name] = true
		}
		if c.Shared && c.identified() {
			r.problem(nil, path, SharedIdentity)
		}
	}
}

func (r *reader) referents(d *Dataset) {
	for _, c := range d.Collections {
		path := "dataset[0].collections[" + c.Name + "]"
		for _, f := range c.Fields {
			for _, ref := range f.References {
				other, ok := d.Collection(ref.Collection)
				if _, has := other.Field(ref.Field); !ok || !has {
					r.problem(nil, path+".fields["+f.Name+"].fides_meta.references", NoReferent)
				}
			}
		}
		for _, name := range c.EraseAfter {
			if _, ok := d.Collection(name); !ok {
				r.problem(nil, path+".fides_meta.erase_after", NoReferent)
			}
		}
	}
}

// possible lists the edges of a reference, one or two.
func possible(c Collection, f Field, ref Reference) []Edge {
	to := Edge{From: c.Name, FromField: f.Name, To: ref.Collection, ToField: ref.Field, Declared: c.Name}
	from := Edge{From: ref.Collection, FromField: ref.Field, To: c.Name, ToField: f.Name, Declared: c.Name}
	switch ref.Direction {
	case To:
		return []Edge{to}
	case From:
		return []Edge{from}
	default:
		return []Edge{from, to}
	}
}

func (d *Dataset) possible() [][]Edge {
	var all [][]Edge
	for _, c := range d.Collections {
		for _, f := range c.Fields {
			for _, ref := range f.References {
				other, _ := d.Collection(ref.Collection)
				if !c.Skip && !other.Skip {
					all = append(all, possible(c, f, ref))
				}
			}
		}
	}
	return all
}

// depths is how many references lie between each collection and an identity.
func (d *Dataset) depths() map[string]int {
	depth := map[string]int{}
	var reached []string
	for _, c := range d.Collections {
		if c.identified() && !c.Skip {
			depth[c.Name] = 0
			reached = append(reached, c.Name)
		}
	}
	leads := map[string][]string{}
	for _, edges := range d.possible() {
		for _, e := range edges {
			leads[e.From] = append(leads[e.From], e.To)
		}
	}
	for len(reached) > 0 {
		name := reached[0]
		reached = reached[1:]
		for _, next := range leads[name] {
			if _, ok := depth[next]; !ok {
				depth[next] = depth[name] + 1
				reached = append(reached, next)
			}
		}
	}
	return depth
}

// oriented picks for a reference without a direction the one that leads away
// from the identities; between equals, from the field that is referred to. A
// collection that refers to itself is followed only if the description says
// which way, and never upwards: the row above is somebody's own.
func (d *Dataset) oriented(depth map[string]int) []Edge {
	var edges []Edge
	for _, choice := range d.possible() {
		e := choice[0]
		if len(choice) == 2 {
			if e.From == e.To {
				continue
			}
			if depth[choice[1].From] < depth[choice[0].From] {
				e = choice[1]
			}
		}
		_, reached := depth[e.From]
		if reached && !slices.Contains(edges, e) {
			edges = append(edges, e)
		}
	}
	slices.SortStableFunc(edges, func(a, b Edge) int { return cmp.Compare(a.To, b.To) })
	return edges
}

// reach refuses personal data that nothing leads to: it would never be found.
func (r *reader) reach(d *Dataset, depth map[string]int) {
	for _, c := range d.Collections {
		if _, ok := depth[c.Name]; ok {
			continue
		}
		path := "dataset[0].collections[" + c.Name + "]"
		if len(c.Categories()) > 0 && !c.Skip {
			r.problem(nil, path, Unreachable)
			continue
		}
		d.Remarks = append(d.Remarks, Problem{Path: path, Reason: Unused})
	}
}

// sorted puts every collection that can be reached after those that lead to
// it. Those that lead to each other have no order.
func (d *Dataset) sorted() (order, cyclic []string) {
	before := map[string][]string{}
	var names []string
	depth := d.depths()
	for _, c := range d.Collections {
		if _, ok := depth[c.Name]; ok {
			names = append(names, c.Name)
		}
	}
	for _, e := range d.edges {
		if e.From != e.To {
			before[e.To] = append(before[e.To], e.From)
		}
	}
	return topological(names, before)
}

// erasable refuses a wish for an order of erasure that can't be met.
func (r *reader) erasable(d *Dataset) {
	before := map[string][]string{}
	var names []string
	for _, c := range d.Collections {
		names = append(names, c.Name)
		before[c.Name] = c.EraseAfter
	}
	_, cyclic := topological(names, before)
	for _, name := range cyclic {
		r.problem(nil, "dataset[0].collections["+name+"].fides_meta.erase_after", Cycle)
	}
}

// topological sorts names so that each comes after those before it, otherwise
// in the order given; rest can't be sorted.
func topological(names []string, before map[string][]string) (order, rest []string) {
	done := map[string]bool{}
	rest = slices.Clone(names)
	for {
		i := slices.IndexFunc(rest, func(name string) bool {
			return !slices.ContainsFunc(before[name], func(b string) bool { return !done[b] })
		})
		if i < 0 {
			return order, rest
		}
		done[rest[i]] = true
		order = append(order, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
}
