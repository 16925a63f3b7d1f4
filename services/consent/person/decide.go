package person

import (
	"cmp"
	"slices"
	"time"
)

// Decide returns the events that cmd causes. A repeated fact causes none.
func Decide(s Person, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Record:
		return record(s, c)
	case WithdrawAll:
		return withdrawAll(s, c)
	case Accept:
		return accept(s, c)
	case Receive:
		return receive(c)
	case Apply:
		return apply(s, c)
	case Inherit:
		return inherit(s, c)
	case Notify:
		return notify(s, c)
	case Authorize:
		return authorize(s, c)
	case Revoke:
		return revoke(s, c)
	}
	return nil, errUnknown
}

func record(s Person, c Record) ([]Event, error) {
	if c.Decision.DecidedAt.After(c.At) {
		return nil, ErrInFuture
	}
	if r := forbids(s, c); r != "" {
		if s.Since.IsZero() { // a refusal makes nobody known
			return nil, r
		}
		return []Event{DecisionRefused{Policy: c.Policy, Reason: r.Reason()}}, r
	}
	d := c.Decision
	d.Version, d.RecordedAt = c.Version, c.At
	return []Event{DecisionRecorded{Policy: c.Policy, Purpose: c.Purpose, Category: c.Category, Decision: d}}, nil
}

// forbids is the rule that a decision breaks. A no is never forbidden, but for
// one about data that the policy doesn't name.
func forbids(s Person, c Record) Refusal {
	d, gives := c.Decision, c.Decision.Status == Given || c.Decision.Status == Offered
	switch {
	case c.Category != "" && !c.Known:
		return ErrCategoryUnknown
	case c.Category != "" && d.Status == Offered:
		return ErrNoOffer
	case tooMany(s, c):
		return ErrTooMany
	case !gives:
		return ""
	case !c.Known:
		return ErrNotDescribed
	case s.Erased:
		return ErrErased
	case s.Closed:
		return ErrClosed
	case d.Status == Given && d.Explicit && d.Evidence == "":
		return ErrNoEvidence
	case d.Status == Given && !d.Explicit && saidNo(s, c):
		return ErrImplied
	}
	return ""
}

func tooMany(s Person, c Record) bool {
	_, purpose := s.Purposes[Topic{c.Policy, c.Purpose}]
	_, category := s.Categories[Topic{c.Policy, c.Category}]
	return c.Purpose != "" && !purpose && len(s.Purposes) >= MaxTopics ||
		c.Category != "" && !category && len(s.Categories) >= MaxTopics
}

func saidNo(s Person, c Record) bool {
	d := s.Categories[Topic{c.Policy, c.Category}]
	if c.Purpose != "" {
		d = s.Purposes[Topic{c.Policy, c.Purpose}].Decision
	}
	return d.Status == Refused || d.Status == Withdrawn
}

// withdrawAll records the wish also where nothing is there to withdraw: the person
// may be known by another reference, or the yes may be recorded later.
func withdrawAll(s Person, c WithdrawAll) ([]Event, error) {
	if c.DecidedAt.After(c.At) {
		return nil, ErrInFuture
	}
	var topics []Topic
	for t, p := range s.Purposes {
		if p.stands() && !p.Decision.DecidedAt.After(c.DecidedAt) {
			topics = append(topics, t)
		}
	}
	if len(topics) == 0 && !c.DecidedAt.After(s.WithdrawnAt) {
		return nil, nil
	}
	slices.SortFunc(topics, func(a, b Topic) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Name, b.Name))
	})
	return []Event{AllWithdrawn{Purposes: topics, DecidedAt: c.DecidedAt, RecordedAt: c.At}}, nil
}

// stands reports whether there is something to withdraw.
func (p Purpose) stands() bool {
	return p.Decision.Status == Given || p.Decision.Status == 0 && p.Offered
}

func accept(s Person, c Accept) ([]Event, error) {
	if c.AcceptedAt.After(c.At) {
		return nil, ErrInFuture
	}
	var r Refusal
	switch {
	case c.PostedAt.IsZero() || c.AcceptedAt.Before(c.PostedAt):
		r = ErrNotPosted
	case c.Explicit && c.Evidence == "":
		r = ErrNoEvidence
	case s.Erased:
		r = ErrErased
	case s.Closed:
		r = ErrClosed
	case c.accepted(s).Version >= c.Version:
		return nil, nil
	default:
		return []Event{PolicyAccepted{
			Policy: c.Policy, Version: c.Version, Explicit: c.Explicit, Evidence: c.Evidence,
			AcceptedAt: c.AcceptedAt, RecordedAt: c.At,
		}}, nil
	}
	if s.Since.IsZero() {
		return nil, r
	}
	return []Event{AcceptanceRefused{Policy: c.Policy, Reason: r.Reason()}}, r
}

func (c Accept) accepted(s Person) Acceptance {
	if c.Explicit {
		return s.Accepted[c.Policy]
	}
	return s.Used[c.Policy]
}

// receive records every signal as it came, also one that came before.
func receive(c Receive) ([]Event, error) {
	if c.ReceivedAt.After(c.At) {
		return nil, ErrInFuture
	}
	var out []Event
	for _, r := range c.Signals {
		out = append(out, SignalReceived{
			Policy: c.Policy, Signal: r.Signal, Honoured: r.Honoured, ReceivedAt: c.ReceivedAt, RecordedAt: c.At,
		})
	}
	return out, nil
}

// notify records the first notice; a later one of the same is a reminder.
func notify(s Person, c Notify) ([]Event, error) {
	if c.NotifiedAt.After(c.At) {
		return nil, ErrInFuture
	}
	if at, told := s.Notified[c.Recipient]; told && !c.NotifiedAt.Before(at) {
		return nil, nil
	}
	return []Event{Notified{Recipient: c.Recipient, Evidence: c.Evidence, NotifiedAt: c.NotifiedAt, RecordedAt: c.At}}, nil
}

func apply(s Person, c Apply) ([]Event, error) {
	var holds bool
	switch c.Fact {
	case Restricted:
		holds = s.Restricting[c.Cause]
	case Unrestricted:
		holds = !s.Restricting[c.Cause]
	case Closed:
		holds = s.Closed
	case Erased:
		holds = s.Erased
	case MergedWith:
		_, holds = s.Partners[c.Cause]
	case SeparatedFrom:
		ref, known := s.Partners[c.Cause]
		holds = known && ref == ""
	case Minor:
		holds = s.Minor[c.Policy]
	case NotMinor:
		holds = !s.Minor[c.Policy]
	default:
		return nil, errUnknown
	}
	if holds {
		return nil, nil
	}
	return []Event{FactApplied{Fact: c.Fact, Cause: c.Cause, Other: c.Other, Policy: c.Policy, RecordedAt: c.At}}, nil
}

// replaces reports whether a decision takes the place of the one that is
// effective. The order is total but for two of the same kind and moment, so
// that it doesn't matter in which order acts are recorded.
func replaces(old, d Decision) bool {
	if old.Status == 0 {
		return true
	}
	if silent(old) != silent(d) {
		return silent(old)
	}
	if d.DecidedAt.Equal(old.DecidedAt) {
		return no(d) || !no(old)
	}
	return d.DecidedAt.After(old.DecidedAt)
}

// silent: a yes that nobody said.
func silent(d Decision) bool { return d.Status == Given && !d.Explicit }

func no(d Decision) bool { return d.Status == Refused || d.Status == Withdrawn }

// first is the earlier of two moments of which the first may be missing.
func first(old, at time.Time) time.Time {
	if old.IsZero() {
		return at
	}
	return old
}
