package person

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Inherit is what an anonymous visit leaves to the person that it became: what
// it refused, withdrew and revoked, and the signals that count. Nothing says which visit
// it was.
type Inherit struct {
	Visit Person
	At    time.Time
}

// inherit repeats each no of the visit as the person's own, made when the
// visitor made it. A yes is not repeated: who has signed up can be asked.
func inherit(s Person, c Inherit) ([]Event, error) {
	var out []Event
	for t, p := range c.Visit.Purposes {
		if takes(s.Purposes[t].Decision, p.Decision) {
			out = append(out, DecisionRecorded{Policy: t.Policy, Purpose: t.Name, Decision: p.Decision.recorded(c.At)})
		}
	}
	for t, d := range c.Visit.Categories {
		if takes(s.Categories[t], d) {
			out = append(out, DecisionRecorded{Policy: t.Policy, Category: t.Name, Decision: d.recorded(c.At)})
		}
	}
	slices.SortFunc(out, func(a, b Event) int {
		x, y := a.(DecisionRecorded), b.(DecisionRecorded) //nolint:forcetypeassert // just made
		return cmp.Or(cmp.Compare(x.Policy, y.Policy), cmp.Compare(x.Purpose, y.Purpose), cmp.Compare(x.Category, y.Category))
	})
	for _, policy := range slices.Sorted(maps.Keys(c.Visit.Signalled)) {
		if !s.Signalled[policy] {
			out = append(out, SignalReceived{Policy: policy, Signal: GPC, Honoured: true, ReceivedAt: c.At, RecordedAt: c.At})
		}
	}
	if c.Visit.WithdrawnAt.After(s.WithdrawnAt) {
		all, err := withdrawAll(s, WithdrawAll{DecidedAt: c.Visit.WithdrawnAt, At: c.At})
		if err != nil {
			return nil, err
		}
		out = append(out, all...)
	}
	out = append(out, leftSources(s, c)...)
	if len(s.Purposes)+len(s.Categories)+len(out) > 2*MaxTopics {
		return nil, ErrTooMany
	}
	return out, nil
}

func (d Decision) recorded(at time.Time) Decision {
	d.RecordedAt = at
	return d
}

// takes reports whether a no changes what is effective.
func takes(own, other Decision) bool {
	same := own.Status == other.Status && own.DecidedAt.Equal(other.DecidedAt) && own.Explicit == other.Explicit
	return no(other) && !same && replaces(own, other)
}

// References are the other references of the person that stand.
func (s Person) References() []string {
	var out []string
	for _, ref := range s.Partners {
		if ref != "" {
			out = append(out, ref)
		}
	}
	return out
}

// Joined is what counts for a person who is known by several references: their
// own decisions, but for those in whose place a no of a partner stands, and what
// signals, ages, restrictions, erasures and sources of all deny. Accounts are each
// reference's own: one that is closed denies nothing to another. Who withdraws everything by one reference withdraws what
// was given by all of them. No yes passes over.
func Joined(s Person, partners ...Person) Person {
	for _, p := range partners {
		for t, other := range p.Purposes {
			if own := s.Purposes[t]; takes(own.Decision, other.Decision) {
				own.Decision = other.Decision
				s.Purposes = with(s.Purposes, t, own)
			}
		}
		for t, own := range s.Purposes {
			if no := p.withdrawal(own.Decision); !p.WithdrawnAt.IsZero() && own.stands() && takes(own.Decision, no) {
				own.Decision = no
				s.Purposes = with(s.Purposes, t, own)
			}
		}
		for t, other := range p.Categories {
			if takes(s.Categories[t], other) {
				s.Categories = with(s.Categories, t, other)
			}
		}
		for policy := range p.Signalled {
			s.Signalled = with(s.Signalled, policy, true)
		}
		for policy := range p.Minor {
			s.Minor = with(s.Minor, policy, true)
		}
		for cause := range p.Restricting {
			s.Restricting = with(s.Restricting, cause, true)
		}
		s.Erased = s.Erased || p.Erased
		s = joinedSources(s, p)
	}
	return s
}
