package messageplan

import "slices"

// Decide returns the events that cmd causes.
func Decide(s Plan, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Put:
		if want := c.Plan.Archive == ClientServers; want && len(c.Plan.ReceiptKey) != receiptKey || !want && len(c.Plan.ReceiptKey) > 0 {
			return nil, ErrReceiptKey
		}
		if s.equal(c.Plan) {
			return nil, nil
		}
		return []Event{Replaced(c)}, nil
	}
	return nil, errUnknown
}

func (p Plan) equal(o Plan) bool {
	return p.ID == o.ID && p.Archive == o.Archive && p.Length == o.Length && p.Keep == o.Keep && p.Authority == o.Authority &&
		slices.Equal(p.ReceiptKey, o.ReceiptKey)
}
