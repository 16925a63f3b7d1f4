package account

import "slices"

// Evolve folds one event into the state.
func Evolve(s Account, ev Event) Account {
	switch e := ev.(type) {
	case Added:
		s.Name, s.People = e.Account, append(slices.Clip(s.People), e.People...)
	case Closed:
		s.ClosedAt = e.ClosedAt
	}
	return s
}
