package subject

import (
	"errors"
	"slices"
)

// Fix keeps what a subject is known by as it is, while an erasure looks for the
// person by it in one system after the other: what is linked later would be
// looked for in the remaining systems alone, and what is unlinked in none.
type Fix struct{ Request string }

// Release ends what Fix began, where the person is not forgotten by it.
type Release struct{ Request string }

func (Fix) command()     {}
func (Release) command() {}

// IdentifiersFixed says that the identifiers stay as they are for a request.
type IdentifiersFixed struct{ Request string }

// IdentifiersReleased says that a request needs that no more.
type IdentifiersReleased struct{ Request string }

func (IdentifiersFixed) event()    {}
func (IdentifiersReleased) event() {}

// ErrFixed refuses to change what a person is known by while they are erased.
const ErrFixed = Refusal("ERASURE_UNDER_WAY")

// ErrMerging says that a merge of the subject is under way: who it is will be
// known when that has ended.
var ErrMerging = errors.New("merge is under way")

// Fixed reports whether an erasure looks for the person.
func (s Subject) Fixed() bool { return len(s.FixedBy) > 0 }

func fix(s Subject, c Fix) ([]Event, error) {
	switch {
	case s.Phase != Active:
		return refuse(ChangeFix, ErrForgotten)
	case slices.Contains(s.FixedBy, c.Request):
		return nil, nil
	case s.Into.Merge != "" && !s.Into.Done: // the one who stays may take it at any moment
		return nil, ErrMerging
	}
	return []Event{IdentifiersFixed(c)}, nil
}

func release(s Subject, c Release) ([]Event, error) {
	if !slices.Contains(s.FixedBy, c.Request) {
		return nil, nil
	}
	return []Event{IdentifiersReleased(c)}, nil
}
