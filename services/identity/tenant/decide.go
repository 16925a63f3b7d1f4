package tenant

// Decide returns the events that cmd causes. A tenant is made once.
func Decide(s Tenant, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Create:
		if s.Created {
			return []Event{CreationRefused{Reason: ErrExists.Reason()}}, ErrExists
		}
		if c.DisplayName == "" || c.TimeZone == "" {
			return nil, ErrIncomplete
		}
		return []Event{Created(c)}, nil
	case Change:
		return change(s, c)
	case Confirm, Withdraw, Ripen:
		return wait(s, c)
	case Offboard, Approve, Stay:
		return leave(s, c)
	case End, Finish:
		return destroy(s, c)
	}
	return nil, errUnknown
}
