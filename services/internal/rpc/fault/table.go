package fault

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Table says what becomes of each domain error. Tables are values: a service
// joins its own rows and those of the packages it uses with slices.Concat. The
// first row that matches decides.
type Table []Row

// Row is one error and the status that it becomes.
type Row struct {
	// Err is matched with errors.Is, or stands for all errors of a type when
	// made by Type.
	Err error
	// Code is what happened, in gRPC's words. OK, Unknown and Internal are
	// not allowed: the first two say nothing, and Internal is what an error
	// without a row becomes.
	Code codes.Code
	// Reason is the machine-readable reason, in upper snake case. For rows
	// made by Type it may be empty if the errors have a method
	// Reason() string of that form.
	Reason string
	// Text is what the caller reads. It must be constant; empty means the
	// text of a sentinel, or for a type a plain "refused".
	Text string
	// Retry says when the caller may come back. Zero means a default for
	// Aborted and Unavailable, and nothing for other codes.
	Retry time.Duration
}

// Type makes an Err that matches every error of type E, with errors.As.
func Type[E error]() error {
	return typeOf{reflect.TypeFor[E]().String(), func(err error) (error, bool) {
		var e E
		ok := errors.As(err, &e)
		return e, ok
	}}
}

// typeOf stands for a type of errors in a row.
type typeOf struct {
	name string
	as   func(error) (error, bool)
}

// Error names the type.
func (t typeOf) Error() string { return t.name }

// reasoned is an error of many reasons: the domain's rule refusals.
type reasoned interface {
	error
	Reason() string
}

// mapped is a row made ready: its answer, or how to make one per error.
type mapped struct {
	match func(error) (error, bool)
	row   Row
	fixed *Fault
}

var reasonForm = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)

// Mapper is a table made ready.
type Mapper struct{ rows []mapped }

// Compile checks every row and makes its answer once.
func (t Table) Compile() (*Mapper, error) {
	var rows []mapped
	var wrong []error
	for i, row := range t {
		m, err := row.compile()
		if err != nil {
			wrong = append(wrong, fmt.Errorf("row %d of the error table: %w", i, err))
		}
		rows = append(rows, m)
	}
	return &Mapper{rows}, errors.Join(wrong...)
}

// Find returns the answer to err: its own if it is or wraps a Fault or
// FieldErrors, else the first row's that matches, else nil.
func (m *Mapper) Find(err error) *Fault {
	var own *Fault
	if errors.As(err, &own) {
		return own
	}
	var fields FieldErrors
	if errors.As(err, &fields) {
		return fields.fault()
	}
	for _, row := range m.rows {
		if f := row.apply(err); f != nil {
			return f
		}
	}
	return nil
}

func (r Row) compile() (mapped, error) {
	kind, byType := r.Err.(typeOf) //nolint:errorlint // the row's own marker, never wrapped
	switch {
	case r.Err == nil:
		return mapped{}, errors.New("no error")
	case r.Code == codes.OK, r.Code == codes.Unknown, r.Code == codes.Internal:
		return mapped{}, fmt.Errorf("%w: code %s is not allowed", r.Err, r.Code)
	case r.Reason == "" && byType:
		return mapped{kind.as, r, nil}, nil
	case !reasonForm.MatchString(r.Reason):
		return mapped{}, fmt.Errorf("%w: reason is not upper snake case", r.Err)
	}
	m := mapped{match: kind.as, row: r, fixed: r.fault(r.Reason)}
	if !byType {
		m.match = func(err error) (error, bool) { return r.Err, errors.Is(err, r.Err) }
	}
	return m, nil
}

func (r Row) fault(reason string) *Fault {
	text := r.Text
	if _, byType := r.Err.(typeOf); text == "" && byType { //nolint:errorlint // as above
		text = "refused"
	} else if text == "" {
		text = r.Err.Error()
	}
	return build(r.Code, reason, text, nil, retryAfter(r.Code, r.Retry))
}

// apply returns the row's answer to err, or nil if the row is not for it.
func (m mapped) apply(err error) *Fault {
	found, ok := m.match(err)
	if !ok {
		return nil
	}
	if m.fixed != nil {
		return m.fixed
	}
	if r, ok := found.(reasoned); ok && reasonForm.MatchString(r.Reason()) { //nolint:errorlint // found is unwrapped
		return m.row.fault(r.Reason())
	}
	return nil
}

// BaseTable returns the rows for errors that any handler may meet: its context
// has ended, or another service that it called could not answer.
func BaseTable() Table {
	return Table{
		{Err: context.DeadlineExceeded, Code: codes.DeadlineExceeded, Reason: "DEADLINE_EXCEEDED"},
		{Err: context.Canceled, Code: codes.Canceled, Reason: "CANCELED"},
		{Err: called(codes.DeadlineExceeded), Code: codes.DeadlineExceeded, Reason: "DEADLINE_EXCEEDED"},
		{Err: called(codes.Canceled), Code: codes.Canceled, Reason: "CANCELED"},
		{Err: called(codes.Aborted), Code: codes.Aborted, Reason: "DEPENDENCY_ABORTED"},
		{Err: called(codes.Unavailable), Code: codes.Unavailable, Reason: "DEPENDENCY_UNAVAILABLE"},
		{Err: called(codes.ResourceExhausted), Code: codes.Unavailable, Reason: "DEPENDENCY_BUSY"},
	}
}

// called matches the error of a call that another service answered with code.
// Other codes have no row: that this service asked wrongly is its own fault.
func called(code codes.Code) error {
	return typeOf{"answer " + code.String() + " of another service", func(err error) (error, bool) {
		var s interface{ GRPCStatus() *status.Status }
		ok := errors.As(err, &s) && s.GRPCStatus().Code() == code
		return err, ok
	}}
}
