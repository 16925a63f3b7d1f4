package mandate

// Decide returns the events that cmd causes.
func Decide(s Mandate, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Use:
		return use(s, c)
	case Apply:
		switch {
		case s.Request == "" || s.Exercise != OptOut:
			return nil, ErrNotFound
		case s.Applied:
			return nil, nil
		}
		return []Event{Applied(c)}, nil
	}
	return nil, errUnknown
}

func use(s Mandate, c Use) ([]Event, error) {
	if r := c.refusal(s); r != "" {
		return []Event{Refused{Agent: c.Agent, Request: c.Request, Reason: string(r), Key: c.Key, Digest: c.Digest, At: c.At}}, r
	}
	ev := Used{
		Agent: c.Agent, Request: c.Request, Exercise: c.Exercise, Regime: c.Regime, IssuedAt: c.IssuedAt, ExpiresAt: c.ExpiresAt,
		Key: c.Key, Digest: c.Digest, Permission: c.Permission, Level: min(c.Level, LevelClaimed), At: c.At,
	}
	if c.Exercise == OptOut {
		ev.Claims = c.Claims
	}
	return []Event{ev}, nil
}

// refusal is the first rule that says no, in the protocol's order.
func (c Use) refusal(s Mandate) Refusal {
	switch {
	case c.Agent == "" || c.NamedAgent != c.Agent:
		return ErrAgent
	case c.NamedBusiness != c.Tenant:
		return ErrBusiness
	case !c.IssuedAt.Before(c.ExpiresAt) || c.ExpiresAt.Sub(c.IssuedAt) > Longest:
		return ErrWindow
	case c.At.Before(c.IssuedAt.Add(-Skew)):
		return ErrEarly
	case !c.At.Before(c.ExpiresAt.Add(Skew)):
		return ErrExpired
	case c.Standing != "":
		return Refusal(c.Standing)
	case s.Request != "":
		return ErrReplayed
	case c.Regime != "" && c.Regime != Regime:
		return ErrRegime
	}
	switch c.Exercise {
	case Access, AccessSpecific, Deletion, OptOut:
		return ""
	}
	return ErrExercise
}
