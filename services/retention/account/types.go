// Package account is who the data of a customer is about: an account that is opened
// for people, and closed for all of them at once.
package account

import (
	"errors"
	"time"
)

// AggregateType is the type of an account in the log.
const AggregateType = "account"

// Account is the state of one account.
type Account struct {
	Name     string
	People   []string // in the order in which they came
	ClosedAt time.Time
}

// Open says that it exists and is not closed.
func (s Account) Open() bool { return s.Name != "" && s.ClosedAt.IsZero() }

// Command is Add or Close.
//
//sumtype:decl
type Command interface{ command() }

// Add adds people.
type Add struct {
	Account string
	People  []string
	At      time.Time
}

// Close closes the account for everybody.
type Close struct {
	Account      string
	ClosedAt, At time.Time
}

func (Add) command()   {}
func (Close) command() {}

// Event is Added or Closed.
//
//sumtype:decl
type Event interface{ event() }

// Added says that the account holds data of these people too.
type Added struct {
	Account string
	People  []string
	At      time.Time
}

// Closed says that the account is closed.
type Closed struct {
	Account      string
	ClosedAt, At time.Time
}

func (Added) event()  {}
func (Closed) event() {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// ErrClosed refuses to add people to an account that is closed: a customer who comes back
// has another.
const ErrClosed = Refusal("ACCOUNT_ALREADY_CLOSED")

var (
	// ErrNoAccount says that nobody has opened the account.
	ErrNoAccount = errors.New("account does not exist")
	// ErrInFuture says that an account would be closed later than now.
	ErrInFuture = errors.New("account would be closed in the future")
	// ErrFull says that an account would hold more people than one closing carries.
	ErrFull    = errors.New("account has too many people")
	errUnknown = errors.New("unknown command")
)
