package person

import (
	"errors"
	"time"
)

// AggregateType is the type of a person in the log; its id is the subject_ref.
const AggregateType = "person"

// Person is the state of one person.
type Person struct {
	Since       time.Time             // of the first record; zero: nothing was recorded
	Purposes    map[Topic]Purpose     // effective decisions on purposes
	Categories  map[Topic]Decision    // on giving data at all, by category
	Accepted    map[string]Acceptance // newest by policy, explicit
	Used        map[string]Acceptance // newest by policy, by use
	Signalled   map[string]bool       // policies under which an honoured signal came
	Restricting map[string]bool       // causes
	Closed      bool
	Erased      bool
	Partners    map[string]string    // references of the same person, by merge; empty once that has ended
	Minor       map[string]bool      // policies that don't serve the person's age
	Notified    map[string]time.Time // when the person was told of a controller to come, by recipient
	WithdrawnAt time.Time            // when the person last withdrew everything; zero: never
	Sources     map[Account]Authorisation
	Imported    map[Provenance]Refusal // what became of rows; empty for those recorded
}

// Topic is a purpose or a category of a policy.
type Topic struct{ Policy, Name string }

// Purpose is what is effective for one purpose.
type Purpose struct {
	Decision Decision // zero: none yet
	Offered  bool     // a way out was offered
}

// Decision is one act.
type Decision struct {
	Status     Status
	Explicit   bool
	Evidence   string
	Version    uint32 // of the policy
	DecidedAt  time.Time
	RecordedAt time.Time
	Recipients []string
	ExpiresAt  time.Time // from when on it counts no more; zero: never
	Kept       bool      // a refusal that has outlived the erasure of whoever had an identifier of the person
	Imported   bool      // a yes whose day is only its sender's word; Evolve tells, by the provenance
}

// Acceptance is that of a version.
type Acceptance struct {
	Version uint32
	At      time.Time
}

// Status is what was decided.
type Status int

// The kinds of acts.
const (
	Given Status = iota + 1
	Refused
	Withdrawn
	Offered
	// Renewed is given again by somebody who had given it.
	Renewed
	// Expired was given, and has ended by its time.
	Expired
	// Invalidated was made void by the controller.
	Invalidated
)

// Fact is what another service knows.
type Fact int

// The facts.
const (
	Restricted Fact = iota + 1
	Unrestricted
	Closed
	Erased
	MergedWith
	SeparatedFrom
	Minor
	NotMinor
)

// Signal is a wish that a browser sends along.
type Signal int

// The signals.
const (
	GPC Signal = iota + 1
	DNT
	// OptOut is what an authorised agent has handed in.
	OptOut
)

// Command is Record, Import, WithdrawAll, Unsubscribe, Keep, Invalidate, Accept, Receive, Apply, Inherit,
// Notify, Authorize, Revoke or Expire.
//
//sumtype:decl
type Command interface{ command() }

// Record is one act: all of it is recorded, or nothing.
type Record struct {
	Policy        string
	Version       uint32 // in force now
	Choices       []Choice
	Evidence      string
	Circumstances Circumstances
	Acting        Acting // of who acts for the person
	DecidedAt, At time.Time
}

// Choice is what was chosen for a purpose or a category. Known says that the
// policy in force allows to be asked about it.
type Choice struct {
	Purpose, Category string
	Known             bool
	Status            Status
	Explicit          bool
	Recipients        []string
	ExpiresAt         time.Time
}

// Circumstances say how an act came about. They are codes and references, decide
// nothing, and are no part of the state.
type Circumstances struct {
	Notice, TextHash, Language, Method, Channel string

	Actor     Actor
	ActorRef  string
	Authority Authority // by what a guardian or an agent acted
	Steps     *uint32   // nil: not known
	Seconds   *uint32
}

// Actor is who acted.
type Actor int

// The actors. Not stated is the person.
const (
	Self Actor = iota + 1
	Guardian
	Agent
	Staff
)

// WithdrawAll withdraws what was given or offered until the act.
type WithdrawAll struct {
	DecidedAt, At time.Time
	Circumstances Circumstances
	Acting        Acting // of who acts for the person
}

// Unsubscribe withdraws periodic purposes, by what stood in a message.
type Unsubscribe struct {
	Policy        string
	Version       uint32 // in force now
	Purposes      []string
	Circumstances Circumstances
	At            time.Time
}

// Invalidate makes void what was given for purposes until a moment.
type Invalidate struct {
	Policy            string
	Purposes          []string
	Ground, Evidence  string
	InvalidatedAt, At time.Time
}

// Accept accepts a version of a policy.
type Accept struct {
	Policy     string
	Version    uint32
	PostedAt   time.Time // from when the version can be accepted; zero: never posted
	Explicit   bool
	Evidence   string
	AcceptedAt time.Time
	At         time.Time
}

// Receive is what a browser has sent, with what the policy in force says to
// each signal.
type Receive struct {
	Policy     string
	Signals    []Received
	ReceivedAt time.Time
	At         time.Time
}

// Received is one signal.
type Received struct {
	Signal   Signal
	Honoured bool
}

