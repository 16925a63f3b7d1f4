// Package conversation is when the key of each period of a conversation goes.
// Messages lie with the product, sealed under that key; nobody's own key opens
// them, so that the erasure of one who wrote leaves the copies of the others.
//
// Rules: a period has its clock from its beginning on, as the plan of that
// moment says; nothing is destroyed before it is due, while a participant is on
// hold, or, where the client archives on its own servers, before the client's
// receipt for what was handed over.
package conversation

import (
	"errors"
	"slices"
	"time"
)

// AggregateType is the type of a conversation in the log.
const AggregateType = "conversation"

// ClientServers is the archive that needs a receipt, as plans name it.
const ClientServers = "client_servers"

// Conversation is the state.
type Conversation struct {
	Opened       bool
	Plan         string
	Participants []string
	Periods      []Period // in order; the n-th has number n
	ClosedAt     time.Time
}

// Terms are what a plan said when a period began. They never change.
type Terms struct {
	Archive    string
	Keep       string // from its end
	Authority  string
	ReceiptKey []byte
	KeepUntil  time.Time
}

// Period is a stretch of the conversation whose messages share a key.
type Period struct {
	Terms
	Number       uint32
	Begins, Ends time.Time
	Digest       string // of what was handed over to the client
	HandedOverAt time.Time
	ReceiptedAt  time.Time
	HeldFor      string // the participant on hold for whom its end waits
	BegunAt      time.Time
	DestroyedAt  time.Time
	ResidueEnds  time.Time
}

// Due is when the key goes; false while that is not known, because the client
// has given no receipt.
func (p Period) Due() (time.Time, bool) {
	if p.Archive != ClientServers {
		return p.KeepUntil, true
	}
	if p.ReceiptedAt.After(p.KeepUntil) {
		return p.ReceiptedAt, true
	}
	return p.KeepUntil, !p.ReceiptedAt.IsZero()
}

// Live says that the key is there.
func (p Period) Live() bool { return p.DestroyedAt.IsZero() }

// Stage is where a period stands.
type Stage int

// The stages.
const (
	Open Stage = iota + 1
	Kept
	AwaitingReceipt
	OnHold
	DueNow
	Destroyed
)

// Stage is where the period stands at a moment.
func (p Period) Stage(at time.Time) Stage {
	due, known := p.Due()
	switch {
	case !p.Live():
		return Destroyed
	case at.Before(p.Ends):
		return Open
	case !known:
		return AwaitingReceipt
	case at.Before(due):
		return Kept
	case p.HeldFor != "":
		return OnHold
	}
	return DueNow
}

// Due are the periods whose keys have to go at a moment.
func (s Conversation) Due(at time.Time) []uint32 {
	var out []uint32
	for _, p := range s.Periods {
		if due, known := p.Due(); known && p.Live() && !at.Before(due) && !at.Before(p.Ends) {
			out = append(out, p.Number)
		}
	}
	return out
}

// Period is the period of a number.
func (s Conversation) Period(number uint32) (Period, bool) {
	if number == 0 || uint64(number) > uint64(len(s.Periods)) {
		return Period{}, false
	}
	return s.Periods[number-1], true
}

// Current is the last period, if a moment lies in it. A clock that goes slow
// finds the same. What is closed has none.
func (s Conversation) Current(at time.Time) (Period, bool) {
	p, ok := s.Period(uint32(len(s.Periods))) //nolint:gosec // no conversation has so many
	return p, ok && at.Before(p.Ends) && s.ClosedAt.IsZero()
}

// all says that every one of numbers stands in others.
func all(numbers, others []uint32) bool {
	return !slices.ContainsFunc(numbers, func(n uint32) bool { return !slices.Contains(others, n) })
}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// What a caller may be told.
const (
	// ErrPeriodOpen refuses to hand over a period that has not ended.
	ErrPeriodOpen = Refusal("PERIOD_STILL_OPEN")
	// ErrNoClientArchive refuses what concerns the client's servers where the
	// plan has no archive there.
	ErrNoClientArchive = Refusal("NO_CLIENT_ARCHIVE")
	// ErrNotHandedOver refuses a receipt for what the client was not given.
	ErrNotHandedOver = Refusal("PERIOD_NOT_HANDED_OVER")
	// ErrReceiptDiffers refuses a receipt for something else than was handed
	// over, and another hand-over of what was receipted.
	ErrReceiptDiffers = Refusal("RECEIPT_DIFFERS")
	// ErrTooMany refuses more participants than a conversation has.
	ErrTooMany = Refusal("PARTICIPANTS_TOO_MANY")
)

var (
	// ErrNoConversation says that there is no such conversation.
	ErrNoConversation = errors.New("conversation does not exist")
	// ErrNoPeriod says that there is no such period.
	ErrNoPeriod = errors.New("period of the conversation does not exist")
	// ErrClosed says that a conversation was closed: it has no further period.
	ErrClosed = errors.New("conversation is closed")
	// ErrNotDue says that a key is not to go, or not yet.
	ErrNotDue  = errors.New("period is not due")
	errUnknown = errors.New("unknown command")
)
