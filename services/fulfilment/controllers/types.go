// Package controllers keeps the controllers of one tenant that is their processor:
// who they are, where they are asked, and who speaks for them. There is one
// aggregate for each tenant, so that a request's controller can be read in one go.
package controllers

import (
	"errors"
	"time"
)

// AggregateType is the type of the list in the log.
const AggregateType = "controllers"

// ID is the id of a tenant's only list.
const ID = "all"

// Controller is an organisation whose processor the tenant is. Staff are those who
// speak for it, by the ids of the read log.
type Controller struct {
	Controller string
	Title      string
	Contact    string
	Staff      []string
	By         string
	At         time.Time
}

// Controllers is the state: those that have not ended, by their ids.
type Controllers struct{ Entries []Controller }

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

const (
	// ErrUnknown says that there is no such controller, or that it has ended.
	ErrUnknown = Refusal("CONTROLLER_NOT_FOUND")
	// ErrSelf refuses to let somebody speak for a controller by their own word.
	ErrSelf = Refusal("STAFF_SELF")
)

// Command is Register or End.
//
//sumtype:decl
type Command interface{ command() }

// Register enters a controller, or replaces what was said of it.
type Register Controller

// End says that the tenant is no longer its processor.
type End struct {
	Controller, Reason, By string
	At                     time.Time
}

func (Register) command() {}
func (End) command()      {}

// Event is Registered, Ended or CommandRefused.
//
//sumtype:decl
type Event interface{ event() }

// Registered says how a controller is from now on.
type Registered Controller

// Ended says that a controller is none any more.
type Ended struct {
	Controller, Reason, By string
	At                     time.Time
}

// CommandRefused says that a rule said no.
type CommandRefused struct{ Command, Reason string }

func (Registered) event()     {}
func (Ended) event()          {}
func (CommandRefused) event() {}

var errUnknown = errors.New("unknown command")
