package keyring

import "slices"

// Evolve folds one event into the state.
func Evolve(s Keyring, ev Event) Keyring {
	switch e := ev.(type) {
	case Made:
		if _, known := s.made(e.Class); !known {
			s.Made = append(slices.Clip(s.Made), e)
		}
	case Destroyed:
		if _, ended := s.find(e.Class); !ended {
			s.Ended = append(slices.Clip(s.Ended), Ended{
				Class: e.Class, Version: e.Version, Commitment: e.Commitment, KEKEpoch: e.KEKEpoch,
			})
		}
	}
	return s
}

func (s Keyring) made(class string) (Made, bool) {
	i := slices.IndexFunc(s.Made, func(m Made) bool { return m.Class == class })
	if i < 0 {
		return Made{}, false
	}
	return s.Made[i], true
}

func (s Keyring) find(class string) (Ended, bool) {
	i := slices.IndexFunc(s.Ended, func(e Ended) bool { return e.Class == class })
	if i < 0 {
		return Ended{}, false
	}
	return s.Ended[i], true
}
