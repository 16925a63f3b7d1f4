package staff

import (
	"slices"
	"time"
)

// Evolve folds one event into the state.
func Evolve(s Staff, ev Event) Staff {
	switch e := ev.(type) {
	case Bound:
		s.BoundUntil, s.Evidence = e.Until, e.Evidence
	case Unbound:
		s.BoundUntil, s.Evidence = time.Time{}, ""
	case Granted:
		s.Needs = append(s.without(e.Need, e.At), e.Need)
	case Ended:
		s.Needs = s.without(Need{Purpose: e.Purpose, Case: e.Case}, e.At)
	case ReviewOwed:
		s.Owed = append(slices.Clone(s.Owed), e.Owed)
	case ReviewSettled:
		s.Owed = slices.DeleteFunc(slices.Clone(s.Owed), func(o Owed) bool { return o.Grant == e.Grant })
	case Refused:
	}
	return s
}

// without is a copy of the needs but for one, and for those that had run out.
func (s Staff) without(gone Need, at time.Time) []Need {
	return slices.DeleteFunc(slices.Clone(s.Needs), func(n Need) bool { return n.same(gone) || !at.Before(n.Until) })
}
