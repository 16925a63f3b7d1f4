package rpc

import (
	"testing"

	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/drp"
)

// TestWhatAnAgentIsTold is the whole table: every state in which a request can be.
// No row says no_match: that would tell whom a tenant knows.
func TestWhatAnAgentIsTold(t *testing.T) {
	proven := request.Request{Submitted: true, Verification: "v", SubjectRef: "s", Level: 3, Terms: request.Terms{Level: 3}}
	closed := func(o request.Outcome, change func(*request.Request)) request.Request {
		s := proven
		s.Closed, s.Outcome = true, o
		if change != nil {
			change(&s)
		}
		return s
	}
	weak := proven
	weak.Level = 2
	unverified := closed(request.NotVerified, func(s *request.Request) { s.SubjectRef = "" })
	expired := func(s *request.Request) {
		s.Right, s.Package = request.Access, request.Package{Name: "p", Ready: true, Expired: true}
	}
	for name, tc := range map[string]struct {
		s                       request.Request
		status, reason, details string
	}{
		"received":                           {request.Request{Submitted: true}, "open", "", ""},
		"nobody has answered":                {request.Request{Submitted: true, Verification: "v", Terms: request.Terms{Level: 3}}, "in_progress", "need_user_verification", ""},
		"the proof is not enough":            {weak, "in_progress", "need_user_verification", ""},
		"proven":                             {proven, "in_progress", "", ""},
		"carried out":                        {closed(request.Complete, nil), "fulfilled", "", ""},
		"carried out, and something is kept": {closed(request.CompleteWithRetained, nil), "fulfilled", "", "RETAINED_PARTS"},
		"nothing was held":                   {closed(request.NothingHeld, nil), "fulfilled", "", ""},
		"answered with another one":          {closed(request.Duplicate, nil), "fulfilled", "", "ANSWERED_WITH_ANOTHER"},
		"the package has ended":              {closed(request.Complete, expired), "expired", "", ""},
		"nobody was proven":                  {unverified, "denied", "insuf_verification", ""},
		"nobody has ever been known":         {unverified, "denied", "insuf_verification", ""},
		"the person was forgotten since":     {closed(request.NotVerified, nil), "denied", "insuf_verification", ""},
		"withdrawn":                          {closed(request.WithdrawnByPerson, nil), "revoked", "", ""},
		"it was not the person":              {closed(request.CancelledByPerson, func(s *request.Request) { s.Cancelled = "NOT_ME" }), "denied", "suspected_fraud", ""},
		"the person wants it no more":        {closed(request.CancelledByPerson, func(s *request.Request) { s.Cancelled = "CHANGED_MIND" }), "revoked", "", ""},
		"begun and not to be ended":          {closed(request.Incomplete, nil), "denied", "other", "INCOMPLETE"},
		"an end that nobody knows":           {closed(request.NoOutcome, nil), "denied", "other", ""},
	} {
		got, details := told(tc.s)
		if got.Status != tc.status || got.Reason != tc.reason || details != tc.details {
			t.Errorf("%s: told %v %q", name, got, details)
		}
		if got.Reason == drp.NoMatch {
			t.Errorf("%s: it is told whom the tenant knows", name)
		}
	}
}
