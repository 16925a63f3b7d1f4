package conformance_test

import (
	"slices"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// party is a recipient with which everything is agreed that any policy asks, for
// one purpose and its data.
type party struct {
	w      *world
	tenant string
	id     string
}

type (
	profiled = func(*consentv1.RecipientProfile)
	agreed   = func(*consentv1.Agreement)
)

// party registers a recipient of a kind for what is asked.
func (w *world) party(tenant, kind string, a ask, change ...any) party {
	w.Helper()
	p := party{w: w, tenant: tenant, id: "r-" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12]}
	profile := &consentv1.RecipientProfile{Kind: kind, Title: "Acme " + kind, Contact: "1 Example Street", Region: "us"}
	agreement := &consentv1.Agreement{
		Undertakings: []string{
			"instructions", "this_policy", "confidentiality", "security", "like_practices", "task_only", "as_specified",
			"improve_only", "never_combined",
		},
		Categories: []string{a.category}, Purposes: []string{a.purpose}, Consideration: consentv1.Consideration_CONSIDERATION_NONE,
		BusinessAssociate: true, From: timestamppb.New(time.Now().Add(-time.Hour)), ConfirmedAt: timestamppb.New(time.Now().Add(-time.Hour)),
		Mechanism: &consentv1.TransferMechanism{Kind: "standard_contractual_clauses", Origins: []string{"us"}}, Document: "contract:1",
	}
	for _, c := range change {
		switch c := c.(type) {
		case profiled:
			c(profile)
		case agreed:
			c(agreement)
		}
	}
	dpo := w.As(tenant, "dpo")
	if _, err := dpo.Recipients.PutRecipient(stack.Deadline(w), &consentv1.PutRecipientRequest{RequestId: uuid.NewString(), Recipient: p.id, Profile: profile}); err != nil {
		w.Fatal(err)
	}
	p.agrees(agreement)
	return p
}

func (p party) agrees(a *consentv1.Agreement) {
	p.w.Helper()
	_, err := p.w.As(p.tenant, "dpo").Recipients.RecordAgreement(stack.Deadline(p.w), &consentv1.RecordAgreementRequest{
		RequestId: uuid.NewString(), Recipient: p.id, Agreement: a,
	})
	if err != nil {
		p.w.Fatal(err)
	}
}

func (p party) ends() {
	p.w.Helper()
	_, err := p.w.As(p.tenant, "dpo").Recipients.EndAgreement(stack.Deadline(p.w), &consentv1.EndAgreementRequest{
		RequestId: uuid.NewString(), Recipient: p.id, Reason: "over",
	})
	if err != nil {
		p.w.Fatal(err)
	}
}

// without takes an undertaking out of an agreement.
func without(undertaking string) agreed {
	return func(a *consentv1.Agreement) {
		a.Undertakings = slices.DeleteFunc(a.Undertakings, func(u string) bool { return u == undertaking })
	}
}

// gives discloses what is asked and holds the register against it: a yes is one
// entry more, a no is none, and Check says the same beforehand.
func (p *person) gives(what string, to party, a ask, yes bool, reason string, keys ...string) {
	p.w.Helper()
	p.given(what, to.id, a, nil, yes, reason, keys...)
}

func (p *person) given(what, to string, a ask, ground *consentv1.GroundUse, yes bool, reason string, keys ...string) {
	p.w.Helper()
	a.recipient = to
	if a.action == "" {
		a.action = "disclose"
	}
	q := p.question(a)
	q.Keys, q.Origin = keys, "us"
	if ground == nil {
		res, err := p.product.Consent.Check(stack.Deadline(p.w), &consentv1.CheckRequest{Question: q})
		if err != nil {
			p.w.Fatalf("%s: %v", what, err)
		}
		p.w.expect(what+", asked", res.GetAnswer(), yes, reason)
	}
	before := len(p.register())
	by := p.product
	if strings.HasPrefix(a.purpose, "ground.") {
		by = p.w.Proven(p.tenant, counsel, "product")
	}
	res, err := by.Disclosures.Disclose(stack.Deadline(p.w), &consentv1.DiscloseRequest{RequestId: uuid.NewString(), Question: q, Ground: ground})
	code, got, _ := stack.Answer(err)
	if yes && (err != nil || res.GetAnswer().GetReason() != reason) {
		p.w.Errorf("%s: %v, error %v, want %s", what, res.GetAnswer(), err, reason)
	}
	if !yes && (code != codes.FailedPrecondition || got != reason) {
		p.w.Errorf("%s: %v %s, want it refused as %s", what, code, got, reason)
	}
	all := p.register()
	if n := len(all) - before; yes && n != 1 || !yes && n != 0 {
		p.w.Errorf("%s: %d entries more", what, n)
	}
	if yes && len(all) > 0 {
		if last := all[len(all)-1]; last.GetRecipient() != to || last.GetPurpose() != a.purpose || last.GetReason() != reason || last.GetGround().GetBelief() != ground.GetBelief() {
			p.w.Errorf("%s: the register says %v", what, last)
		}
	}
}

// register is what a person is shown.
func (p *person) register() []*consentv1.Disclosure {
	p.w.Helper()
	res, err := p.w.AsSubject(p.tenant, p.ref).Disclosures.ListDisclosures(stack.Deadline(p.w), &consentv1.ListDisclosuresRequest{SubjectRef: p.ref, PageSize: 1000})
	if err != nil {
		p.w.Fatal(err)
	}
	return res.GetDisclosures()
}

// counsel is who discloses on grounds, and so believes that they are there.
const counsel = "counsel-1"

var belief = consentv1.GroundUse{Belief: "subpoena_served", Document: "case:1", Imminent: true}

// groundsOf gives data to a court on each ground that the policy has, once with
// its whole record and once without each field.
func (w *world) groundsOf(tenant string, a ask, foreign string) {
	w.Helper()
	doc := document(w.T, tenant)
	p := w.stranger(tenant, tenant)
	p.grants(undecidedPurpose(tenant)) // so that refusals are recorded
	for _, g := range doc.Grounds {
		a.purpose = "ground." + g.ID
		p.given(g.ID, "court", a, nil, false, "GROUND_NOT_RECORDED")
		for _, field := range g.Requires {
			short := &consentv1.GroundUse{Belief: belief.GetBelief(), Document: belief.GetDocument(), Imminent: true}
			switch field {
			case "belief":
				short.Belief = ""
			case "document":
				short.Document = ""
			case "imminent":
				short.Imminent = false
			default:
				continue // among them believed_by, which nobody can leave out: it is who calls
			}
			p.given(g.ID+" without "+field, "court", a, short, false, "GROUND_RECORD_INCOMPLETE")
		}
		whole := &consentv1.GroundUse{Belief: belief.GetBelief(), Document: belief.GetDocument(), Imminent: true}
		p.given(g.ID+", recorded", "court", a, whole, true, "LEGAL_GROUND")
	}
	a.purpose = "ground." + foreign
	p.given("a ground of another policy", "court", a, &consentv1.GroundUse{Belief: "b", Document: "d", Imminent: true}, false, "GROUND_UNKNOWN")
}

func undecidedPurpose(tenant string) string {
	return map[string]string{caseworksTenant: "trends.track", personnelTenant: "mail.updates", qceraTenant: "mail.periodic"}[tenant]
}
