package fault_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"habeas.internal/services/internal/rpc/fault"
)

var (
	errGone = errors.New("book is gone")
	errLost = errors.New("race was lost")
)

// ruleError is a refusal of many reasons.
type ruleError struct{ reason string }

func (e *ruleError) Error() string  { return "rule says no" }
func (e *ruleError) Reason() string { return e.reason }

// plainError is an error type of one reason.
type plainError struct{ planted string }

func (e plainError) Error() string { return e.planted }

func table() fault.Table {
	return slices.Concat(fault.Table{
		{Err: errGone, Code: codes.NotFound, Reason: "BOOK_GONE"},
		{Err: errLost, Code: codes.Aborted, Reason: "RACE_LOST", Text: "try again"},
		{Err: fault.Type[*ruleError](), Code: codes.FailedPrecondition},
		{Err: fault.Type[plainError](), Code: codes.ResourceExhausted, Reason: "PLAIN", Retry: time.Minute},
	}, fault.BaseTable())
}

func TestTheTableDecides(t *testing.T) {
	m, err := table().Compile()
	if err != nil {
		t.Fatal(err)
	}
	call := func(code codes.Code) error {
		return fmt.Errorf("call identity: %w", status.Error(code, "their words"))
	}
	for name, row := range map[string]struct {
		err    error
		code   codes.Code
		reason string
		text   string
		retry  time.Duration
	}{
		"a sentinel":                  {errGone, codes.NotFound, "BOOK_GONE", "book is gone", 0},
		"a wrapped sentinel":          {fmt.Errorf("load: %w", errLost), codes.Aborted, "RACE_LOST", "try again", 50 * time.Millisecond},
		"a type with reasons":         {fmt.Errorf("decide: %w", &ruleError{"TOO_LATE"}), codes.FailedPrecondition, "TOO_LATE", "refused", 0},
		"a type with one reason":      {plainError{"planted"}, codes.ResourceExhausted, "PLAIN", "refused", time.Minute},
		"two errors, the first row":   {errors.Join(errLost, errGone), codes.NotFound, "BOOK_GONE", "book is gone", 0},
		"the deadline":                {fmt.Errorf("x: %w", context.DeadlineExceeded), codes.DeadlineExceeded, "DEADLINE_EXCEEDED", "context deadline exceeded", 0},
		"the caller's end":            {context.Canceled, codes.Canceled, "CANCELED", "context canceled", 0},
		"a service that is away":      {call(codes.Unavailable), codes.Unavailable, "DEPENDENCY_UNAVAILABLE", "refused", time.Second},
		"a service that is busy":      {call(codes.ResourceExhausted), codes.Unavailable, "DEPENDENCY_BUSY", "refused", time.Second},
		"a service that was raced":    {call(codes.Aborted), codes.Aborted, "DEPENDENCY_ABORTED", "refused", 50 * time.Millisecond},
		"a service that was too slow": {call(codes.DeadlineExceeded), codes.DeadlineExceeded, "DEADLINE_EXCEEDED", "refused", 0},
		"a fault":                     {fmt.Errorf("x: %w", fault.New(codes.Unavailable, "AWAY", "away")), codes.Unavailable, "AWAY", "away", time.Second},
		"broken fields":               {fault.FieldErrors{{Field: "f"}}, codes.InvalidArgument, "INVALID_ARGUMENT", "the request breaks rules of the contract", 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := m.Find(row.err)
			if f == nil {
				t.Fatal("no row")
			}
			info, retry := details(f)
			if f.Code() != row.code || f.Reason() != row.reason || info.GetReason() != row.reason || f.Error() != row.text || retry != row.retry {
				t.Errorf("got %s, %q, %q, retry after %s", f.Code(), info.GetReason(), f.Error(), retry)
			}
			if strings.Contains(fmt.Sprint(f.Status().Proto()), "planted") || info.GetDomain() != "habeas" {
				t.Errorf("answer is %v", f.Status().Proto())
			}
		})
	}
}

func details(f *fault.Fault) (info *errdetails.ErrorInfo, retry time.Duration) {
	for _, d := range f.Status().Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			info = d
		case *errdetails.RetryInfo:
			retry = d.GetRetryDelay().AsDuration()
		}
	}
	return info, retry
}

func TestWhatHasNoRowIsNotFound(t *testing.T) {
	m, err := table().Compile()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		errors.New("other"), status.Error(codes.NotFound, "by hand"), status.Error(codes.Unknown, "by hand"),
		&ruleError{"not a reason"}, &ruleError{""},
	} {
		if f := m.Find(err); f != nil {
			t.Errorf("%v became %s %s", err, f.Code(), f.Reason())
		}
	}
}

func TestABrokenRowIsRefused(t *testing.T) {
	for name, row := range map[string]fault.Row{
		"no error":       {Code: codes.Aborted, Reason: "X"},
		"OK":             {Err: errGone, Code: codes.OK, Reason: "X"},
		"Unknown":        {Err: errGone, Code: codes.Unknown, Reason: "X"},
		"Internal":       {Err: errGone, Code: codes.Internal, Reason: "X"},
		"no reason":      {Err: errGone, Code: codes.Aborted},
		"a small reason": {Err: errGone, Code: codes.Aborted, Reason: "gone"},
		"two hyphens":    {Err: errGone, Code: codes.Aborted, Reason: "A__B"},
	} {
		if _, err := (fault.Table{row}).Compile(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestInternalTellsTheTraceAlone(t *testing.T) {
	info, _ := details(fault.Internal("abc"))
	if f := fault.Internal(""); f.Error() != "internal error" || info.GetMetadata()["trace_id"] != "abc" {
		t.Errorf("got %v", info)
	}
}

func TestAHopelessRequestIsNotExplainedAtLength(t *testing.T) {
	m, err := fault.BaseTable().Compile()
	if err != nil {
		t.Fatal(err)
	}
	bad, ok := m.Find(make(fault.FieldErrors, 1000)).Status().Details()[1].(*errdetails.BadRequest)
	if !ok || len(bad.GetFieldViolations()) != 32 {
		t.Errorf("%d fields are explained, want 32", len(bad.GetFieldViolations()))
	}
}
