package person

import (
	"cmp"
	"slices"
	"time"
)

// ErrKept refuses an imported yes in whose place a refusal stands that has outlived
// an erasure. The person themselves may say yes.
const ErrKept = Refusal("REFUSED_BEFORE_ERASURE")

// Keep records with a person what was refused by whoever had one of their
// identifiers before, and was erased.
type Keep struct {
	Refusals []Outlived
	At       time.Time
}

// Outlived is a refusal that has outlived an erasure.
type Outlived struct {
	Topic
	Channel   string
	Version   uint32    // in force now
	RefusedOn time.Time // its day, as midnight UTC
}

// decidedAt is when the refusal counts as made: only its day is known, so that all of
// the day lies before it, or as much of it as has passed.
func (o Outlived) decidedAt(now time.Time) time.Time {
	if end := o.RefusedOn.AddDate(0, 0, 1).Add(-time.Nanosecond); end.Before(now) {
		return end
	}
	return now
}

func (Keep) command() {}

// keep is never refused. What the person has decided later stands, and nothing that
// was imported.
func keep(s Person, c Keep) []Event {
	var out []Event
	refusals := slices.Clone(c.Refusals)
	slices.SortFunc(refusals, func(a, b Outlived) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Name, b.Name), b.RefusedOn.Compare(a.RefusedOn))
	})
	refusals = slices.CompactFunc(refusals, func(a, b Outlived) bool { return a.Topic == b.Topic })
	for _, r := range refusals {
		d := Decision{Status: Withdrawn, Explicit: true, Version: r.Version, DecidedAt: r.decidedAt(c.At), RecordedAt: c.At, Kept: true}
		if own := s.Purposes[r.Topic].Decision; own.Kept || !replaces(own, d) {
			continue
		}
		out = append(out, DecisionRecorded{
			Policy: r.Policy, Purpose: r.Name, Decision: d, Circumstances: Circumstances{Channel: r.Channel, Actor: Self},
		})
	}
	if len(out) == 0 {
		return nil
	}
	return append(expired(s, c.At), out...)
}

// Refusals are the purposes that a person refused or withdrew from themselves, in
// order.
func (s Person) Refusals() []Topic {
	return s.topics(func(p Purpose) bool { return p.Decision.Status == Refused || p.Decision.Status == Withdrawn })
}
