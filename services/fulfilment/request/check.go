package request

import (
	"slices"
	"time"
)

// CheckPerson refuses unless a member of staff may check who asks: while that is
// open, and not in a request that they have submitted. Own: for themselves.
type CheckPerson struct {
	By  string
	Own bool
}

// ExtendVerification records that the request waits for staff to check who asks.
type ExtendVerification struct{ ExpiresAt, At time.Time }

func (CheckPerson) command()        {}
func (ExtendVerification) command() {}

// VerificationExtended says that the request waits for staff.
type VerificationExtended struct{ ExpiresAt, At time.Time }

func (VerificationExtended) event() {}

// checkPerson decides whether somebody may check.
func checkPerson(s Request, c CheckPerson) ([]Event, error) {
	switch {
	case s.over(), s.Placed:
		return refuse("check", ErrNotOpen)
	case c.Own, s.Case.TakenBy != "" && s.Case.TakenBy == c.By:
		return refuse("check", ErrOwnRequest)
	case s.Case.bars(c.By, Verifier):
		return refuse("check", ErrSeparation)
	case s.Verification == "":
		return nil, ErrNotStarted
	}
	return nil, nil
}

func extend(s Request, c ExtendVerification) ([]Event, error) {
	if s.Verification == "" {
		return nil, ErrOutOfStep
	}
	return once(s.SubjectRef != "" || !c.ExpiresAt.After(s.VerificationAt), VerificationExtended(c))
}

// failVerification: whom a code has proven, staff may still deny.
func failVerification(s Request, c FailVerification) ([]Event, error) {
	denied := c.Denied && !s.Placed
	return once(s.SubjectRef != "" && !denied, VerificationFailed{Reason: c.Reason, At: c.At})
}

func evolveVerified(s Request, e Verified) Request {
	s.SubjectRef, s.Level, s.Method, s.VerifiedAt, s.Since = e.SubjectRef, e.Level, e.Method, e.At, e.At
	if act := (Act{Verifier, e.By}); e.By != "" && !slices.Contains(s.Case.Acts, act) {
		s.Case.Acts = append(slices.Clip(s.Case.Acts), act)
	}
	return s
}
