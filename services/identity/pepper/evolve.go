package pepper

import "slices"

// Evolve folds one event into the state.
func Evolve(s Epochs, ev Event) Epochs {
	switch e := ev.(type) {
	case Made:
		s.Made = true
	case Destroyed:
		s.Ended = append(slices.Clip(s.Ended), e.Epoch)
	}
	return s
}

func (s Epochs) last() uint64 {
	if len(s.Ended) == 0 {
		return 0
	}
	return s.Ended[len(s.Ended)-1]
}
