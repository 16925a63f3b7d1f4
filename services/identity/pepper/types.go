// Package pepper decides which epochs of a purpose's peppers have ended.
// Epochs end in their order, each once.
package pepper

import (
	"errors"
	"time"
)

// AggregateType is the type in the log; the id is the purpose.
const AggregateType = "pepper"

// Epochs is the state: whether there was ever a pepper, and the epochs that have
// ended, in order.
type Epochs struct {
	Made  bool
	Ended []uint64
}

// Command is Make or Destroy.
//
//sumtype:decl
type Command interface{ command() }

// Make records that the purpose has a pepper.
type Make struct{}

// Destroy records that an epoch's pepper is gone.
type Destroy struct {
	Epoch       uint64
	RowsCarried uint32 // rows that moved to the next epoch before
	At          time.Time
}

func (Make) command()    {}
func (Destroy) command() {}

// Event is Made or Destroyed.
//
//sumtype:decl
type Event interface{ event() }

// Made says that the purpose has a pepper.
type Made Make

// Destroyed says that an epoch's pepper is gone for good.
type Destroyed Destroy

func (Made) event()      {}
func (Destroyed) event() {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// ErrOutOfOrder refuses the end of an epoch after that of a later one.
const ErrOutOfOrder = Refusal("EPOCH_OUT_OF_ORDER")

var (
	// ErrIncomplete says that a command names no epoch or no time.
	ErrIncomplete = errors.New("destruction of an epoch is incomplete")
	errUnknown    = errors.New("unknown command")
)
