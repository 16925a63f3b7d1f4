package holder

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"
)

// Data is what a team writes.
type Data interface {
	// Collections describes what is held of people, in the order in which rows are
	// erased: rows by which others are found come last. It doesn't change while the
	// server runs.
	Collections() []Collection
	// InTransaction runs work over the rows as they are. What work changed is kept
	// if it returns nil, and undone if it returns an error, which comes back
	// wrapped or as it is. It may run work once only.
	InTransaction(ctx context.Context, work func(Rows) error) error
}

// Rows are the rows as a transaction sees them.
type Rows interface {
	// Of yields the rows of a collection that are a person's: those with one of
	// the identifiers, and those that belong to them. They come in an order of
	// their keys that is the same each time, behind the row of the key after,
	// which may have gone; all of them, if after is empty. It reads on as they
	// are asked for.
	Of(ctx context.Context, p Person, collection, after string) iter.Seq2[Row, error]
	// Delete removes a row.
	Delete(ctx context.Context, collection, key string) error
	// Clear leaves nothing in the fields of a row: null, an empty text, or zero.
	Clear(ctx context.Context, collection, key string, fields []string) error
}

// Person is who is looked for.
type Person struct {
	// Tenant is whose person it is.
	Tenant string
	// Identifiers are all by which the person is known.
	Identifiers []Identifier
	// Zone is where the tenant's days begin and end; nil: not known.
	Zone *time.Location
}

// Values lists the person's identifiers of a kind.
func (p Person) Values(kind string) []string {
	var out []string
	for _, i := range p.Identifiers {
		if i.Kind == kind {
			out = append(out, i.Value)
		}
	}
	return out
}

// Identifier is a value by which a person is known. It is personal data.
type Identifier struct{ Kind, Value string }

// String hides the value.
func (Identifier) String() string { return "[redacted]" }

// GoString hides the value from %#v.
func (Identifier) GoString() string { return "[redacted]" }

// Collection is a kind of rows.
type Collection struct {
	Name   string
	Fields []Field
	// KeepRows says that rows are never removed: what is to go is cleared.
	KeepRows bool
}

// Field is a value that each row of a collection has.
type Field struct {
	Name string
	// Categories are dotted names of what it holds, as the policy has them. Without
	// one, and with "system" or what is below it, it holds nothing of a person.
	Categories []string
	// Fixed says that it can't be cleared, as a key by which rows are joined.
	Fixed bool
}

// Row is a row of a person.
type Row struct {
	// Key tells it from the others of its collection, always in the same way.
	Key string
	// Values are in the order of the collection's fields: nil, bool, int64,
	// float64, string, []byte or time.Time.
	Values []any
	// Shared says that it is others' as well: it is shown and never changed.
	Shared bool
	// Since is when it began to be kept; zero: not known.
	Since time.Time
}

// What a team's functions may return, besides errors of their own, which count
// as a fault of the system.
var (
	// ErrBusy says that others hold what would be changed; it is tried again.
	ErrBusy = errors.New("system is busy")
	// ErrUnavailable says that the store does not answer; it is tried again.
	ErrUnavailable = errors.New("system is unavailable")
	// ErrConstraint says that a rule of the store forbids the change.
	ErrConstraint = errors.New("system forbids the change")
)

// personal lists the categories of people, sorted.
func (c Collection) personal() []string {
	var all []string
	for _, f := range c.Fields {
		all = append(all, f.personal()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (f Field) personal() []string {
	return slices.DeleteFunc(slices.Clone(f.Categories), func(c string) bool {
		return c == "system" || strings.HasPrefix(c, "system.")
	})
}

// empty reports whether nothing is left in a value.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case bool:
		return !v
	case int64:
		return v == 0
	case float64:
		return v == 0
	case string:
		return v == ""
	case []byte:
		return len(v) == 0
	case time.Time:
		return v.IsZero() || v.Unix() == 0
	}
	return false
}
