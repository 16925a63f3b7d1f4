package agent

import (
	"slices"
	"time"
)

// longest is how long a key may count.
const longest = 3 * 366 * 24 * time.Hour

// Decide returns the events that cmd causes. What is in place already causes none.
func Decide(d Directory, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Register:
		return d.register(c)
	case RotateKey:
		return d.rotate(c)
	case Suspend:
		a, events, err := d.changeable(c.ID, c.By)
		if err != nil || a.Status == Suspended {
			return events, err
		}
		return []Event{WasSuspended(c)}, nil
	case Reinstate:
		a, events, err := d.changeable(c.ID, c.By)
		if err != nil || a.Status == Active {
			return events, err
		}
		return []Event{Reinstated(c)}, nil
	case Remove:
		a, there := d.Find(c.ID)
		switch {
		case !there:
			return nil, ErrNotFound
		case a.Status == Removed:
			return nil, nil
		}
		return []Event{WasRemoved(c)}, nil
	}
	return nil, errUnknown
}

// changeable is an agent that was not removed; a change of another one is refused.
func (d Directory) changeable(id, by string) (Agent, []Event, error) {
	a, there := d.Find(id)
	switch {
	case !there:
		return a, nil, ErrNotFound
	case a.Status == Removed:
		events, err := refused(id, ErrRemoved, by)
		return a, events, err
	}
	return a, nil, nil
}

func (d Directory) register(c Register) ([]Event, error) {
	if !period(c.From, c.Until, c.At) {
		return nil, ErrPeriod
	}
	_, there := d.Find(c.ID)
	switch {
	case there:
		return refused(c.ID, ErrExists, c.By)
	case d.knows(c.Public):
		return refused(c.ID, ErrKeyKnown, c.By)
	case len(d.Agents) >= MaxAgents:
		return refused(c.ID, ErrTooMany, c.By)
	}
	return []Event{Registered(c)}, nil
}

func (d Directory) rotate(c RotateKey) ([]Event, error) {
	if !period(c.From, c.Until, c.At) || c.FormerUntil.IsZero() {
		return nil, ErrPeriod
	}
	a, events, err := d.changeable(c.ID, c.By)
	switch {
	case err != nil:
		return events, err
	case d.knows(c.Public):
		return refused(c.ID, ErrKeyKnown, c.By)
	case len(a.Keys) >= MaxKeys:
		return refused(c.ID, ErrTooMany, c.By)
	}
	return []Event{KeyRotated{
		ID: c.ID, Number: uint32(len(a.Keys)) + 1, Public: c.Public, //nolint:gosec // at most MaxKeys
		From: c.From, Until: c.Until, FormerUntil: c.FormerUntil, By: c.By, At: c.At,
	}}, nil
}

// knows reports whether a key is, or was, any agent's.
func (d Directory) knows(public []byte) bool {
	for _, a := range d.Agents {
		if slices.ContainsFunc(a.Keys, func(k Key) bool { return slices.Equal(k.Public, public) }) {
			return true
		}
	}
	return false
}

func period(from, until, at time.Time) bool {
	return from.Before(until) && at.Before(until) && until.Sub(from) <= longest && from.Sub(at) <= longest
}

func refused(id string, r Refusal, by string) ([]Event, error) {
	return []Event{Refused{ID: id, Reason: r.Reason(), By: by}}, r
}
