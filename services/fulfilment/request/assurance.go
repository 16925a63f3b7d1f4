package request

import (
	"strconv"
	"time"

	"habeas.internal/services/internal/personal"
)

// Levels of assurance that who asks is who they say.
const (
	LevelNone      uint32 = 0 // nobody has to prove anything
	LevelSession   uint32 = 1 // the session in which they ask
	LevelMatched   uint32 = 2 // two points match, or a session that was logged in to
	LevelSteppedUp uint32 = 3 // a channel of long standing answers, or a fresh login with a second factor
	LevelReviewed  uint32 = 4 // nobody else could have: a sign-in that can't be phished, or somebody has looked at it
)

// Deed is what somebody asks for, as far as it matters who they are.
type Deed string

// The deeds.
const (
	DeedComplaint   Deed = "complaint"
	DeedUnsubscribe Deed = "unsubscribe"
	DeedOptOut      Deed = "opt_out"
	DeedWithdrawal  Deed = "consent_withdrawal"
	DeedCategories  Deed = "access_to_categories"
	DeedCorrection  Deed = "rectification"
	DeedAccess      Deed = "access"
	DeedErasure     Deed = "erasure"
)

// DeedOf is the deed of a right.
func DeedOf(r Right) Deed {
	switch r {
	case Access:
		return DeedAccess
	case Erasure:
		return DeedErasure
	case DisclosureList: // names organisations and kinds of data, and no data
		return DeedCategories
	case Accounting: // is about patients
		return DeedAccess
	}
	return ""
}

// NeededFor is the level of assurance that a deed needs. Asked are what the
// tenant or a policy wants: it can only be more, and of a deed that the law lets
// anybody do without proof it is nothing. What nobody knows needs the most.
func NeededFor(d Deed, asked ...uint32) uint32 {
	level := LevelReviewed
	switch d {
	case DeedComplaint, DeedUnsubscribe:
		return LevelNone
	case DeedOptOut, DeedWithdrawal:
		return LevelSession
	case DeedCategories, DeedCorrection:
		level = LevelMatched
	case DeedAccess, DeedErasure:
		level = LevelSteppedUp
	}
	for _, more := range asked {
		level = max(level, more)
	}
	return min(level, LevelReviewed)
}

// Offers are what a tenant has beside codes and links.
type Offers struct {
	// SignIn is the highest level that a sign-in at its identity provider can
	// reach; zero if it has none.
	SignIn uint32
}

// Proofs, as a requester is told of them.
const (
	ProofSession        = "session"
	ProofCode           = "code"
	ProofLink           = "link"
	ProofSettledChannel = "settled_channel" // a code or link over a channel of long standing
	ProofSignIn         = "assertion"
	ProofSecondFactor   = "assertion_second_factor"
	ProofUnphishable    = "assertion_phishing_resistant"
	ProofStaff          = "staff" // a check by a member of staff; of the highest level beside a proof of LevelSteppedUp
)

// Suffices are the proofs any of which reaches a level, of those that can be given
// to this tenant. What it has not set up is not offered.
func Suffices(level uint32, o Offers) []string {
	var out []string
	offer := func(possible bool, proofs ...string) {
		if possible {
			out = append(out, proofs...)
		}
	}
	switch {
	case level <= LevelNone:
	case level <= LevelSession:
		offer(true, ProofSession, ProofCode, ProofLink)
		offer(o.SignIn >= LevelMatched, ProofSignIn)
	case level <= LevelMatched:
		offer(true, ProofCode, ProofLink, ProofStaff)
		offer(o.SignIn >= LevelMatched, ProofSignIn)
	case level <= LevelSteppedUp:
		offer(true, ProofSettledChannel, ProofStaff)
		offer(o.SignIn >= LevelSteppedUp, ProofSecondFactor)
	default:
		offer(true, ProofStaff)
		offer(o.SignIn >= LevelReviewed, ProofUnphishable)
	}
	return out
}

// MethodSystem says that nobody had to prove who they are: the system itself asks.
const MethodSystem = "system"

// TooLow is the reason while what was proven is right and not enough.
const TooLow = "ASSURANCE_TOO_LOW"

// patience is how long a request waits for a better proof.
const patience = 14 * 24 * time.Hour

// Assured reports whether who asks was proven as well as the request needs.
func (s Request) Assured() bool {
	return s.SubjectRef != "" && (s.Level >= s.Terms.Level || s.Method == MethodSystem)
}

// Lacking are the proofs any of which would be enough, while what was proven is not.
func (s Request) Lacking(o Offers) []string {
	if s.over() || s.Assured() {
		return nil
	}
	return Suffices(s.Terms.Level, o)
}

