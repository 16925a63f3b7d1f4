package rpc

import (
	"slices"

	"habeas.internal/services/consent/disclosure"
	"habeas.internal/services/consent/intake"
	"habeas.internal/services/consent/internal/mirror"
	"habeas.internal/services/consent/internal/unsubscribe"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/consent/policy"
	"habeas.internal/services/consent/recipient"
	"habeas.internal/services/consent/statistic"
	"habeas.internal/services/internal/es/esfault"
	"habeas.internal/services/internal/keyclient"
	"habeas.internal/services/internal/rpc/fault"

	"google.golang.org/grpc/codes"
)

// Errors is the one table from consent's errors to what a caller is told. The
// rows of the key client and of the event store follow.
func Errors() fault.Table {
	return append(fault.Table{
		{Err: policy.ErrNoVersion, Code: codes.NotFound, Reason: "POLICY_NOT_FOUND"},
		{Err: ErrNotInForce, Code: codes.FailedPrecondition, Reason: "POLICY_NOT_IN_FORCE"},
		{Err: errStale, Code: codes.Unavailable, Reason: "FRESHNESS_UNPROVEN"},
		{Err: mirror.ErrGone, Code: codes.OutOfRange, Reason: "WATCH_POSITION_GONE", Text: "what has changed since is not held any more: begin anew"},
		{Err: mirror.ErrSlow, Code: codes.Aborted, Reason: "WATCH_TOO_SLOW", Text: "the watch was read too slowly: go on from the last position"},
		{Err: errIdentity, Code: codes.Unavailable, Reason: "IDENTITY_UNAVAILABLE", Text: "who holds the identifier can't be found out now"},
		{Err: unsubscribe.ErrToken, Code: codes.InvalidArgument, Reason: "UNSUBSCRIBE_TOKEN_INVALID"},
		{Err: errMandate, Code: codes.Unavailable, Reason: "MANDATE_UNPROVEN"},
		{Err: ErrNotOwn, Code: codes.PermissionDenied, Reason: "NOT_OWN_DATA"},
		{Err: policy.ErrInFuture, Code: codes.InvalidArgument, Reason: fault.ReasonInvalid},
		{Err: person.ErrInFuture, Code: codes.InvalidArgument, Reason: fault.ReasonInvalid},
		{Err: recipient.ErrUnknown, Code: codes.NotFound, Reason: "RECIPIENT_NOT_FOUND"},
		{Err: recipient.ErrInFuture, Code: codes.InvalidArgument, Reason: fault.ReasonInvalid},
		{Err: recipient.ErrPeriod, Code: codes.InvalidArgument, Reason: fault.ReasonInvalid},
		{Err: statistic.ErrUnknown, Code: codes.NotFound, Reason: "STATISTIC_NOT_FOUND"},
		{Err: statistic.ErrInFuture, Code: codes.InvalidArgument, Reason: fault.ReasonInvalid},
		{Err: statistic.ErrPeriod, Code: codes.InvalidArgument, Reason: fault.ReasonInvalid},
		{Err: intake.ErrUnknown, Code: codes.NotFound, Reason: "IMPORT_NOT_FOUND"},
		{Err: errTakenOver, Code: codes.Aborted, Reason: "IMPORT_TAKEN_OVER"},
		{Err: fault.Type[intake.Refusal](), Code: codes.FailedPrecondition},
		{Err: fault.Type[statistic.Refusal](), Code: codes.FailedPrecondition},
		{Err: fault.Type[recipient.Refusal](), Code: codes.FailedPrecondition},
		{Err: fault.Type[disclosure.Refusal](), Code: codes.FailedPrecondition},
		{Err: fault.Type[policy.Refusal](), Code: codes.FailedPrecondition},
		{Err: fault.Type[person.Refusal](), Code: codes.FailedPrecondition},
	}, slices.Concat(keyclient.Table(), esfault.Table())...)
}
