// Package connector is how fulfilment reaches the systems that hold personal
// data. A system is described by a dataset: collections of rows, each column
// with the category of what it holds. A part is what one collection holds of
// one category; it is what a leaf of a manifest speaks of.
//
// What an implementation owes its callers:
//
//   - Locate and Collect change nothing.
//   - Erase is one transaction up to the system's limit of rows; beyond it,
//     chunks, with the rows that identify the person last, so that one that
//     was cut off finds the person again. To repeat it is harmless.
//   - Rows that are others' as well are left as they are, and counted as shared.
//   - An error says in a closed vocabulary what is wrong (see Error) and never
//     holds a value from the system.
package connector

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Identifier is a value by which a person is known, normalised by identity. It
// is personal data: it is never logged.
type Identifier struct {
	Kind  string // "email", "phone", "account", "device", "cookie", "sso"
	Value string
}

// String hides the value.
func (Identifier) String() string { return "[redacted]" }

// GoString hides the value from %#v.
func (Identifier) GoString() string { return "[redacted]" }

// Person is who is looked for.
type Person struct {
	Identifiers []Identifier
	// Key makes digests of row keys; it is the request's own.
	Key []byte
	// Zone is where the tenant's days begin and end. Without one a day ends when it
	// has ended everywhere.
	Zone *time.Location
}

// Part is what one collection holds of one category.
type Part struct {
	Collection string
	Category   string // dotted name, such as "user.contact.email"
}

// Found is what a system holds of a person in one part. Every part of the
// dataset that has personal data is found, with zero rows if need be.
type Found struct {
	Part
	Rows   uint64   // that are the person's
	Shared uint64   // further rows that are the person's and others' too
	Digest [32]byte // keyed digest of the rows' keys, in order; zero without rows
	// Since is the latest start event among the rows, from the column that the
	// dataset names for it; zero when it names none.
	Since time.Time
}

// Order says what is to become of one part. An erasure brings an order for
// every part, also those in which nothing was found, so that the system knows what
// to keep.
type Order struct {
	Part
	Erase bool // false: keep
	// Rows and Since are what Locate found of the part. What was not found then,
	// nobody has judged: see ErrMoved.
	Rows  uint64
	Since time.Time
}

// Exceeds reports whether a part holds more of the person now than was judged:
// more rows, or later ones. No moment may be the latest of all.
func (o Order) Exceeds(now Found) bool {
	if now.Rows > o.Rows {
		return true
	}
	return now.Rows > 0 && !o.Since.IsZero() && (now.Since.IsZero() || now.Since.After(o.Since))
}

// Done is what became of one part.
type Done struct {
	Part
	Deleted uint64 // rows removed
	Masked  uint64 // rows whose values were overwritten
	Shared  uint64 // rows left because they are others' too
	// Kept is how many rows stay with a value of the part that can't be taken
	// out of them: a key by which rows that have to stay are joined, such as a
	// row's number, or a column that the dataset says to keep. Where it is not
	// zero the part was not erased as a whole.
	Kept uint64
	// Described says that the system's description wants it kept.
	Described bool
}

// About is told what an erasure has done so far of every part ordered, with what
// it is about to commit, before it commits. An error takes back what is not
// committed, and Erase returns it.
type About func(ctx context.Context, done []Done) error

// Column is one value of a row.
type Column struct {
	Name     string
	Category string // empty when the dataset gives none
	Value    any    // nil, bool, int64, float64, string, []byte or time.Time; decimals are strings
}

// Row is one row of a person.
type Row struct {
	Collection string
	Columns    []Column
}

