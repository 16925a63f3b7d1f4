package conversation

import (
	"slices"
)

// most is how many participants a conversation has.
const most = 256

// Decide returns the events that cmd causes. A repeated command that finds its
// result in place causes none.
func Decide(s Conversation, cmd Command) ([]Event, error) {
	if c, ok := cmd.(OpenConversation); ok {
		if s.Opened {
			return nil, nil
		}
		return []Event{Started(c)}, nil
	}
	if !s.Opened {
		return nil, ErrNoConversation
	}
	switch c := cmd.(type) {
	case Add:
		return add(s, c)
	case Close:
		if !s.ClosedAt.IsZero() {
			return nil, nil
		}
		return []Event{Closed(c)}, nil
	case Enter:
		return enter(s, c)
	case HandOver:
		return handOver(s, c)
	case Receive:
		return receive(s, c)
	case Defer:
		return deferred(s, c)
	case Begin:
		return begin(s, c)
	case End:
		return end(s, c)
	case OpenConversation: // above
	}
	return nil, errUnknown
}

func add(s Conversation, c Add) ([]Event, error) {
	c.Participants = slices.DeleteFunc(slices.Clone(c.Participants), func(one string) bool { return slices.Contains(s.Participants, one) })
	switch {
	case len(c.Participants) == 0:
		return nil, nil
	case len(s.Participants)+len(c.Participants) > most:
		return nil, ErrTooMany
	}
	return []Event{Added(c)}, nil
}

func enter(s Conversation, c Enter) ([]Event, error) {
	if _, ok := s.Current(c.At); ok {
		return nil, nil
	}
	if !s.ClosedAt.IsZero() {
		return nil, ErrClosed
	}
	e := PeriodBegun{Terms: c.Terms, Number: uint32(len(s.Periods)) + 1, Begins: c.Begins, Ends: c.Ends} //nolint:gosec // no conversation has so many
	if last, ok := s.Period(e.Number - 1); ok && last.Ends.After(e.Begins) {                             // the zone or the plan's length has changed
		e.Begins = last.Ends
	}
	return []Event{e}, nil
}

func handOver(s Conversation, c HandOver) ([]Event, error) {
	p, ok := s.Period(c.Period)
	if !ok {
		return nil, ErrNoPeriod
	}
	switch {
	case p.Archive != ClientServers:
		return refuse(c.Period, ErrNoClientArchive)
	case c.At.Before(p.Ends):
		return refuse(c.Period, ErrPeriodOpen)
	case p.Digest == c.Digest:
		return nil, nil
	case !p.ReceiptedAt.IsZero():
		return refuse(c.Period, ErrReceiptDiffers)
	}
	return []Event{HandedOver(c)}, nil
}

func receive(s Conversation, c Receive) ([]Event, error) {
	p, ok := s.Period(c.Period)
	if !ok {
		return nil, ErrNoPeriod
	}
	switch {
	case p.Archive != ClientServers:
		return refuse(c.Period, ErrNoClientArchive)
	case p.Digest == "":
		return refuse(c.Period, ErrNotHandedOver)
	case p.Digest != c.Digest:
		return refuse(c.Period, ErrReceiptDiffers)
	case !p.ReceiptedAt.IsZero():
		return nil, nil
	}
	return []Event{Received(c)}, nil
}

func refuse(period uint32, no Refusal) ([]Event, error) {
	return []Event{Refused{Period: period, Reason: no.Reason()}}, no
}

// deferred says so once for each hold and set of periods.
func deferred(s Conversation, c Defer) ([]Event, error) {
	if !all(c.Periods, s.Due(c.At)) {
		return nil, ErrNotDue
	}
	said := !slices.ContainsFunc(c.Periods, func(n uint32) bool { return s.Periods[n-1].HeldFor != c.HeldFor })
	if said {
		return nil, nil
	}
	return []Event{Deferred(c)}, nil
}

func begin(s Conversation, c Begin) ([]Event, error) {
	if !all(c.Periods, s.Due(c.At)) {
		return nil, ErrNotDue
	}
	begun := func(n uint32) bool { return !s.Periods[n-1].BegunAt.IsZero() && s.Periods[n-1].HeldFor == "" }
	if !slices.ContainsFunc(c.Periods, func(n uint32) bool { return !begun(n) }) {
		return nil, nil
	}
	return []Event{Begun(c)}, nil
}

// end takes what was destroyed as the fact that it is, once it was begun.
func end(s Conversation, c End) ([]Event, error) {
	c.Periods = slices.Clone(c.Periods)
	for _, n := range c.Periods {
		if p, ok := s.Period(n); !ok || p.BegunAt.IsZero() {
			return nil, ErrNotDue
		}
	}
	c.Periods = slices.DeleteFunc(c.Periods, func(n uint32) bool { return !s.Periods[n-1].Live() })
	if len(c.Periods) == 0 {
		return nil, nil
	}
	return []Event{Ended(c)}, nil
}
