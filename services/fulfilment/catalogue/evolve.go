package catalogue

import (
	"cmp"
	"slices"
)

// Evolve folds one event into the state.
func Evolve(s Catalogue, ev Event) Catalogue {
	switch e := ev.(type) {
	case Listed:
		s.Entries = append(without(s.Entries, e.System), Entry(e))
		slices.SortFunc(s.Entries, func(a, b Entry) int { return cmp.Compare(a.System, b.System) })
	case Delisted:
		s.Entries = without(s.Entries, e.System)
	}
	return s
}

func without(entries []Entry, system string) []Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return e.System == system })
}
