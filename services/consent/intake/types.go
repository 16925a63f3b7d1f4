package intake

import (
	"errors"
	"time"
)

// AggregateType is the type of an import in the log; its id is derived from the
// tenant, the source and the file.
const AggregateType = "import"

// Import is the state of one. The zero value was not begun.
type Import struct {
	File
	By                string // who began it
	BegunAt           time.Time
	Done              uint64 // rows, from the first on
	Recorded, Refused uint64
	FinishedAt        time.Time // zero: not yet
}

// File is what is imported.
type File struct {
	Source   string // the system that kept the decisions
	Digest   string // SHA-256, hex
	Evidence string // its kind
	Rows     uint64
}

// Row is one that was refused.
type Row struct {
	Number, Line  uint64
	Reason, Field string
}

// Command is Begin or Progress.
//
//sumtype:decl
type Command interface{ command() }

// Begin begins an import, or goes on with it.
type Begin struct {
	File
	Resume bool
	By     string
	At     time.Time
}

// Progress says that the next rows are done.
type Progress struct {
	Recorded uint64
	Refused  []Row
	At       time.Time
}

func (Begin) command()    {}
func (Progress) command() {}

// Event is Begun, Resumed, Progressed or Finished.
//
//sumtype:decl
type Event interface{ event() }

// Begun says that an import was begun.
type Begun struct {
	File
	By string
	At time.Time
}

// Resumed says that somebody goes on with it, and whoever was at it stops.
type Resumed struct {
	By string
	At time.Time
}

// Progressed says that further rows are done.
type Progressed struct {
	Done     uint64 // in all
	Recorded uint64 // of the new ones
	Refused  []Row  // the others
	At       time.Time
}

// Finished says that all rows are done.
type Finished struct {
	Recorded, Refused uint64
	At                time.Time
}

func (Begun) event()      {}
func (Resumed) event()    {}
func (Progressed) event() {}
func (Finished) event()   {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

const (
	// ErrBegun refuses to begin what was begun and is not finished.
	ErrBegun = Refusal("IMPORT_BEGUN")
	// ErrDiffers refuses to go on with a file of the same digest that is said to
	// have other rows or other evidence.
	ErrDiffers = Refusal("IMPORT_DIFFERS")
	// ErrTooLong refuses the row after the last.
	ErrTooLong = Refusal("IMPORT_HAS_NO_MORE_ROWS")
)

// ErrUnknown says that an import was not begun.
var ErrUnknown = errors.New("import does not exist")

var errCommand = errors.New("unknown command")
