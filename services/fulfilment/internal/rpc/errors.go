package rpc

import (
	"errors"
	"slices"
	"time"

	"habeas.internal/services/fulfilment/controllers"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/internal/pack"
	"habeas.internal/services/fulfilment/internal/terms"
	"habeas.internal/services/fulfilment/internal/view"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es/esfault"
	"habeas.internal/services/internal/keyclient"
	"habeas.internal/services/internal/rpc/fault"

	"google.golang.org/grpc/codes"
)

// Errors is the one table from fulfilment's errors to what a caller is told.
// Those of keys and of the event store follow.
func Errors() fault.Table {
	return slices.Concat(fault.Table{
		{Err: request.ErrNoRequest, Code: codes.NotFound, Reason: "REQUEST_NOT_FOUND"},
		{Err: request.ErrInFuture, Code: codes.InvalidArgument, Reason: "RECEIVED_IN_FUTURE"},
		{Err: request.ErrNotStarted, Code: codes.Unavailable, Reason: "VERIFICATION_NOT_STARTED"},
		{Err: request.ErrOutOfStep, Code: codes.Aborted, Reason: "REQUEST_HAS_MOVED_ON"},
		{Err: fault.Type[request.Refusal](), Code: codes.FailedPrecondition},
		{Err: errNoProvider, Code: codes.FailedPrecondition, Reason: "PROVIDER_NOT_CONFIGURED"},
		{Err: errProviderAway, Code: codes.Unavailable, Reason: "PROVIDER_UNAVAILABLE", Retry: 10 * time.Second},
		{Err: carry.ErrNobody, Code: codes.NotFound, Reason: "SUBJECT_NOT_FOUND"},
		{Err: system.ErrNoSystem, Code: codes.NotFound, Reason: "SYSTEM_NOT_FOUND"},
		{Err: system.ErrReserved, Code: codes.FailedPrecondition, Reason: "SYSTEM_NAME_RESERVED"},
		{Err: connector.ErrUnreachable, Code: codes.Unavailable, Reason: "SYSTEM_UNREACHABLE"},
		{Err: connector.ErrBusy, Code: codes.Unavailable, Reason: "SYSTEM_BUSY"},
		{Err: fault.Type[connector.Mismatch](), Code: codes.FailedPrecondition, Reason: connector.ErrMismatch.Reason()},
		{Err: fault.Type[connector.Unannotated](), Code: codes.FailedPrecondition, Reason: connector.ErrUnnamed.Reason()},
		{Err: fault.Type[connector.Error](), Code: codes.FailedPrecondition},
		{Err: view.ErrBadPage, Code: codes.InvalidArgument, Reason: "PAGE_TOKEN_MALFORMED"},
		{Err: pack.ErrGone, Code: codes.FailedPrecondition, Reason: "PACKAGE_NOT_AVAILABLE"},
		{Err: pack.ErrBroken, Code: codes.DataLoss, Reason: "PACKAGE_DAMAGED"},
		{Err: pack.ErrStore, Code: codes.Unavailable, Reason: "PACKAGE_STORE_UNAVAILABLE"},
		{Err: fault.Type[controllers.Refusal](), Code: codes.FailedPrecondition},
		{Err: terms.ErrPack, Code: codes.FailedPrecondition, Reason: "RULE_PACK_UNKNOWN"},
		{Err: terms.ErrNoPolicy, Code: codes.FailedPrecondition, Reason: "POLICY_NOT_IN_FORCE"},
		{Err: terms.ErrWhichPolicy, Code: codes.FailedPrecondition, Reason: "POLICY_REQUIRED"},
		{Err: terms.ErrNoRight, Code: codes.FailedPrecondition, Reason: "RIGHT_NOT_GRANTED"},
		{Err: terms.ErrNoTenant, Code: codes.NotFound, Reason: "TENANT_NOT_FOUND"},
		{Err: terms.ErrSettings, Code: codes.FailedPrecondition, Reason: "TENANT_SETTINGS_UNUSABLE"},
	}, keyclient.Table(), esfault.Table())
}

// described is the error of a description as the fields that it is about.
func described(err error) error {
	var out fault.FieldErrors
	var places connector.Mismatch
	if errors.As(err, &places) {
		for _, p := range places {
			out = append(out, fault.FieldError{Field: "system.dataset." + p.Path, Rule: connector.ErrMismatch.Reason(), Text: p.Text})
		}
		return out.Unmet(connector.ErrMismatch.Reason(), "the system is not as its description says")
	}
	var unnamed connector.Unannotated
	if errors.As(err, &unnamed) {
		for _, p := range unnamed {
			out = append(out, fault.FieldError{Field: "system.dataset." + p.Path, Rule: connector.ErrUnnamed.Reason(), Text: p.Text})
		}
		return out.Unmet(connector.ErrUnnamed.Reason(), "columns look as if they held data of people, and are neither described nor waived")
	}
	var problems dataset.Problems
	if !errors.As(err, &problems) {
		return err
	}
	for _, p := range problems {
		out = append(out, fault.FieldError{Field: "system.dataset." + p.Path, Rule: string(p.Reason), Text: p.String()})
	}
	return out
}