// Apply states a fact.
type Apply struct {
	Fact   Fact
	Cause  string
	Other  string // the other reference, of MergedWith
	Policy string // of Minor and NotMinor
	At     time.Time
}

// Notify says that the person was told who will be the controller.
type Notify struct {
	Recipient      string
	Evidence       string
	NotifiedAt, At time.Time
}

func (Notify) command()      {}
func (Record) command()      {}
func (WithdrawAll) command() {}
func (Unsubscribe) command() {}
func (Invalidate) command()  {}
func (Accept) command()      {}
func (Receive) command()     {}
func (Apply) command()       {}
func (Inherit) command()     {}

// Event is DecisionRecorded, DecisionRefused, ConsentExpired,
// ConsentInvalidated, AllWithdrawn, PolicyAccepted, AcceptanceRefused, SignalReceived, FactApplied, Notified, SourceAuthorized,
// SourceRevoked or AuthorizationRefused.
//
//sumtype:decl
type Event interface{ event() }

// DecisionRecorded says what a person did.
type DecisionRecorded struct {
	Policy   string
	Purpose  string
	Category string
	Decision Decision

	Circumstances Circumstances
	Provenance    Provenance
}

// ConsentExpired says that what was given at a moment has ended by its time. It
// counted no more from then on, whether this was recorded or not.
type ConsentExpired struct {
	Topic
	DecidedAt, ExpiredAt, RecordedAt time.Time
}

// ConsentInvalidated says that what was given for purposes until a moment is
// void.
type ConsentInvalidated struct {
	Policy                    string
	Purposes                  []string // sorted
	Ground, Evidence          string
	InvalidatedAt, RecordedAt time.Time
}

// DecisionRefused says that a rule forbade a decision.
type DecisionRefused struct {
	Policy, Reason string
	Provenance     Provenance
}

// AllWithdrawn says that a person withdrew everything, and what was given or offered
// by this reference then.
type AllWithdrawn struct {
	Purposes              []Topic
	DecidedAt, RecordedAt time.Time
	Circumstances         Circumstances
}

// PolicyAccepted says that a person accepted a version.
type PolicyAccepted struct {
	Policy                 string
	Version                uint32
	Explicit               bool
	Evidence               string
	AcceptedAt, RecordedAt time.Time
}

// AcceptanceRefused says that a rule forbade an acceptance.
type AcceptanceRefused struct{ Policy, Reason string }

// SignalReceived says what a browser has sent.
type SignalReceived struct {
	Policy                 string
	Signal                 Signal
	Honoured               bool
	ReceivedAt, RecordedAt time.Time
}

// FactApplied says what another service knows.
type FactApplied struct {
	Fact       Fact
	Cause      string
	Other      string
	Policy     string
	RecordedAt time.Time
}

// Notified says that the person was told who will be the controller.
type Notified struct {
	Recipient              string
	Evidence               string
	NotifiedAt, RecordedAt time.Time
}

func (Notified) event()           {}
func (DecisionRecorded) event()   {}
func (DecisionRefused) event()    {}
func (AllWithdrawn) event()       {}
func (ConsentExpired) event()     {}
func (ConsentInvalidated) event() {}
func (PolicyAccepted) event()     {}
func (AcceptanceRefused) event()  {}
func (SignalReceived) event()     {}
func (FactApplied) event()        {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// What a caller may be told.
const (
	// ErrNotDescribed refuses a grant for what the policy excludes.
	ErrNotDescribed = Refusal("PURPOSE_NOT_DESCRIBED")
	// ErrCategoryUnknown refuses a decision about data that the policy does not
	// name.
	ErrCategoryUnknown = Refusal("CATEGORY_UNKNOWN")
	// ErrNoEvidence refuses what is said to be explicit and can't be shown.
	ErrNoEvidence = Refusal("EVIDENCE_REQUIRED")
	// ErrImplied refuses to take silence for a yes after a no.
	ErrImplied = Refusal("IMPLIED_AFTER_REFUSAL")
	// ErrNotGiven refuses to renew what does not stand, and has not just ended by
	// its time.
	ErrNotGiven = Refusal("NOTHING_TO_RENEW")
	// ErrEnded refuses a grant that has ended before it was made.
	ErrEnded = Refusal("ENDS_BEFORE_IT_BEGINS")
	// ErrClosed refuses a grant for a closed account.
	ErrClosed = Refusal("ACCOUNT_CLOSED")
	// ErrErased refuses a grant of an erased person.
	ErrErased = Refusal("PERSON_ERASED")
	// ErrNotPosted refuses to accept what nobody could read then.
	ErrNotPosted = Refusal("VERSION_NOT_POSTED")
	// ErrNoOffer refuses to offer a category: it is given or declined.
	ErrNoOffer = Refusal("CATEGORY_NOT_OFFERED")
	// ErrTooMany refuses the purpose after the most that a person may have.
	ErrTooMany = Refusal("TOO_MANY_DECISIONS")
)

// MaxTopics is the most purposes, and the most categories, that a person may
// have decided on.
const MaxTopics = 2000

var (
	// ErrInFuture says that an act lies ahead.
	ErrInFuture = errors.New("act would lie in the future")
	errUnknown  = errors.New("unknown command")
)
