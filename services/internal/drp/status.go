package drp

// Status is how a request stands, in the protocol's words.
type Status struct{ Status, Reason string }

// The protocol's statuses.
const (
	StatusOpen       = "open"
	StatusInProgress = "in_progress"
	StatusFulfilled  = "fulfilled"
	StatusRevoked    = "revoked"
	StatusDenied     = "denied"
	StatusExpired    = "expired"
)

// The protocol's reasons. NoMatch is never told: it would say whom a tenant knows.
const (
	NeedUserVerification = "need_user_verification"
	SuspectedFraud       = "suspected_fraud"
	InsufVerification    = "insuf_verification"
	NoMatch              = "no_match"
	ClaimNotCovered      = "claim_not_covered"
	OutsideJurisdiction  = "outside_jurisdiction"
	TooManyRequests      = "too_many_requests"
	Other                = "other"
)

// Refused is what an agent is told of a message that was not taken, by the reason
// code of the answer. Fatal: to send it again is of no use. A reason that is not
// about the message, such as that a service is away, has no status: it is tried
// again.
func Refused(reason string) (s Status, fatal bool) {
	switch reason {
	case "RATE_LIMITED":
		return Status{StatusDenied, TooManyRequests}, false
	case "AGENT_EXERCISE_UNSUPPORTED":
		return Status{StatusDenied, ClaimNotCovered}, true
	case "AGENT_REGIME_UNSUPPORTED", "POLICY_NOT_IN_FORCE":
		return Status{StatusDenied, OutsideJurisdiction}, true
	case "AGENT_UNKNOWN", "AGENT_SIGNATURE_INVALID", "AGENT_MISMATCH", "AGENT_BUSINESS_MISMATCH", "AGENT_KEY_NOT_IN_FORCE", "AGENT_SUSPENDED",
		"AGENT_REMOVED", "AGENT_REQUEST_WINDOW", "AGENT_REQUEST_EARLY", "AGENT_REQUEST_EXPIRED", "AGENT_REQUEST_REPLAYED", "INVALID_ARGUMENT",
		"PAYMENT_CARD_NUMBER", "POLICY_REQUIRED":
		return Status{StatusDenied, Other}, true
	}
	return Status{}, false
}
