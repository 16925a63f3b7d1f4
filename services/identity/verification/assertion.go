package verification

import "time"

// Assert is an attempt by an ID token of the tenant's identity provider. Whether
// it is good, for this verification, and of the subject, its caller has found out.
type Assert struct {
	Right   bool
	Level   uint32 // that such a sign-in reaches
	Settled bool   // the subject has been linked with it for long
	Digest  []byte // keyed, of the token
	At      time.Time
}

func (Assert) command() {}

// assert: a token needs no code on its way, but a subject who is known. What is
// wrong with one is told no more than what is wrong with a code.
func assert(s Verification, c Assert) ([]Event, error) {
	switch {
	case s.Phase != Open:
		return refuse(ErrClosed)
	case s.PhaseAt(c.At) == Failed:
		return []Event{Ended{Request: s.Request, Reason: ReasonExpired}}, nil
	case !c.At.Before(s.ExpiresAt): // it is open for staff alone
		return refuse(ErrClosed)
	case !c.At.Before(s.ExpiresAt): // it is open for staff alone
		return refuse(ErrClosed)
	case c.Right && s.Subject != "" && c.Level > 0:
		return []Event{Succeeded{Request: s.Request, Subject: s.Subject, Level: c.reaches(), Method: MethodAssertion, Assertion: c.Digest}}, nil
	}
	return wrong(s), nil
}

// reaches: whoever could link a sign-in of their own with the subject's account
// lately has not become the subject by it.
func (c Assert) reaches() uint32 {
	if !c.Settled {
		return min(c.Level, LevelCode)
	}
	return min(c.Level, LevelSystem)
}
