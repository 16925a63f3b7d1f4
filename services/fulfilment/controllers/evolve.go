package controllers

import (
	"cmp"
	"slices"
)

// Evolve folds one event into the state.
func Evolve(s Controllers, ev Event) Controllers {
	switch e := ev.(type) {
	case Registered:
		s.Entries = append(without(s.Entries, e.Controller), Controller(e))
		slices.SortFunc(s.Entries, func(a, b Controller) int { return cmp.Compare(a.Controller, b.Controller) })
	case Ended:
		s.Entries = without(s.Entries, e.Controller)
	case CommandRefused:
	}
	return s
}

func without(list []Controller, id string) []Controller {
	return slices.DeleteFunc(slices.Clone(list), func(c Controller) bool { return c.Controller == id })
}
