package catalogue

import "slices"

// Decide returns the events that cmd causes; none when the catalogue shows it
// already.
func Decide(s Catalogue, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case List:
		if e, ok := s.Find(c.System); ok && e.Version >= c.Version {
			return nil, nil
		}
		return []Event{Listed(c)}, nil
	case Delist:
		if _, ok := s.Find(c.System); !ok {
			return nil, nil
		}
		return []Event{Delisted(c)}, nil
	}
	return nil, errUnknown
}

// Find is the entry of a system.
func (s Catalogue) Find(system string) (Entry, bool) {
	i := slices.IndexFunc(s.Entries, func(e Entry) bool { return e.System == system })
	if i < 0 {
		return Entry{}, false
	}
	return s.Entries[i], true
}
