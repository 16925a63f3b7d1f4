package rpc

import (
	"slices"
	"time"

	"habeas.internal/services/identity/agent"
	"habeas.internal/services/identity/breakglass"
	"habeas.internal/services/identity/evidence"
	"habeas.internal/services/identity/internal/ages"
	"habeas.internal/services/identity/internal/facts"
	"habeas.internal/services/identity/internal/mandates"
	"habeas.internal/services/identity/internal/offboard"
	"habeas.internal/services/identity/internal/signin"
	"habeas.internal/services/identity/mandate"
	"habeas.internal/services/identity/staff"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/es/esfault"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/lookup"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/suppression"
	"habeas.internal/services/internal/seal/vault"

	"google.golang.org/grpc/codes"
)

// Errors is the one table from identity's errors to what a caller is told. The
// event store's rows follow.
func Errors() fault.Table {
	return slices.Concat(domain(), agents(), grants(), keys(), esfault.Table())
}

func domain() fault.Table {
	return fault.Table{
		{Err: tenant.ErrNotFound, Code: codes.NotFound, Reason: "TENANT_NOT_FOUND"},
		{Err: tenant.ErrIncomplete, Code: codes.InvalidArgument, Reason: "TENANT_INCOMPLETE"},
		{Err: tenant.ErrExists, Code: codes.AlreadyExists, Reason: "TENANT_EXISTS", Text: "tenant exists already"},
		{Err: offboard.ErrUnknown, Code: codes.Unavailable, Reason: "STANDING_UNKNOWN", Retry: time.Second},
		{Err: offboard.ErrNotConnected, Code: codes.FailedPrecondition, Reason: "PEERS_NOT_CONNECTED"},
		{Err: fault.Type[tenant.Refusal](), Code: codes.FailedPrecondition},
		{Err: subject.ErrNotFound, Code: codes.NotFound, Reason: "SUBJECT_NOT_FOUND"},
		{Err: subject.ErrNoIdentifier, Code: codes.InvalidArgument, Reason: "IDENTIFIER_REQUIRED"},
		{Err: subject.ErrMixed, Code: codes.InvalidArgument, Reason: "IDENTIFIER_IS_ANALYTICS"},
		{Err: subject.ErrBarred, Code: codes.Aborted, Reason: "CLAIM_GIVEN_UP"},
		{Err: subject.ErrTaken, Code: codes.AlreadyExists, Reason: "IDENTIFIER_TAKEN", Text: "identifier is held by somebody"},
		{Err: subject.ErrMerging, Code: codes.Aborted, Reason: "MERGE_UNDER_WAY", Retry: time.Second},
		{Err: subject.ErrParting, Code: codes.Aborted, Reason: "SEPARATION_WAITS", Retry: time.Minute},
		{Err: subject.ErrMergeUnknown, Code: codes.NotFound, Reason: "MERGE_NOT_FOUND", Text: "the person has no such merge"},
		{Err: fault.Type[subject.Refusal](), Code: codes.FailedPrecondition},
		{Err: ages.ErrBirthDate, Code: codes.InvalidArgument, Reason: "BIRTH_DATE_INVALID"},
		{Err: ages.ErrPolicy, Code: codes.FailedPrecondition, Reason: "POLICY_NOT_IN_FORCE", Text: "the tenant has no such policy in force"},
		{Err: errNotVerifier, Code: codes.PermissionDenied, Reason: "DOCUMENT_NEEDS_VERIFIER", Text: "a document is seen by a verifier"},
		{Err: facts.ErrNotConnected, Code: codes.FailedPrecondition, Reason: "CONSENT_NOT_CONNECTED"},
		{Err: facts.ErrAway, Code: codes.Unavailable, Reason: "CONSENT_UNAVAILABLE", Retry: time.Second},
		{Err: verification.ErrNotFound, Code: codes.NotFound, Reason: "VERIFICATION_NOT_FOUND"},
		{Err: fault.Type[verification.Refusal](), Code: codes.FailedPrecondition},
		{Err: signin.ErrNoProvider, Code: codes.FailedPrecondition, Reason: "PROVIDER_NOT_CONFIGURED"},
		{Err: signin.ErrAway, Code: codes.Unavailable, Reason: "PROVIDER_UNAVAILABLE", Retry: 10 * time.Second},
		{Err: fault.Type[evidence.Refusal](), Code: codes.FailedPrecondition},
		{Err: evidence.ErrTooLarge, Code: codes.InvalidArgument, Reason: "EVIDENCE_TOO_LARGE"},
		{Err: staff.ErrUntil, Code: codes.InvalidArgument, Reason: "UNTIL_INVALID"},
		{Err: staff.ErrNeed, Code: codes.InvalidArgument, Reason: "NEED_INVALID"},
		{Err: staff.ErrSelf, Code: codes.PermissionDenied, Reason: "STAFF_SELF", Text: "nobody says of themselves what they may see"},
		{Err: staff.ErrNotBound, Code: codes.PermissionDenied, Reason: "UNDERTAKING_REQUIRED", Text: "no undertaking of confidentiality is in force"},
		{Err: staff.ErrNoNeed, Code: codes.PermissionDenied, Reason: "NEED_REQUIRED", Text: "neither the case nor the purpose needs this of them"},
		{Err: fault.Type[staff.Refusal](), Code: codes.FailedPrecondition},
	}
}

