package request

import "time"

// Renew asks for a proof again. In vain: none that can be given now would prove more
// than the one before, which its caller has found out.
type Renew struct {
	Vain bool
	At   time.Time
}

func (Renew) command() {}

// Renewed says that a better proof is asked for than the one that was given.
type Renewed struct{ At time.Time }

func (Renewed) event() {}

const (
	// ErrProven refuses another proof where one is enough.
	ErrProven = Refusal("VERIFICATION_NOT_NEEDED")
	// ErrRenewals refuses to ask for ever more proofs.
	ErrRenewals = Refusal("VERIFICATIONS_TOO_MANY")
	// ErrYoung refuses it where every channel is too young for a better one, and where
	// a telephone is all there is: staff can check who asks.
	ErrYoung = Refusal("CHANNELS_TOO_YOUNG")
)

// MaxRenewals is how often a better proof can be asked for.
const MaxRenewals = 20

// renew: while nothing is proven the first verification runs, and when it is over
// so is the request; whether that is so depends on nobody's being known.
func renew(s Request, c Renew) ([]Event, error) {
	switch {
	case s.over():
		return refuse("renew", ErrNotOpen)
	case s.SubjectRef == "", s.Verification == "":
		return nil, nil
	case s.Assured():
		return refuse("renew", ErrProven)
	case s.Renewals >= MaxRenewals:
		return refuse("renew", ErrRenewals)
	case c.Vain:
		return refuse("renew", ErrYoung)
	}
	return []Event{Renewed{At: c.At}}, nil
}

// better is what is due while what was proven is not enough.
func better(s Request, now time.Time) []Effect {
	switch {
	case !now.Before(s.proveBy()):
		return one(StepGiveUp)
	case !s.owed(TemplateMore):
		return one(StepMore)
	case s.Verification == "":
		return one(StepVerify)
	}
	return nil
}
