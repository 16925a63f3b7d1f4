package check

import (
	"maps"
	"slices"
	"time"
)

// anyNumber is larger than any group.
const anyNumber = ^uint64(0)

// Aggregates is what all versions in force ask of figures about groups.
type Aggregates struct {
	Minimum    uint64          // of a group and its complement; zero: no figures leave
	Deidentify bool            // what was made of patients' data needs to be free of identifiers
	Categories map[string]bool // each kind of data that one of them knows; true: it is about patients
	Purposes   map[string]bool // for which figures may leave, by all of them
}

// Aggregates returns the strictest that a version in force asks.
func (p Policy) Aggregates(at time.Time) Aggregates {
	out := Aggregates{Categories: map[string]bool{}, Purposes: map[string]bool{}}
	for i, v := range p.inForce(at) {
		switch {
		case v.Minimum == 0 || i > 0 && out.Minimum == 0:
			out.Minimum = 0
		default:
			out.Minimum = max(out.Minimum, v.Minimum)
		}
		out.Deidentify = out.Deidentify || v.Deidentify
		for name, c := range v.Categories {
			out.Categories[name] = out.Categories[name] || c.Associate
		}
		for name, rule := range v.Purposes {
			before, known := out.Purposes[name]
			out.Purposes[name] = rule.Basis == Aggregate && rule.Actions[Disclose] && (before || !known)
		}
	}
	return out
}

// Release is the answer to whether figures of a kind may be made for a purpose, by
// what all versions in force say. Whether they tell of somebody is for who
// counted them to show: the group is taken to be large enough. Who gets them
// matters to no rule, for they are nobody's.
func (p Policy) Release(purpose, category string, at time.Time) Answer {
	q := Question{
		Action: Use, Purpose: purpose, Categories: []string{category}, Cohort: anyNumber, Complement: anyNumber, At: at,
	}
	for _, v := range p.inForce(at) {
		for _, s := range slices.Sorted(maps.Keys(v.Categories[category].Sources)) {
			q.Source = s // the figures come as the policy says that they do
		}
	}
	return Ask(p, Person{}, q)
}
