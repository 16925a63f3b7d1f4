package policydiff

import (
	"slices"
	"strconv"
	"strings"
)

// Effect is what a change does to the protection of a person.
type Effect string

// The effects.
const (
	More    Effect = "more_protective"
	Less    Effect = "less_protective"
	Differs Effect = "incomparable"
	Neutral Effect = "neutral"
)

// Mirror is the effect of the change back.
func (e Effect) Mirror() Effect {
	switch e {
	case More:
		return Less
	case Less:
		return More
	case Differs, Neutral:
	}
	return e
}

// Reduces reports whether a person has to accept it.
func (e Effect) Reduces() bool { return e == Less || e == Differs }

// Change is one thing that is different.
type Change struct {
	Path   string // with ids in place of numbers: "purposes[mail.periodic].basis"
	Clause string // that the rule keeps; empty where the rule has none
	Effect Effect
	Says   string // in words
}

// Changes are all differences, in the order of the document.
type Changes []Change

// Reduces reports whether anything reduces somebody's rights.
func (c Changes) Reduces() bool {
	return slices.ContainsFunc(c, func(one Change) bool { return one.Effect.Reduces() })
}

// differ collects changes.
type differ struct{ changes Changes }

// at is where a change stands, and the clause of the rule there.
type at struct{ path, clause string }

func (a at) key(name string) at { return at{a.path + "." + name, a.clause} }

func item(list, id, clause string) at { return at{list + "[" + id + "]", clause} }

func (d *differ) note(a at, e Effect, says string) {
	d.changes = append(d.changes, Change{Path: a.path, Clause: a.clause, Effect: e, Says: says})
}

// text compares words that mean something of their own.
func (d *differ) text(a at, from, to string, e Effect, what string) {
	switch {
	case from == to:
	case from == "":
		d.note(a, e, what+" is now "+strconv.Quote(to)+".")
	case to == "":
		d.note(a, e, what+" was "+strconv.Quote(from)+" and is no longer said.")
	default:
		d.note(a, e, what+" was "+strconv.Quote(from)+" and is now "+strconv.Quote(to)+".")
	}
}

// better compares a thing that protects while it is there.
func (d *differ) better(a at, from, to bool, off, on string) {
	switch {
	case from == to:
	case to:
		d.note(a, More, on)
	default:
		d.note(a, Less, off)
	}
}

// worse compares a thing that exposes while it is there.
func (d *differ) worse(a at, from, to bool, off, on string) {
	switch {
	case from == to:
	case to:
		d.note(a, Less, on)
	default:
		d.note(a, More, off)
	}
}

// permits compares a list of what is allowed: what is added exposes.
func (d *differ) permits(a at, from, to []string, what string) {
	d.list(a, from, to, Less, what)
}

// demands compares a list of what is demanded: what is added protects.
func (d *differ) demands(a at, from, to []string, what string) {
	d.list(a, from, to, More, what)
}

func (d *differ) list(a at, from, to []string, added Effect, what string) {
	if more := without(to, from); len(more) > 0 {
		d.note(a.key("added"), added, what+": "+strings.Join(more, ", ")+" is added.")
	}
	if less := without(from, to); len(less) > 0 {
		d.note(a.key("removed"), added.Mirror(), what+": "+strings.Join(less, ", ")+" is removed.")
	}
}

// limits compares a list that limits what is allowed, and is no limit when it
// is empty.
func (d *differ) limits(a at, from, to []string, what string) {
	switch {
	case len(from) == 0 && len(to) > 0:
		d.note(a, More, what+": only "+strings.Join(to, ", ")+" from now on.")
	case len(from) > 0 && len(to) == 0:
		d.note(a, Less, what+": no longer limited.")
	default:
		d.permits(a, from, to, what)
	}
}

// number compares what protects more the greater it is.
func (d *differ) number(a at, from, to int, what string) { d.count(a, from, to, More, what) }

// burden compares what protects less the greater it is.
func (d *differ) burden(a at, from, to int, what string) { d.count(a, from, to, Less, what) }

func (d *differ) count(a at, from, to int, rises Effect, what string) {
	switch {
	case to > from:
		d.note(a, rises, what+" rises from "+strconv.Itoa(from)+" to "+strconv.Itoa(to)+".")
	case to < from:
		d.note(a, rises.Mirror(), what+" falls from "+strconv.Itoa(from)+" to "+strconv.Itoa(to)+".")
	}
}

func without(list, these []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(these, s) })
}

// pairs walks two lists by id: first what is in both or only in the old one, in
// its order, then what is new.
func pairs[T any](from, to []T, id func(T) string, each func(id string, from, to *T)) {
	index := func(list []T, want string) *T {
		if i := slices.IndexFunc(list, func(t T) bool { return id(t) == want }); i >= 0 {
			return &list[i]
		}
		return nil
	}
	for i := range from {
		each(id(from[i]), &from[i], index(to, id(from[i])))
	}
	for i := range to {
		if index(from, id(to[i])) == nil {
			each(id(to[i]), nil, &to[i])
		}
	}
}
