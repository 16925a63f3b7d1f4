package statistic

import (
	"maps"
	"slices"
)

// Evolve folds one event into the state.
func Evolve(s Statistic, ev Event) Statistic {
	switch e := ev.(type) {
	case Counted:
		s.Counts = e.Counts
	case Determined:
		s.Determination = e.Determination
	case Released:
		s.Released = maps.Clone(s.Released)
		if s.Released == nil {
			s.Released = map[string][]Figure{}
		}
		for _, c := range e.Cells {
			if left := s.Released[c.Name]; !slices.Contains(left, c.Figure) {
				s.Released[c.Name] = append(slices.Clone(left), c.Figure)
			}
		}
		s.Releases = e.Number
	case Refused:
	}
	return s
}
