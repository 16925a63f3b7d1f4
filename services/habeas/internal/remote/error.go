package remote

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error is what a service answered instead of a success.
type Error struct {
	Code    codes.Code
	Reason  string
	Message string
	Fields  []Field
	Retry   time.Duration // when to come back; zero if the service does not say
	// Again are the flags that make a repetition the same command.
	Again string
	// Counts are how many there are of what the reason is about, by name.
	Counts map[string]string
	// Roles let a caller in, where it was a role that lacked.
	Roles []string
}

// Field is one field of the request and what is wrong with it.
type Field struct {
	Name   string `json:"field"`
	Reason string `json:"reason,omitempty"`
	Text   string `json:"description,omitempty"`
}

// Of reads a service's error; nil and what is no answer stay as they are.
func Of(err error) error {
	if s, ok := status.FromError(err); err != nil && ok && As(err) == nil {
		return read(s)
	}
	return err
}

func read(s *status.Status) *Error {
	e := &Error{Code: s.Code(), Message: s.Message()}
	defer e.point()
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			e.Reason, e.Counts = d.GetReason(), d.GetMetadata()
			delete(e.Counts, "trace_id") // an id, and no count
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				e.Fields = append(e.Fields, Field{v.GetField(), v.GetReason(), inWords(v.GetDescription())})
			}
		case *errdetails.RetryInfo:
			e.Retry = d.GetRetryDelay().AsDuration()
		}
	}
	return e
}

// point names the field that a refusal is about, where the service did not.
func (e *Error) point() {
	if h := hints(e.Reason); h.field != "" && len(e.Fields) == 0 {
		e.Fields = []Field{{Name: h.field, Reason: e.Reason}}
	}
}

// GRPCStatus makes an answer that was read still one to gRPC.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) }

// As returns the service's answer within err, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Error is all of it, a line each.
func (e *Error) Error() string {
	lines := []string{e.headline()}
	for _, name := range slices.Sorted(maps.Keys(e.Counts)) {
		lines = append(lines, fmt.Sprintf("  %s: %s", name, e.Counts[name]))
	}
	for _, f := range e.Fields {
		lines = append(lines, fmt.Sprintf("  field %s: %s", f.Name, text(f)))
	}
	if advice := e.Advice(); advice != "" {
		lines = append(lines, "  what to do: "+advice)
	}
	if e.Again != "" && e.worthRepeating() {
		lines = append(lines, "  the same command again: "+e.Again)
	}
	return strings.Join(lines, "\n")
}

// worthRepeating reports an outcome that the same command may change or tell.
func (e *Error) worthRepeating() bool {
	switch e.Code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.Internal, codes.Unknown, codes.Canceled:
		return true
	case codes.ResourceExhausted:
		return e.Retry > 0
	default:
		return false
	}
}

func (e *Error) headline() string {
	switch {
	case e.Reason == "":
		return fmt.Sprintf("%s: %s", codeText(e.Code), e.Message)
	case e.Message == codeText(e.Code): // "refused: refused" says it twice
		return fmt.Sprintf("%s: %s", codeText(e.Code), e.Reason)
	}
	return fmt.Sprintf("%s: %s: %s", codeText(e.Code), e.Reason, e.Message)
}

func text(f Field) string {
	if f.Text == "" {
		return f.Reason
	}
	return f.Text
}

func codeText(c codes.Code) string {
	switch c {
	case codes.FailedPrecondition, codes.AlreadyExists, codes.Aborted, codes.OutOfRange:
		return "refused"
	case codes.InvalidArgument:
		return "not valid"
	case codes.NotFound:
		return "not found"
	case codes.PermissionDenied:
		return "not allowed"
	case codes.Unauthenticated:
		return "not authenticated"
	case codes.Unavailable:
		return "not available"
	case codes.DeadlineExceeded:
		return "no answer in time"
	case codes.ResourceExhausted:
		return "too much"
	default:
		return "failed"
	}
}

// Advice is what the caller can do about it; empty when nothing is known.
func (e *Error) Advice() string {
	switch len(e.Roles) {
	case 0:
	case 1:
		return fmt.Sprintf("use a token with the role %s: `habeas whoami` shows yours", e.Roles[0])
	default:
		return fmt.Sprintf("use a token with one of the roles %s: `habeas whoami` shows yours", strings.Join(e.Roles, ", "))
	}
	if h := hints(e.Reason); h.advice != "" {
		if e.Code == codes.ResourceExhausted && e.Retry > 0 {
			return fmt.Sprintf("%s: in %s", h.advice, e.Retry)
		}
		return h.advice
	}
	switch e.Code {
	case codes.InvalidArgument:
		return "correct what is named"
	case codes.NotFound:
		return "check the name or id, and the tenant of your token"
	case codes.PermissionDenied:
		return "use a token with a role that the method allows"
	case codes.Unauthenticated:
		return "get a fresh token; `habeas up` writes one into its client.yaml at each start"
	case codes.Unavailable, codes.Aborted:
		if e.Retry > 0 {
			return fmt.Sprintf("try again in %s", e.Retry)
		}
		return "try again; `habeas doctor` says what is not well"
	case codes.DeadlineExceeded:
		return "nobody knows whether it was done: repeat the same command"
	case codes.ResourceExhausted:
		return "send less"
	case codes.FailedPrecondition, codes.OutOfRange:
		return "a rule forbids it: the same command again changes nothing"
	case codes.AlreadyExists:
		return "it is there already: look at it before you make another"
	case codes.Internal, codes.DataLoss, codes.Unknown:
		return "look for the trace in the service's log"
	default:
		return ""
	}
}
