package carry

import (
	"errors"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/request"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Failure is why a step did not succeed, where no system and no other service
// has said it.
type Failure string

// Error is the code.
func (f Failure) Error() string { return string(f) }

// Reason is the code.
func (f Failure) Reason() string { return string(f) }

// Why steps fail.
const (
	failNoSystems = Failure(request.NoSystems)
	// failScope: no system is described as holding what the request is about.
	failScope       = Failure(request.NoScope)
	failRowsRemain  = Failure("ROWS_REMAIN")
	failPermitShort = Failure("PERMIT_TOO_SHORT")
	failVerdict     = Failure("VERDICT_UNKNOWN")
	failNotOver     = Failure("VERIFICATION_OPEN")
	failTooLarge    = Failure("MANIFEST_TOO_LARGE")
	// failZone: this machine does not know the tenant's time zone.
	failZone = Failure("ZONE_UNKNOWN")
	// failPolicy: the policy's document can't be read.
	failPolicy = Failure("POLICY_UNREADABLE")
	// failForgotten: identity does not know the person any more.
	failForgotten = Failure("SUBJECT_FORGOTTEN")
	// failNotVouched: identity takes back what it had asked for.
	failNotVouched = Failure("NOT_VOUCHED_FOR")
	// failRetired: the system is out of use.
	failRetired = Failure("SYSTEM_RETIRED")
	// failCollectedLess: a package has fewer rows than were found.
	failCollectedLess = Failure("COLLECTED_LESS")
	// failAccessFirst: an access by another reference of the person is carried out.
	failAccessFirst = Failure("ACCESS_FIRST")
	// failPersonChanged: the person was merged or separated meanwhile.
	failPersonChanged = Failure("PERSON_CHANGED")
)

// inSystem says in which system a step over several did not succeed.
type inSystem struct {
	name     string
	category string // of its description, if it is about one
	error
}

// Unwrap is what did not succeed there.
func (f inSystem) Unwrap() error { return f.error }

// reasonOf is the reason code of a step's failure. It never holds a value.
func reasonOf(err error) string {
	var f Failure
	if errors.As(err, &f) {
		return f.Reason()
	}
	var c connector.Error
	if errors.As(err, &c) {
		return c.Reason()
	}
	if reason := answered(err); reason != "" {
		return reason
	}
	var coded interface{ Reason() string }
	if errors.As(err, &coded) {
		return coded.Reason()
	}
	return "STEP_ERROR"
}

// answered is the reason in another service's answer.
func answered(err error) string {
	st, ok := status.FromError(err)
	if !ok || st.Code() == codes.OK {
		return ""
	}
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetReason() != "" {
			return info.GetReason()
		}
	}
	if st.Code() == codes.Unavailable || st.Code() == codes.DeadlineExceeded {
		return "PEER_UNAVAILABLE"
	}
	return "PEER_ERROR"
}

// gone reports whether identity says that it knows no such person, or not any
// more. That a key or a tenant is not found says nothing about anybody.
func gone(err error) bool {
	reason := answered(err)
	return reason == "SUBJECT_FORGOTTEN" || reason == "SUBJECT_NOT_FOUND"
}

// malformed reports whether identity takes an identifier for nobody's.
func malformed(err error) bool { return status.Code(err) == codes.InvalidArgument }

// noPermit reports whether retention says that a permit has ended, or never was.
func noPermit(err error) bool {
	reason := answered(err)
	return reason == "PERMIT_OVER" || reason == "PERMIT_NOT_FOUND"
}
