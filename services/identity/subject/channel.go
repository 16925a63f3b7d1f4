package subject

import "time"

// Settled reports whether the subject has held an identifier for so long at a
// moment that it can't have been added lately by somebody else. What was not
// linked later came with the registration.
func (s Subject) Settled(number uint32, age time.Duration, now time.Time) bool {
	since := s.heldSince(number)
	return !since.IsZero() && now.Sub(since) >= age
}

// SettledAt is when an identifier is settled; zero for one that is not held.
func (s Subject) SettledAt(number uint32, age time.Duration) time.Time {
	since := s.heldSince(number)
	if since.IsZero() {
		return since
	}
	return since.Add(age)
}

// heldSince is since when an identifier is held; zero if it is not.
func (s Subject) heldSince(number uint32) time.Time {
	i, held := s.Find(number)
	switch {
	case !held:
		return time.Time{}
	case i.At.IsZero():
		return s.RegisteredAt
	}
	return i.At
}
