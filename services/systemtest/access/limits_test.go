package access_test

import (
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// TestWithoutRedisEachServiceRefusesAndConsentCanStillBeWithdrawn ends Redis
// under the running services.
func TestWithoutRedisEachServiceRefusesAndConsentCanStillBeWithdrawn(t *testing.T) {
	s := stack.New(t)
	s.Start()
	s.Tenant(tenant)
	s.Publish(tenant, policy, time.Now().Add(-time.Hour))
	subject := s.Register(tenant, email)
	dpo, product := s.As(tenant, "dpo"), s.As(tenant, "product")
	asks := map[string]func() error{
		"identity": func() error {
			_, err := dpo.Subjects.GetSubject(stack.Deadline(t), &identityv1.GetSubjectRequest{SubjectRef: subject})
			return err
		},
		"consent": func() error {
			_, err := dpo.Consent.ListDecisions(stack.Deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject})
			return err
		},
		"retention": func() error {
			_, err := dpo.Retention.GetPerson(stack.Deadline(t), &retentionv1.GetPersonRequest{SubjectRef: subject})
			return err
		},
		"fulfilment": func() error {
			_, err := dpo.Systems.ListSystems(stack.Deadline(t), &fulfilmentv1.ListSystemsRequest{})
			return err
		},
	}
	for name, ask := range asks {
		if err := ask(); err != nil {
			t.Errorf("%s with Redis: %v", name, err)
		}
	}
	s.Redis.Kill()
	for name, ask := range asks {
		if code, reason, _ := stack.Answer(ask()); code != codes.Unavailable || reason != "LIMITER_UNAVAILABLE" {
			t.Errorf("%s without Redis: %s %s, want Unavailable LIMITER_UNAVAILABLE", name, code, reason)
		}
	}
	_, err := product.Consent.RecordDecision(stack.Deadline(t), &consentv1.RecordDecisionRequest{
		RequestId: uuid.NewString(), SubjectRef: subject, Policy: policy, Evidence: "form:7", DecidedAt: timestamppb.Now(),
		Choices: []*consentv1.Choice{{
			Purpose: "trends.track", Decision: consentv1.Decision_DECISION_REFUSED, Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
		}},
	})
	if err != nil {
		t.Errorf("a refusal: %v", err)
	}
	_, err = product.Consent.WithdrawAll(stack.Deadline(t), &consentv1.WithdrawAllRequest{
		RequestId: uuid.NewString(), SubjectRef: subject, DecidedAt: timestamppb.Now(),
	})
	if err != nil {
		t.Errorf("a withdrawal: %v", err)
	}
}
