// Package request is the life of one request, from arrival to its end: who
// asks, what is in its scope, what became of each part, and so how it ended.
//
// States: received, verified, queued or active, planned, running, concluding,
// closed, finished. Rules: nothing is planned before the person is verified; the
// scope is fixed before anything is touched, and no leaf is ever added to it or
// taken from it; a leaf that is to be erased is started, with what was found,
// before it is touched, and ends only after it was read again; the outcome is
// computed from the leaves; a request is closed when every leaf has ended, and
// nothing that was closed opens again; it can be withdrawn until a system is
// begun under a permit, or a package is made.
package request

import (
	"time"

	"habeas.internal/services/internal/personal"
)

// AggregateType is the type of a request in the log.
const AggregateType = "request"

// Right is what a person asks for. The numbers are the contract's.
type Right uint8

// The rights.
const (
	Access         Right = 1
	Erasure        Right = 2
	DisclosureList Right = 9
	Accounting     Right = 10
)

// Outcome is how a request ended. The numbers are the contract's.
type Outcome uint8

// The outcomes.
const (
	NoOutcome            Outcome = 0
	Complete             Outcome = 1
	CompleteWithRetained Outcome = 2
	NothingHeld          Outcome = 3
	NotVerified          Outcome = 4
	WithdrawnByPerson    Outcome = 5
	Duplicate            Outcome = 6
	Incomplete           Outcome = 7
	CancelledByPerson    Outcome = 8
	RejectedWhole        Outcome = 9
	PartlyRejected       Outcome = 10
)

// LeafOutcome is how a leaf ended. The numbers are the contract's.
type LeafOutcome uint8

// The outcomes of leaves. Failed is none of them: a leaf that failed is tried
// again.
const (
	Open      LeafOutcome = 0
	Erased    LeafOutcome = 1
	Masked    LeafOutcome = 2
	Collected LeafOutcome = 3
	Retained  LeafOutcome = 4
	NotHeld   LeafOutcome = 5
	// Lost: it was not carried out to the end, and nobody can look for it any more.
	Lost LeafOutcome = 7
	// LeafRejected: it was not carried out, on a ground that policy and laws permit.
	LeafRejected LeafOutcome = 8
)

// Decision is what is to become of a leaf.
type Decision uint8

// The decisions. Undecided: the system could not be asked yet.
const (
	Undecided Decision = 0
	Erase     Decision = 1
	Keep      Decision = 2
	Collect   Decision = 3
)

// Planned is one part of the manifest: its scope and what was decided.
type Planned struct {
	Leaf       uint32 // number in the manifest, from 1
	System     string
	Version    uint32 // of the system's description
	Collection string
	Category   string
	Decision   Decision
	Rows       uint64 // found
	Ground     string
	Authority  string
	Until      time.Time
	Rule       string
}

// Leaf is a part of the manifest as it stands.
type Leaf struct {
	Planned
	Started   bool
	RowsFound uint64 // the most that was found at any start
	Outcome   LeafOutcome
	Deleted   uint64
	Masked    uint64
	Shared    uint64
	Collected uint64
	Cards     uint64 // numbers of payment cards masked in what was collected
	Kept      uint64
	// Announced is what the attempts so far may have done; the most of each.
	Announced Done
	// Cut: some attempt may have destroyed rows of it since its rows were counted for
	// the manifest. Those are not known one by one.
	Cut bool
	// Digest is that of the rows that were there at the last start.
	Digest string
	// Because says why something is kept that was to be erased.
	Because Because
}

// Ended reports whether the leaf has an outcome.
func (l Leaf) Ended() bool { return l.Outcome != Open }

// Because is why something is kept, on what authority and until when.
type Because struct {
	Reason    string
	Authority string
	Until     time.Time
}

// Why is why the leaf is retained: what was found when it was to be erased, or
// else the ground on which it was planned to be kept.
func (l Leaf) Why() Because {
	if l.Because.Reason != "" {
		return l.Because
	}
	return Because{Reason: l.Ground, Authority: l.Authority, Until: l.Until}
}

// Found is what is there of a leaf right before it is carried out.
type Found struct {
	Leaf   uint32
	Rows   uint64
	Digest []byte
}

// Done is what became of a leaf.
type Done struct {
	Leaf      uint32
	Deleted   uint64
	Masked    uint64
	Shared    uint64 // rows left because they are others' as well
	Collected uint64
	Cards     uint64 // numbers of payment cards masked in what was collected
	Kept      uint64 // rows that stay with a value of the leaf
	// Described: the system's description says to keep what is kept.
	Described bool
}

// Ended is how a leaf ended.
type Ended struct {
	Done
	Outcome LeafOutcome
	Because Because // set if something is kept that was to be erased, and why a leaf is lost
}

// System is how far the work on one system got.
type System struct {
	Name     string
	Attempts uint32 // times that its leaves were started
	Tries    int    // events that changed how it is tried; numbers its commands
	Permit   string
	PermitAt time.Time // end of the permit
	Deferred string    // reason code of what it waits for; empty if for nothing
	// Begun: its leaves were started under a permit, and may have been touched.
	Begun bool
	// Suppressed: its identifying values are remembered.
	Suppressed bool
	Until      time.Time // of what is remembered
	Since      time.Time
}

// Failure is a step that does not succeed.
type Failure struct {
	Step      Step
	System    string
	In        string // the system in which a step over several has failed
	Category  string // of its description, that it has failed by
	Failures  uint32
	Reason    string
	NextTryAt time.Time
	At        time.Time
	// Same is how often in a row it failed for the same reason, and First when it
	// did first. Both follow from the events.
	Same  uint32
	First time.Time
}

