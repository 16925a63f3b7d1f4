package system

import "slices"

// reserved are the names under which requests speak of what is no tenant's
// system: what is remembered of identity's own identifiers, and the permit to
// forget a person.
func reserved() []string { return []string{"habeas", "identity"} }

// Decide returns the events that cmd causes. A description that is in force
// already is no new version.
func Decide(s System, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Register:
		if slices.Contains(reserved(), c.System) {
			return nil, ErrReserved
		}
		last, known := s.Latest()
		if known && !s.Retired && last.Description == c.Description {
			return nil, nil
		}
		return []Event{Registered{
			Version: Version{Description: c.Description, Number: uint32(len(s.Versions)) + 1, RegisteredAt: c.At},
			Remarks: c.Remarks,
		}}, nil
	case Retire:
		switch {
		case len(s.Versions) == 0:
			return nil, ErrNoSystem
		case s.Retired:
			return nil, nil
		}
		return []Event{Retired(c)}, nil
	}
	return nil, errUnknown
}
