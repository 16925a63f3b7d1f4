package consentd_test

import (
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// TestAReplicaThatKeepsARecipientKnowsWhenItHasChanged asks two replicas about a
// disclosure after each change, often enough that both answer from what they
// keep.
func TestAReplicaThatKeepsARecipientKnowsWhenItHasChanged(t *testing.T) {
	w := newWorld(t)
	first, _ := w.start(t)
	second, _ := w.start(t)
	patient(t, w.dial(t, first, "dpo"))
	writer := consentv1.NewConsentServiceClient(w.dial(t, first, "product"))
	readers := []consentv1.ConsentServiceClient{writer, consentv1.NewConsentServiceClient(w.dial(t, second, "product"))}
	if _, err := writer.RecordDecision(deadline(t), &consentv1.RecordDecisionRequest{
		RequestId: request(1), SubjectRef: subject, Policy: "qcera", DecidedAt: timestamppb.Now(), Evidence: "sha256:abc",
		Choices: []*consentv1.Choice{{
			Purpose: "leave.operate", Decision: consentv1.Decision_DECISION_GIVEN, Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
			Recipients: []string{"helper"},
		}},
	}); err != nil {
		t.Fatal(err)
	}
	ask := &consentv1.Question{
		SubjectRef: subject, Policy: "qcera", Action: consentv1.Action_ACTION_DISCLOSE, Purpose: "leave.operate", Origin: "us",
		Categories: []string{"leave.absence"}, Source: consentv1.Source_SOURCE_ONLINE, Recipient: "the-helper",
	}
	everybody := func(want string) {
		t.Helper()
		for n, c := range readers {
			for range 3 {
				res, err := c.Check(deadline(t), &consentv1.CheckRequest{Question: ask})
				if got := res.GetAnswer().GetReason(); err != nil || got != want {
					t.Fatalf("replica %d: %q, error %v; want %s", n, got, err, want)
				}
			}
		}
	}
	dpo := consentv1.NewRecipientServiceClient(w.dial(t, first, "dpo"))
	do := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	everybody("RECIPIENT_UNKNOWN")
	do(dpo.PutRecipient(deadline(t), &consentv1.PutRecipientRequest{
		RequestId: request(2), Recipient: "the-helper", Profile: &consentv1.RecipientProfile{Kind: "helper", Title: "Helper", Contact: "1 Example Street", Region: "us"},
	}))
	everybody("AGREEMENT_MISSING")
	do(dpo.RecordAgreement(deadline(t), &consentv1.RecordAgreementRequest{
		RequestId: request(3), Recipient: "the-helper", Agreement: &consentv1.Agreement{
			Undertakings: []string{"confidentiality", "security", "instructions", "this_policy", "task_only"}, Categories: []string{"leave.absence"},
			Purposes: []string{"leave.operate"}, Consideration: consentv1.Consideration_CONSIDERATION_NONE,
			From: timestamppb.New(time.Unix(1, 0)), Document: "dpa-1",
		},
	}))
	everybody("CONSENT_GIVEN")
	do(dpo.EndAgreement(deadline(t), &consentv1.EndAgreementRequest{RequestId: request(4), Recipient: "the-helper", Reason: "over"}))
	everybody("AGREEMENT_ENDED")
}
