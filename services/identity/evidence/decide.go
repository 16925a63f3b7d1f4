package evidence

import "slices"

// Decide returns the events that cmd causes. A part that is kept already causes
// none, and nor does an end of what was never kept.
func Decide(s Evidence, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Keep:
		return keep(s, c)
	case Destroy:
		if s.Destroyed || len(s.Parts) == 0 {
			return nil, nil
		}
		return []Event{Destroyed(c)}, nil
	}
	return nil, errUnknown
}

func keep(s Evidence, c Keep) ([]Event, error) {
	if text, ok := c.Data.Reveal(); !ok || text == "" || len(text) > PartBytes {
		return nil, ErrTooLarge
	}
	if slices.ContainsFunc(s.Parts, func(p Part) bool { return p.Check == c.Check && p.Number == c.Number }) {
		return nil, nil
	}
	ends := s.EndsAt
	if len(s.Parts) == 0 {
		ends = c.At.Add(c.Life)
	}
	if s.Destroyed || !c.At.Before(ends) {
		return nil, ErrEnded // nothing of it is written down
	}
	return []Event{Kept{Part: c.Part, EndsAt: ends}}, nil
}

// Evolve folds one event into the state.
func Evolve(s Evidence, ev Event) Evidence {
	switch e := ev.(type) {
	case Kept:
		s.Parts, s.EndsAt = append(slices.Clip(s.Parts), e.Part), e.EndsAt
	case Destroyed:
		s.Destroyed = true
	}
	return s
}
