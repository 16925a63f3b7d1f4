package rpc

import (
	"google.golang.org/grpc/codes"

	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/fault"
)

// What the guard itself refuses.
var (
	errDeadlineRequired = fault.New(codes.InvalidArgument, "DEADLINE_REQUIRED", "the call has no deadline")
	errDeadlineTooNear  = fault.New(codes.DeadlineExceeded, "DEADLINE_TOO_NEAR", "too little time is left to begin")

	errNoCredentials   = fault.New(codes.Unauthenticated, "CREDENTIALS_REQUIRED", "the call has no credentials")
	errTokenBound      = fault.New(codes.Unauthenticated, "TOKEN_BOUND", "the token is bound to another certificate than the caller's")
	errBadCredentials  = fault.New(codes.Unauthenticated, "CREDENTIALS_MALFORMED", "the credentials are malformed")
	errTenantRequired  = fault.New(codes.InvalidArgument, "TENANT_REQUIRED", "a service must say for which tenant it calls")
	errTenantInvalid   = fault.New(codes.InvalidArgument, "TENANT_INVALID", "the tenant is malformed")
	errTenantForbidden = fault.New(codes.PermissionDenied, "TENANT_FORBIDDEN", "the tenant comes from the token alone")

	errServiceForbidden = fault.New(codes.PermissionDenied, "SERVICE_FORBIDDEN", "this service may not call here")
	errRoleRequired     = fault.New(codes.PermissionDenied, "ROLE_REQUIRED", "no role of the caller allows this")
	errStepUpRequired   = fault.New(codes.PermissionDenied, "STEP_UP_REQUIRED", "a recent stronger authentication is needed")
	errPurposeRequired  = fault.New(codes.InvalidArgument, "PURPOSE_REQUIRED", "a purpose must be stated")
	errPurposeInvalid   = fault.New(codes.InvalidArgument, "PURPOSE_INVALID", "the purpose is malformed")

	errTooLarge      = fault.New(codes.ResourceExhausted, "REQUEST_TOO_LARGE", "the request is larger than the method's limit")
	errMalformed     = fault.New(codes.InvalidArgument, "REQUEST_MALFORMED", "the request could not be decoded")
	errStreamIdle    = fault.New(codes.DeadlineExceeded, "STREAM_IDLE", "the stream was silent for too long")
	errStreamExpired = fault.New(codes.Unauthenticated, "TOKEN_EXPIRED", "the token that opened the stream has expired")
	errDraining      = fault.New(codes.Unavailable, "SHUTTING_DOWN", "the server is shutting down")
)

// tokenTable says what becomes of a token that is not good.
func tokenTable() fault.Table {
	return fault.Table{
		{Err: auth.ErrInvalid, Code: codes.Unauthenticated, Reason: "TOKEN_INVALID"},
		{Err: auth.ErrExpired, Code: codes.Unauthenticated, Reason: "TOKEN_EXPIRED"},
		{Err: auth.ErrForeign, Code: codes.Unauthenticated, Reason: "TOKEN_FOREIGN"},
		{Err: auth.ErrTenant, Code: codes.Unauthenticated, Reason: "TOKEN_WITHOUT_TENANT"},
		{Err: auth.ErrSubject, Code: codes.Unauthenticated, Reason: "TOKEN_SUBJECT_INVALID"},
		{Err: auth.ErrClient, Code: codes.Unauthenticated, Reason: "TOKEN_OF_ANOTHER_CLIENT"},
		{Err: auth.ErrLife, Code: codes.Unauthenticated, Reason: "TOKEN_LIFE_TOO_LONG"},
	}
}
