// Package verification decides whether who asks is who they say: a code goes to
// a channel that the person is known to hold, and comes back within 15 minutes
// and five attempts, once.
//
// A verification of a subject whom nobody knows is like any other, but for one
// thing that shows nowhere outside: no code of it is ever on its way, so none
// can pass.
package verification

import (
	"errors"
	"time"

	"habeas.internal/services/internal/personal"
)

// AggregateType is the type of a verification in the log.
const AggregateType = "verification"

const (
	// MaxAttempts is how often a code may be tried.
	MaxAttempts = 5
	// MaxLinks is how many links are issued, one for each try to send.
	MaxLinks = 20
	// Lifetime is how long a code or a link may be used.
	Lifetime = 15 * time.Minute
)

// Levels of assurance that proofs reach.
const (
	// LevelCode is that of a code or link sent to a known channel: two points
	// that match, the reference and the channel.
	LevelCode uint32 = 2
	// LevelSettled is that of one sent to a channel of long standing: as much as
	// a fresh login, for the account's own password is reset by it.
	LevelSettled uint32 = 3
	// LevelSystem is that of what the system itself asks for.
	LevelSystem uint32 = 4
)

// Methods by which somebody is proven.
const (
	MethodCode = "code"
	MethodLink = "link"
	// MethodText is a code that went to a telephone.
	MethodText = "text_message"
	// MethodAssertion is a sign-in at the tenant's identity provider.
	MethodAssertion = "assertion"
	MethodSystem    = "system"
)

// Phase is where a verification stands.
type Phase int

// The phases.
const (
	None Phase = iota
	Open
	Passed
	Failed
)

// Verification is the state of one.
type Verification struct {
	Phase     Phase
	Request   string        // the fulfilment request that waits for it
	Subject   string        // who the caller believes to be asking; empty for nobody
	Code      personal.Text // sealed under the request's evidence key
	ExpiresAt time.Time
	Nonce     string // that an assertion has to carry; none counts without
	Dispatch  Dispatch
	Channel   uint32 // number of the identifier that the code goes to
	Settled   bool   // the subject has held it for long
	Telephone bool   // it is a telephone number
	Link      []byte // digest of the secret of the link that was sent last, if one was
	Links     uint32 // how many were issued
	Method    string // of the proof
	Attempts  uint32 // wrong ones
	Level     uint32
	Proven    uint32 // the level without what staff have found
	// ReviewUntil is until when it stays open for staff; zero if nobody has begun.
	ReviewUntil time.Time
	CheckedBy   string // who of staff has checked it last
}

// Dispatch is how far the code got on its way.
type Dispatch int

// The steps of a code's way.
const (
	Waiting   Dispatch = iota
	UnderWay           // given to the mail service, perhaps several times
	Delivered          // the mail service has taken it
	Withheld           // it never went, or never will
)

// PhaseAt is where the verification stands at a moment: one that nobody ends
// has failed when its time is over.
func (s Verification) PhaseAt(now time.Time) Phase {
	if s.Phase == Open && !now.Before(s.OpenUntil()) {
		return Failed
	}
	return s.Phase
}

// AttemptsLeft is how many attempts there are at a moment.
func (s Verification) AttemptsLeft(now time.Time) uint32 {
	if s.PhaseAt(now) != Open || !now.Before(s.ExpiresAt) {
		return 0
	}
	return MaxAttempts - s.Attempts
}

// Command is Start, Send, IssueLink, Deliver, Withhold, Check, Assert, Vouch or Review.
//
//sumtype:decl
type Command interface{ command() }

// Start opens a verification.
type Start struct {
	Request string
	Subject string
	Code    personal.Text
	Nonce   string
	At      time.Time
}

// Send says that the code is about to be sent to a known channel.
type Send struct {
	Identifier uint32 // number of the identifier at the subject
	Settled    bool   // they have held it for long
	Telephone  bool   // it is a telephone number
	At         time.Time
}

// Deliver says that the mail service has taken the code.
type Deliver struct{}

// Withhold says that the code will not be sent.
type Withhold struct{ Reason string }

// Check is one attempt. Whether the code was right, its caller has compared.
type Check struct {
	Right bool
	Link  bool // it was the link's secret, not the code
	At    time.Time
}

// IssueLink says that a link is about to be sent; none that was issued before
// works any more.
type IssueLink struct{ Digest []byte }

func (IssueLink) command() {}

// Vouch says that nobody has to prove who they are: the system itself asks.
type Vouch struct{ At time.Time }

func (Vouch) command()    {}
func (Start) command()    {}
func (Send) command()     {}
func (Deliver) command()  {}
func (Withhold) command() {}
func (Check) command()    {}

// Event is Started, CodeDispatched, LinkIssued, CodeSent, CodeNotSent, AttemptFailed, Ended,
// Succeeded, CheckRefused, CheckBegun or Checked.
//
//sumtype:decl
type Event interface{ event() }

// Started says that somebody has to prove who they are.
type Started struct {
	Request   string
	Subject   string
	Code      personal.Text
	ExpiresAt time.Time
	Nonce     string
}

// CodeDispatched says that the code is about to be sent to an identifier of the
// subject's.
type CodeDispatched struct {
	Identifier uint32
	Settled    bool
	Telephone  bool
}

// LinkIssued says that a link is about to be sent with the code.
type LinkIssued struct{ Digest []byte }

func (LinkIssued) event() {}

// CodeSent says that the mail service has taken the code.
type CodeSent struct{}

// CodeNotSent says that the code will not be sent.
type CodeNotSent struct{ Reason string }

// AttemptFailed says that a wrong code was given.
type AttemptFailed struct{ Attempts uint32 }

// Ended says that the verification has failed for good.
type Ended struct {
	Request string
	Reason  string
}

// Succeeded says that the subject has proved who they are.
type Succeeded struct {
	Request string
	Subject string
	Level   uint32
	Method  string
	// Assertion is a keyed digest of the one that has proven it, if one has.
	Assertion []byte
}

// CheckRefused says that an attempt came after the end.
type CheckRefused struct{ Reason string }

func (Started) event()        {}
func (CodeDispatched) event() {}
func (CodeSent) event()       {}
func (CodeNotSent) event()    {}
func (AttemptFailed) event()  {}
func (Ended) event()          {}
func (Succeeded) event()      {}
func (CheckRefused) event()   {}

// Why a verification failed, and why a code was not sent.
const (
	ReasonExpired     = "EXPIRED"
	ReasonAttempts    = "ATTEMPTS_EXHAUSTED"
	ReasonNoChannel   = "NO_KNOWN_CHANNEL"
	ReasonNoMail      = "MAIL_NOT_CONFIGURED"
	ReasonUndelivered = "MAIL_REFUSED"
	ReasonYoung       = "CHANNEL_TOO_YOUNG"
	// ReasonMoved: the gateway of text messages says that the number was ported, or
	// its SIM replaced, lately.
	ReasonMoved = "NUMBER_CHANGED"
	// ReasonTextRefused: it takes no messages to the number.
	ReasonTextRefused = "TEXT_MESSAGE_REFUSED"
	ReasonTooLate     = "TOO_LATE"
	ReasonTooMany     = "TOO_MANY_CODES"
)

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// ErrClosed refuses an attempt after the end.
const ErrClosed = Refusal("VERIFICATION_CLOSED")

var (
	// ErrNotFound says that there is no such verification.
	ErrNotFound = errors.New("verification does not exist")
	errUnknown  = errors.New("unknown command")
)
