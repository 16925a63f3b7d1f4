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

func decision(change func(*consentv1.RecordDecisionRequest)) *consentv1.RecordDecisionRequest {
	r := &consentv1.RecordDecisionRequest{
		RequestId: uuid1, SubjectRef: subject, Policy: "qcera",
		Choices: []*consentv1.Choice{
			{Purpose: "mail.periodic", Decision: given, Expression: consentv1.Expression_EXPRESSION_EXPLICIT},
			{Purpose: "experience.personalise", Decision: refused, Expression: consentv1.Expression_EXPRESSION_EXPLICIT},
		},
		Circumstances: &consentv1.Circumstances{Notice: "signup.3", Channel: "web"},
		DecidedAt:     timestamppb.New(time.Now().Add(-time.Minute)), Evidence: "sha256:abc",
	}
	change(r)
	return r
}

// choice is an act of which one choice is otherwise.
func choice(change func(*consentv1.Choice)) *consentv1.RecordDecisionRequest {
	return decision(func(r *consentv1.RecordDecisionRequest) { change(r.Choices[0]) })
}

func invalidation(change func(*consentv1.InvalidateConsentRequest)) *consentv1.InvalidateConsentRequest {
	r := &consentv1.InvalidateConsentRequest{
		RequestId: uuid1, SubjectRef: subject, Policy: "qcera", Purposes: []string{"mail.periodic"}, Ground: "notice_misleading",
		InvalidatedAt: timestamppb.New(time.Now().Add(-time.Minute)),
	}
	change(r)
	return r
}

func decisionMethods() []method {
	return []method{
		{
			name: "RecordDecision", caller: human("product"), wrong: "auditor", empty: "request_id", foreign: "POLICY_NOT_FOUND",
			good: func() proto.Message { return decision(func(*consentv1.RecordDecisionRequest) {}) },
			bad: map[string]proto.Message{
				"subject_ref":              decision(func(r *consentv1.RecordDecisionRequest) { r.SubjectRef = "jane@example.org" }),
				"policy":                   decision(func(r *consentv1.RecordDecisionRequest) { r.Policy = "a.b.>" }),
				"choices":                  decision(func(r *consentv1.RecordDecisionRequest) { r.Choices = nil }),
				"choices[0].purpose":       choice(func(c *consentv1.Choice) { c.Category = "visitor.email" }),
				"choices[1].purpose":       decision(func(r *consentv1.RecordDecisionRequest) { r.Choices[1].Purpose = "mail.periodic" }),
				"choices[0].category":      choice(func(c *consentv1.Choice) { c.Purpose, c.Category = "", "Mail" }),
				"choices[0].decision":      choice(func(c *consentv1.Choice) { c.Decision = consentv1.Decision_DECISION_EXPIRED }),
				"choices[0].expression":    choice(func(c *consentv1.Choice) { c.Expression = 9 }),
				"choices[0].recipients[0]": choice(func(c *consentv1.Choice) { c.Recipients = []string{"A"} }),
				"choices[0].expires_at":    choice(func(c *consentv1.Choice) { c.ExpiresAt = timestamppb.New(time.Unix(0, 0)) }),
				"choices[1].expires_at":    decision(func(r *consentv1.RecordDecisionRequest) { r.Choices[1].ExpiresAt = tomorrow() }),
				"decided_at":               decision(func(r *consentv1.RecordDecisionRequest) { r.DecidedAt = tomorrow() }),
				"evidence":                 decision(func(r *consentv1.RecordDecisionRequest) { r.Evidence = "Jane said yes" }),
				"circumstances.notice":     decision(func(r *consentv1.RecordDecisionRequest) { r.Circumstances.Notice = "Dear Jane" }),
				"circumstances.text_hash":  decision(func(r *consentv1.RecordDecisionRequest) { r.Circumstances.TextHash = "abc" }),
				"circumstances.language":   decision(func(r *consentv1.RecordDecisionRequest) { r.Circumstances.Language = "German" }),
				"circumstances.method":     decision(func(r *consentv1.RecordDecisionRequest) { r.Circumstances.Method = "a b" }),
				"circumstances.channel":    decision(func(r *consentv1.RecordDecisionRequest) { r.Circumstances.Channel = "jane@example.org" }),
				"circumstances.actor":      decision(func(r *consentv1.RecordDecisionRequest) { r.Circumstances.Actor = 9 }),
				"circumstances.actor_ref":  decision(func(r *consentv1.RecordDecisionRequest) { r.Circumstances.Actor = consentv1.Actor_ACTOR_GUARDIAN }),
				"circumstances.authority": decision(func(r *consentv1.RecordDecisionRequest) {
					r.Circumstances.Authority = consentv1.Authority_AUTHORITY_PARENT
				}),
				"circumstances.steps":   decision(func(r *consentv1.RecordDecisionRequest) { r.Circumstances.Steps = proto.Uint32(1001) }),
				"circumstances.seconds": decision(func(r *consentv1.RecordDecisionRequest) { r.Circumstances.Seconds = proto.Uint32(86401) }),
			},
		},
		{
			name: "InvalidateConsent", caller: human("dpo"), wrong: "product", empty: "request_id", foreign: "POLICY_NOT_FOUND",
			good: func() proto.Message { return invalidation(func(*consentv1.InvalidateConsentRequest) {}) },
			bad: map[string]proto.Message{
				"subject_ref":    invalidation(func(r *consentv1.InvalidateConsentRequest) { r.SubjectRef = "jane@example.org" }),
				"policy":         invalidation(func(r *consentv1.InvalidateConsentRequest) { r.Policy = "a.b.>" }),
				"purposes":       invalidation(func(r *consentv1.InvalidateConsentRequest) { r.Purposes = nil }),
				"purposes[0]":    invalidation(func(r *consentv1.InvalidateConsentRequest) { r.Purposes = []string{"A"} }),
				"ground":         invalidation(func(r *consentv1.InvalidateConsentRequest) { r.Ground = "" }),
				"evidence":       invalidation(func(r *consentv1.InvalidateConsentRequest) { r.Evidence = "Jane said no" }),
				"invalidated_at": invalidation(func(r *consentv1.InvalidateConsentRequest) { r.InvalidatedAt = tomorrow() }),
			},
		},
	}
}
