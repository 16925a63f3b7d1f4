package rpc

import (
	"habeas.internal/services/internal/es/esfault"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/systemtest/sample"

	"google.golang.org/grpc/codes"
)

// Errors is the one table from the book's errors to what a caller is told.
// The event store's rows follow.
func Errors() fault.Table {
	return append(fault.Table{
		{Err: sample.ErrNoBook, Code: codes.NotFound, Reason: "BOOK_NOT_FOUND"},
		{Err: sample.ErrClosesInPast, Code: codes.InvalidArgument, Reason: "BOOK_CLOSES_IN_PAST"},
		{Err: fault.Type[sample.Refusal](), Code: codes.FailedPrecondition},
	}, esfault.Table()...)
}
