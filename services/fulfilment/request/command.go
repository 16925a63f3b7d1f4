package request

import (
	"time"

	"habeas.internal/services/internal/personal"
)

// Command is what a request may be asked to do. Withdraw, Cancel, Retry, Assign, Unassign,
// Approve, Decline, NameController, Instruct, Reject, Reopen, ReadPackage, CheckOpen, CheckPerson and Renew come from people; the others from the request's own process.
//
//sumtype:decl
type Command interface{ command() }

// Submit takes the request in.
type Submit struct {
	Right      Right
	Kind       uint8
	Identifier personal.Text
	Channel    string
	Terms      Terms
	Submitter  string // digest of who asks for themselves, under SubmitterKey
	TakenBy    string // who of the staff took it in
	Agent      string // that asks in the person's name; empty if none does
	Mandate    string // by which it does
	Service    string // that submits it for itself; empty if somebody else does
	// SubmitterKey is random, and this request's own.
	SubmitterKey personal.Text
	// Scope limits an erasure that retention has announced to a part of the data of
	// the person with this reference; empty for everything.
	Scope      []Limb
	SubjectRef string
	ReceivedAt time.Time
	At         time.Time
}

// NoteVerification records that identity was asked to verify the person.
type NoteVerification struct {
	Verification  string
	ExpiresAt, At time.Time
}

// CheckOpen refuses unless a code may be handed in.
type CheckOpen struct{}

// Verify records who asks.
type Verify struct {
	SubjectRef string
	Level      uint32
	Method     string
	By         string
	At         time.Time
}

// FailVerification records that nobody was proven.
type FailVerification struct {
	Reason string
	Denied bool // by staff, whatever was proven
	At     time.Time
}

// Retract records that identity vouches no more for a request that was made without
// anybody's proof.
type Retract struct {
	Reason string
	At     time.Time
}

// LosePerson records that identity has forgotten the person since they were
// proven.
type LosePerson struct {
	Reason string
	At     time.Time
}

// MoveSystem records that a system is gone on with by a later version of its
// description, which names these parts.
type MoveSystem struct {
	System  string
	Version uint32
	Parts   []Part
	At      time.Time
}

// Part is what a collection holds of a category.
type Part struct{ Collection, Category string }

// EndSystem records that a system of the manifest is out of use: nobody looks at
// it any more.
type EndSystem struct {
	System, Reason string
	At             time.Time
}

// Queue records that another request comes first.
type Queue struct {
	Behind    string
	SameRight bool
	At        time.Time
}

// Yield takes the turn back until another request has ended.
type Yield struct {
	To string
	At time.Time
}

// Activate gives the request its turn.
type Activate struct{ At time.Time }

// NoteContact keeps where the person can be told; a zero text says nowhere.
type NoteContact struct{ Address personal.Text }

// Freeze records that consent restricts the person.
type Freeze struct{ At time.Time }

// CommitManifest fixes the scope. DigestKey is the random key of the digests of
// row keys. After is the erasure that left what the manifest states, if nobody
// can be looked for any more. Approval: the tenant asks for a second person's word.
// Sought is a digest of what the person is looked for by, if so.
type CommitManifest struct {
	Leaves    []Planned
	Schedule  uint32
	After     string
	Approval  bool
	Sought    string
	DigestKey personal.Text
	At        time.Time
}

// DecideLeaves brings the decisions of a system that could not be asked before.
type DecideLeaves struct {
	System string
	Leaves []Planned
	At     time.Time
}

// StartLeaves says what is about to be touched. Yields is how often the request had
// given its turn away when it was asked whether it may begin.
type StartLeaves struct {
	Yields   int
	System   string
	Permit   string
	PermitAt time.Time
	Leaves   []Found
	At       time.Time
}

// NoteSuppression records that identifying values are remembered.
type NoteSuppression struct {
	System     string
	ErasureRef string
	Values     uint32
	Until      time.Time
}

// OwnSystem is where a suppression says that it is about the identifiers by
// which identity itself knew the person.
const OwnSystem = "habeas"

// AnnounceChanges says what an attempt has done to a system's leaves so far, with
// what it is about to commit. If it fails, nothing may be committed.
type AnnounceChanges struct {
	System  string
	Attempt uint32
	Leaves  []Done
	At      time.Time
}

