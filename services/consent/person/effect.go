package person

import (
	"cmp"
	"slices"
	"time"
)

// gives reports whether a decision was a yes, though its time may be over.
func (d Decision) gives() bool {
	return d.Status == Given || d.Status == Renewed || d.Status == Expired
}

// At is what a decision says at a moment: nothing is given any more from the
// moment at which it ends.
func (d Decision) At(at time.Time) Status {
	if d.gives() && !d.ExpiresAt.IsZero() && !at.Before(d.ExpiresAt) {
		return Expired
	}
	return d.Status
}

// At is what is effective for a purpose at a moment: a decision, or at least the
// offer of a way out. Zero: nothing.
func (p Purpose) At(at time.Time) Status {
	if p.Decision.Status == 0 && p.Offered {
		return Offered
	}
	return p.Decision.At(at)
}

// Under are the purposes of a policy of which something was recorded, in order.
func (s Person) Under(policy string) []Topic {
	return slices.DeleteFunc(s.topics(func(Purpose) bool { return true }), func(t Topic) bool { return t.Policy != policy })
}

// Denies reports whether a decision is a no of somebody.
func (d Decision) Denies() bool { return no(d) }

func no(d Decision) bool {
	return d.Status == Refused || d.Status == Withdrawn || d.Status == Invalidated
}

// silent: a yes that nobody said.
func (d Decision) silent() bool { return d.gives() && !d.Explicit }

// replaces reports whether a decision takes the place of the one that is
// effective: what was said that of which nobody spoke, then the later act, then
// the one that gives less. That order is total, so that it doesn't matter in
// which order acts are recorded. Before it comes that no imported yes stands
// against a kept refusal, whatever day it claims.
func replaces(old, d Decision) bool {
	if old.Status == 0 {
		return true
	}
	if old.Kept && d.Imported || old.Imported && d.Kept {
		return d.Kept
	}
	if old.silent() != d.silent() {
		return old.silent()
	}
	if d.DecidedAt.Equal(old.DecidedAt) {
		return less(d, old) < 0
	}
	return d.DecidedAt.After(old.DecidedAt)
}

// less compares what two decisions of the same moment give.
func less(a, b Decision) int {
	return cmp.Or(
		cmp.Compare(weight(a.Status), weight(b.Status)),
		ends(a).Compare(ends(b)),
		slices.Compare(a.traits(), b.traits()),
		slices.Compare(a.Recipients, b.Recipients),
		a.RecordedAt.Compare(b.RecordedAt),
	)
}

// weight puts each no before every yes; the person's own words come first.
func weight(s Status) int {
	switch s {
	case Withdrawn:
		return 0
	case Refused:
		return 1
	case Invalidated:
		return 2
	case Given, Renewed, Expired, Offered:
	}
	return 3
}

// traits are the rest of what tells decisions apart, in the order of what gives
// less.
func (d Decision) traits() []int {
	out := []int{0, len(d.Recipients), int(d.Version), -int(d.Status), 0}
	if d.Evidence != "" {
		out[0] = 1
	}
	if d.Explicit {
		out[4] = 1
	}
	return out
}

// ends is when a decision ends; never lies after all calendars.
func ends(d Decision) time.Time {
	if d.ExpiresAt.IsZero() {
		return time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	return d.ExpiresAt
}

// expired are the events of what has ended by its time and of which nothing
// was recorded yet.
func expired(s Person, at time.Time) []Event {
	var out []Event
	for _, t := range s.topics(func(p Purpose) bool { return p.Decision.Status != Expired && p.Decision.At(at) == Expired }) {
		d := s.Purposes[t].Decision
		out = append(out, ConsentExpired{Topic: t, DecidedAt: d.DecidedAt, ExpiredAt: d.ExpiresAt, RecordedAt: at})
	}
	return out
}

// topics are the purposes of which something holds, in order.
func (s Person) topics(holds func(Purpose) bool) []Topic {
	var out []Topic
	for t, p := range s.Purposes {
		if holds(p) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b Topic) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// invalidate is recorded also where nothing was given yet: a yes may be
// recorded late.
func invalidate(s Person, c Invalidate) ([]Event, error) {
	if c.InvalidatedAt.After(c.At) {
		return nil, ErrInFuture
	}
	e := ConsentInvalidated{
		Policy: c.Policy, Ground: c.Ground, Evidence: c.Evidence, InvalidatedAt: c.InvalidatedAt, RecordedAt: c.At,
	}
	news := 0
	for _, name := range slices.Compact(slices.Sorted(slices.Values(c.Purposes))) {
		p, known := s.Purposes[Topic{c.Policy, name}]
		if !known {
			news++
		}
		if replaces(p.Decision, e.decision(p.Decision)) {
			e.Purposes = append(e.Purposes, name)
		}
	}
	switch {
	case len(s.Purposes)+news > MaxTopics:
		return nil, ErrTooMany
	case len(e.Purposes) == 0:
		return nil, nil
	}
	return append(expired(s, c.At), e), nil
}

// decision is what an invalidation makes of one.
func (e ConsentInvalidated) decision(of Decision) Decision {
	return Decision{Status: Invalidated, Explicit: true, Version: of.Version, DecidedAt: e.InvalidatedAt, RecordedAt: e.RecordedAt}
}
