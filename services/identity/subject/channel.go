package subject

import "time"

// Settled reports whether the subject has held an identifier for so long at a
// moment that it can't have been added lately by somebody else. What was not
// linked later came with the registration.
func (s Subject) Settled(number uint32, age time.Duration, now time.Time) bool {
	i, held := s.Find(number)
	since := i.At
	if since.IsZero() {
		since = s.RegisteredAt
	}
	return held && !since.IsZero() && now.Sub(since) >= age
}
