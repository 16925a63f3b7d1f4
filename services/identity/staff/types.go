// Package staff decides who, of the people who work for a tenant, may see
// personal data: whoever is bound to confidentiality and needs it, for a case or
// for a purpose, and not a day longer.
package staff

import (
	"errors"
	"slices"
	"time"
)

// AggregateType is the type of a member of staff in the log; the id is the one
// that the read log names them by.
const AggregateType = "staff"

// Staff is the state of one person. The zero value may see nothing.
type Staff struct {
	BoundUntil time.Time // zero: not bound to confidentiality
	Evidence   string
	Needs      []Need // in the order in which they were granted
	Owed       []Owed // reviews of grants that they had a part in, still to come
}

// Owed is a break-glass grant that is still to be reviewed.
type Owed struct {
	Grant string
	Due   time.Time
}

// Overdue reports whether somebody should have reviewed one by now. The moment
// that the review is due is the first at which it is overdue.
func (s Staff) Overdue(at time.Time) bool {
	return slices.ContainsFunc(s.Owed, func(o Owed) bool { return !at.Before(o.Due) })
}

// Need is why somebody has to see personal data: a purpose or a case.
type Need struct {
	Purpose string
	Case    string
	Subject string // the one person whose data it is; empty for everybody's
	Until   time.Time
}

// same reports whether both are for the same purpose or case.
func (n Need) same(other Need) bool { return n.Purpose == other.Purpose && n.Case == other.Case }

// Look is one look at personal data.
type Look struct {
	Purpose string
	Case    string
	At      time.Time
}

// Verdict is what a look may show.
type Verdict struct {
	// Refusal is why it may show nothing; empty when it may.
	Refusal Refusal
	// Subject is the one person whose data it may show; empty for everybody's.
	Subject string
}

// May says whether the person may look. The end of an undertaking or of a need
// is the first moment at which it does not count.
func (s Staff) May(l Look) Verdict {
	if !l.At.Before(s.BoundUntil) {
		return Verdict{Refusal: ErrNotBound}
	}
	found, one := false, ""
	for _, n := range s.Needs {
		named := n.Case != "" && n.Case == l.Case || n.Purpose != "" && n.Purpose == l.Purpose
		if !named || !l.At.Before(n.Until) {
			continue
		}
		if n.Subject == "" {
			return Verdict{}
		}
		if found && one != n.Subject { // two needs for two people: the first one counts
			continue
		}
		found, one = true, n.Subject
	}
	if !found {
		return Verdict{Refusal: ErrNoNeed}
	}
	return Verdict{Subject: one}
}

// Command is one of the six below.
//
//sumtype:decl
type Command interface{ command() }

// Bind records or renews an undertaking of confidentiality.
type Bind struct {
	Until    time.Time
	Evidence string
	By       string // who asks, by the id of staff
	Self     bool   // who asks is the person concerned
	At       time.Time
}

// Unbind ends it.
type Unbind struct {
	By string
	At time.Time
}

// Grant says what the person needs to see.
type Grant struct {
	Need
	By   string
	Self bool
	At   time.Time
}

// End ends a need.
type End struct {
	Need
	By string
	At time.Time
}

// Owe notes that a grant which the person had a part in is to be reviewed.
type Owe struct{ Owed }

// Settle notes that it was.
type Settle struct{ Grant string }

func (Bind) command()   {}
func (Unbind) command() {}
func (Grant) command()  {}
func (End) command()    {}
func (Owe) command()    {}
func (Settle) command() {}

// Event is one of the seven below.
//
//sumtype:decl
type Event interface{ event() }

// Bound says that the person is bound to confidentiality.
type Bound struct {
	Until    time.Time
	Evidence string
	By       string
	At       time.Time
}

// Unbound says that they no longer are.
type Unbound struct {
	By string
	At time.Time
}

// Granted says what they need to see.
type Granted struct {
	Need
	By string
	At time.Time
}

// Ended says that a need is over.
type Ended struct {
	Purpose string
	Case    string
	By      string
	At      time.Time
}

// Refused says that a change was refused.
type Refused struct {
	Reason string
	By     string
}

func (Bound) event()   {}
func (Unbound) event() {}
func (Granted) event() {}
func (Ended) event()   {}

// ReviewOwed says that a grant which they had a part in is to be reviewed.
type ReviewOwed struct{ Owed }

// ReviewSettled says that it was.
type ReviewSettled struct{ Grant string }

func (Refused) event()       {}
func (ReviewOwed) event()    {}
func (ReviewSettled) event() {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// Refusals.
const (
	// ErrNotBound: no undertaking of confidentiality is in force.
	ErrNotBound = Refusal("UNDERTAKING_REQUIRED")
	// ErrNoNeed: neither the purpose nor the case is a need of theirs.
	ErrNoNeed = Refusal("NEED_REQUIRED")
	// ErrSelf: nobody says of themselves what they may see.
	ErrSelf = Refusal("STAFF_SELF")
	// ErrTooMany: so many needs are a role, not a need.
	ErrTooMany = Refusal("STAFF_NEEDS_TOO_MANY")
)

// MaxNeeds is how many needs one person may have at a time.
const MaxNeeds = 500

// Errors of commands that make no sense; nothing is recorded.
var (
	// ErrUntil: the end does not lie ahead, or more than two years ahead.
	ErrUntil = errors.New("the end must lie ahead, by two years at most")
	// ErrNeed: a need is for a purpose or for a case.
	ErrNeed = errors.New("a need is for one purpose or for one case")

	errUnknown = errors.New("unknown command")
)
