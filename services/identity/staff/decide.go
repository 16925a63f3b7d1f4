package staff

import (
	"slices"
	"time"
)

// longest is how far ahead an undertaking or a need may end.
const longest = 2 * 366 * 24 * time.Hour

// Decide returns the events that cmd causes.
func Decide(s Staff, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Bind:
		return s.bind(c)
	case Unbind:
		if s.BoundUntil.IsZero() {
			return nil, nil
		}
		return []Event{Unbound(c)}, nil
	case Grant:
		return s.grant(c)
	case End:
		if !slices.ContainsFunc(s.Needs, c.same) {
			return nil, nil
		}
		return []Event{Ended{Purpose: c.Purpose, Case: c.Case, By: c.By, At: c.At}}, nil
	case Owe:
		if s.owes(c.Grant) {
			return nil, nil
		}
		return []Event{ReviewOwed(c)}, nil
	case Settle:
		if !s.owes(c.Grant) {
			return nil, nil
		}
		return []Event{ReviewSettled(c)}, nil
	}
	return nil, errUnknown
}

func (s Staff) owes(grant string) bool {
	return slices.ContainsFunc(s.Owed, func(o Owed) bool { return o.Grant == grant })
}

func (s Staff) bind(c Bind) ([]Event, error) {
	if !ahead(c.Until, c.At) {
		return nil, ErrUntil
	}
	if c.Self {
		return refused(ErrSelf, c.By)
	}
	return []Event{Bound{Until: c.Until, Evidence: c.Evidence, By: c.By, At: c.At}}, nil
}

func (s Staff) grant(c Grant) ([]Event, error) {
	if (c.Purpose == "") == (c.Case == "") {
		return nil, ErrNeed
	}
	if !ahead(c.Until, c.At) {
		return nil, ErrUntil
	}
	if c.Self {
		return refused(ErrSelf, c.By)
	}
	current := 0
	for _, n := range s.Needs {
		if c.At.Before(n.Until) && !n.same(c.Need) {
			current++
		}
	}
	if current >= MaxNeeds {
		return refused(ErrTooMany, c.By)
	}
	return []Event{Granted{Need: c.Need, By: c.By, At: c.At}}, nil
}

func refused(r Refusal, by string) ([]Event, error) {
	return []Event{Refused{Reason: r.Reason(), By: by}}, r
}

func ahead(until, at time.Time) bool { return at.Before(until) && until.Sub(at) <= longest }
