package subject

import (
	"errors"
	"slices"
	"time"
)

// Fix keeps what a subject is known by as it is, while an erasure looks for the
// person by it in one system after the other: what is linked later would be
// looked for in the remaining systems alone, and what is unlinked in none.
// Named is the reference that the request names, if it is another one.
type Fix struct{ Request, Named string }

// Release ends what Fix began, where the person is not forgotten by it.
type Release struct{ Request string }

// Search says that a request is about to look for a merged person and to destroy
// what it finds, until a moment. Until then nobody is separated from them: what
// was found may be the other's.
type Search struct {
	Request   string
	At, Until time.Time
}

func (Fix) command()     {}
func (Release) command() {}
func (Search) command()  {}

// IdentifiersFixed says that the identifiers stay as they are for a request.
type IdentifiersFixed struct{ Request, Named string }

// Fixing is an erasure that looks for the person.
type Fixing IdentifiersFixed

// IdentifiersReleased says that a request needs that no more.
type IdentifiersReleased struct{ Request string }

// SearchBegun says that nothing that a request finds is destroyed after a moment.
type SearchBegun struct {
	Request string
	Until   time.Time
}

func (IdentifiersFixed) event()    {}
func (IdentifiersReleased) event() {}
func (SearchBegun) event()         {}

// ErrFixed refuses to change what a person is known by while they are erased.
const ErrFixed = Refusal("ERASURE_UNDER_WAY")

// ErrMerging says that a merge of the subject is under way: who it is will be
// known when that has ended.
var ErrMerging = errors.New("merge is under way")

// ErrParting says that somebody waits to be separated from the subject: who it is
// will be known when that has been done, or was given up.
var ErrParting = errors.New("separation waits")

// partingFor is how long an un-merge that had to wait keeps searches from
// beginning. It is asked for again, or given up.
const partingFor = 10 * time.Minute

// Fixed reports whether an erasure looks for the person.
func (s Subject) Fixed() bool { return len(s.FixedBy) > 0 }

func fix(s Subject, c Fix) ([]Event, error) {
	switch {
	case s.Phase != Active:
		return refuse(ChangeFix, ErrForgotten)
	case s.fixedBy(c.Request):
		return nil, nil
	case s.Into.Merge != "" && !s.Into.Done: // the one who stays may take it at any moment
		return nil, ErrMerging
	}
	return []Event{IdentifiersFixed(c)}, nil
}

func release(s Subject, c Release) ([]Event, error) {
	if !s.fixedBy(c.Request) {
		return nil, nil
	}
	return []Event{IdentifiersReleased(c)}, nil
}

func (s Subject) fixedBy(request string) bool {
	return slices.ContainsFunc(s.FixedBy, func(f Fixing) bool { return f.Request == request })
}

func (s Subject) loosen(which func(Fixing) bool) Subject {
	s.FixedBy = slices.DeleteFunc(slices.Clone(s.FixedBy), which)
	return s
}

// search needs no record where nobody could be separated: none is joined while
// the identifiers are fixed.
func search(s Subject, c Search) ([]Event, error) {
	standing := s.Standing()
	switch {
	case s.Phase != Active, len(standing) == 0:
		return nil, nil
	case slices.ContainsFunc(standing, func(m Merge) bool { return m.Parting.Add(partingFor).After(c.At) }):
		return nil, ErrParting
	case slices.ContainsFunc(s.Searches, func(o SearchBegun) bool { return o.Request == c.Request && !o.Until.Before(c.Until) }):
		return nil, nil
	}
	return []Event{SearchBegun{Request: c.Request, Until: c.Until}}, nil
}

// Searched reports whether what was found may be about to be destroyed.
func (s Subject) Searched(at time.Time) bool {
	return s.Phase == Active && slices.ContainsFunc(s.Searches, func(o SearchBegun) bool { return o.Until.After(at) })
}
