package disclosure

import (
	"errors"
	"time"
)

// AggregateType is the type of a person's register in the log; its id is the
// subject_ref.
const AggregateType = "disclosure"

// Register is the state of one person's.
type Register struct {
	Number uint32           // of the last entry
	Held   map[string][]Set // what each recipient holds, by its id
}

// Set is data that a recipient holds, under the keys by which it can be joined
// with other data there. A set without keys can be joined with everything.
type Set struct{ Categories, Keys []string }

// Entry is something done with a person's data that is recorded: a disclosure,
// or another use on a ground.
type Entry struct {
	Recipient  string // empty for a use of our own
	Action     string // collect, access, use, preserve or disclose
	Policy     string
	Version    uint32
	Purpose    string
	Categories []string
	Keys       []string // kinds of keys, or references made for this set; never values
	Agreement  uint32   // number of the recipient's agreement; zero: none was needed
	Marketing  bool     // it serves the recipient's direct marketing (Cal. Civ. Code 1798.83)
	Reason     string   // why it is allowed
	Basis      string
	Clause     string
	Ground     Ground
}

// Ground is the record of a use on a ground, in codes and references. The zero
// value is none.
type Ground struct {
	Belief, BelievedBy, Document string
	Imminent                     bool
}

// Verdict is what policy, agreement and person say.
type Verdict struct {
	Allowed bool
	Reason  string
}

// Command is Disclose.
//
//sumtype:decl
type Command interface{ command() }

// Disclose records that data leaves, or is used on a ground, if nothing forbids
// it.
type Disclose struct {
	Entry
	Verdict
	// Sides are the categories that may not come together at the recipient, by
	// id, and on which side each is. None: all may.
	Sides map[string]string
	// Others are what the recipient holds under the person's other references.
	Others []Set
	// Known says that something is recorded of the person: a refusal makes
	// nobody known.
	Known bool
	At    time.Time
}

func (Disclose) command() {}

// Event is Disclosed or Refused.
//
//sumtype:decl
type Event interface{ event() }

// Disclosed says what was done.
type Disclosed struct {
	Entry
	Number uint32
	At     time.Time
}

// Refused says what was not.
type Refused struct{ Recipient, Policy, Purpose, Reason string }

func (Disclosed) event() {}
func (Refused) event()   {}

// Refusal is a rule's no, with its reason code: one of check's, or
// ErrCombination.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// What a caller may be told.
const (
	// ErrCombination refuses what would let a recipient join what must stay
	// apart.
	ErrCombination = Refusal("COMBINATION_FORBIDDEN")
	// ErrTooMany refuses the entry after the most that a register takes.
	ErrTooMany = Refusal("TOO_MANY_DISCLOSURES")
)

// MaxEntries is the most entries of one person's register.
const MaxEntries = 10_000

var errUnknown = errors.New("unknown command")

const disclose = "disclose"
