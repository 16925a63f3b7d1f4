// Package mandate decides whether a signed request of an authorised agent is
// taken. There is one mandate for each agent and id that the agent gave, so that
// the first use decides, whichever instance is asked and however often.
//
// Rules: the message names the agent whose key signed it and the tenant that was
// asked; it counts for ten minutes at most, and now lies within them, but for
// the skew of clocks; the agent stands and its key is in force; what is asked is
// something that agents may ask; and nothing counts twice.
package mandate

import (
	"errors"
	"time"

	"habeas.internal/services/internal/personal"
)

// AggregateType is the type of a mandate in the log.
const AggregateType = "mandate"

const (
	// Longest is how long a message may count, from its issue to its end.
	Longest = 10 * time.Minute
	// Skew is how far the clocks of the agent and of this service may differ.
	Skew = 30 * time.Second
)

// Levels of assurance that an agent's word reaches, and no higher: who really
// asks, only the person says, on a channel that is known to be theirs.
const (
	LevelNone    uint32 = 0 // it has claimed something
	LevelClaimed uint32 = 1 // it has verified what it claims
)

// LevelOf is the level that an agent's word reaches by itself.
func LevelOf(verified bool) uint32 {
	if verified {
		return LevelClaimed
	}
	return LevelNone
}

// What agents may ask, in the words of the Data Rights Protocol. Opting in again
// is not among it: only the person agrees to something. Categories of data alone
// nobody can ask for yet.
const (
	Access         = "access"
	AccessSpecific = "access:specific"
	Deletion       = "deletion"
	OptOut         = "sale:opt-out"
)

// Regime is the law under which agents ask; without one they ask voluntarily.
const Regime = "ccpa"

// Claim is something by which an agent names the person.
type Claim struct {
	Kind  uint8 // of the identifier; the contract's number
	Value personal.Text
}

// Mandate is the state of one.
type Mandate struct {
	Agent    string
	Request  string // what it was used for; empty while it was not
	Exercise string
	Level    uint32
	At       time.Time
	Claims   []Claim // of an opt-out, until it is applied
	Applied  bool    // the opt-out
}

// Command is Use or Apply.
//
//sumtype:decl
type Command interface{ command() }

// Use is one try to have a message taken whose signature is right.
type Use struct {
	Agent    string // whose key signed it
	Tenant   string // that was asked
	Standing string // why the agent may not ask, as a reason code; empty if it may

	NamedAgent, NamedBusiness string // as the message has it
	Exercise, Regime          string
	IssuedAt, ExpiresAt       time.Time

	Request    string // that it is for
	Key        uint32 // that signed it
	Digest     []byte // of the message with its signature
	Permission string // reference of the person's written permission
	Level      uint32
	Claims     []Claim // kept for an opt-out alone
	At         time.Time
}

// Apply says that an opt-out binds so many people.
type Apply struct {
	People uint32
	At     time.Time
}

func (Use) command()   {}
func (Apply) command() {}

// Event is Used, Refused or Applied.
//
//sumtype:decl
type Event interface{ event() }

// Used says that a message was taken.
type Used struct {
	Agent, Request      string
	Exercise, Regime    string
	IssuedAt, ExpiresAt time.Time
	Key                 uint32
	Digest              []byte
	Permission          string
	Level               uint32
	Claims              []Claim
	At                  time.Time
}

// Refused says that one was not.
type Refused struct {
	Agent, Request, Reason string
	Key                    uint32
	Digest                 []byte
	At                     time.Time
}

// Applied says that an opt-out binds.
type Applied struct {
	People uint32
	At     time.Time
}

func (Used) event()    {}
func (Refused) event() {}
func (Applied) event() {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// Refusals.
const (
	// ErrAgent: the message names another agent than the one whose key signed it.
	ErrAgent = Refusal("AGENT_MISMATCH")
	// ErrBusiness: the message is for another tenant.
	ErrBusiness = Refusal("AGENT_BUSINESS_MISMATCH")
	// ErrWindow: the message would count for longer than ten minutes, or for no time.
	ErrWindow = Refusal("AGENT_REQUEST_WINDOW")
	// ErrEarly: it was issued in the future.
	ErrEarly = Refusal("AGENT_REQUEST_EARLY")
	// ErrExpired: its time is over.
	ErrExpired = Refusal("AGENT_REQUEST_EXPIRED")
	// ErrReplayed: it has counted before, or another one with its id has.
	ErrReplayed = Refusal("AGENT_REQUEST_REPLAYED")
	// ErrExercise: agents can't ask for that here.
	ErrExercise = Refusal("AGENT_EXERCISE_UNSUPPORTED")
	// ErrRegime: under that law nobody answers here.
	ErrRegime = Refusal("AGENT_REGIME_UNSUPPORTED")
)

// ErrNotFound says that no such message was taken.
var ErrNotFound = errors.New("mandate does not exist")

var errUnknown = errors.New("unknown command")
