package request

import (
	"time"

	"habeas.internal/services/internal/personal"
)

// Event is what has happened to a request. The contract's events.proto says
// what each means.
//
//sumtype:decl
type Event interface{ event() }

// Submitted says that the request was received.
type Submitted struct {
	Right        Right
	Kind         uint8
	Identifier   personal.Text
	Channel      string
	Terms        Terms
	Submitter    string
	TakenBy      string
	Agent        string // that asks in the person's name; empty if none does
	Mandate      string // by which it does
	Service      string
	SubmitterKey personal.Text
	ReceivedAt   time.Time
	At           time.Time
}

// NoticeOwed says that a message is owed.
type NoticeOwed struct{ Notice, Template string }

// NoticeEnded says what became of a message.
type NoticeEnded struct {
	Notice string
	Sent   bool
	Reason string
}

// VerificationStarted says that identity was asked.
type VerificationStarted struct {
	Verification  string
	ExpiresAt, At time.Time
}

// Verified says who asks.
type Verified struct {
	SubjectRef string
	Level      uint32
	Method     string
	By         string // who of staff has checked it; empty if nobody
	At         time.Time
}

// VerificationFailed says that nobody was proven.
type VerificationFailed struct {
	Reason string
	At     time.Time
}

// Queued says that another request comes first.
type Queued struct {
	Behind    string
	SameRight bool
	At        time.Time
}

// Yielded says that another request goes first after all.
type Yielded struct {
	To string
	At time.Time
}

// Activated says that it is the request's turn.
type Activated struct{ At time.Time }

// ContactNoted says where the person can be told.
type ContactNoted struct{ Address personal.Text }

// Frozen says that consent restricts the person.
type Frozen struct{ At time.Time }

// ManifestCommitted fixes the scope.
type ManifestCommitted struct {
	Leaves    []Planned
	Schedule  uint32
	After     string
	Approval  bool
	Sought    string
	DigestKey personal.Text
	At        time.Time
}

// LeavesDecided brings decisions that were open.
type LeavesDecided struct {
	System string
	Leaves []Planned
	At     time.Time
}

// LeavesStarted says what is about to be touched.
type LeavesStarted struct {
	System   string
	Attempt  uint32
	Permit   string
	PermitAt time.Time
	Leaves   []Found
	At       time.Time
}

// ValuesSuppressed says that identifying values are remembered.
type ValuesSuppressed struct {
	System     string
	ErasureRef string
	Values     uint32
	Until      time.Time
}

// ChangesAnnounced says what an attempt has done so far, with what it is about to
// commit.
type ChangesAnnounced struct {
	System  string
	Attempt uint32
	Leaves  []Done
	At      time.Time
}

// LeavesCompleted says how leaves ended.
type LeavesCompleted struct {
	System string
	Leaves []Ended
	At     time.Time
}

// StepFailed says that a step is tried again later.
type StepFailed Failure

// LeavesDeferred says that a hold binds.
type LeavesDeferred struct {
	System, Reason string
	NextTryAt, At  time.Time
}

// Resumed says that everything is tried now.
type Resumed struct {
	Cause string
	At    time.Time
}

// PackageBegun names the package.
type PackageBegun struct {
	Package string
	Refs    []string
}

// PackageRevoked says that nobody is given the package any more.
type PackageRevoked struct {
	Reason string
	At     time.Time
}

// PackageReady says that the package is whole.
type PackageReady struct {
	Package   string
	Size      uint64
	ExpiresAt time.Time
}

// PackageRead says who is about to be given the package.
type PackageRead struct {
	Purpose, Roles, Reader string
	At                     time.Time
}

// PackageExpired says that the package is gone.
type PackageExpired struct {
	Package       string
	ResidueEndsAt time.Time
}

// RecipientsTold says how many recipients were told.
type RecipientsTold struct{ Recipients uint32 }

// SubjectForgotten says that identity has forgotten the person.
type SubjectForgotten struct {
	KeysDestroyed uint32
	ResidueEndsAt time.Time
}

// RestrictionEnded says what consent was told.
type RestrictionEnded struct{ Erased bool }

// Withdrawn says that the person does not want it any more.
type Withdrawn struct{ At time.Time }

// Closed says how the request ended.
type Closed struct {
	Outcome     Outcome
	DuplicateOf string
	At          time.Time
}

// DocketLeft says that the docket knows of the end.
type DocketLeft struct{}

// KeyDestroyed says that the request's key is gone.
type KeyDestroyed struct{ ResidueEndsAt time.Time }

// Finished says that nothing is left to be done.
type Finished struct{}

// CommandRefused says that a rule said no.
type CommandRefused struct{ Command, Reason string }

func (Submitted) event()           {}
func (NoticeOwed) event()          {}
func (NoticeEnded) event()         {}
func (VerificationStarted) event() {}
func (Verified) event()            {}
func (VerificationFailed) event()  {}
func (Queued) event()              {}
func (Yielded) event()             {}
func (Activated) event()           {}
func (ContactNoted) event()        {}
func (Frozen) event()              {}
func (ManifestCommitted) event()   {}
func (LeavesDecided) event()       {}
func (LeavesStarted) event()       {}
func (ValuesSuppressed) event()    {}
func (ChangesAnnounced) event()    {}
func (LeavesCompleted) event()     {}
func (StepFailed) event()          {}
func (LeavesDeferred) event()      {}
func (Resumed) event()             {}
func (PackageBegun) event()        {}
func (PackageRevoked) event()      {}
func (PackageReady) event()        {}
func (PackageRead) event()         {}
func (PackageExpired) event()      {}
func (RecipientsTold) event()      {}
func (SubjectForgotten) event()    {}
func (RestrictionEnded) event()    {}
func (Withdrawn) event()           {}
func (Closed) event()              {}
func (DocketLeft) event()          {}
func (KeyDestroyed) event()        {}
func (Finished) event()            {}
func (CommandRefused) event()      {}
