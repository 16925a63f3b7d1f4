package fault

import (
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Domain is the domain of every ErrorInfo.
const Domain = "habeas"

// Reasons that do not come from a table.
const (
	// ReasonInvalid is the reason of every failed validation.
	ReasonInvalid = "INVALID_ARGUMENT"
	// ReasonInternal is the reason of every error without a row.
	ReasonInternal = "INTERNAL"
)

// Fault is an error whose answer is made once and never changes.
type Fault struct {
	status *status.Status
	reason string
}

// New makes a fault. The text must be constant. Aborted and Unavailable tell
// the caller when to come back.
func New(code codes.Code, reason, text string) *Fault {
	return build(code, reason, text, nil, retryAfter(code, 0))
}

// Later makes a fault that says when to come back. The text must be constant.
func Later(code codes.Code, reason, text string, retry time.Duration) *Fault {
	return build(code, reason, text, nil, retryAfter(code, max(retry, time.Millisecond)))
}

// Counted makes a fault that says how many there are of what the reason is about.
// The text and the names must be constant.
func Counted(code codes.Code, reason, text string, counts map[string]uint64) *Fault {
	about := make(map[string]string, len(counts))
	for name, n := range counts {
		about[name] = strconv.FormatUint(n, 10)
	}
	return build(code, reason, text, about, retryAfter(code, 0))
}

// Internal makes the answer to an unexpected error. The trace's id, if there is
// one, is all that it tells.
func Internal(traceID string) *Fault {
	var about map[string]string
	if traceID != "" {
		about = map[string]string{"trace_id": traceID}
	}
	return build(codes.Internal, ReasonInternal, "internal error", about)
}

// Error returns the constant text.
func (f *Fault) Error() string { return f.status.Message() }

// Reason returns the machine-readable reason.
func (f *Fault) Reason() string { return f.reason }

// Code returns the gRPC code.
func (f *Fault) Code() codes.Code { return f.status.Code() }

// Status returns what goes to the caller.
func (f *Fault) Status() *status.Status { return f.status }

// build makes a status with its details: the reason, then those of more that
// are there.
func build(code codes.Code, reason, text string, about map[string]string, more ...protoadapt.MessageV1) *Fault {
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: reason, Domain: Domain, Metadata: about}}
	for _, d := range more {
		if d != nil {
			details = append(details, d)
		}
	}
	plain := status.New(code, text)
	if detailed, err := plain.WithDetails(details...); err == nil {
		plain = detailed
	} // else the code is OK, which no table may hold
	return &Fault{plain, reason}
}

// retryAfter says when to come back, for codes that promise something by it.
func retryAfter(code codes.Code, stated time.Duration) protoadapt.MessageV1 {
	switch {
	case stated > 0:
	case code == codes.Aborted:
		stated = 50 * time.Millisecond
	case code == codes.Unavailable:
		stated = time.Second
	default:
		return nil
	}
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(stated)}
}
