package sample

// Decide returns the events that cmd causes. A repeated or late command that
// finds its result in place causes none.
func Decide(s Book, cmd Command) ([]Event, error) {
	if _, ok := cmd.(Open); !ok && !s.Opened {
		return nil, ErrNoBook
	}
	switch c := cmd.(type) {
	case Open:
		return open(s, c)
	case Sign:
		if s.Closed || !c.At.Before(s.ClosesAt) {
			return []Event{SigningRefused{Reason: ErrClosed.Reason()}}, ErrClosed
		}
		return []Event{Signed{Entry: s.Guests + 1, Guest: c.Guest, Name: c.Name}}, nil
	case Close:
		if s.Closed {
			return nil, nil
		}
		return []Event{Closed(c)}, nil
	case Announce:
		if !s.Closed || s.Announced {
			return nil, nil
		}
		return []Event{Announced{}}, nil
	}
	return nil, errUnknown
}

func open(s Book, c Open) ([]Event, error) {
	if s.Opened {
		return nil, nil
	}
	if !c.ClosesAt.After(c.At) {
		return nil, ErrClosesInPast
	}
	return []Event{Opened{ClosesAt: c.ClosesAt}}, nil
}

// Effect is what a closed book still asks of the outside.
type Effect struct{}

// Effects lists what is to be done outside in a state.
func Effects(s Book) []Effect {
	if s.Closed && !s.Announced {
		return []Effect{{}}
	}
	return nil
}
