package subject

import (
	"maps"
	"slices"
)

// merge decides about merges of a subject that is known.
func merge(s Subject, cmd Command) ([]Event, error) {
	switch c := cmd.(type) { //nolint:gochecksumtype // the others are decided elsewhere
	case SignUp:
		return signUp(s, c)
	case BeginMerge:
		return beginMerge(s, c)
	case Absorb:
		return absorb(s, c)
	case CompleteMerge:
		if s.Into.Merge != c.Merge || s.Into.Done {
			return nil, nil
		}
		return []Event{MergeCompleted(c)}, nil
	case AbandonMerge:
		if s.Into.Merge != c.Merge || s.Into.Done {
			return nil, nil
		}
		return []Event{MergeAbandoned(c)}, nil
	case Separate:
		return separate(s, c)
	case UndoMerge:
		if s.Into.Merge != c.Merge {
			return nil, nil
		}
		return []Event{MergeUndone(c)}, nil
	case RecordTouch:
		return touched(s, c)
	}
	return nil, errUnknown
}

func signUp(s Subject, c SignUp) ([]Event, error) {
	switch {
	case s.Phase != Active:
		return refuse(ChangeSignUp, ErrForgotten)
	case s.Anonymous():
		return refuse(ChangeSignUp, ErrAnalytics)
	case c.Known:
		return refuse(ChangeSignUp, ErrNotAnonymous)
	}
	return []Event{SignedUp{At: c.At}}, nil
}

func beginMerge(s Subject, c BeginMerge) ([]Event, error) {
	switch {
	case s.Into.Merge == c.Merge:
		return nil, nil
	case s.Phase != Active:
		return refuse(ChangeMerge, ErrForgotten)
	case s.Fixed():
		return refuse(ChangeMerge, ErrFixed)
	case s.Into.Merge != "":
		return refuse(ChangeMerge, ErrMergedAway)
	case len(s.Standing()) > 0:
		return refuse(ChangeMerge, ErrHasMerged)
	case s.Anonymous():
		return refuse(ChangeMerge, ErrAnalytics)
	}
	return []Event{MergeBegun(c)}, nil
}

// absorb decides once: a merge that was declined is never taken up later, when
// the one who was to go is free again.
func absorb(s Subject, c Absorb) ([]Event, error) {
	if _, known := s.MergeOf(c.Merge); known {
		return nil, nil
	}
	if reason, declined := s.Declined[c.Merge]; declined {
		return nil, Refusal(reason)
	}
	var why Refusal
	switch {
	case s.Phase != Active:
		why = ErrForgotten
	case s.Fixed():
		why = ErrFixed
	case s.Into.Merge != "":
		why = ErrMergedAway
	case s.Anonymous():
		why = ErrAnalytics
	case len(s.Standing()) >= MaxMerges:
		why = ErrMergesTooMany
	default:
		return []Event{Merged(c)}, nil
	}
	return []Event{MergeDeclined{Merge: c.Merge, Reason: why.Reason()}}, why
}

// separate needs no living subject: who was erased by a wrong link has to learn
// of it, too.
func separate(s Subject, c Separate) ([]Event, error) {
	m, known := s.MergeOf(c.Merge)
	if !known {
		return refuse(ChangeUnmerge, ErrMergeUnknown)
	}
	if !m.Ended.IsZero() {
		return nil, nil
	}
	if s.Searched(c.At) {
		return []Event{SeparationDelayed{Merge: m.ID, At: c.At}}, ErrFixed
	}
	return []Event{Separated{
		Merge: m.ID, Other: m.Other, Reason: c.Reason, Reads: m.Reads, Touches: m.Touched(), Truncated: m.Unlisted > 0, At: c.At,
	}}, nil
}

func touched(s Subject, c RecordTouch) ([]Event, error) {
	news := slices.ContainsFunc(s.Standing(), func(m Merge) bool {
		return !slices.ContainsFunc(m.Touches, c.Touch.same)
	})
	if !news {
		return nil, nil
	}
	return []Event{Touched(c)}, nil
}

// same: of one thing, whenever it was told.
func (t Touch) same(other Touch) bool { return t.Kind == other.Kind && t.Reference == other.Reference }

// Touched is how often something was done by the link. Beyond what is listed,
// something that is told twice counts twice.
func (m Merge) Touched() uint32 { return uint32(len(m.Touches)) + m.Unlisted }

// touched is the merge with one touch more. Each stands in the log by itself; the
// first ones are listed, the others counted.
func (m Merge) touched(t Touch) Merge {
	switch {
	case slices.ContainsFunc(m.Touches, t.same):
	case len(m.Touches) < MaxTouches:
		m.Touches = append(slices.Clip(m.Touches), t)
	default:
		m.Unlisted++
	}
	return m
}

// Standing are the merges that have not ended.
func (s Subject) Standing() []Merge {
	return slices.DeleteFunc(slices.Clone(s.Merges), func(m Merge) bool { return !m.Ended.IsZero() })
}

// MergeOf is the merge in which a subject stays, or stayed.
func (s Subject) MergeOf(id string) (Merge, bool) {
	i := slices.IndexFunc(s.Merges, func(m Merge) bool { return m.ID == id })
	if i < 0 {
		return Merge{}, false
	}
	return s.Merges[i], true
}

// merged folds an event about merges.
func merged(s Subject, ev Event) Subject {
	switch e := ev.(type) { //nolint:gochecksumtype // the others are folded elsewhere
	case MergeBegun:
		s.Into = Into{Merge: e.Merge, Subject: e.Into, Evidence: e.Evidence}
	case Merged:
		s.Merges = append(slices.Clip(s.Merges), Merge{ID: e.Merge, Other: e.Other, Evidence: e.Evidence, At: e.At})
	case MergeDeclined:
		s.Declined = maps.Clone(s.Declined)
		if s.Declined == nil {
			s.Declined = map[string]string{}
		}
		s.Declined[e.Merge] = e.Reason
	case MergeCompleted:
		s.Into.Done = true
	case MergeAbandoned:
		s.Into = Into{}
	case MergeUndone: // what looks for the other looks for this one no more
		s.Was = append(slices.Clip(s.Was), s.Into.Subject)
		s.Into = Into{}
		s = s.loosen(func(f Fixing) bool { return f.Named != "" }).askAnew()
	case SeparationDelayed:
		s = s.change(e.Merge, func(m *Merge) { m.Parting = e.At })
	case Separated:
		s = s.change(e.Merge, func(m *Merge) { m.Reason, m.Ended = e.Reason, e.At })
		s = s.loosen(func(f Fixing) bool { return f.Named == e.Other }).askAnew()
	case Touched:
		s = s.touch(func(m Merge) Merge {
			return m.touched(e.Touch)
		})
	}
	return s
}

// touch changes every merge that stands.
func (s Subject) touch(change func(Merge) Merge) Subject {
	if len(s.Merges) == 0 {
		return s
	}
	s.Merges = slices.Clone(s.Merges)
	for i, m := range s.Merges {
		if m.Ended.IsZero() {
			s.Merges[i] = change(m)
		}
	}
	return s
}

func (s Subject) change(id string, with func(*Merge)) Subject {
	s.Merges = slices.Clone(s.Merges)
	for i := range s.Merges {
		if m := &s.Merges[i]; m.ID == id {
			with(m)
		}
	}
	return s
}
