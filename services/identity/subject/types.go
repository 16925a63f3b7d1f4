// Package subject decides about people: which identifiers each one holds, and
// that one who is forgotten holds none ever after.
package subject

import (
	"errors"
	"time"

	"habeas.internal/services/internal/personal"
)

// AggregateType is the type of a subject in the log; its id is the subject's
// random reference.
const AggregateType = "subject"

// Phase is where a subject stands.
type Phase int

// The phases, in their order.
const (
	Unknown    Phase = iota // never registered
	Active                  // holds identifiers
	Forgetting              // lookup rows and keys are being destroyed
	Forgotten               // they are gone
)

// Subject is the state of one person.
type Subject struct {
	Phase        Phase
	RegisteredAt time.Time
	Policy       string       // under which they registered; empty if that was not said
	Held         []Identifier // in the order linked
	Removed      []Identifier // taken away; their lookup rows may have to be
	Last         uint32       // number of the last identifier ever linked
	Claims       []string     // of the registration and of all identifiers ever linked
	Barred       []string     // claims that will never be linked
	Ending       Ending
	Merges       []Merge           // in which this subject stays, oldest first
	Into         Into              // the merge in which this subject goes, if any
	Declined     map[string]string // merges in which it does not stay, with the reason
	Age          Age
	Mandate      Shown            // who may act for the person
	Parental     Shown            // a parent's consent
	Blocks       map[string]Block // by the policy that does not serve the person
	FixedBy      []Fixing         // erasures that look for the person by what is held
	Was          []string         // references into which it had gone, before that was undone
	Searches     []SearchBegun    // for which nobody is separated
}

// Identifier is a value that a subject holds. Its number is never used again.
type Identifier struct {
	Number    uint32
	Kind      string
	Value     personal.Text
	Claim     string    // the command that claimed it
	Analytics bool      // of a kind that is never joined with another
	At        time.Time // when it was linked; zero for one of the registration
}

// Ending is how a subject was forgotten.
type Ending struct {
	Request       string // the fulfilment request that ended it
	KeysDestroyed uint32
	ResidueEndsAt time.Time
}

// Kinds of analytics identifiers, which stand alone. A tenant may have more.
const (
	KindCookie    = "cookie"
	KindAnalytics = "analytics"
)

// Claimed is a value that a command has claimed for the subject.
type Claimed struct {
	Kind      string
	Value     personal.Text
	Claim     string
	Analytics bool // the tenant has declared the kind as one
}

// Command is Register, Link, Unlink, Bar, RecordRead, Fix, Release,
// BeginForgetting, EndForgetting, or one of those about merges and ages.
//
//sumtype:decl
type Command interface{ command() }

// Register makes a subject known. Claim is that of the command itself.
type Register struct {
	Claim       string
	Policy      string // under which, if that is said
	Identifiers []Claimed
	Age         []Command // what is known about it, if anything
	At          time.Time
}

// Link gives a subject one more identifier, unless somebody else holds it.
type Link struct {
	Identifier Claimed
	Taken      bool
	At         time.Time
}

// Unlink takes an identifier away; Number zero is one that is not held.
type Unlink struct{ Number uint32 }

// Bar makes sure that a claim is never linked.
type Bar struct{ Claim string }

// RecordRead writes down that somebody is about to see the identifiers.
type RecordRead struct{ Read Read }

// Read says who reads, and why.
type Read struct {
	Purpose string
	Service string   // that calls; empty for none
	Caller  string   // pseudonym in the caller's token; empty for none
	Roles   []string // that the caller has
}

// BeginForgetting ends what a subject holds.
type BeginForgetting struct{ Request string }

// EndForgetting says that rows and keys are gone.
type EndForgetting struct {
	KeysDestroyed uint32
	ResidueEndsAt time.Time
}

func (Register) command()        {}
func (Link) command()            {}
func (Unlink) command()          {}
func (Bar) command()             {}
func (RecordRead) command()      {}
func (BeginForgetting) command() {}
func (EndForgetting) command()   {}

// Event is Registered, IdentifierLinked, IdentifierUnlinked, ClaimBarred,
// IdentifiersRead, IdentifiersFixed, IdentifiersReleased, SearchBegun, ForgettingBegun,
// Forgot, ChangeRefused, or one of those about
// merges and ages.
//
//sumtype:decl
type Event interface{ event() }

// Registered says that a subject is known. Its first identifiers follow, each
// with an event of its own, in the same commit.
type Registered struct {
	Claim  string
	Policy string
	At     time.Time
}

// IdentifierLinked says that a subject holds an identifier. Its value is sealed
// under the subject's own key.
type IdentifierLinked struct{ Identifier Identifier }

// IdentifierUnlinked says that a subject holds an identifier no more.
type IdentifierUnlinked struct{ Number uint32 }

// ClaimBarred says that a claim will never be linked.
type ClaimBarred struct{ Claim string }

// IdentifiersRead says that somebody was shown the identifiers.
type IdentifiersRead struct{ Read Read }

// ForgettingBegun says that a subject holds nothing any more.
type ForgettingBegun struct{ Request string }

// Forgot says that a subject's rows and keys are gone.
type Forgot struct {
	Request       string
	KeysDestroyed uint32
	ResidueEndsAt time.Time
}

// ChangeRefused says that a rule said no.
type ChangeRefused struct {
	Change string // what was asked for: see the Change constants
	Reason string
}

func (Registered) event()         {}
func (IdentifierLinked) event()   {}
func (IdentifierUnlinked) event() {}
func (ClaimBarred) event()        {}
func (IdentifiersRead) event()    {}
func (ForgettingBegun) event()    {}
func (Forgot) event()             {}
func (ChangeRefused) event()      {}

// What can be refused.
const (
	ChangeLink   = "link"
	ChangeUnlink = "unlink"
	ChangeRead   = "read"
	ChangeFix    = "fix"
)

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// What a caller may be told.
const (
	// ErrTaken refuses an identifier that somebody holds.
	ErrTaken = Refusal("IDENTIFIER_TAKEN")
	// ErrForgotten refuses to touch a subject that is, or is being, forgotten.
	ErrForgotten = Refusal("SUBJECT_FORGOTTEN")
	// ErrLast refuses to take the last identifier away.
	ErrLast = Refusal("IDENTIFIER_IS_LAST")
	// ErrNotHeld refuses to take away what is not held.
	ErrNotHeld = Refusal("IDENTIFIER_NOT_HELD")
	// ErrAnalytics refuses to join an analytics identifier with another one.
	ErrAnalytics = Refusal("IDENTIFIER_IS_ANALYTICS")
	// ErrTooMany refuses more identifiers than a person has.
	ErrTooMany = Refusal("IDENTIFIERS_TOO_MANY")
)

var (
	// ErrNotFound says that nobody has this reference.
	ErrNotFound = errors.New("subject does not exist")
	// ErrNoIdentifier says that a subject would hold nothing.
	ErrNoIdentifier = errors.New("subject would hold no identifier")
	// ErrBarred says that a claim was given up before it could be linked.
	ErrBarred = errors.New("claim was given up; send the command under a new request_id")
	// ErrMixed says that an analytics identifier would be joined with another.
	ErrMixed   = errors.New("analytics identifier would be joined with another")
	errUnknown = errors.New("unknown command")
)

// MaxHeld is how many identifiers a subject may hold.
const MaxHeld = 64
