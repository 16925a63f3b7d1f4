// Package messageplan is how long messages are kept and where they are
// archived, as a tenant has agreed it with its clients.
package messageplan

import (
	"errors"
	"time"

	"habeas.internal/services/internal/calendar"
)

// AggregateType is the type of a plan in the log.
const AggregateType = "messageplan"

// Archive is where messages are archived, as it stands in events.
type Archive string

// The archives.
const (
	Nowhere       Archive = "none"
	Paid          Archive = "paid"
	ClientServers Archive = "client_servers"
)

// Length is how long a period is, as it stands in events.
type Length string

// The lengths.
const (
	Day   Length = "day"
	Week  Length = "week"
	Month Length = "month"
)

const (
	receiptKey = 32 // bytes of an Ed25519 public key
	weekdays   = 7
)

// Plan is the state: what the plan says now. The zero Plan says nothing.
type Plan struct {
	ID         string
	Archive    Archive
	Length     Length
	Keep       string // from a period's end, such as "P30D"
	Authority  string
	ReceiptKey []byte // by which the client signs; with ClientServers
}

// Command is Put.
//
//sumtype:decl
type Command interface{ command() }

// Put replaces the plan. What is equal changes nothing.
type Put struct{ Plan Plan }

func (Put) command() {}

// Event is Replaced.
//
//sumtype:decl
type Event interface{ event() }

// Replaced says what the plan is from now on.
type Replaced struct{ Plan Plan }

func (Replaced) event() {}

var (
	// ErrReceiptKey says that a plan lacks the key of receipts, or has one that
	// nobody needs.
	ErrReceiptKey = errors.New("a plan has a key of receipts with an archive on the client's servers, and only then")
	// ErrNoPlan says that there is no such plan.
	ErrNoPlan  = errors.New("message plan does not exist")
	errUnknown = errors.New("unknown command")
)

// Span is the period in which a moment lies, by the calendar of a zone: a day,
// a week from Monday, or a month.
func (p Plan) Span(at time.Time, zone *time.Location) (begins, ends time.Time) {
	first := calendar.DateOf(at, zone)
	next := first.AddDays(1)
	switch p.Length {
	case Day:
	case Week:
		first = first.AddDays(-(int(first.Weekday()) + weekdays - int(time.Monday)) % weekdays)
		next = first.AddDays(weekdays)
	case Month:
		first.Day = 1
		next = first.AddMonths(1)
	}
	return first.Start(zone), next.Start(zone)
}
