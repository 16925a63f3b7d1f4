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
// set, so that what is kept does not grow with each disclosure; only by a set
// without keys, which is joined with all, the others stay as they are.
func add(held []Set, s Set) []Set {
	if len(s.Keys) == 0 {
		for i, o := range held {
			if len(o.Keys) == 0 {
				return append(slices.Delete(slices.Clone(held), i, i+1), merged(o, s))
			}
		}
		return append(slices.Clone(held), merged(s))
	}
	apart, one := []Set(nil), []Set{s}
	for grown := true; grown; {
		grown = false
		apart = nil
		keys := merged(one...).Keys
		for _, o := range held {
			if len(o.Keys) > 0 && shares(o.Keys, keys) {
				one, grown = append(one, o), true
			} else {
				apart = append(apart, o)
			}
		}
		held = apart
	}
	return append(apart, merged(one...))
}

// merged is all of several sets.
func merged(sets ...Set) Set {
	var one Set
	for _, s := range sets {
		one.Categories, one.Keys = append(one.Categories, s.Categories...), append(one.Keys, s.Keys...)
	}
	return Set{Categories: unique(one.Categories), Keys: unique(one.Keys)}
}

func unique(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}
