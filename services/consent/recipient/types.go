package recipient

import (
	"errors"
	"time"
)

// AggregateType is the type of a recipient in the log; its id is the
// recipient's.
const AggregateType = "recipient"

// Recipient is the state of one.
type Recipient struct {
	Profile    Profile
	Agreement  Agreement // the newest; number zero: none
	Succession Succession
}

// Profile is who the recipient is. The zero value is nobody.
type Profile struct {
	Kind    string // one of those that policies list, such as "processor"
	Title   string // the organisation's name
	Contact string // where people reach the organisation
	Region  string // where it keeps data, ISO 3166, small letters
	OwnUse  bool   // it uses data for purposes of its own
	Hosting bool   // it keeps data on instruction and does nothing else with it
}

// Agreement is one agreement with the recipient.
type Agreement struct {
	Number        uint32 // from 1 without a hole
	Undertakings  []string
	Categories    []string
	Purposes      []string
	Consideration Consideration
	Associate     bool // it binds a business associate (45 CFR 164.504(e))
	From, Until   time.Time
	ConfirmedAt   time.Time // when like practices were seen; zero: never
	Mechanism     Mechanism
	Document      string // reference of what shows it
}

// Mechanism is what lets data leave a region for the recipient's, such as
// standard contractual clauses. The zero value is none.
type Mechanism struct {
	Kind    string
	Origins []string // ISO 3166
	Until   time.Time
}

// Consideration is what is given for data.
type Consideration int

// What may be given for data. Anything of value makes it a sale.
const (
	Nothing Consideration = iota + 1
	Money
	OtherValue
)

// Succession says that the recipient will be the controller. The zero value
// says nothing.
type Succession struct {
	Event string // reference of the merger, acquisition or sale
	From  time.Time
}

// Command is Register, Agree, Confirm, End or Succeed.
//
//sumtype:decl
type Command interface{ command() }

// Register says who the recipient is, or who it is now.
type Register struct {
	Profile
	At time.Time
}

// Agree records a new agreement, which takes the place of the last one.
type Agree struct {
	Agreement
	At time.Time
}

// Confirm says that the recipient's practices were seen to be like ours.
type Confirm struct{ ConfirmedAt, At time.Time }

// End ends the agreement.
type End struct {
	Reason string
	At     time.Time
}

// Succeed records that the recipient will be the controller.
type Succeed struct {
	Succession
	At time.Time
}

func (Register) command() {}
func (Agree) command()    {}
func (Confirm) command()  {}
func (End) command()      {}
func (Succeed) command()  {}

// Event is Registered, Agreed, Confirmed, Ended, SuccessionRecorded or Refused.
//
//sumtype:decl
type Event interface{ event() }

// Registered says who the recipient is.
type Registered struct {
	Profile
	RecordedAt time.Time
}

// Agreed says what it has agreed to.
type Agreed struct {
	Agreement
	RecordedAt time.Time
}

// Confirmed says that its practices were seen to be like ours.
type Confirmed struct{ ConfirmedAt, RecordedAt time.Time }

// Ended says that nothing is agreed any more.
type Ended struct {
	Number uint32
	Reason string
	At     time.Time
}

// SuccessionRecorded says that it will be the controller.
type SuccessionRecorded struct {
	Succession
	RecordedAt time.Time
}

// Refused says that a rule forbade a change.
type Refused struct{ Reason string }

func (Registered) event()         {}
func (Agreed) event()             {}
func (Confirmed) event()          {}
func (Ended) event()              {}
func (SuccessionRecorded) event() {}
func (Refused) event()            {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// What a caller may be told.
const (
	// ErrNoAgreement refuses to change an agreement that is not there.
	ErrNoAgreement = Refusal("AGREEMENT_MISSING")
	// ErrKindFixed refuses to make another kind of a recipient: what it was
	// given was given to the old one.
	ErrKindFixed = Refusal("RECIPIENT_KIND_FIXED")
	// ErrNotSuccessor refuses a succession by another kind of recipient.
	ErrNotSuccessor = Refusal("RECIPIENT_NOT_SUCCESSOR")
	// ErrSucceeded refuses to move a succession that has begun.
	ErrSucceeded = Refusal("SUCCESSION_BEGUN")
)

var (
	// ErrUnknown says that there is no such recipient.
	ErrUnknown = errors.New("recipient does not exist")
	// ErrPeriod says that an agreement ends before it begins.
	ErrPeriod = errors.New("the agreement would end before it begins")
	// ErrInFuture says that something is said to have been seen that lies ahead.
	ErrInFuture = errors.New("confirmation would lie in the future")

	errCommand = errors.New("unknown command")
)

// KindSuccessor is the kind that takes over as controller.
const KindSuccessor = "successor"
