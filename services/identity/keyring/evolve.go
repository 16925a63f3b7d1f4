package keyring

import "slices"

// Evolve folds one event into the state.
func Evolve(s Keyring, ev Event) Keyring {
	switch e := ev.(type) {
	case Destroyed:
		if _, ended := s.find(e.Class); !ended {
			s.Ended = append(slices.Clip(s.Ended), Ended{
				Class: e.Class, Version: e.Version, Commitment: e.Commitment, KEKEpoch: e.KEKEpoch,
			})
		}
	}
	return s
}

func (s Keyring) find(class string) (Ended, bool) {
	i := slices.IndexFunc(s.Ended, func(e Ended) bool { return e.Class == class })
	if i < 0 {
		return Ended{}, false
	}
	return s.Ended[i], true
}
