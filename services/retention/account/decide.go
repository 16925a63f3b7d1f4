package account

// maxPeople bounds the people of one account.
const maxPeople = 100_000

// Decide returns the events that cmd causes.
func Decide(s Account, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Add:
		return add(s, c)
	case Close:
		switch {
		case s.Name == "":
			return nil, ErrNoAccount
		case !s.Open():
			return nil, nil
		case c.ClosedAt.After(c.At):
			return nil, ErrInFuture
		}
		return []Event{Closed(c)}, nil
	}
	return nil, errUnknown
}

func add(s Account, c Add) ([]Event, error) {
	ev := Added{Account: c.Account, At: c.At}
	known := map[string]bool{}
	for _, p := range s.People {
		known[p] = true
	}
	for _, p := range c.People {
		if !known[p] {
			known[p] = true
			ev.People = append(ev.People, p)
		}
	}
	switch {
	case len(ev.People) == 0:
		return nil, nil
	case s.Name != "" && !s.Open():
		return nil, ErrClosed
	case len(s.People)+len(ev.People) > maxPeople:
		return nil, ErrFull
	}
	return []Event{ev}, nil
}
