package statistic

import (
	"errors"
	"time"
)

// AggregateType is the type of a statistic in the log; its id is the
// statistic's.
const AggregateType = "statistic"

// Statistic is the state of one: a table of figures that is counted again and
// again.
type Statistic struct {
	Counts        Counts // the newest
	Determination Determination
	Released      map[string][]Figure // by cell, each figure that has left, once
	Releases      uint32
}

// Counts is one counting. The zero value is none.
type Counts struct {
	Number      uint32 // from 1 without a hole
	Cells       []Cell
	Categories  []string     // kinds of data that the figures were made of
	Identifiers []Identifier // what stands in the table and may identify somebody
	Examined    bool         // the table was searched for identifiers: those listed are all
	CountedAt   time.Time
	By          string // the system that counted
}

// Cell is one group of a table.
type Cell struct {
	Name string
	Figure
}

// Figure is how many are in a group, and how many of those who could be are not.
type Figure struct{ Count, Complement uint64 }

// Identifier is a kind of value by which somebody may be found, one of the
// eighteen of 45 CFR 164.514(b)(2)(i), in the order of that text.
type Identifier int

// The first and the last of the identifiers.
const (
	FirstIdentifier Identifier = 1  // names
	LastIdentifier  Identifier = 18 // any other unique number, characteristic or code
)

// Determination is an expert's finding that the risk to identify anybody is very
// small (45 CFR 164.514(b)(1)). The zero value is none.
type Determination struct {
	Document    string // reference of the finding
	Expert      string // reference of who found it
	From, Until time.Time
}

// stands reports whether a determination counts at a moment.
func (d Determination) stands(at time.Time) bool {
	return d.Document != "" && !at.Before(d.From) && at.Before(d.Until)
}

// Terms is what the policy in force says about figures.
type Terms struct {
	Minimum    uint64          // of a group, its complement and any difference; zero: no figures leave
	Deidentify bool            // what was made of patients' data needs to be free of identifiers
	Categories map[string]bool // each kind of data that is known; true: it is about patients
	Purposes   map[string]bool // for which figures may leave
}

// Verdict is what the policy says to the use as such.
type Verdict struct {
	Allowed               bool
	Reason, Basis, Clause string
	Version               uint32
}

// Command is Count, Determine or Release.
//
//sumtype:decl
type Command interface{ command() }

// Count records what a system has counted. Its number is ignored.
type Count struct {
	Counts
	At time.Time
}

// Determine records an expert's finding, which takes the place of the last one.
type Determine struct {
	Determination
	At time.Time
}

// Release lets the newest figures of some cells leave; without cells, of all.
type Release struct {
	Policy, Purpose, Recipient string
	Cells                      []string
	Terms                      Terms
	Verdict                    Verdict
	At                         time.Time
}

func (Count) command()     {}
func (Determine) command() {}
func (Release) command()   {}

// Event is Counted, Determined, Released or Refused.
//
//sumtype:decl
type Event interface{ event() }

// Counted says what a system has counted.
type Counted struct {
	Counts
	RecordedAt time.Time
}

// Determined says what an expert has found.
type Determined struct {
	Determination
	RecordedAt time.Time
}

// Released says which figures have left.
type Released struct {
	Number                     uint32 // from 1 without a hole
	Counts                     uint32 // number of the counting
	Policy, Purpose, Recipient string
	Cells                      []Cell
	Verdict                    Verdict
	At                         time.Time
}

// Refused says that a rule kept figures back.
type Refused struct{ Policy, Reason string }

func (Counted) event()    {}
func (Determined) event() {}
func (Released) event()   {}
func (Refused) event()    {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// What a caller may be told, besides the reasons of the policy.
const (
	// ErrPurpose keeps back figures for a purpose that lets none leave.
	ErrPurpose = Refusal("PURPOSE_NOT_FOR_RELEASE")
	// ErrTooSmall keeps back a group, or what is left over, below the minimum.
	ErrTooSmall = Refusal("COHORT_TOO_SMALL")
	// ErrDifference keeps back a figure that differs too little from one that left.
	ErrDifference = Refusal("DIFFERENCE_TOO_SMALL")
	// ErrNotCounted keeps back what the newest counting does not have.
	ErrNotCounted = Refusal("CELL_NOT_COUNTED")
	// ErrCategory keeps back figures made of data that the policy does not know.
	ErrCategory = Refusal("CATEGORY_UNKNOWN")
	// ErrIdentifiers keeps back a table with identifiers that no expert has judged.
	ErrIdentifiers = Refusal("IDENTIFIERS_PRESENT")
	// ErrNotExamined keeps back patients' figures that nobody searched for identifiers.
	ErrNotExamined = Refusal("IDENTIFIERS_NOT_EXAMINED")
	// ErrDetermination keeps back what an expert's finding no longer covers.
	ErrDetermination = Refusal("DETERMINATION_ENDED")
)

var (
	// ErrUnknown says that nothing was ever counted.
	ErrUnknown = errors.New("statistic does not exist")
	// ErrInFuture says that something is said to have been counted that lies ahead.
	ErrInFuture = errors.New("counting would lie in the future")
	// ErrPeriod says that a determination ends before it begins.
	ErrPeriod = errors.New("the determination would end before it begins")

	errCommand = errors.New("unknown command")
)
