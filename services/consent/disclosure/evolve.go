package disclosure

import (
	"maps"
	"slices"
)

// Evolve folds one event into the state.
func Evolve(s Register, ev Event) Register {
	e, ok := ev.(Disclosed)
	if !ok {
		return s
	}
	s.Number = e.Number
	if e.Action != disclose {
		return s
	}
	held := map[string][]Set{}
	maps.Copy(held, s.Held)
	held[e.Recipient] = add(held[e.Recipient], Set{Categories: e.Categories, Keys: e.Keys})
	s.Held = held
	return s
}

// add puts a set among those that a recipient holds. What can be joined is one
// set, so that what is kept does not grow with each disclosure.
func add(held []Set, s Set) []Set {
	var apart []Set
	joined := reach(held, s)
	for _, o := range held {
		if len(o.Keys) == 0 || !slices.ContainsFunc(joined[1:], func(j Set) bool { return shares(o.Keys, j.Keys) }) {
			apart = append(apart, o)
		}
	}
	var one Set
	for _, j := range joined {
		one.Categories, one.Keys = append(one.Categories, j.Categories...), append(one.Keys, j.Keys...)
	}
	if slices.ContainsFunc(apart, func(o Set) bool { return len(o.Keys)+len(s.Keys) == 0 && covers(o, one) }) {
		return apart // without keys, once is enough
	}
	return append(apart, Set{Categories: unique(one.Categories), Keys: unique(one.Keys)})
}

func covers(o, s Set) bool {
	return !slices.ContainsFunc(s.Categories, func(c string) bool { return !slices.Contains(o.Categories, c) })
}

func unique(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}
