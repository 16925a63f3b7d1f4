package request

import (
	"slices"
	"strings"
)

// ChannelRetention is how the erasure of what is past its time comes in: retention
// has announced it, without anybody's asking.
const ChannelRetention = "system.retention"

// Limb is a part of a person's data: a category and everything below it, in one
// system, or in all where none is named.
type Limb struct{ Category, System string }

// covers reports whether data of a category in a system is of the part.
func (l Limb) covers(system, category string) bool {
	rest, ok := strings.CutPrefix(category, l.Category)
	return ok && (rest == "" || rest[0] == '.') && (l.System == "" || l.System == system)
}

// ScopeSet says that the request is about parts of the person's data alone: the
// rest is not planned, the person is not forgotten, and nothing they do is stopped.
type ScopeSet struct{ Limbs []Limb }

// RemainderStated says what an erasure that was carried out has left of the person, each
// part with its ground and its end; it may be nothing. Forgotten: identity knows the person no
// more, and nobody can look for them.
type RemainderStated struct {
	SubjectRef string
	Policy     string
	Parts      []Remainder
	Forgotten  bool
}

// Remainder is what is left of a category in a system, until the last of it ends.
type Remainder struct {
	System, Category string
	Because
}

func (ScopeSet) event()        {}
func (RemainderStated) event() {}

// Partial reports whether the request is about a part of the person's data alone.
func (s Request) Partial() bool { return len(s.Scope) > 0 }

// InScope reports whether the request is about data of a category in a system.
func (s Request) InScope(system, category string) bool {
	return !s.Partial() || slices.ContainsFunc(s.Scope, func(l Limb) bool { return l.covers(system, category) })
}

// whole reports whether the request ends everything that is known of the person.
func (s Request) whole() bool { return s.Right == Erasure && !s.Partial() }

// submitPartial takes in what retention has announced: who it is about is known.
func submitPartial(c Submit) []Event {
	submitted := Submitted{
		Right: c.Right, Channel: c.Channel, Terms: c.Terms, Service: c.Service, ReceivedAt: c.ReceivedAt, At: c.At,
	}
	return []Event{submitted, ScopeSet{Limbs: c.Scope}, Verified{SubjectRef: c.SubjectRef, Method: MethodSystem, At: c.At}}
}

// remainder is what an erasure that is over has left, by category and system: of
// several leaves the one that ends last.
func (s Request) remainder() []Event {
	if s.Right != Erasure || !s.done() {
		return nil
	}
	ev := RemainderStated{SubjectRef: s.SubjectRef, Policy: s.Terms.Policy, Forgotten: s.Forgotten}
	for _, l := range s.Leaves {
		if l.Outcome != Retained {
			continue
		}
		part := Remainder{System: l.System, Category: l.Category, Because: l.Why()}
		i := slices.IndexFunc(ev.Parts, func(o Remainder) bool { return o.System == part.System && o.Category == part.Category })
		switch {
		case i < 0:
			ev.Parts = append(ev.Parts, part)
		case part.Until.After(ev.Parts[i].Until):
			ev.Parts[i] = part
		}
	}
	return []Event{ev}
}
