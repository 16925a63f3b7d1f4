// Package breakglass decides when somebody may see personal data outside the
// usual rule: for one person or one case, on a ground that the tenant's policy
// knows, after a second person has agreed, for an hour at most, and never
// without somebody else looking at it afterwards.
package breakglass

import (
	"errors"
	"slices"
	"time"
)

// AggregateType is the type of a grant in the log.
const AggregateType = "breakglass"

// Limits.
const (
	// Longest is how long a grant may be open.
	Longest = time.Hour
	// AskLives is how long one that was asked for may be granted.
	AskLives = 24 * time.Hour
	// UseWindow is how far apart two recorded uses of one method are.
	UseWindow = 5 * time.Minute
	// MaxUses bounds the recorded uses of one grant; the read log has all.
	MaxUses = 200
	// ReviewDays are the working days in which a grant is looked at.
	ReviewDays = 2
)

// Phase is how far a grant has come.
type Phase int

// Phases.
const (
	None     Phase = iota
	Waiting        // asked for
	Open           // granted; its end may have come already
	Declined       // or withdrawn, or too old: it was never open
	Ended          // to be looked at
	Reviewed
)

// Grant is the state of one grant. The zero value is none.
type Grant struct {
	Phase   Phase
	Request Asked // as it was asked for

	Granter  string
	Granted  time.Time
	Until    time.Time // the first moment at which it is no longer open
	ReviewBy time.Time // the first moment at which the review is overdue
	Ended    time.Time // when it was closed, or ran out
	Overdue  bool

	Uses int
	last []use // by method

	Reviewer  string
	Justified bool
	Finding   string // reason code of the review
	Looked    time.Time
}

type use struct {
	method string
	at     time.Time
}

// Opens reports whether the grant lets somebody look now, for the case that they
// name.
func (g Grant) Opens(actor, of string, at time.Time) bool {
	return g.Phase == Open && at.Before(g.Until) && actor != "" && actor == g.Request.By &&
		(g.Request.Case == "" || of == g.Request.Case)
}

// Owed reports whether the review of the grant is still to come.
func (g Grant) Owed() bool { return g.Phase == Open || g.Phase == Ended }

// Ground is one of the policy's, as it stood when it was named.
type Ground struct {
	ID      string
	Allowed bool // a policy in force allows to look on this ground
	// What has to be said with it.
	Document, Imminent, Categories bool
}

// Command is one of the eight below.
//
//sumtype:decl
type Command interface{ command() }

// Ask asks for a grant.
type Ask struct {
	Request Asked
	Rule    Ground
	Bound   bool // who asks is bound to confidentiality
	Overdue bool // a review of theirs is overdue
}

// Permit grants what was asked for.
type Permit struct {
	By       string
	For      time.Duration // zero: as asked for
	ReviewBy time.Time
	// A review of a grant that who asks, or who grants, had a part in is overdue.
	AskerOverdue, GranterOverdue bool
	At                           time.Time
}

// Decline refuses it.
type Decline struct {
	By, Reason string
	At         time.Time
}

// Use records that somebody looks by the grant.
type Use struct {
	By, Method string
	At         time.Time
}

// Close ends a grant before its time, or takes back what was asked for.
type Close struct {
	By string
	At time.Time
}

// Lapse ends what has run out.
type Lapse struct{ At time.Time }

// Warn records that a review is overdue.
type Warn struct{ At time.Time }

// Review records what somebody who had no part in it thinks of a grant.
type Review struct {
	By        string
	Justified bool
	Reason    string
	At        time.Time
}

func (Ask) command()     {}
func (Permit) command()  {}
func (Decline) command() {}
func (Use) command()     {}
func (Close) command()   {}
func (Lapse) command()   {}
func (Warn) command()    {}
func (Review) command()  {}

// Event is one of the nine below.
//
//sumtype:decl
type Event interface{ event() }

