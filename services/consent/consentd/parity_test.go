package consentd_test

import (
	"fmt"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/receipt"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// TestWhatActsTookIsCountedAndAReceiptIsSigned runs through the log, the read
// model and the service's own key.
func TestWhatActsTookIsCountedAndAReceiptIsSigned(t *testing.T) {
	w := newWorld(t)
	r, _ := w.start(t)
	publishAll(t, w.dial(t, r, "dpo"))
	product, dpo := consentv1.NewConsentServiceClient(w.dial(t, r, "product")), consentv1.NewConsentServiceClient(w.dial(t, r, "dpo"))
	for i, d := range []consentv1.Decision{consentv1.Decision_DECISION_GIVEN, consentv1.Decision_DECISION_WITHDRAWN} {
		_, err := product.RecordDecision(deadline(t), &consentv1.RecordDecisionRequest{
			RequestId: request(50 + i), SubjectRef: subject, Policy: "qcera", DecidedAt: timestamppb.Now(), Evidence: "sha256:abc",
			Choices:       []*consentv1.Choice{{Purpose: "mail.periodic", Decision: d, Expression: consentv1.Expression_EXPRESSION_EXPLICIT}},
			Circumstances: &consentv1.Circumstances{Notice: "signup.3", Channel: "web", Steps: proto.Uint32(uint32(1 + 2*i)), Seconds: proto.Uint32(5)},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	testwait.For(t, time.Minute, func() error {
		got, err := dpo.GetWithdrawalParity(deadline(t), &consentv1.GetWithdrawalParityRequest{Policy: "qcera"})
		if err != nil {
			return err
		}
		if len(got.GetRows()) != 1 || got.GetRows()[0].GetWithdrawing().GetActs() != 1 {
			return fmt.Errorf("not counted yet: %v", got)
		}
		row := got.GetRows()[0]
		if !row.GetHarderToWithdraw() || row.GetGiving().GetSteps() != 1 || row.GetWithdrawing().GetSteps() != 3 || row.GetWithdrawing().GetSeconds() != 5 {
			t.Errorf("%v", row)
		}
		return nil
	})
	res, err := dpo.GetConsentReceipt(deadline(t), &consentv1.GetConsentReceiptRequest{SubjectRef: subject, Policy: "qcera"})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := receipt.Verify(res.GetReceipt(), w.in.Service.Public()); err != nil || len(got.Record.Events) != 2 {
		t.Errorf("receipt %+v, error %v", got, err)
	}
}
