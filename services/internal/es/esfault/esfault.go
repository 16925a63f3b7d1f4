// Package esfault says what a caller is told about the event store's errors.
// It stands apart from es so that es knows nothing of gRPC.
package esfault

import (
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/rpc/fault"

	"google.golang.org/grpc/codes"
)

// Table holds one row for every error of package es that can reach a caller.
// What is not in it, corruption above all, becomes an opaque Internal and is
// logged.
func Table() fault.Table {
	return fault.Table{
		{Err: es.ErrCommandReused, Code: codes.AlreadyExists, Reason: "REQUEST_ID_REUSED"},
		{Err: es.ErrContended, Code: codes.Aborted, Reason: "CONTENDED"},
		{Err: es.ErrConflict, Code: codes.Aborted, Reason: "CONTENDED"},
		{Err: es.ErrStale, Code: codes.Aborted, Reason: "CONTENDED"},
		{Err: es.ErrUnknownOutcome, Code: codes.Unavailable, Reason: "OUTCOME_UNKNOWN"},
		{Err: es.ErrUnavailable, Code: codes.Unavailable, Reason: "LOG_UNAVAILABLE"},
		{Err: es.ErrForbidden, Code: codes.Unavailable, Reason: "LOG_REFUSES_SERVICE"},
		{Err: es.ErrBehind, Code: codes.Unavailable, Reason: "READ_MODEL_BEHIND"},
		{Err: es.ErrOtherEpoch, Code: codes.FailedPrecondition, Reason: "TOKEN_OF_ANOTHER_EPOCH"},
		{Err: es.ErrBadToken, Code: codes.InvalidArgument, Reason: "CONSISTENCY_TOKEN_MALFORMED"},
		{Err: es.ErrInvalidAggregate, Code: codes.InvalidArgument, Reason: "NAME_MALFORMED"},
		{Err: es.ErrNoCommandID, Code: codes.InvalidArgument, Reason: "REQUEST_ID_REQUIRED"},
		{Err: es.ErrTooLarge, Code: codes.ResourceExhausted, Reason: "COMMIT_TOO_LARGE"},
	}
}
