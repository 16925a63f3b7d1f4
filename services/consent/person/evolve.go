package person

import "maps"

// Evolve folds one event into the state. It never changes a state that
// somebody else may hold.
func Evolve(s Person, ev Event) Person {
	switch e := ev.(type) {
	case DecisionRecorded:
		s.Since = first(s.Since, e.Decision.RecordedAt)
		s = decided(s, e).took(e.Provenance, "")
	case DecisionRefused:
		s = s.took(e.Provenance, Refusal(e.Reason))
	case ConsentExpired:
		s = ended(s, e)
	case ConsentInvalidated:
		s.Since = first(s.Since, e.RecordedAt)
		for _, name := range e.Purposes {
			d := e.decision(s.Purposes[Topic{e.Policy, name}].Decision)
			s = decided(s, DecisionRecorded{Policy: e.Policy, Purpose: name, Decision: d})
		}
	case AllWithdrawn:
		s.Since = first(s.Since, e.RecordedAt)
		if e.DecidedAt.After(s.WithdrawnAt) {
			s.WithdrawnAt = e.DecidedAt
		}
		for _, t := range e.Purposes {
			s = decided(s, DecisionRecorded{Policy: t.Policy, Purpose: t.Name, Decision: Decision{
				Status: Withdrawn, Explicit: true, Version: s.Purposes[t].Decision.Version,
				DecidedAt: e.DecidedAt, RecordedAt: e.RecordedAt,
			}})
		}
	case PolicyAccepted:
		s.Since = first(s.Since, e.RecordedAt)
		a := Acceptance{Version: e.Version, At: e.AcceptedAt}
		if e.Explicit {
			s.Accepted = with(s.Accepted, e.Policy, a)
		} else {
			s.Used = with(s.Used, e.Policy, a)
		}
	case AcceptanceRefused:
	case SignalReceived:
		s.Since = first(s.Since, e.RecordedAt)
		if e.Honoured {
			s.Signalled = with(s.Signalled, e.Policy, true)
		}
	case FactApplied:
		s.Since = first(s.Since, e.RecordedAt)
		s = applied(s, e)
	case Notified:
		s.Since = first(s.Since, e.RecordedAt)
		s.Notified = with(s.Notified, e.Recipient, e.NotifiedAt)
	case SourceAuthorized:
		s.Since = first(s.Since, e.RecordedAt)
		s = authorised(s, e)
	case SourceRevoked:
		s.Since = first(s.Since, e.RecordedAt)
		s = revoked(s, e)
	case AuthorizationRefused:
	}
	return s
}

func decided(s Person, e DecisionRecorded) Person {
	e.Decision.Imported = e.Decision.gives() && e.Provenance != (Provenance{})
	if e.Category != "" {
		t := Topic{e.Policy, e.Category}
		if replaces(s.Categories[t], e.Decision) {
			s.Categories = with(s.Categories, t, e.Decision)
		}
		return s
	}
	t := Topic{e.Policy, e.Purpose}
	p := s.Purposes[t]
	if d := e.Decision; d.gives() && !d.DecidedAt.After(s.WithdrawnAt) { // it was recorded late
		e.Decision = s.withdrawal(d)
	}
	switch {
	case e.Decision.Status == Offered:
		p.Offered = true
	case replaces(p.Decision, e.Decision):
		p.Decision = e.Decision
	}
	s.Purposes = with(s.Purposes, t, p)
	return s
}

// ended marks a decision as expired, if it is the one that is effective.
func ended(s Person, e ConsentExpired) Person {
	p := s.Purposes[e.Topic]
	if d := p.Decision; d.gives() && d.DecidedAt.Equal(e.DecidedAt) && d.ExpiresAt.Equal(e.ExpiredAt) {
		p.Decision.Status = Expired
		s.Purposes = with(s.Purposes, e.Topic, p)
	}
	return s
}

// withdrawal is what has become of a decision by the withdrawal of everything.
func (s Person) withdrawal(of Decision) Decision {
	return Decision{Status: Withdrawn, Explicit: true, Version: of.Version, DecidedAt: s.WithdrawnAt, RecordedAt: of.RecordedAt}
}

func applied(s Person, e FactApplied) Person {
	switch e.Fact {
	case Restricted:
		s.Restricting = with(s.Restricting, e.Cause, true)
	case Unrestricted:
		s.Restricting = maps.Clone(s.Restricting)
		delete(s.Restricting, e.Cause)
	case Closed:
		s.Closed = true
	case Erased:
		s.Erased, s.Sources = true, nil
	case MergedWith:
		s.Partners = with(s.Partners, e.Cause, e.Other)
	case SeparatedFrom: // for good: a fact that comes late joins nobody again
		s.Partners = with(s.Partners, e.Cause, "")
	case Minor:
		s.Minor = with(s.Minor, e.Policy, true)
	case NotMinor:
		s.Minor = maps.Clone(s.Minor)
		delete(s.Minor, e.Policy)
	}
	return s
}

func with[K comparable, V any](m map[K]V, k K, v V) map[K]V {
	m = maps.Clone(m)
	if m == nil {
		m = map[K]V{}
	}
	m[k] = v
	return m
}