// CompleteLeaves says what became of leaves. Reread: what was to be erased was
// looked for again, and is not there.
type CompleteLeaves struct {
	System string
	Leaves []Done
	Reread bool
	At     time.Time
}

// FailStep says that a step did not succeed.
type FailStep struct {
	Step     Step
	System   string
	In       string // the system in which a step over several has failed
	Category string // of its description, that it has failed by
	Reason   string
	At       time.Time
}

// DeferLeaves says that a hold binds.
type DeferLeaves struct {
	System string
	Reason string
	At     time.Time
}

// Resume tries at once what is deferred: its reason is gone.
type Resume struct {
	Cause string
	At    time.Time
}

// Retry tries at once what has failed.
type Retry struct{ At time.Time }

// BeginPackage names the package before it is written.
type BeginPackage struct {
	Package string
	Refs    []string // whose data it will hold
}

// RevokePackage says that nobody is to be given the package any more.
type RevokePackage struct {
	Reason string
	At     time.Time
}

// FinishPackage says that the package is whole, and what is in it.
type FinishPackage struct {
	Package   string
	Size      uint64
	ExpiresAt time.Time
	Leaves    []Done
	At        time.Time
}

// ReadPackage records that somebody is about to be given the package.
type ReadPackage struct {
	Purpose, Roles, Reader string
	// Separated: it holds data of somebody who is not the person any more.
	Separated bool
	At        time.Time
}

// ExpirePackage records that the package is gone.
type ExpirePackage struct{ ResidueEndsAt time.Time }

// TellRecipients records that the recipients were told.
type TellRecipients struct{ Recipients uint32 }

// NoteForgotten records that identity has forgotten the person.
type NoteForgotten struct {
	KeysDestroyed uint32
	ResidueEndsAt time.Time
}

// EndRestriction records what consent was told.
type EndRestriction struct{ Erased bool }

// OweNotice records that a message is owed.
// Unaddressed: there is nowhere to send it, and it ends at once.
type OweNotice struct {
	Notice, Template string
	Unaddressed      bool
}

// EndNotice records what became of a message.
type EndNotice struct {
	Notice string
	Sent   bool
	Reason string
}

// Withdraw ends the request at the person's wish.
type Withdraw struct{ At time.Time }

// AnswerWith closes the request as a duplicate.
type AnswerWith struct {
	Request string
	At      time.Time
}

// Close closes the request, if everything is done.
type Close struct{ At time.Time }

// LeaveDocket records that the docket knows of the end.
type LeaveDocket struct{}

// DestroyKey records that the request's key is gone.
type DestroyKey struct{ ResidueEndsAt time.Time }

// Finish records that nothing is left to be done.
type Finish struct{}

func (Submit) command()           {}
func (NoteVerification) command() {}
func (CheckOpen) command()        {}
func (Verify) command()           {}
func (FailVerification) command() {}
func (Retract) command()          {}
func (LosePerson) command()       {}
func (EndSystem) command()        {}
func (MoveSystem) command()       {}
func (Queue) command()            {}
func (Yield) command()            {}
func (Activate) command()         {}
func (NoteContact) command()      {}
func (Freeze) command()           {}
func (CommitManifest) command()   {}
func (DecideLeaves) command()     {}
func (StartLeaves) command()      {}
func (NoteSuppression) command()  {}
func (AnnounceChanges) command()  {}
func (CompleteLeaves) command()   {}
func (FailStep) command()         {}
func (DeferLeaves) command()      {}
func (Resume) command()           {}
func (Retry) command()            {}
func (BeginPackage) command()     {}
func (RevokePackage) command()    {}
func (FinishPackage) command()    {}
func (ReadPackage) command()      {}
func (ExpirePackage) command()    {}
func (TellRecipients) command()   {}
func (NoteForgotten) command()    {}
func (EndRestriction) command()   {}
func (OweNotice) command()        {}
func (EndNotice) command()        {}
func (Withdraw) command()         {}
func (AnswerWith) command()       {}
func (Close) command()            {}
func (LeaveDocket) command()      {}
func (DestroyKey) command()       {}
func (Finish) command()           {}
