package rpc_test

import (
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// act is an act of now that says the same of several purposes.
func (w *world) act(d consentv1.Decision, purposes ...string) *consentv1.RecordDecisionRequest {
	r := &consentv1.RecordDecisionRequest{
		RequestId: w.id(), SubjectRef: subject, Policy: "qcera", DecidedAt: timestamppb.New(w.now()), Evidence: "sha256:abc",
		Circumstances: &consentv1.Circumstances{Notice: "signup.3", Language: "en", Channel: "web", Method: "checkbox", Steps: proto.Uint32(1)},
	}
	for _, p := range purposes {
		r.Choices = append(r.Choices, &consentv1.Choice{Purpose: p, Decision: d, Expression: consentv1.Expression_EXPRESSION_EXPLICIT})
	}
	return r
}

func (w *world) record(t *testing.T, r *consentv1.RecordDecisionRequest) error {
	t.Helper()
	_, err := w.consent(t, human("product")).RecordDecision(deadline(t), r)
	return err
}

func TestAnActOnSeveralPurposesIsWholeOrNothing(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	expect(t, "with a purpose that the policy does not know", w.record(t, w.act(given, "mail.periodic", "spy.on")),
		codes.FailedPrecondition, "PURPOSE_NOT_DESCRIBED")
	w.wants(t, "nothing of it counts", mail(), "CONSENT_MISSING QC-05")
	if err := w.record(t, w.act(given, "mail.periodic", "website.improve")); err != nil {
		t.Fatal(err)
	}
	w.wants(t, "all of it counts", mail(), "+CONSENT_GIVEN QC-05")
	res, err := w.consent(t, human("product")).ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject})
	if err != nil || len(res.GetDecisions()) != 2 {
		t.Fatalf("%v, error %v", res, err)
	}
	for _, d := range res.GetDecisions() {
		if c := d.GetCircumstances(); d.GetStatus() != "dpv:ConsentGiven" || c.GetNotice() != "signup.3" || c.GetSteps() != 1 {
			t.Errorf("%v", d)
		}
	}
}

func TestConsentEndsByItsTimeAndIsRenewed(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	r := w.act(given, "mail.periodic")
	r.Choices[0].ExpiresAt = timestamppb.New(w.now().Add(time.Hour))
	if err := w.record(t, r); err != nil {
		t.Fatal(err)
	}
	w.later(time.Hour - time.Second)
	w.wants(t, "before its end", mail(), "+CONSENT_GIVEN QC-05")
	w.later(time.Second)
	w.wants(t, "at its end", mail(), "CONSENT_EXPIRED QC-05")
	if err := w.record(t, w.act(consentv1.Decision_DECISION_RENEWED, "mail.periodic")); err != nil {
		t.Fatal(err)
	}
	w.wants(t, "renewed", mail(), "+CONSENT_GIVEN QC-05")
	res, err := w.consent(t, human("product")).ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, d := range res.GetDecisions() {
		told = append(told, d.GetStatus())
	}
	if diff := cmp.Diff([]string{"dpv:ConsentGiven", "dpv:ConsentExpired", "dpv:RenewedConsentGiven"}, told); diff != "" {
		t.Errorf("the history (-want +got):\n%s", diff)
	}
}

func TestConsentLastsAsLongAsThePolicySays(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera", "  - id: mail.periodic\n", "  - id: mail.periodic\n    expires: P1D\n"))
	r := w.act(given, "mail.periodic")
	r.Choices[0].ExpiresAt = timestamppb.New(w.now().AddDate(1, 0, 0)) // the earlier of both counts
	if err := w.record(t, r); err != nil {
		t.Fatal(err)
	}
	w.wants(t, "on the first day", mail(), "+CONSENT_GIVEN QC-05")
	w.later(24 * time.Hour)
	w.wants(t, "after it", mail(), "CONSENT_EXPIRED QC-05")
}

func TestTheControllerMakesConsentVoid(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	if err := w.record(t, w.act(given, "mail.periodic")); err != nil {
		t.Fatal(err)
	}
	late := w.act(given, "mail.periodic")
	w.later(time.Minute)
	_, err := w.consent(t, human("dpo")).InvalidateConsent(deadline(t), &consentv1.InvalidateConsentRequest{
		RequestId: w.id(), SubjectRef: subject, Policy: "qcera", Purposes: []string{"mail.periodic"}, Ground: "notice_misleading",
		InvalidatedAt: timestamppb.New(w.now()),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.wants(t, "void", mail(), "CONSENT_INVALIDATED QC-05")
	if err := w.record(t, late); err != nil { // an import of what was given before
		t.Fatal(err)
	}
	w.wants(t, "an older yes that comes late", mail(), "CONSENT_INVALIDATED QC-05")
	expect(t, "renewing what is void", w.record(t, w.act(consentv1.Decision_DECISION_RENEWED, "mail.periodic")),
		codes.FailedPrecondition, "NOTHING_TO_RENEW")
	w.later(time.Minute)
	if err := w.record(t, w.act(given, "mail.periodic")); err != nil {
		t.Fatal(err)
	}
	w.wants(t, "given anew", mail(), "+CONSENT_GIVEN QC-05")
}

func TestAPersonWhoCallsAsSuchActsForThemselves(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	self := caller{tenant: "acme", subject: subject, roles: []string{"subject"}}
	r := w.act(given, "mail.periodic")
	r.Circumstances.Actor, r.Circumstances.ActorRef = consentv1.Actor_ACTOR_STAFF, "ticket:7"
	if _, err := w.consent(t, self).RecordDecision(deadline(t), r); at(err) != "circumstances.actor" {
		t.Errorf("as somebody else: %v", err)
	}
	if err := w.record(t, r); err != nil {
		t.Errorf("staff of the product: %v", err)
	}
	r = w.act(given, "mail.periodic")
	r.Circumstances.ActorRef = "ticket:7"
	if err := w.record(t, r); at(err) != "circumstances.actor_ref" {
		t.Errorf("a reference of nobody: %v", err)
	}
}

// at is the field that an error names.
func at(err error) string {
	_, _, field := answer(err)
	return field
}
