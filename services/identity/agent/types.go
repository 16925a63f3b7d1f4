// Package agent keeps the directory of those who may ask in people's names: the
// authorised agents of a tenant, by whose keys their messages are known, and how
// much they may ask. There is one directory for each tenant.
//
// An agent is an organisation, so that its name is no personal data. Its id and
// its keys are its own for good: neither is ever another agent's.
package agent

import (
	"errors"
	"time"
)

// AggregateType is the type of a directory in the log.
const AggregateType = "agent"

// Status is how an agent stands. The numbers are the contract's.
type Status uint8

// The statuses.
const (
	Active    Status = 1
	Suspended Status = 2
	Removed   Status = 3
)

// Directory is the state: the agents in the order in which they were registered.
type Directory struct{ Agents []Agent }

// Agent is one of them.
type Agent struct {
	ID     string
	Name   string // of the organisation
	Web    string
	PerDay uint32 // requests that it may make in a day
	Status Status
	Reason string // why it is suspended or removed
	Keys   []Key  // also those that have ended: what they signed stays theirs
}

// Key is a public key of an agent, Ed25519.
type Key struct {
	Number uint32 // at the agent, from 1
	Public []byte
	From   time.Time
	Until  time.Time // the first moment at which it no longer counts
}

// Find is the agent of an id.
func (d Directory) Find(id string) (Agent, bool) {
	for _, a := range d.Agents {
		if a.ID == id {
			return a, true
		}
	}
	return Agent{}, false
}

// May says whether an agent may ask now by the key of a number; empty if it may.
func (a Agent) May(key uint32, at time.Time) Refusal {
	switch a.Status {
	case Active:
	case Suspended:
		return ErrSuspended
	case Removed:
		return ErrRemoved
	default:
		return ErrRemoved
	}
	for _, k := range a.Keys {
		if k.Number == key && !at.Before(k.From) && at.Before(k.Until) {
			return ""
		}
	}
	return ErrKeyEnded
}

// Command is one of the five below.
//
//sumtype:decl
type Command interface{ command() }

// Register enters an agent with its first key.
type Register struct {
	ID, Name, Web string
	PerDay        uint32
	Public        []byte
	From, Until   time.Time
	By            string
	At            time.Time
}

// RotateKey gives an agent one more key; those that it has end at FormerUntil.
type RotateKey struct {
	ID          string
	Public      []byte
	From, Until time.Time
	FormerUntil time.Time
	By          string
	At          time.Time
}

// Suspend refuses whatever the agent asks, for a time.
type Suspend struct {
	ID, Reason, By string
	At             time.Time
}

// Reinstate takes a suspension back.
type Reinstate struct {
	ID, By string
	At     time.Time
}

// Remove refuses whatever the agent asks, for good.
type Remove struct {
	ID, Reason, By string
	At             time.Time
}

func (Register) command()  {}
func (RotateKey) command() {}
func (Suspend) command()   {}
func (Reinstate) command() {}
func (Remove) command()    {}

// Event is one of the six below.
//
//sumtype:decl
type Event interface{ event() }

// Registered says that there is an agent.
type Registered struct {
	ID, Name, Web string
	PerDay        uint32
	Public        []byte
	From, Until   time.Time
	By            string
	At            time.Time
}

// KeyRotated says that an agent has one more key, and when the others end.
type KeyRotated struct {
	ID          string
	Number      uint32
	Public      []byte
	From, Until time.Time
	FormerUntil time.Time
	By          string
	At          time.Time
}

// WasSuspended says that an agent may ask nothing.
type WasSuspended struct {
	ID, Reason, By string
	At             time.Time
}

// Reinstated says that it may again.
type Reinstated struct {
	ID, By string
	At     time.Time
}

// WasRemoved says that it never may again.
type WasRemoved struct {
	ID, Reason, By string
	At             time.Time
}

// Refused says that a change was refused.
type Refused struct{ ID, Reason, By string }

func (Registered) event()   {}
func (KeyRotated) event()   {}
func (WasSuspended) event() {}
func (Reinstated) event()   {}
func (WasRemoved) event()   {}
func (Refused) event()      {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// Refusals.
const (
	// ErrExists: the id is an agent's, perhaps of one that was removed.
	ErrExists = Refusal("AGENT_EXISTS")
	// ErrSuspended: the agent may ask nothing for now.
	ErrSuspended = Refusal("AGENT_SUSPENDED")
	// ErrRemoved: nothing is changed about an agent that was removed, and nothing
	// is done that it asks.
	ErrRemoved = Refusal("AGENT_REMOVED")
	// ErrKeyKnown: the key is one of an agent's already, of this or another one.
	ErrKeyKnown = Refusal("AGENT_KEY_KNOWN")
	// ErrKeyEnded: the key does not count yet, or no longer.
	ErrKeyEnded = Refusal("AGENT_KEY_NOT_IN_FORCE")
	// ErrTooMany: so many agents or keys are a mistake.
	ErrTooMany = Refusal("AGENTS_TOO_MANY")
)

// MaxAgents is how many agents a directory holds, MaxKeys how many keys one of
// them, in its whole life.
const (
	MaxAgents = 200
	MaxKeys   = 32
)

// Errors of commands that make no sense; nothing is recorded.
var (
	// ErrNotFound: there is no such agent.
	ErrNotFound = errors.New("agent does not exist")
	// ErrPeriod: a key counts for some time that lies ahead, three years at most.
	ErrPeriod = errors.New("a key ends after it begins, in the future, within three years")

	errUnknown = errors.New("unknown command")
)
