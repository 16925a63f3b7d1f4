// Package notice is one message that a person is owed: drafted, attempted, and
// sent or given up. Every attempt is recorded before it is made and carries the
// same Message-ID; the evidence of the end is the mail server's reply.
package notice

import (
	"errors"
	"time"

	"habeas.internal/services/internal/personal"
)

// AggregateType is the type of a notice in the log.
const AggregateType = "notice"

// Notice is the state of one message.
type Notice struct {
	Drafted   bool
	Request   string
	Template  string
	Address   personal.Text
	MessageID string
	Attempts  uint32
	Tried     uint32 // the last attempt whose end is known
	Failures  uint32
	NextTryAt time.Time
	Reason    string
	Sent      bool
	GivenUp   bool
	Reply     uint32
	At        time.Time // of the last change
}

// Ended reports whether nothing more will be tried.
func (n Notice) Ended() bool { return n.Sent || n.GivenUp }

// Command is Draft, Attempt, NoteSent or NoteFailure.
//
//sumtype:decl
type Command interface{ command() }

// Draft says what is owed to whom.
type Draft struct {
	Request  string
	Template string
	Address  personal.Text
	At       time.Time
}

// Attempt says that the message is about to be handed over. MessageID counts at
// the first attempt alone.
type Attempt struct {
	MessageID string
	At        time.Time
}

// NoteSent says that the mail server took the message.
type NoteSent struct {
	Reply uint32
	At    time.Time
}

// NoteFailure says that it did not. Final: it never will.
type NoteFailure struct {
	Reason string
	Reply  uint32
	Final  bool
	At     time.Time
}

func (Draft) command()       {}
func (Attempt) command()     {}
func (NoteSent) command()    {}
func (NoteFailure) command() {}

// Event is Drafted, Attempted, Sent or Failed.
//
//sumtype:decl
type Event interface{ event() }

// Drafted says what is owed to whom.
type Drafted struct {
	Request  string
	Template string
	Address  personal.Text
	At       time.Time
}

// Attempted says that the message is about to be handed over.
type Attempted struct {
	Attempt   uint32
	MessageID string
	At        time.Time
}

// Sent says that the mail server took the message.
type Sent struct {
	Reply uint32
	At    time.Time
}

// Failed says that an attempt failed; without a next one the message is given
// up.
type Failed struct {
	Reason    string
	Reply     uint32
	NextTryAt time.Time
	At        time.Time
}

func (Drafted) event()   {}
func (Attempted) event() {}
func (Sent) event()      {}
func (Failed) event()    {}

var (
	// ErrNoNotice says that there is no such notice.
	ErrNoNotice = errors.New("notice does not exist")
	// ErrNotDue says that the notice has ended or is not tried again yet.
	ErrNotDue = errors.New("notice is not due")

	errUnknown = errors.New("unknown command")
)
