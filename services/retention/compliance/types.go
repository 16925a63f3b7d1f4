// Package compliance is when a tenant reviews whether it does what it promises, who has
// signed that, and what was found.
package compliance

import (
	"errors"
	"time"
)

// AggregateType is the type of a tenant's reviews in the log.
const AggregateType = "compliance"

// Compliance is the state: all reviews of one tenant, in the order in which they were
// first scheduled.
type Compliance struct{ Reviews []Review }

// Review is one scope, which always has a date.
type Review struct {
	Scope     string
	Period    Period // from one to the next
	DueAt     time.Time
	Missed    bool         // it was announced that it was not done; it still has to be
	Completed []Completion // the last ones, the oldest first
}

// Period is a stretch of calendar time: months, then days.
type Period struct{ Months, Days int }

// Completion is a review that was done.
type Completion struct {
	By        string
	Findings  []string
	Report    string
	DueAt, At time.Time
}

// Command is Schedule, CallMissed or Complete.
//
//sumtype:decl
type Command interface{ command() }

// Schedule gives a scope its date, and says how often it is reviewed.
type Schedule struct {
	Scope     string
	Period    Period
	By        string
	DueAt, At time.Time
}

// CallMissed announces that a review was not done in time.
type CallMissed struct {
	Scope string
	At    time.Time
}

// Complete signs a review. The next is due by the calendar of Zone.
type Complete struct {
	Scope    string
	By       string
	Findings []string
	Report   string
	Zone     *time.Location
	At       time.Time
}

func (Schedule) command()   {}
func (CallMissed) command() {}
func (Complete) command()   {}

// Event is Scheduled, Refused, Missed or Completed.
//
//sumtype:decl
type Event interface{ event() }

// Scheduled says when a scope is due.
type Scheduled struct {
	Scope     string
	Period    Period
	By        string
	DueAt, At time.Time
}

// Refused says that a rule forbade another date.
type Refused struct{ Scope, Reason string }

// Missed says that a review was not done in time.
type Missed struct {
	Scope     string
	DueAt, At time.Time
}

// Completed says that a review was done, and when the next is due.
type Completed struct {
	Scope string
	Completion
	NextDue time.Time
}

func (Scheduled) event() {}
func (Refused) event()   {}
func (Missed) event()    {}
func (Completed) event() {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// ErrMissed refuses another date for a review that was missed: nobody escapes it so.
const ErrMissed = Refusal("REVIEW_MISSED")

var (
	// ErrNoReview says that a scope is not reviewed.
	ErrNoReview = errors.New("review is not scheduled")
	// ErrInPast says that a review would be due before it is scheduled.
	ErrInPast = errors.New("review would be due in the past")
	// ErrPeriod says that a period is no time, or more than five years.
	ErrPeriod = errors.New("period of a review is nothing, or longer than five years")
	// ErrTooMany says that a tenant has as many scopes as it may.
	ErrTooMany = errors.New("too many reviews")
	errUnknown = errors.New("unknown command")
)
