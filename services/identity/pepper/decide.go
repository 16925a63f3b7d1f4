package pepper

import "slices"

// Decide returns the events that cmd causes; what is recorded already causes
// none.
func Decide(s Epochs, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Make:
		if s.Made {
			return nil, nil
		}
		return []Event{Made(c)}, nil
	case Destroy:
		return destroy(s, c)
	}
	return nil, errUnknown
}

func destroy(s Epochs, c Destroy) ([]Event, error) {
	switch {
	case c.Epoch == 0 || c.At.IsZero():
		return nil, ErrIncomplete
	case slices.Contains(s.Ended, c.Epoch):
		return nil, nil
	case c.Epoch < s.last():
		return nil, ErrOutOfOrder
	}
	return []Event{Destroyed(c)}, nil
}
