package subject

import "slices"

// Evolve folds one event into the state.
func Evolve(s Subject, ev Event) Subject {
	switch e := ev.(type) {
	case Registered:
		s.Phase, s.RegisteredAt, s.Policy = Active, e.At, e.Policy
		s.Claims = append(slices.Clip(s.Claims), e.Claim)
	case IdentifierLinked:
		s.Held = append(slices.Clip(s.Held), e.Identifier)
		s.Claims = append(slices.Clip(s.Claims), e.Identifier.Claim)
		s.Last = e.Identifier.Number
	case IdentifierUnlinked:
		s = s.remove(func(i Identifier) bool { return i.Number == e.Number })
	case ClaimBarred:
		s.Barred = append(slices.Clip(s.Barred), e.Claim)
	case IdentifiersRead:
		s = s.touch(func(m Merge) Merge { m.Reads++; return m })
	case IdentifiersFixed:
		s.FixedBy = append(slices.Clip(s.FixedBy), Fixing(e))
	case IdentifiersReleased:
		s = s.loosen(func(f Fixing) bool { return f.Request == e.Request })
	case SearchBegun:
		s.Searches = append(slices.DeleteFunc(slices.Clone(s.Searches), func(other SearchBegun) bool { return other.Request == e.Request }), e)
	case ChangeRefused, SignedUp:
	case MergeBegun, Merged, MergeDeclined, MergeCompleted, MergeAbandoned, SeparationDelayed, Separated, MergeUndone, Touched:
		s = merged(s, e)
	case AgeStated, MandateGiven, MandateEnded, ParentAgreed, ParentWithdrew, MinorBlocked, MinorUnblocked:
		s = aged(s, e)
	case ForgettingBegun:
		s = s.remove(func(Identifier) bool { return true })
		s.Phase, s.Ending.Request = Forgetting, e.Request
	case Forgot:
		s.Phase, s.Ending = Forgotten, Ending(e)
		s.Removed, s.Age, s.FixedBy, s.Searches = nil, Age{}, nil, nil
	}
	return s
}

// remove moves identifiers from what is held to what was.
func (s Subject) remove(which func(Identifier) bool) Subject {
	var held []Identifier
	removed := slices.Clone(s.Removed)
	for _, i := range s.Held {
		if which(i) {
			removed = append(removed, i)
			continue
		}
		held = append(held, i)
	}
	s.Held, s.Removed = held, removed
	return s
}

// Find is the held identifier with a number.
func (s Subject) Find(number uint32) (Identifier, bool) {
	i := slices.IndexFunc(s.Held, func(i Identifier) bool { return i.Number == number })
	if i < 0 {
		return Identifier{}, false
	}
	return s.Held[i], true
}

// Linked reports whether a claim was ever linked.
func (s Subject) Linked(claim string) bool { return slices.Contains(s.Claims, claim) }
