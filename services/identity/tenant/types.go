// Package tenant decides about organisations: each is a separate world, made
// once under an id that its creator chooses.
package tenant

import (
	"errors"
	"time"
)

// AggregateType is the type of a tenant in the log; its id is the tenant's.
const AggregateType = "tenant"

// Tenant is the state of one tenant.
type Tenant struct {
	Created bool
	Settings
	Own
	Leaving
	Pending    Pending
	Revision   uint32 // of the settings; zero: those of the creation
	CreatedAt  time.Time
	Safeguards Safeguards
	LoweredAt  time.Time // when approval was last switched off; zero if it never was
}

// Settings describe an organisation.
type Settings struct {
	DisplayName string
	TimeZone    string // IANA name; legal days are counted in it
	Calendar    string // code of the holiday calendar; empty for none
}

// Command is Create, Change, Confirm, Withdraw, Ripen, Offboard, Approve, Stay,
// End or Finish.
//
//sumtype:decl
type Command interface{ command() }

// Create makes a tenant.
type Create struct {
	Settings
	Safeguards Safeguards
	At         time.Time
}

func (Create) command() {}

// Event is Created, CreationRefused, one of settings or one of an off-boarding.
//
//sumtype:decl
type Event interface{ event() }

// Created says that a tenant is there.
type Created struct {
	Settings
	Safeguards Safeguards
	At         time.Time
}

// CreationRefused says that somebody wanted an id that is taken.
type CreationRefused struct{ Reason string }

func (Created) event()         {}
func (CreationRefused) event() {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// ErrExists refuses a second tenant under one id.
const ErrExists = Refusal("TENANT_EXISTS")

var (
	// ErrNotFound says that there is no such tenant.
	ErrNotFound = errors.New("tenant does not exist")
	// ErrIncomplete says that a tenant has no name or no time zone.
	ErrIncomplete = errors.New("tenant is incomplete")
	errUnknown    = errors.New("unknown command")
)