// System is one data system.
type System interface {
	// Check compares the description with the system and returns remarks. An
	// error means that the system can't be used by this description.
	Check(ctx context.Context) (remarks []string, err error)
	// Unnamed lists what the system holds and the description does not name, whether
	// it is of people or not.
	Unnamed(ctx context.Context) ([]Unnamed, error)
	// IdentityColumns names for a kind of identifier the columns that hold it,
	// as "collection.column".
	IdentityColumns(kind string) []string
	// Locate counts what the system holds of a person.
	Locate(ctx context.Context, p Person) ([]Found, error)
	// Collect gives every row of a person to yield, shared ones included, in a
	// fixed order, without holding more than one page in memory.
	Collect(ctx context.Context, p Person, yield func(Row) error) error
	// Erase carries out orders. Inside the transaction it looks again: if a part that
	// is ordered erased exceeds its order, nothing is changed, and the error is
	// ErrMoved. Before it commits it reads again what it changed,
	// so that a commit means that the rows found hold nothing of the erased parts.
	// Repeated after a crash it carries on, and finds nothing if it was done: what
	// it did then is known from what about was told, inside the transaction, right
	// before each commit.
	Erase(ctx context.Context, p Person, orders []Order, about About) ([]Done, error)
	// Verify reads again what the parts ordered to be erased hold of the
	// person, found by the same identifiers in every identity column. Anything
	// above zero rows means that the erasure is not whole. Rows whose identifiers
	// were erased are not found any more: that those hold nothing was read again
	// by Erase before it committed, so that a crash between the two loses no
	// knowledge and no row keys need to be remembered. Rows that are shared, and
	// values that Done counts as kept, are not counted.
	Verify(ctx context.Context, p Person, orders []Order) ([]Found, error)
	// Close lets go of the system.
	Close() error
}

// Unnamed is a column that a description does not name.
type Unnamed struct {
	// Path is "collection.column".
	Path, Column string
	// Near says that its collection holds data of people, or rows that belong to
	// theirs.
	Near bool
}

// Error is why a system could not be used. It is the reason code of a leaf.
type Error string

// Error is the code.
func (e Error) Error() string { return string(e) }

// Reason is the code.
func (e Error) Reason() string { return string(e) }

// Reasons why a system could not be used.
const (
	// ErrUnreachable means that the system does not answer; worth another try.
	ErrUnreachable = Error("SYSTEM_UNREACHABLE")
	// ErrDenied means that the system refuses the connection's rights.
	ErrDenied = Error("SYSTEM_DENIED")
	// ErrMismatch means that the system is not as its dataset says.
	ErrMismatch = Error("DATASET_MISMATCH")
	// ErrConnector means that the connection is to another kind of system than
	// the one that was stated.
	ErrConnector = Error("CONNECTOR_MISMATCH")
	// ErrConstraint means that a rule of the system forbids the change.
	ErrConstraint = Error("SYSTEM_CONSTRAINT")
	// ErrBusy means that others hold what would be changed; worth another try.
	ErrBusy = Error("SYSTEM_BUSY")
	// ErrMoved means that rows came since the system was looked through; worth
	// another look at once.
	ErrMoved = Error("ROWS_CHANGED")
	// ErrUnnamed means that columns look as if they held data of people, and are
	// neither described nor waived.
	ErrUnnamed = Error("COLUMN_NOT_DESCRIBED")
	// ErrTooLarge means that a value is beyond what is carried.
	ErrTooLarge = Error("VALUE_TOO_LARGE")
)

// Place is what a system does not have as its description says.
type Place struct {
	// Path is "collection" or "collection.field".
	Path string
	// Text says what is wrong there, by names of the description alone.
	Text string
}

// Mismatch is an ErrMismatch that says where.
type Mismatch []Place

// Error lists the places.
func (m Mismatch) Error() string {
	var b strings.Builder
	for _, p := range m {
		b.WriteString(p.Text + "; ")
	}
	return b.String() + ErrMismatch.Error()
}

// Unwrap is ErrMismatch.
func (Mismatch) Unwrap() error { return ErrMismatch }

// Unannotated is an ErrUnnamed that says where.
type Unannotated []Place

// Error says how many there are.
func (u Unannotated) Error() string {
	return strconv.Itoa(len(u)) + " columns look as if they held data of people: " + ErrUnnamed.Error()
}

// Unwrap is ErrUnnamed.
func (Unannotated) Unwrap() error { return ErrUnnamed }

// Reason is the code of an error from a system; SYSTEM_ERROR when it has none.
func Reason(err error) string {
	var e Error
	if errors.As(err, &e) {
		return e.Reason()
	}
	return "SYSTEM_ERROR"
}
