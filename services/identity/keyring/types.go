// Package keyring decides which of a holder's keys have ended. A holder has
// one key of each class, and its end is final.
package keyring

import (
	"errors"
	"time"
)

// AggregateType is the type of a keyring in the log; its id is the holder.
const AggregateType = "keyring"

// Keyring is the state: what was made and what has ended, one entry a class.
type Keyring struct {
	Made  []Made
	Ended []Ended
}

// Ended names a key that is gone.
type Ended struct {
	Class      string
	Version    uint32
	Commitment [32]byte
	KEKEpoch   uint64
}

// Command is Make or Destroy.
//
//sumtype:decl
type Command interface{ command() }

// Make records that there is a key, before it is lent.
type Make struct {
	Class      string
	Version    uint32
	Commitment [32]byte
}

// Destroy records that a key is gone, or that there can't be one any more. Of
// a key that never was, version, commitment and epoch are zero.
type Destroy struct {
	Class          string
	Version        uint32
	Commitment     [32]byte
	Reason         string // closed vocabulary
	RequestedBy    string // the command or request that asked for it
	At             time.Time
	KEKEpoch       uint64 // of the KEK that wrapped it
	ResidueHorizon time.Time
	Fence          Fence
}

// Fence is how every process was kept from a key before its end.
type Fence struct {
	Acked, Expired uint32 // replicas that dropped it, and whose lease ran out
	Millis         uint32
}

func (Make) command()    {}
func (Destroy) command() {}

// Event is Made or Destroyed.
//
//sumtype:decl
type Event interface{ event() }

// Made says that there is a key.
type Made Make

// Destroyed says that a key is gone for good.
type Destroyed Destroy

func (Made) event()      {}
func (Destroyed) event() {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// ErrOtherKey refuses the end of a key where another one of the same class
// has ended: the vault and the log disagree, and one of them is wrong.
const ErrOtherKey = Refusal("ANOTHER_KEY_HAS_ENDED")

// ErrOtherMade refuses a key where another one of the same class was made: what
// that one has sealed could be opened by nobody.
const ErrOtherMade = Refusal("ANOTHER_KEY_WAS_MADE")

var (
	// ErrIncomplete says that a command does not name a key and a reason.
	ErrIncomplete = errors.New("destruction of a key is incomplete")
	errUnknown    = errors.New("unknown command")
)
