package stack_test

import (
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/systemtest/stack"
)

// TestAPolicyThatIsPostedDecides takes one question through identity and
// consent, over TLS and with tokens.
func TestAPolicyThatIsPostedDecides(t *testing.T) {
	s := stack.New(t)
	s.Start()
	s.Tenant("caseworks")
	s.Publish("caseworks", "caseworks", time.Now().Add(-time.Hour))
	person := s.Register("caseworks", "ada@people.example")
	res, err := s.As("caseworks", "product").Consent.Check(stack.Deadline(t), &consentv1.CheckRequest{Question: &consentv1.Question{
		SubjectRef: person, Policy: "caseworks", Action: consentv1.Action_ACTION_USE, Purpose: "no.such.purpose", Categories: []string{"account"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if res.GetAnswer().GetAllowed() || res.GetAnswer().GetReason() == "" {
		t.Errorf("a purpose that the policy does not describe: allowed %v, reason %q", res.GetAnswer().GetAllowed(), res.GetAnswer().GetReason())
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}