// proveBy is when a better proof has to be there.
func (s Request) proveBy() time.Time {
	by := s.VerifiedAt.Add(patience)
	if due := s.Terms.DueAt; !due.IsZero() && due.After(s.VerifiedAt) && due.Before(by) {
		return due
	}
	return by
}

// delays reports whether the request has to be held while the person is told.
func (s Request) delays() bool {
	return s.Terms.Delay > 0 && s.Terms.Level >= LevelSteppedUp && s.DelayUntil.IsZero() && !s.Placed
}

// heldFrom is until when a request is held from a moment on. What the system itself
// asks for is held as well, so that a wrong fact can be corrected before anything is
// destroyed; but it is due by law, and is held for half of what is left at most.
func (s Request) heldFrom(at time.Time) time.Time {
	delay := s.Terms.Delay
	if left := s.Terms.DueAt.Sub(at) / 2; s.Method == MethodSystem && !s.Terms.DueAt.IsZero() {
		delay = min(delay, max(left, 0))
	}
	return at.Add(delay)
}

// DelayedTo is the message that tells the channel of a number, from 0, that the
// request is held.
func DelayedTo(channel uint32) string {
	if channel == 0 {
		return TemplateDelayed
	}
	return TemplateDelayed + "." + strconv.FormatUint(uint64(channel), 10)
}

// Untold is the first channel that nobody has been told by; false if there is none.
func (s Request) Untold() (uint32, bool) {
	for i := range s.DelayChannels {
		if !s.owed(DelayedTo(i)) {
			return i, true
		}
	}
	return 0, false
}

// telling reports whether somebody is still to be told of the delay.
func (s Request) telling() bool {
	_, untold := s.Untold()
	return untold
}

// verify decides who asks. A later proof counts if it is better, of the same person.
func verify(s Request, c Verify) ([]Event, error) {
	switch {
	case s.SubjectRef == "":
		return []Event{Verified(c)}, nil
	case s.SubjectRef != c.SubjectRef:
		return nil, ErrOutOfStep
	case c.Level <= s.Level || s.Placed:
		return nil, nil
	}
	return []Event{Verified(c)}, nil
}

func beginDelay(s Request, c BeginDelay) ([]Event, error) {
	switch {
	case !s.Assured():
		return nil, ErrOutOfStep
	case !s.delays():
		return nil, nil
	}
	return []Event{DelayBegun{Until: s.heldFrom(c.At), Code: c.Code, Channels: c.Channels, Phones: c.Phones, Addresses: c.Addresses, Unreached: c.Unreached, At: c.At}}, nil
}

// cancel decides whether somebody who was told may end the request. A wrong code
// learns nothing of it.
func cancel(s Request, c Cancel) ([]Event, error) {
	switch {
	case !c.Right:
		return refuse("cancel", ErrCancelCode)
	case s.Cancelled != "":
		return nil, nil
	case s.Closed, s.Withdrawn, s.Rejected:
		return refuse("cancel", ErrOver)
	case s.touched():
		return refuse("cancel", ErrTooLate)
	}
	return []Event{Cancelled{Reason: c.Reason, At: c.At}}, nil
}

// giveUp ends a request for which no better proof has come.
func giveUp(s Request, c GiveUp) ([]Event, error) {
	if s.SubjectRef == "" || s.Assured() || c.At.Before(s.proveBy()) {
		return nil, ErrOutOfStep
	}
	return []Event{VerificationFailed{Reason: TooLow, At: c.At}}, nil
}

// BeginDelay holds the request while the person is told by so many channels, the
// last of them telephones.
type BeginDelay struct {
	Code     personal.Text
	Channels uint32
	Phones   uint32
	// Addresses are those of the channels in their order, one in a line.
	Addresses personal.Text
	// Unreached are the kinds of channels by which nobody can be told, one for each.
	Unreached []string
	At        time.Time
}

// Cancel ends the request at the wish of somebody who was told of it. Whether
// the code was right, its caller has compared.
type Cancel struct {
	Right  bool
	Reason string
	At     time.Time
}

// GiveUp ends the request if what was proven has not become enough in time.
type GiveUp struct{ At time.Time }

func (BeginDelay) command() {}
func (Cancel) command()     {}
func (GiveUp) command()     {}

// DelayBegun says that the request is held, and until when.
type DelayBegun struct {
	Until    time.Time
	Code     personal.Text
	Channels uint32
	Phones   uint32 // of the channels, the last
	// Addresses are those of the channels in their order, one in a line.
	Addresses personal.Text
	// Unreached are the kinds of channels by which nobody can be told, one for each.
	Unreached []string
	At        time.Time
}

// Cancelled says that somebody who was told of the request does not want it.
type Cancelled struct {
	Reason string
	At     time.Time
}

func (DelayBegun) event() {}
func (Cancelled) event()  {}
