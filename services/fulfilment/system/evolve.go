package system

import "slices"

// Evolve folds one event into the state. A retired system that is registered
// again is in use again.
func Evolve(s System, ev Event) System {
	switch e := ev.(type) {
	case Registered:
		s.Versions, s.Retired = append(slices.Clip(s.Versions), e.Version), false
	case Retired:
		s.Retired = true
	}
	return s
}
