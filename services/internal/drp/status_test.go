package drp_test

import (
	"testing"

	"habeas.internal/services/internal/drp"
)

// TestWhatAnAgentIsToldOfARefusal is the whole table.
func TestWhatAnAgentIsToldOfARefusal(t *testing.T) {
	for reason, want := range map[string]struct {
		status, why string
		fatal       bool
	}{
		"RATE_LIMITED":               {"denied", "too_many_requests", false},
		"AGENT_EXERCISE_UNSUPPORTED": {"denied", "claim_not_covered", true},
		"AGENT_REGIME_UNSUPPORTED":   {"denied", "outside_jurisdiction", true},
		"POLICY_NOT_IN_FORCE":        {"denied", "outside_jurisdiction", true},
		"AGENT_UNKNOWN":              {"denied", "other", true},
		"AGENT_SIGNATURE_INVALID":    {"denied", "other", true},
		"AGENT_MISMATCH":             {"denied", "other", true},
		"AGENT_BUSINESS_MISMATCH":    {"denied", "other", true},
		"AGENT_KEY_NOT_IN_FORCE":     {"denied", "other", true},
		"AGENT_SUSPENDED":            {"denied", "other", true},
		"AGENT_REMOVED":              {"denied", "other", true},
		"AGENT_REQUEST_WINDOW":       {"denied", "other", true},
		"AGENT_REQUEST_EARLY":        {"denied", "other", true},
		"AGENT_REQUEST_EXPIRED":      {"denied", "other", true},
		"AGENT_REQUEST_REPLAYED":     {"denied", "other", true},
		"INVALID_ARGUMENT":           {"denied", "other", true},
		"PAYMENT_CARD_NUMBER":        {"denied", "other", true},
		"POLICY_REQUIRED":            {"denied", "other", true},
		"LIMITER_UNAVAILABLE":        {"", "", false},
		"CONSENT_NOT_CONNECTED":      {"", "", false},
		"":                           {"", "", false},
	} {
		if s, fatal := drp.Refused(reason); s.Status != want.status || s.Reason != want.why || fatal != want.fatal {
			t.Errorf("%q: %v, fatal %t", reason, s, fatal)
		}
	}
}