// Asked says who wants to see what, and why.
type Asked struct {
	Subject, Case    string // one of the two
	Policy, Ground   string
	Reason, Document string
	Imminent         bool
	Categories       []string
	For              time.Duration
	By               string
	At               time.Time
}

// Permitted says that it was granted.
type Permitted struct {
	By       string
	Until    time.Time
	ReviewBy time.Time
	At       time.Time
}

// Refused says that a command was refused, by rule.
type Refused struct {
	Reason, By string
}

// Covers reports whether a grant is for all of these categories. One that names
// none is for the whole of its person or case.
func (g Grant) Covers(categories []string) bool {
	return len(g.Request.Categories) == 0 || !slices.ContainsFunc(categories, func(c string) bool {
		return !slices.Contains(g.Request.Categories, c)
	})
}

// Denied says that the second person has not agreed.
type Denied struct {
	By, Reason string
	At         time.Time
}

// Used says that somebody looked by the grant.
type Used struct {
	By, Method string
	At         time.Time
}

// Closed says that it was ended before its time.
type Closed struct {
	By string
	At time.Time
}

// Lapsed says that it has run out; what was only asked for, too.
type Lapsed struct{ At time.Time }

// Missed says that nobody has reviewed it in time.
type Missed struct{ At time.Time }

// Judged says what the review has found.
type Judged struct {
	By        string
	Justified bool
	Reason    string
	At        time.Time
}

func (Asked) event()     {}
func (Permitted) event() {}
func (Refused) event()   {}
func (Denied) event()    {}
func (Used) event()      {}
func (Closed) event()    {}
func (Lapsed) event()    {}
func (Missed) event()    {}
func (Judged) event()    {}

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
	// ErrGround: the policy does not know the ground.
	ErrGround = Refusal("GROUND_NOT_ALLOWED")
	// ErrDocument: the ground needs the number of a document.
	ErrDocument = Refusal("GROUND_NEEDS_DOCUMENT")
	// ErrImminent: the ground is for what is imminent.
	ErrImminent = Refusal("GROUND_NEEDS_IMMINENCE")
	// ErrCategories: the ground is for named categories.
	ErrCategories = Refusal("GROUND_NEEDS_CATEGORIES")
	// ErrOverdue: a review of one of the two is overdue.
	ErrOverdue = Refusal("REVIEW_OVERDUE")
	// ErrSecond: nobody grants what they have asked for.
	ErrSecond = Refusal("SECOND_PERSON_REQUIRED")
	// ErrStale: it was asked for too long ago.
	ErrStale = Refusal("BREAK_GLASS_TOO_OLD")
	// ErrPhase: that can't be done with the grant any more, or not yet.
	ErrPhase = Refusal("BREAK_GLASS_NOT_SO_FAR")
	// ErrReviewer: nobody reviews what they had a part in.
	ErrReviewer = Refusal("REVIEWER_INVOLVED")
	// ErrClosed: the grant is not open for this.
	ErrClosed = Refusal("BREAK_GLASS_CLOSED")
)

// Errors of commands that make no sense; nothing is recorded.
var (
	// ErrScope: a grant is for one person or for one case.
	ErrScope = errors.New("a grant is for one person or for one case")
	// ErrPeriod: a grant is open for an hour at most.
	ErrPeriod = errors.New("a grant is open for a minute at least and an hour at most")
	// ErrReviewBy: the review is due after the grant's end.
	ErrReviewBy = errors.New("the review is due after the grant's end")
	// ErrNotFound: there is no such grant.
	ErrNotFound = errors.New("no such grant")

	errUnknown = errors.New("unknown command")
)

// lastUse is when a method was last recorded.
func (g Grant) lastUse(method string) time.Time {
	for _, u := range g.last {
		if u.method == method {
			return u.at
		}
	}
	return time.Time{}
}

// used is the state with one more use.
func (g Grant) used(method string, at time.Time) Grant {
	g.last = append(slices.DeleteFunc(slices.Clone(g.last), func(u use) bool { return u.method == method }), use{method, at})
	g.Uses++
	return g
}
