// Package evidence decides how long what shows a check by staff is kept: sealed,
// for 30 days after the first part at most, and not a moment longer than the
// request's evidence key. That somebody was checked stands elsewhere and stays.
package evidence

import (
	"errors"
	"time"

	"habeas.internal/services/internal/personal"
)

// AggregateType is the type of a request's evidence in the log; the id is the
// request's.
const AggregateType = "evidence"

const (
	// MaxBytes is the most that one check may bring.
	MaxBytes = 1 << 20
	// PartBytes is the most in one part: a commit is bounded.
	PartBytes = 384 << 10
	// Life is how long evidence is kept at most.
	Life = 30 * 24 * time.Hour
)

// Evidence is the state of what is kept for one request.
type Evidence struct {
	Parts     []Part
	EndsAt    time.Time
	Destroyed bool
}

// Part is one part of what a check has brought.
type Part struct {
	Check  string
	Number uint32
	Data   personal.Text
}

// Due reports whether the evidence has to be destroyed.
func (s Evidence) Due(now time.Time) bool {
	return len(s.Parts) > 0 && !s.Destroyed && !now.Before(s.EndsAt)
}

// Command is Keep or Destroy.
//
//sumtype:decl
type Command interface{ command() }

// Keep keeps one more part, until the end of the first one's life.
type Keep struct {
	Part
	Life time.Duration
	At   time.Time
}

// Destroy says that the key is destroyed.
type Destroy struct {
	Reason string
	At     time.Time
}

func (Keep) command()    {}
func (Destroy) command() {}

// Event is Kept or Destroyed.
//
//sumtype:decl
type Event interface{ event() }

// Kept says that a part was kept.
type Kept struct {
	Part
	EndsAt time.Time
}

// Destroyed says that nobody can read the evidence any more.
type Destroyed struct {
	Reason string
	At     time.Time
}

func (Kept) event()      {}
func (Destroyed) event() {}

// ReasonExpired is why evidence is destroyed whose time is over.
const ReasonExpired = "EVIDENCE_EXPIRED"

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// ErrEnded refuses evidence for a request whose evidence has ended.
const ErrEnded = Refusal("EVIDENCE_ENDED")

var (
	// ErrTooLarge says that a part is empty or does not fit.
	ErrTooLarge = errors.New("part of evidence is empty or too large")
	errUnknown  = errors.New("unknown command")
)
