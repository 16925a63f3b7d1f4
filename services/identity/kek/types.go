// Package kek decides which epochs of a partition's key-encryption keys have
// ended. Epochs end in their order, each once.
package kek

import (
	"errors"
	"strings"
	"time"
)

// AggregateType is the type in the log; there is one aggregate a partition.
const AggregateType = "kek"

const idPrefix = "pp-"

// AggregateID is the id of a partition, named by two hex digits.
func AggregateID(partition string) string { return idPrefix + partition }

// Partition is the partition that an aggregate's id names.
func Partition(id string) string { return strings.TrimPrefix(id, idPrefix) }

// Epochs is the state: the epochs that have ended, in order.
type Epochs struct{ Ended []uint64 }

// Command is Destroy.
//
//sumtype:decl
type Command interface{ command() }

// Destroy records that an epoch's key is gone.
type Destroy struct {
	Epoch            uint64
	LiveRewrapped    uint32 // keys that moved to the next epoch
	DestroyedInEpoch uint32 // keys whose residue ended with this one
	KMSReference     string // the key store's own
	At               time.Time
}

func (Destroy) command() {}

// Event is Destroyed.
//
//sumtype:decl
type Event interface{ event() }

// Destroyed says that an epoch's key is gone for good.
type Destroyed Destroy

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
