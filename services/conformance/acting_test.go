package conformance_test

import (
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
)

// decidesFor tries a decision of somebody else in the person's name.
func (p *person) decidesFor(actor consentv1.Actor, reference, decision string) string {
	p.w.Helper()
	r := p.request(act{purpose: "mail.updates", decision: decision})
	r.Circumstances = &consentv1.Circumstances{Actor: actor, ActorRef: reference}
	_, err := p.product.Consent.RecordDecision(stack.Deadline(p.w), r)
	code, reason, _ := stack.Answer(err)
	if err != nil && code != codes.FailedPrecondition {
		p.w.Errorf("%s by %v: %v %s", decision, actor, code, reason)
	}
	return reason
}

// decidedFor: who acts for somebody decides as long as their mandate stands, and by
// what it was shown. What they decided outlives it.
func (p *person) decidedFor() {
	p.w.Helper()
	const guardian, agent = consentv1.Actor_ACTOR_GUARDIAN, consentv1.Actor_ACTOR_AGENT
	news := ask{purpose: "mail.updates", category: "personal.email", source: "registration", channel: "email", message: "update.announced"}
	p.denied("before anybody has decided", news, "CONSENT_MISSING")
	for what, tc := range map[string]struct {
		actor     consentv1.Actor
		reference string
	}{"by another reference": {guardian, "form:99"}, "as an agent": {agent, "form:7"}} {
		if got := p.decidesFor(tc.actor, tc.reference, "given"); got != "MANDATE_IS_ANOTHERS" {
			p.w.Errorf("a decision %s: %q", what, got)
		}
	}
	p.denied("after those who may not", news, "CONSENT_MISSING")
	if got := p.decidesFor(guardian, "form:7", "given"); got != "" {
		p.w.Errorf("the guardian's yes: %q", got)
	}
	p.allowed("after the guardian's yes", news, "CONSENT_GIVEN")
	res, err := p.product.Consent.ListDecisions(stack.Deadline(p.w), &consentv1.ListDecisionsRequest{SubjectRef: p.ref})
	if err != nil || len(res.GetDecisions()) != 1 {
		p.w.Fatalf("list decisions: %v, %v", res, err)
	}
	if c := res.GetDecisions()[0].GetCircumstances(); c.GetActor() != guardian || c.GetActorRef() != "form:7" || c.GetAuthority() != consentv1.Authority_AUTHORITY_GUARDIAN {
		p.w.Errorf("decided by %v", c)
	}
	nobodys, grown := p.other(), p.other()
	if got := nobodys.decidesFor(guardian, "form:7", "given"); got != "MANDATE_MISSING" {
		p.w.Errorf("for somebody for whom nobody acts: %q", got)
	}
	grown.mandated("form:7")
	if got := grown.decidesFor(guardian, "form:7", "given"); got != "" {
		p.w.Errorf("a guardian of a grown person: %q", got)
	}
	_, err = p.product.Ages.EndMandate(stack.Deadline(p.w), &identityv1.EndMandateRequest{RequestId: uuid.NewString(), SubjectRef: grown.ref})
	if err != nil {
		p.w.Fatal(err)
	}
	grown.allowed("what was decided before the mandate ended", news, "CONSENT_GIVEN")
	if got := grown.decidesFor(guardian, "form:7", "withdrawn"); got != "MANDATE_MISSING" {
		p.w.Errorf("after the mandate ended: %q", got)
	}
}

// mandated records that somebody is the guardian of a person.
func (p *person) mandated(evidence string) {
	p.w.Helper()
	_, err := p.product.Ages.RecordMandate(stack.Deadline(p.w), &identityv1.RecordMandateRequest{
		RequestId: uuid.NewString(), SubjectRef: p.ref,
		Mandate: &identityv1.Mandate{Kind: identityv1.MandateKind_MANDATE_KIND_GUARDIAN, Evidence: evidence},
	})
	if err != nil {
		p.w.Fatal(err)
	}
}

// other is somebody else of the same tenant, whom the log is not held against.
func (p *person) other() *person {
	p.w.Helper()
	return &person{w: p.w, tenant: p.tenant, policy: p.policy, ref: p.w.Register(p.tenant, uuid.NewString()+"@people.example"), product: p.product}
}
