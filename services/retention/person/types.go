// Package person is what binds the destruction of one person's data: holds,
// which forbid it, permits, without which it doesn't happen, and clocks, which
// demand it.
package person

import (
	"errors"
	"time"
)

// AggregateType is the type of a person in the log.
const AggregateType = "person"

const (
	// Life is for how long a permit may be used.
	Life = 50 * time.Second
	// Slack is how much longer a permit counts as open than its holder may use
	// it, so that their clock and ours need not agree exactly. Both together
	// are the minute after which a hold is effective at the latest.
	Slack = 10 * time.Second
	// remembered is how many permits the state keeps; open ones are always kept.
	remembered = 64
)

// Person is the state of one person.
type Person struct {
	Holds   []Hold   // in the order placed
	Permits []Permit // the last ones, in the order given
	Clocks  []Clock  // in the order of their names
	// Announced are the last erasures that clocks have demanded, and Announcements how
	// many there were.
	Announced     []announced
	Announcements int
	Accounts      []string // that are open
	Closed        []string // that were, and are closed
}

// Hold is a duty to keep everything of a person.
type Hold struct {
	ID, Ground, Authority string
	PlacedAt, ReviewAt    time.Time
	ReviewDue             bool      // its date has passed, and that was announced
	ReleasedAt            time.Time // zero while it binds
}

// Binds says that the hold was not released.
func (h Hold) Binds() bool { return h.ReleasedAt.IsZero() }

// Permit is leave to destroy for a short time.
type Permit struct {
	ID, Request, System string
	Policy              string
	ScheduleVersion     uint32
	GivenAt, ExpiresAt  time.Time
	Others              []string // the person's other references, each of which has given it too
	Ended               bool     // it was given back
	RowsDestroyed       uint64
}

// Open says that something may still be destroyed under the permit: it was
// neither given back nor has it expired for certain.
func (p Permit) Open(at time.Time) bool { return !p.Ended && at.Before(p.over()) }

// over is when the permit is over even if it was not given back.
func (p Permit) over() time.Time { return p.ExpiresAt.Add(Slack) }

// Usable says that its holder may still destroy under it.
func (p Permit) Usable(at time.Time) bool { return !p.Ended && at.Before(p.ExpiresAt) }

// Command is PlaceHold, ReviewHold, CallReview, ReleaseHold, RequestPermit,
// EndPermit, or one about clocks.
//
//sumtype:decl
type Command interface{ command() }

// PlaceHold orders that nothing is destroyed.
type PlaceHold struct {
	Hold, Ground, Authority string
	ReviewAt, At            time.Time
}

// ReviewHold says that a hold was looked at, and when it must be again.
type ReviewHold struct {
	Hold         string
	ReviewAt, At time.Time
}

// CallReview announces that a hold's date has passed.
type CallReview struct {
	Hold string
	At   time.Time
}

// ReleaseHold ends a hold.
type ReleaseHold struct {
	Hold string
	At   time.Time
}

// RequestPermit asks to destroy.
type RequestPermit struct {
	Permit, Request, System string
	Policy                  string
	ScheduleVersion         uint32
	Others                  []string // the person's other references, which have given it
	At                      time.Time
}

// EndPermit gives a permit back.
type EndPermit struct {
	Permit        string
	RowsDestroyed uint64
	At            time.Time
}

func (PlaceHold) command()     {}
func (ReviewHold) command()    {}
func (CallReview) command()    {}
func (ReleaseHold) command()   {}
func (RequestPermit) command() {}
func (EndPermit) command()     {}

// Event is HoldPlaced, HoldReviewed, HoldReviewDue, HoldReleased, PermitGiven,
// PermitRefused, PermitEnded, or one about clocks.
//
//sumtype:decl
type Event interface{ event() }

// HoldPlaced says that no new permit is given.
type HoldPlaced struct {
	Hold, Ground, Authority string
	PlacedAt, ReviewAt      time.Time
	OpenPermits             []string  // open then
	EffectiveBy             time.Time // when the last of them is over; zero: at once
}

// HoldReviewed says that a hold was looked at and binds on.
type HoldReviewed struct {
	Hold                 string
	ReviewedAt, ReviewAt time.Time
}

// HoldReviewDue says that a hold's date has passed. It binds on.
type HoldReviewDue struct {
	Hold     string
	ReviewAt time.Time
}

// HoldReleased says that a hold binds no more.
type HoldReleased struct {
	Hold       string
	ReleasedAt time.Time
	Free       bool // no other hold binds
}

// PermitGiven says that a request may destroy in a system.
type PermitGiven struct {
	Permit, Request, System string
	Policy                  string
	ScheduleVersion         uint32
	GivenAt, ExpiresAt      time.Time
	Others                  []string // the person's other references, which have given it too
}

// PermitRefused says that a request may not.
type PermitRefused struct{ Request, System, Reason string }

// PermitEnded says that a permit was given back.
type PermitEnded struct {
	Permit        string
	RowsDestroyed uint64
	EndedAt       time.Time
	Late          bool // it had expired before
}

func (HoldPlaced) event()    {}
func (HoldReviewed) event()  {}
func (HoldReviewDue) event() {}
func (HoldReleased) event()  {}
func (PermitGiven) event()   {}
func (PermitRefused) event() {}
func (PermitEnded) event()   {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// What a caller may be told.
const (
	// ErrOnHold refuses a permit while a hold binds.
	ErrOnHold = Refusal("PERSON_ON_HOLD")
	// ErrPermitOpen refuses a second permit for a request in a system.
	ErrPermitOpen = Refusal("PERMIT_OPEN")
	// ErrNotDue refuses a permit for an erasure of which a clock counts anew.
	ErrNotDue = Refusal("ERASURE_NOT_DUE")
)

var (
	// ErrNoHold says that there is no such hold, or that it binds no more.
	ErrNoHold = errors.New("hold does not exist")
	// ErrNoPermit says that there is no such permit.
	ErrNoPermit = errors.New("permit does not exist")
	// ErrPermitOver says that the permit that a call once got is over.
	ErrPermitOver = errors.New("permit is over")
	// ErrReviewInPast says that a hold's review would be due already.
	ErrReviewInPast = errors.New("review would be in the past")
	// ErrClockWithoutEnd says that a clock would never end.
	ErrClockWithoutEnd = errors.New("clock has no end")
	// ErrTooManyClocks says that one person would have more clocks than a commit holds.
	ErrTooManyClocks = errors.New("person has too many clocks")
	errUnknown       = errors.New("unknown command")
)
