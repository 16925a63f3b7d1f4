package conformance_test

import (
	"slices"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const undescribed = "marketing.partner" // no policy describes it

// registrationData shows CW-03 with every registration category and every
// purpose of the policy, and one that it doesn't describe.
func registrationData(t *testing.T, w *world) {
	doc := document(t, caseworksTenant)
	undecided, granted := w.stranger(caseworksTenant, caseworksTenant), w.stranger(caseworksTenant, caseworksTenant)
	for _, purpose := range doc.Purposes {
		granted.grants(purpose.ID)
	}
	for _, c := range doc.Categories {
		for _, purpose := range doc.Purposes {
			if !c.Registration || purpose.Basis == legal {
				continue
			}
			what := c.ID + " for " + purpose.ID
			if reason, _ := basis(purpose); slices.Contains(c.CollectedFor, purpose.ID) {
				undecided.allowed(what, reading(doc, purpose, c), reason)
				continue
			}
			a := reading(doc, purpose, c)
			undecided.denied(what, a, "CONSENT_MISSING")
			granted.allowed(what+", granted", a, "CONSENT_GIVEN")
		}
	}
	a := ask{purpose: undescribed, category: "account.email", source: "registration"}
	p := w.stranger(caseworksTenant, caseworksTenant)
	p.denied("undescribed", a, "CONSENT_MISSING")
	p.decides(act{purpose: undescribed, decision: "offered"})
	p.denied("undescribed, offered", a, "CONSENT_MISSING")
	p.decides(act{purpose: undescribed, decision: "given", implied: true})
	p.denied("undescribed, implied", a, "CONSENT_NOT_EXPLICIT")
	p.cannot(act{purpose: undescribed, decision: "given", unproven: true}, "EVIDENCE_REQUIRED")
	p.denied("undescribed, without evidence", a, "CONSENT_NOT_EXPLICIT")
	p.grants(undescribed)
	p.allowed("undescribed, granted", a, "CONSENT_GIVEN")
	lax := w.stranger(w.tenantOf(caseworksTenant, change{"  registration: {clause: CW-03}\n", ""}), caseworksTenant)
	lax.decides(act{purpose: undescribed, decision: "offered"})
	lax.allowed("offered, under a policy without CW-03", a, "NOT_OPTED_OUT")
}

// wayOut shows CW-04 on two replicas of the service.
func wayOut(_ *testing.T, w *world) {
	second := w.Replica("consent").As(caseworksTenant, "product")
	a := ask{purpose: undescribed, category: "log.ip_address", source: "observed"}
	p, other := w.stranger(caseworksTenant, caseworksTenant), w.stranger(caseworksTenant, caseworksTenant)
	everywhere := func(what string, yes bool, reason string) {
		w.Helper()
		p.answered(what+", here", p.product, a, yes, reason)
		p.answered(what+", there", second, a, yes, reason)
	}
	everywhere("not offered", false, "WAY_OUT_NOT_OFFERED")
	other.decides(act{purpose: undescribed, decision: "offered"})
	everywhere("offered to somebody else", false, "WAY_OUT_NOT_OFFERED")
	p.decides(act{purpose: undescribed, decision: "offered"})
	everywhere("offered", true, "NOT_OPTED_OUT")
	sensitive := ask{purpose: undescribed, category: "communication.sensitive", source: "online"}
	p.denied("offered, for sensitive data", sensitive, "CONSENT_MISSING")
	p.denied("offered, for registration data", ask{purpose: undescribed, category: "account.name", source: "registration"}, "CONSENT_MISSING")
	p.decidesBy(w.AsSubject(caseworksTenant, p.ref), act{purpose: undescribed, decision: "refused"}) // the one step
	everywhere("opted out", false, "OPTED_OUT")
	p.decides(act{purpose: undescribed, decision: "offered"})
	everywhere("opted out, offered again", false, "OPTED_OUT")
	p.cannot(act{purpose: undescribed, decision: "given", implied: true}, "IMPLIED_AFTER_REFUSAL")
	everywhere("opted out, then used", false, "OPTED_OUT")
	w.withdrawsEverything(other, a)
	const offer = "undescribed: {mode: offer, clause: CW-04}"
	closed := w.stranger(w.tenantOf(caseworksTenant, change{offer, "undescribed: {mode: closed, clause: CW-04}"}), caseworksTenant)
	closed.denied("under a policy that offers no way out", a, "PURPOSE_NOT_DESCRIBED")
	closed.cannot(act{purpose: undescribed, decision: "offered"}, "PURPOSE_NOT_DESCRIBED")
}

// withdrawsEverything: one call withdraws what was only offered, too.
func (w *world) withdrawsEverything(p *person, a ask) {
	w.Helper()
	p.allowed("before everything is withdrawn", a, "NOT_OPTED_OUT")
	_, err := w.AsSubject(p.tenant, p.ref).Consent.WithdrawAll(stack.Deadline(w), &consentv1.WithdrawAllRequest{
		RequestId: uuid.NewString(), SubjectRef: p.ref, DecidedAt: timestamppb.Now(),
	})
	if err != nil {
		w.Fatalf("withdraw all: %v", err)
	}
	p.acts = append(p.acts, "person.all_withdrawn ["+p.policy+"/"+a.purpose+"]")
	p.denied("after", a, "OPTED_OUT")
}

// explicitConsentOnly shows QC-04 with every purpose of the policy that isn't
// the law's.
func explicitConsentOnly(t *testing.T, w *world) {
	doc := document(t, qceraTenant)
	for _, purpose := range doc.Purposes {
		if purpose.Basis == legal {
			continue
		}
		p := w.stranger(qceraTenant, qceraTenant)
		all := func(what string, yes bool, reason string) {
			t.Helper()
			for _, c := range doc.Categories {
				if listed(purpose, c) {
					p.answered(c.ID+" for "+purpose.ID+": "+what, p.product, reading(doc, purpose, c), yes, reason)
				}
			}
		}
		all("undecided", false, "CONSENT_MISSING")
		p.decides(act{purpose: purpose.ID, decision: "offered"})
		all("a way out was offered", false, "CONSENT_MISSING")
		p.cannot(act{purpose: purpose.ID, decision: "given", unproven: true}, "EVIDENCE_REQUIRED")
		all("without evidence", false, "CONSENT_MISSING")
		p.decides(act{purpose: purpose.ID, decision: "given", implied: true})
		all("implied", false, "CONSENT_NOT_EXPLICIT")
		p.grants(purpose.ID)
		all("explicit", true, "CONSENT_GIVEN")
		p.decides(act{purpose: purpose.ID, decision: "withdrawn"})
		all("withdrawn", false, "CONSENT_WITHDRAWN")
		p.cannot(act{purpose: purpose.ID, decision: "renewed"}, "NOTHING_TO_RENEW")
		all("renewed after it was withdrawn", false, "CONSENT_WITHDRAWN")
	}
	ended(w)
	grounds(w)
	mail := ask{purpose: "mail.periodic", category: "visitor.email", source: "online", action: "access"}
	const basis = "title: Sending periodic e-mail\n    basis: "
	lax := w.stranger(w.tenantOf(qceraTenant, change{basis + optIn, basis + optOut}), qceraTenant)
	lax.allowed("undecided, were the mail opt-out", mail, "NOT_OPTED_OUT")
}

// ended: what was given until a moment, or has been made void, is given no more.
func ended(w *world) {
	w.Helper()
	mail := ask{purpose: "mail.periodic", category: "visitor.email", source: "online", action: "access"}
	soon, kept := w.stranger(qceraTenant, qceraTenant), w.stranger(qceraTenant, qceraTenant)
	kept.grants("mail.periodic")
	kept.allowed("without an end", mail, "CONSENT_GIVEN")
	soon.decides(act{purpose: "mail.periodic", decision: "given", ended: true})
	soon.denied("given until a moment that has passed", mail, "CONSENT_EXPIRED")
	kept.void("mail.periodic")
	kept.denied("made void", mail, "CONSENT_INVALIDATED")
	kept.decides(act{purpose: "mail.periodic", decision: "given", earlier: true})
	kept.denied("an older yes that was recorded after it was made void", mail, "CONSENT_INVALIDATED")
	kept.grants("mail.periodic")
	kept.allowed("given anew", mail, "CONSENT_GIVEN")
}

// grounds: what law has kept is kept without consent, and used for nothing; a
// ground that is only named permits nothing.
func grounds(w *world) {
	w.Helper()
	p := w.stranger(qceraTenant, qceraTenant)
	kept := ask{purpose: "legal.retention", category: "leave.absence", source: "online", action: "preserve"}
	used := kept
	used.action = "use"
	p.allowed("kept as law demands", kept, "LEGAL_GROUND")
	p.denied("used because law has it kept", used, "ACTION_NOT_FOR_PURPOSE")
	for ground, reason := range map[string]string{
		"law": "GROUND_NOT_RECORDED", "rights_or_property": "GROUND_NOT_RECORDED", "personal_safety": "GROUND_NOT_RECORDED",
		"terms": "GROUND_UNKNOWN",
	} {
		p.denied("on a ground that nobody has recorded", ask{purpose: "ground." + ground, category: "leave.absence", source: "online", action: "access"}, reason)
	}
}

// usingTheSite shows QC-14: the use of the site is recorded as what it is, and
// satisfies nothing.
func usingTheSite(t *testing.T, w *world) {
	doc := document(t, qceraTenant)
	visitor, explicit := w.stranger(qceraTenant, qceraTenant), w.stranger(qceraTenant, qceraTenant)
	for _, p := range []*person{visitor, explicit} {
		if err := p.accepts(1, p == visitor, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	uses := slices.DeleteFunc(every(doc), func(a ask) bool { return a.purpose == "legal.retention" })
	for _, a := range uses {
		explicit.denied(a.category+" for "+a.purpose+", by acceptance of the policy alone", a, "CONSENT_MISSING")
	}
	for _, purpose := range ofBasis(doc, optIn) {
		visitor.decides(act{purpose: purpose, decision: "given", implied: true})
		explicit.grants(purpose)
	}
	for _, a := range uses {
		visitor.denied(a.category+" for "+a.purpose+", by use", a, "CONSENT_NOT_EXPLICIT")
		explicit.allowed(a.category+" for "+a.purpose+", granted", a, "CONSENT_GIVEN")
	}
	const personal = "title: Personalising somebody's experience\n    basis: "
	lax := w.stranger(w.tenantOf(qceraTenant, change{personal + optIn, personal + described}), qceraTenant)
	lax.decides(act{purpose: "experience.personalise", decision: "given", implied: true})
	lax.allowed("by use, where use is enough", ask{purpose: "experience.personalise", category: "visitor.name", source: "online"}, "PURPOSE_DESCRIBED")
}

// fiveUses shows QC-15. The policy's cookies are QC-06's, and keep no personal
// data.
func fiveUses(t *testing.T, w *world) {
	doc := document(t, qceraTenant)
	var uses []string
	for _, purpose := range doc.Purposes {
		personal := slices.ContainsFunc(doc.Categories, func(c policydoc.Category) bool { return c.Personal && listed(purpose, c) })
		if personal && purpose.Basis != legal {
			uses = append(uses, purpose.ID)
		}
	}
	if want := []string{"experience.personalise", "website.improve", "customer_service.improve", "leave.operate", "mail.periodic"}; !slices.Equal(uses, want) {
		t.Errorf("the policy describes the uses %v, its text %v", uses, want)
	}
	p := w.stranger(qceraTenant, qceraTenant)
	for _, purpose := range doc.Purposes {
		if !slices.Contains(uses, purpose.ID) {
			continue
		}
		c := doc.Categories[slices.IndexFunc(doc.Categories, func(c policydoc.Category) bool { return listed(purpose, c) })]
		p.denied(purpose.ID+", undecided", reading(doc, purpose, c), "CONSENT_MISSING")
		p.grants(purpose.ID)
		p.allowed(purpose.ID+", granted", reading(doc, purpose, c), "CONSENT_GIVEN")
	}
	sixth := ask{purpose: "profile.sell", category: "visitor.email", source: "online"}
	p.cannot(act{purpose: sixth.purpose, decision: "given"}, "PURPOSE_NOT_DESCRIBED")
	p.denied("a sixth use", sixth, "PURPOSE_NOT_DESCRIBED")
	const six = "\npurposes:\n  - id: profile.sell\n    title: A sixth use\n    basis: opt_in\n    categories: [visitor.email]\n    clause: QC-15\n"
	other := w.stranger(w.tenantOf(qceraTenant, change{"\npurposes:\n", six}), qceraTenant)
	other.denied("a sixth use that the policy describes, undecided", sixth, "CONSENT_MISSING")
	other.grants(sixth.purpose)
	other.allowed("granted", sixth, "CONSENT_GIVEN")
}

// impliedConsent shows PT-22: no decision, implied and explicit consent, each
// for a purpose that is necessary, opt-in and opt-out.
func impliedConsent(_ *testing.T, w *world) {
	necessary := ask{purpose: "service.provide", category: "personal.email", source: "registration"}
	permission := ask{purpose: "connect.show_user", category: "personal.name", source: "registration"}
	cookies := ask{purpose: "cookie.quality", category: "cookie.site", source: "cookie"}
	for _, how := range []struct {
		name                                 string
		necessary, permission, cookies, open string
	}{
		{"none", "CONTRACT_NEEDS", "CONSENT_MISSING", "NOT_OPTED_OUT", "dpv:LegitimateInterest"},
		{"implied", "CONTRACT_NEEDS", "CONSENT_NOT_EXPLICIT", "NOT_OPTED_OUT", "dpv:ImpliedConsent"},
		{"explicit", "CONTRACT_NEEDS", "CONSENT_GIVEN", "CONSENT_GIVEN", "dpv:ExplicitlyExpressedConsent"},
	} {
		p := w.stranger(personnelTenant, personnelTenant)
		trends := ask{purpose: "trends.analyze", category: "tag.use", source: "observed"}
		for _, a := range []ask{necessary, permission, cookies, trends} {
			if how.name != "none" {
				p.decides(act{purpose: a.purpose, decision: "given", implied: how.name == "implied"})
			}
		}
		p.allowed(how.name+", necessary", necessary, how.necessary)
		p.answered(how.name+", opt-in", p.product, permission, how.name == "explicit", how.permission)
		p.allowed(how.name+", opt-out", cookies, how.cookies)
		if got := p.allowed(how.name+", described", trends, "PURPOSE_DESCRIBED"); got.GetBasis() != how.open {
			w.Errorf("%s: a described purpose is allowed on %s, not on %s", how.name, got.GetBasis(), how.open)
		}
	}
	const show = "title: Telling connections that somebody is a user\n    basis: "
	lax := w.stranger(w.tenantOf(personnelTenant, change{show + optIn, show + described}), personnelTenant)
	lax.decides(act{purpose: permission.purpose, decision: "given", implied: true})
	if got := lax.allowed("implied, where no permission is promised", permission, "PURPOSE_DESCRIBED"); got.GetBasis() != "dpv:ImpliedConsent" {
		w.Errorf("allowed on %s", got.GetBasis())
	}
	const counts = "expressions: [explicit, implied]"
	strict := w.stranger(w.tenantOf(personnelTenant, change{show + optIn, show + described}, change{counts, "expressions: [explicit]"}), personnelTenant)
	strict.decides(act{purpose: permission.purpose, decision: "given", implied: true})
	if got := strict.allowed("implied, where that is no basis", permission, "PURPOSE_DESCRIBED"); got.GetBasis() == "dpv:ImpliedConsent" {
		w.Errorf("allowed on %s", got.GetBasis())
	}
}