func agents() fault.Table {
	return fault.Table{
		{Err: agent.ErrNotFound, Code: codes.NotFound, Reason: "AGENT_NOT_FOUND"},
		{Err: agent.ErrPeriod, Code: codes.InvalidArgument, Reason: "KEY_PERIOD_INVALID"},
		{Err: agent.ErrExists, Code: codes.AlreadyExists, Reason: "AGENT_EXISTS", Text: "the id is an agent's already"},
		{Err: fault.Type[agent.Refusal](), Code: codes.FailedPrecondition},
		{Err: mandates.ErrUnknownAgent, Code: codes.FailedPrecondition, Reason: "AGENT_UNKNOWN", Text: "no such agent is registered"},
		{Err: mandates.ErrSignature, Code: codes.FailedPrecondition, Reason: "AGENT_SIGNATURE_INVALID", Text: "the agent has not signed this"},
		{Err: mandate.ErrNotFound, Code: codes.NotFound, Reason: "MANDATE_NOT_FOUND"},
		{Err: fault.Type[mandate.Refusal](), Code: codes.FailedPrecondition},
	}
}

func grants() fault.Table {
	return fault.Table{
		{Err: breakglass.ErrNotFound, Code: codes.NotFound, Reason: "BREAK_GLASS_NOT_FOUND"},
		{Err: breakglass.ErrScope, Code: codes.InvalidArgument, Reason: "SCOPE_INVALID"},
		{Err: breakglass.ErrPeriod, Code: codes.InvalidArgument, Reason: "PERIOD_INVALID"},
		{Err: breakglass.ErrReviewBy, Code: codes.FailedPrecondition, Reason: "CALENDAR_INVALID"},
		{Err: breakglass.ErrNotBound, Code: codes.PermissionDenied, Reason: "UNDERTAKING_REQUIRED", Text: "no undertaking of confidentiality is in force"},
		{Err: breakglass.ErrSecond, Code: codes.PermissionDenied, Reason: "SECOND_PERSON_REQUIRED", Text: "nobody decides on what they have asked for"},
		{Err: breakglass.ErrReviewer, Code: codes.PermissionDenied, Reason: "REVIEWER_INVOLVED", Text: "nobody reviews what they had a part in"},
		{Err: breakglass.ErrOverdue, Code: codes.PermissionDenied, Reason: "REVIEW_OVERDUE", Text: "an earlier grant has not been reviewed in time"},
		{Err: breakglass.ErrClosed, Code: codes.PermissionDenied, Reason: "BREAK_GLASS_CLOSED", Text: "the break-glass grant is not open for this"},
		{Err: fault.Type[breakglass.Refusal](), Code: codes.FailedPrecondition},
	}
}

func keys() fault.Table {
	return fault.Table{
		{Err: seal.ErrErased, Code: codes.FailedPrecondition, Reason: "KEY_DESTROYED", Text: "the key is destroyed"},
		{Err: lookup.ErrBusy, Code: codes.Aborted, Reason: "IDENTIFIER_BUSY", Retry: time.Second},
		{Err: lookup.ErrContended, Code: codes.Aborted, Reason: "CONTENDED"},
		{Err: pepper.ErrEnded, Code: codes.FailedPrecondition, Reason: "TENANT_OFFBOARDED"},
		{Err: pepper.ErrContended, Code: codes.Aborted, Reason: "CONTENDED"},
		{Err: suppression.ErrContended, Code: codes.Aborted, Reason: "CONTENDED"},
		{Err: kek.ErrContended, Code: codes.Aborted, Reason: "CONTENDED"},
		{Err: vault.ErrContended, Code: codes.Aborted, Reason: "CONTENDED"},
		{Err: vault.ErrNotReady, Code: codes.Unavailable, Reason: "VAULT_NOT_READY"},
		{Err: vault.ErrLost, Code: codes.DataLoss, Reason: "KEY_LOST", Text: "the vault has lost a key that the log tells of"},
		{Err: pepper.ErrLost, Code: codes.DataLoss, Reason: "KEY_LOST", Text: "the vault has lost a key that the log tells of"},
		{Err: vault.ErrNoKey, Code: codes.NotFound, Reason: "KEY_NOT_FOUND"},
		{Err: kms.ErrUnavailable, Code: codes.Unavailable, Reason: "KEY_STORE_UNAVAILABLE"},
		{Err: kms.ErrRefused, Code: codes.Unavailable, Reason: "KEY_STORE_REFUSES"},
		{Err: kms.ErrHalf, Code: codes.Unavailable, Reason: "KEY_STORE_REGION_LACKS_KEY"},
		{Err: errKeyForbidden, Code: codes.PermissionDenied, Reason: "KEY_NOT_ALLOWED", Text: "this service may not have such a key"},
		{Err: errKeyPurpose, Code: codes.PermissionDenied, Reason: "KEY_PURPOSE_NOT_ALLOWED", Text: "this service may not have such a key for this purpose"},
		{Err: errNoPeriod, Code: codes.NotFound, Reason: "PERIOD_NOT_FOUND", Text: "no such conversation or period"},
		{Err: errTalkOver, Code: codes.FailedPrecondition, Reason: "CONVERSATION_CLOSED", Text: "the conversation is closed"},
		{Err: errPeriodAway, Code: codes.Unavailable, Reason: "RETENTION_UNAVAILABLE", Retry: time.Second},
		{Err: errLeaving, Code: codes.Unavailable, Reason: "LEAVING"},
	}
}
