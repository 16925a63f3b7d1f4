package person

import (
	"slices"
	"time"
)

// Decide returns the events that cmd causes. A repeated fact causes none.
func Decide(s Person, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Record:
		return record(s, c)
	case Import:
		events, _ := importing(s, c)
		return events, nil
	case WithdrawAll:
		return withdrawAll(s, c)
	case Unsubscribe:
		return unsubscribe(s, c), nil
	case Keep:
		return keep(s, c), nil
	case Invalidate:
		return invalidate(s, c)
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
	case Expire:
		return expire(s, c), nil
	}
	return nil, errUnknown
}

// record is all or nothing: the first choice that breaks a rule refuses the act.
func record(s Person, c Record) ([]Event, error) {
	if c.DecidedAt.After(c.At) {
		return nil, ErrInFuture
	}
	if c.Circumstances.onBehalf() {
		if r := c.Acting.admits(c.Circumstances.Actor); r != "" {
			return turned(s, c.Policy, r)
		}
		c.Circumstances.Authority = c.Acting.By
	}
	out := expired(s, c.At)
	after := s
	for _, choice := range c.Choices {
		if r := forbids(after, c, choice); r != "" {
			return turned(s, c.Policy, r)
		}
		ev := DecisionRecorded{
			Policy: c.Policy, Purpose: choice.Purpose, Category: choice.Category, Circumstances: c.Circumstances,
			Decision: Decision{
				Status: choice.Status, Explicit: choice.Explicit, Evidence: c.Evidence, Version: c.Version, DecidedAt: c.DecidedAt,
				RecordedAt: c.At, Recipients: choice.Recipients, ExpiresAt: choice.ExpiresAt,
			},
		}
		after, out = Evolve(after, ev), append(out, ev)
	}
	return out, nil
}

// turned is the end of an act that a rule forbids. It makes nobody known.
func turned(s Person, policy string, r Refusal) ([]Event, error) {
	if s.Since.IsZero() {
		return nil, r
	}
	return []Event{DecisionRefused{Policy: policy, Reason: r.Reason()}}, r
}

// forbids is the rule that a choice breaks. A no is never forbidden, but for
// one about data that the policy doesn't name.
func forbids(s Person, act Record, c Choice) Refusal {
	gives := c.Status == Given || c.Status == Renewed
	switch {
	case c.Category != "" && !c.Known:
		return ErrCategoryUnknown
	case c.Category != "" && (c.Status == Offered || c.Status == Renewed):
		return ErrNoOffer
	case tooMany(s, act.Policy, c):
		return ErrTooMany
	case !gives && c.Status != Offered:
		return ""
	case !c.Known:
		return ErrNotDescribed
	case s.Erased:
		return ErrErased
	case s.Closed:
		return ErrClosed
	case gives && (c.Explicit || c.Status == Renewed) && act.Evidence == "":
		return ErrNoEvidence
	case gives && !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(act.DecidedAt):
		return ErrEnded
	case c.Status == Given && !c.Explicit && no(s.chosen(act.Policy, c)):
		return ErrImplied
	case c.Status == Renewed && (!c.Explicit || !s.chosen(act.Policy, c).gives()):
		return ErrNotGiven
	case act.Circumstances.onBehalf():
		return act.Acting.agrees(c, s.chosen(act.Policy, c))
	}
	return ""
}

func tooMany(s Person, policy string, c Choice) bool {
	_, purpose := s.Purposes[Topic{policy, c.Purpose}]
	_, category := s.Categories[Topic{policy, c.Category}]
	return c.Purpose != "" && !purpose && len(s.Purposes) >= MaxTopics ||
		c.Category != "" && !category && len(s.Categories) >= MaxTopics
}

// chosen is what is effective for what a choice is about.
func (s Person) chosen(policy string, c Choice) Decision {
	if c.Purpose != "" {
		return s.Purposes[Topic{policy, c.Purpose}].Decision
	}
	return s.Categories[Topic{policy, c.Category}]
}

// withdrawAll records the wish also where nothing is there to withdraw: the person
// may be known by another reference, or the yes may be recorded later.
func withdrawAll(s Person, c WithdrawAll) ([]Event, error) {
	if c.DecidedAt.After(c.At) {
		return nil, ErrInFuture
	}
	if c.Circumstances.onBehalf() {
		if r := c.Acting.admits(c.Circumstances.Actor); r != "" {
			return turned(s, "", r)
		}
		c.Circumstances.Authority = c.Acting.By
	}
	topics := s.topics(func(p Purpose) bool { return p.stands() && !p.Decision.DecidedAt.After(c.DecidedAt) })
	if len(topics) == 0 && !c.DecidedAt.After(s.WithdrawnAt) {
		return nil, nil
	}
	return append(expired(s, c.At), AllWithdrawn{
		Purposes: topics, DecidedAt: c.DecidedAt, RecordedAt: c.At, Circumstances: c.Circumstances,
	}), nil
}

// unsubscribe is never refused, and says nothing that was said before.
func unsubscribe(s Person, c Unsubscribe) []Event {
	var out []Event
	for _, name := range slices.Sorted(slices.Values(c.Purposes)) {
		if no(s.Purposes[Topic{c.Policy, name}].Decision) {
			continue
		}
		out = append(out, DecisionRecorded{
			Policy: c.Policy, Purpose: name, Circumstances: c.Circumstances,
			Decision: Decision{Status: Withdrawn, Explicit: true, Version: c.Version, DecidedAt: c.At, RecordedAt: c.At},
		})
	}
	if len(out) == 0 {
		return nil
	}
	return append(expired(s, c.At), out...)
}

// stands reports whether there is something to withdraw.
func (p Purpose) stands() bool {
	return p.Decision.gives() || p.Decision.Status == 0 && p.Offered
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

// first is the earlier of two moments of which the first may be missing.
func first(old, at time.Time) time.Time {
	if old.IsZero() {
		return at
	}
	return old
}
