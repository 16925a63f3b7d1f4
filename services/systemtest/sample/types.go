package sample

import (
	"errors"
	"time"

	"habeas.internal/services/internal/personal"
)

// Book is the state of one guest book.
type Book struct {
	Opened    bool
	Closed    bool
	Announced bool
	ClosesAt  time.Time
	Guests    uint32
}

// Command is Open, Sign, Close or Announce.
//
//sumtype:decl
type Command interface{ command() }

// Open opens a book that closes by itself.
type Open struct{ ClosesAt, At time.Time }

// Sign adds a guest. Guest is a fresh random reference, the holder of the key
// under which the name is sealed.
type Sign struct {
	Guest string
	Name  personal.Text
	At    time.Time
}

// Close closes a book.
type Close struct{ ByTimer bool }

// Announce records that the outside knows of the closing.
type Announce struct{}

func (Open) command()     {}
func (Sign) command()     {}
func (Close) command()    {}
func (Announce) command() {}

// Event is Opened, Signed, SigningRefused, Closed or Announced.
//
//sumtype:decl
type Event interface{ event() }

// Opened says that a book takes guests.
type Opened struct{ ClosesAt time.Time }

// Signed says that a guest stands in the book.
type Signed struct {
	Entry uint32
	Guest string
	Name  personal.Text
}

// SigningRefused says that a guest came too late.
type SigningRefused struct{ Reason string }

// Closed says that the book takes no more guests.
type Closed struct{ ByTimer bool }

// Announced says that the outside knows of the closing.
type Announced struct{}

func (Opened) event()         {}
func (Signed) event()         {}
func (SigningRefused) event() {}
func (Closed) event()         {}
func (Announced) event()      {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// What a caller may be told.
const (
	// ErrClosed refuses a guest who comes too late.
	ErrClosed = Refusal("BOOK_CLOSED")
)

var (
	// ErrNoBook says that there is no such book.
	ErrNoBook = errors.New("book does not exist")
	// ErrClosesInPast says that a book would be closed before it is opened.
	ErrClosesInPast = errors.New("book would close in the past")
	errUnknown      = errors.New("unknown command")
)

// AggregateType is the type of a book in the log.
const AggregateType = "book"

// TimerClose is the timer that closes a book.
const TimerClose = "close"
