package verification

import (
	"slices"
	"time"
)

// MethodStaff is the method where a member of staff has checked who asks.
const MethodStaff = "staff"

// LevelReviewed is that of a proof of LevelSettled that a member of staff has
// looked at.
const LevelReviewed uint32 = 4

// LevelPoints is that of two points that match, and of nothing else.
const LevelPoints uint32 = 2

// ReviewTime is how long a verification stays open for staff.
const ReviewTime = 14 * 24 * time.Hour

// How is how staff checked somebody. The numbers are the contract's.
type How uint8

// The methods.
const (
	InPerson     How = 1
	VideoCall    How = 2
	CallBack     How = 3
	KnownPoints  How = 4
	DocumentCopy How = 5
)

// Result is what was found. The numbers are the contract's.
type Result uint8

// The results.
const (
	Begun        Result = 1
	Confirmed    Result = 2
	NotConfirmed Result = 3
)

// Points are what was compared and agreed, by the contract's numbers.
type Points []uint8

// Reached is the level that a check by staff reaches, after a proof of another
// level (0: none). Two points make a match. Three, and a declaration, are a copy's or an
// erasure's proof only with a confirmation: by a code over a known channel, by a
// call to a known number, or by the person who is there with a document. What
// was proven on its own is level 4 once a person has looked at it as well. Another
// check by staff is no such proof: nobody adds to their own word by saying it again.
func Reached(before uint32, how How, points Points, declared bool) uint32 {
	confirmed := before >= LevelCode || slices.Contains([]How{InPerson, VideoCall, CallBack}, how)
	switch n := len(points); {
	case n < 2:
		return before
	case before >= LevelSettled:
		return LevelReviewed
	case n >= 3 && declared && confirmed:
		return LevelSettled
	}
	return max(before, LevelPoints)
}

// Review is what a member of staff does.
type Review struct {
	By       string // the id of staff
	Result   Result
	How      How
	Points   Points
	Declared bool
	Doubt    string
	Evidence uint32 // bytes
	At       time.Time
}

func (Review) command() {}

// CheckBegun says that a member of staff is going to check who asks.
type CheckBegun struct {
	By    string
	Until time.Time
}

// Checked says that they have.
type Checked struct {
	By       string
	How      How
	Points   Points
	Declared bool
	Doubt    string
	Result   Result
	Evidence uint32
	At       time.Time
}

func (CheckBegun) event() {}
func (Checked) event()    {}

// ReasonNotConfirmed is why a verification failed that a member of staff denied.
const ReasonNotConfirmed = "NOT_CONFIRMED"

// Refusals of checks.
const (
	// ErrNobody: nobody is known by what the request names, so that there is
	// nothing to compare with.
	ErrNobody = Refusal("NOBODY_TO_COMPARE")
	// ErrDoubt: a copy of a document is asked for on reasonable doubt alone.
	ErrDoubt = Refusal("DOUBT_REQUIRED")
	// ErrMethod: a check that is over says how it was made.
	ErrMethod = Refusal("CHECK_METHOD_REQUIRED")
)

// review decides a check by staff: of a verification that is open, or that has
// passed and may pass better.
func review(s Verification, c Review) ([]Event, error) {
	phase := s.PhaseAt(c.At)
	switch {
	case phase != Open && phase != Passed:
		return refuse(ErrClosed)
	case s.Subject == "":
		return refuse(ErrNobody)
	case c.Result == Begun && phase == Passed:
		return nil, nil // the request waits for it anyway
	case c.Result == Begun:
		return []Event{CheckBegun{By: c.By, Until: c.At.Add(ReviewTime)}}, nil
	case c.How == 0:
		return refuse(ErrMethod)
	case c.How == DocumentCopy && c.Doubt == "":
		return refuse(ErrDoubt)
	}
	events := []Event{Checked{
		By: c.By, How: c.How, Points: c.Points, Declared: c.Declared, Doubt: c.Doubt, Result: c.Result, Evidence: c.Evidence, At: c.At,
	}}
	if c.Result == NotConfirmed {
		return append(events, Ended{Request: s.Request, Reason: ReasonNotConfirmed}), nil
	}
	if level := Reached(s.Proven, c.How, c.Points, c.Declared); level > s.Level {
		events = append(events, Succeeded{Request: s.Request, Subject: s.Subject, Level: level, Method: MethodStaff})
	}
	return events, nil
}

func refuse(r Refusal) ([]Event, error) {
	return []Event{CheckRefused{Reason: r.Reason()}}, r
}

// OpenUntil is until when the verification may be decided: a code ends before
// the time of staff does.
func (s Verification) OpenUntil() time.Time {
	if s.ReviewUntil.After(s.ExpiresAt) {
		return s.ReviewUntil
	}
	return s.ExpiresAt
}