// Notice is a message that is owed about the request.
type Notice struct {
	ID       string
	Template string
	Ended    bool
	Sent     bool // a server has taken it
}

// Package is the answer to an access request.
type Package struct {
	Name      string // in the store
	Ready     bool
	Size      uint64
	ExpiresAt time.Time
	Expired   bool
	Refs      []string // whose data it holds; empty if nobody noted that
	Revoked   string   // why nobody is given it any more
}

// Why a package is revoked.
const (
	// PackageErased: the person was erased.
	PackageErased = "erased"
	// PackageSeparated: it holds data of two people who were taken for one.
	PackageSeparated = "separated"
)

// Live reports whether there is a package that somebody may be given at a moment.
func (p Package) Live(at time.Time) bool {
	return p.Ready && !p.Expired && p.Revoked == "" && at.Before(p.ExpiresAt)
}

// Holders are whose data the package holds.
func (s Request) Holders() []string {
	if len(s.Package.Refs) == 0 {
		return []string{s.SubjectRef}
	}
	return s.Package.Refs
}

// ChannelAge is how the erasure of somebody comes in whom a policy does not serve,
// for their age: by identity itself, without anybody's asking.
const ChannelAge = "system.age"

// Request is the state of one request.
type Request struct {
	Events       int // folded so far; numbers the commands of its process
	Submitted    bool
	Right        Right
	Kind         uint8 // of the identifier; the contract's number
	Identifier   personal.Text
	Terms        Terms
	Channel      string
	ReceivedAt   time.Time
	Submitter    string // digest of who asked for themselves, under SubmitterKey
	SubmitterKey personal.Text
	Service      string // that submitted it for itself
	Case         Case
	Agent        string // that asks in the person's name; empty if none does
	Mandate      string // by which it does
	Scope        []Limb // of a request that is about a part; empty for everything

	Verification   string
	VerificationAt time.Time // its end
	Renewals       int       // times that a better proof was asked for
	SubjectRef     string
	Level          uint32 // of assurance
	Method         string // of the proof
	VerifiedAt     time.Time
	DelayUntil     time.Time     // until when it is held before anything is looked up
	DelayCode      personal.Text // cancels it
	DelayChannels  uint32        // by which the person is told
	DelayPhones    uint32        // of those, the last
	DelayAddresses personal.Text // of the channels in their order, one in a line
	DelayUnreached []string      // kinds of those by which they can't be, one for each
	Cancelled      string        // reason code, once somebody has
	Unverified     string        // reason code, once it failed

	Placed       bool // in the docket
	Active       bool
	Yielded      bool // it was active, and lets Behind go first
	Yields       int  // times that it did
	Behind       string
	SameRight    bool
	ContactNoted bool
	Contact      personal.Text
	Frozen       bool

	Planned   bool
	After     string // the erasure that left what the manifest states
	Leaves    []Leaf
	Systems   []System
	Failures  []Failure
	DigestKey personal.Text
	Approval  Approval

	Package          Package
	RecipientsTold   bool
	OwnSuppressed    bool // what identity itself knew the person by is remembered
	OwnUntil         time.Time
	Forgotten        bool
	RestrictionEnded bool
	Notices          []Notice

	Instruction Instruction
	Rejections  []Rejection
	Rejected    bool           // as a whole
	Reopening   ReopenProposed // the first signature under its reopening
	Reopenings  int

	Withdrawn    bool
	Closed       bool
	Outcome      Outcome
	DuplicateOf  string
	ClosedAt     time.Time
	DocketLeft   bool
	KeyDestroyed bool
	Finished     bool

	Since time.Time // when what is awaited now began to be
}

// Terms are what was pinned when the request was received. They never change.
type Terms struct {
	Policy        string
	PolicyVersion uint32
	Pack          string // "name@version"
	PackHash      string
	Rule          string // that decided the due date
	Calendar      string
	Zone          string
	DueAt         time.Time
	AcknowledgeBy time.Time
	Level         uint32        // of assurance that the request needs
	Delay         time.Duration // for which it is held once proven
	Elsewhere     bool          // it is known not to have arrived where the policy says
	Year          uint32        // the calendar year that a list of disclosures is about
	AnswersUntil  time.Time     // until when the answer is also that to whoever asks again
	Packs         []Pinned      // all rule packs that apply
	Instructing   Instructing   // of a controller; its period is empty where none is asked
	Controller    string        // whose data it is about; empty if none was named
}

// Pinned is a rule pack as it was at receipt.
type Pinned struct {
	Pack string // "name@version"
	Hash string
}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// OnHold is retention's answer for a person under a hold.
const OnHold = "PERSON_ON_HOLD"

// NotDue is retention's answer where what it announced is not due any more.
const NotDue = "ERASURE_NOT_DUE"

// What a caller may be told.
const (
	// ErrTooLate refuses to withdraw what has been started or is over.
	ErrTooLate = Refusal("REQUEST_ALREADY_STARTED")
	// ErrOver refuses to change what is closed.
	ErrOver = Refusal("REQUEST_CLOSED")
	// ErrNothingFailed refuses to retry what has not failed.
	ErrNothingFailed = Refusal("NOTHING_TO_RETRY")
	// ErrNoPackage refuses a download where there is no package, or none any
	// more.
	ErrNoPackage = Refusal("PACKAGE_NOT_AVAILABLE")
	// ErrNotOpen refuses a code where no verification is open.
	ErrNotOpen = Refusal("VERIFICATION_NOT_OPEN")
	// ErrOwnRequest refuses to check who asks in a request that one has submitted.
	ErrOwnRequest = Refusal("OWN_REQUEST")
	// ErrCancelCode refuses to cancel with a code that was not sent.
	ErrCancelCode = Refusal("CANCEL_CODE_WRONG")
)
