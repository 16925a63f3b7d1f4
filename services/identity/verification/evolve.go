package verification

// Evolve folds one event into the state.
func Evolve(s Verification, ev Event) Verification {
	switch e := ev.(type) {
	case Started:
		s = Verification{Phase: Open, Request: e.Request, Subject: e.Subject, Code: e.Code, ExpiresAt: e.ExpiresAt, Nonce: e.Nonce}
	case CodeDispatched:
		s.Dispatch, s.Channel, s.Settled, s.Telephone = UnderWay, e.Identifier, e.Settled, e.Telephone
	case LinkIssued:
		s.Link, s.Links = e.Digest, s.Links+1
	case CodeSent:
		s.Dispatch = Delivered
	case CodeNotSent:
		s.Dispatch = Withheld
	case AttemptFailed:
		s.Attempts = e.Attempts
	case Ended:
		s.Phase = Failed
	case Succeeded:
		s.Phase, s.Level, s.Method = Passed, e.Level, e.Method
		if e.Method != MethodStaff {
			s.Proven = e.Level
		}
	case CheckBegun:
		s.ReviewUntil = e.Until
	case Checked:
		s.CheckedBy = e.By
	case CheckRefused:
	}
	return s
}
