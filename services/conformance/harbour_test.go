package conformance_test

import (
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// sevenPrinciples shows QC-09: each of the seven has a clause and a check.
func sevenPrinciples(t *testing.T, w *world) {
	for _, principle := range []struct {
		name string
		show func(t *testing.T, w *world)
	}{
		{"access", principleAccess},
		{"notice", principleNotice},
		{"choice", principleChoice},
		{"onward transfer", principleTransfer},
		{"security", principleSecurity},
		{"data integrity", principleIntegrity},
		{"enforcement", principleEnforcement},
	} {
		t.Run(principle.name, func(t *testing.T) { principle.show(t, w) })
	}
}

// principleNotice: what was not posted permits nothing.
func principleNotice(t *testing.T, w *world) {
	tenant := w.tenantOf(qceraTenant)
	p := w.quiet(tenant, qceraTenant)
	const survey = "\npurposes:\n  - id: survey.invite\n    title: Inviting to surveys\n    basis: opt_in\n    categories: [visitor.email]\n    clause: QC-15\n"
	changed := w.publishes(tenant, second(t, qceraTenant, change{"modified: 2013-05-16\n", "modified: 2026-11-01\n"}, change{"\npurposes:\n", survey}))
	p.cannot(act{purpose: "survey.invite", decision: "given"}, "PURPOSE_NOT_DESCRIBED")
	if err := w.posts(tenant, changed, changed.TextSHA256, time.Now()); err != nil {
		t.Fatal(err)
	}
	p.decides(act{purpose: "survey.invite", decision: "given"})
	p.allowed("after it was posted", ask{purpose: "survey.invite", category: "visitor.email", source: "online", collected: time.Now()}, "CONSENT_GIVEN")
}

// principleChoice: no use without a yes, and none after it was taken back.
func principleChoice(_ *testing.T, w *world) {
	p := w.stranger(qceraTenant, qceraTenant)
	a := ask{purpose: "leave.operate", category: "leave.absence", source: "online"}
	p.denied("undecided", a, "CONSENT_MISSING")
	p.decides(act{purpose: a.purpose, decision: "given"})
	p.allowed("given", a, "CONSENT_GIVEN")
	p.decides(act{purpose: a.purpose, decision: "withdrawn"})
	p.denied("withdrawn", a, "CONSENT_WITHDRAWN")
}

// principleTransfer: data crosses a border by a mechanism that holds for its
// origin, its destination and the day.
func principleTransfer(_ *testing.T, w *world) {
	a := ask{purpose: "leave.operate", category: "leave.absence", source: "online"}
	p := w.stranger(qceraTenant, qceraTenant)
	p.decides(act{purpose: a.purpose, decision: "given", recipients: []string{"helper"}})
	by := func(kind string, origins ...string) agreed {
		return func(g *consentv1.Agreement) {
			g.Mechanism = &consentv1.TransferMechanism{Kind: kind, Origins: origins}
		}
	}
	over := func(g *consentv1.Agreement) { g.Mechanism.Until = timestamppb.New(time.Now().Add(-time.Minute)) }
	none := func(g *consentv1.Agreement) { g.Mechanism = nil }
	for _, tc := range []struct {
		what, origin, reason string
		terms                []any
	}{
		{"clauses", "de", "CONSENT_GIVEN", []any{by("standard_contractual_clauses", "de")}},
		{"the framework of today", "de", "CONSENT_GIVEN", []any{by("data_privacy_framework", "de")}},
		{"within a country", "us", "CONSENT_GIVEN", []any{none}},
		{"no mechanism", "de", "TRANSFER_MECHANISM_MISSING", []any{none}},
		{"for another origin", "de", "TRANSFER_MECHANISM_MISSING", []any{by("standard_contractual_clauses", "fr")}},
		{"from nobody knows where", "", "TRANSFER_MECHANISM_MISSING", []any{by("standard_contractual_clauses", "de")}},
		{"one that has ended", "de", "TRANSFER_MECHANISM_MISSING", []any{by("standard_contractual_clauses", "de"), over}},
		{"safe harbor, which the court has ended", "de", "TRANSFER_MECHANISM_INVALID", []any{by("safe_harbor", "de")}},
		{"a framework for another country", "br", "TRANSFER_MECHANISM_INVALID", []any{by("data_privacy_framework", "br")}},
		{"a promise of no known kind", "de", "TRANSFER_MECHANISM_INVALID", []any{by("handshake", "de")}},
	} {
		p.crosses(tc.what, w.party(qceraTenant, "helper", a, tc.terms...), a, tc.origin, tc.reason)
	}
}

// crosses discloses data that is from a region.
func (p *person) crosses(what string, to party, a ask, origin, reason string) {
	p.w.Helper()
	a.action, a.recipient = "disclose", to.id
	q := p.question(a)
	q.Origin = origin
	before := len(p.register())
	_, err := p.product.Disclosures.Disclose(stack.Deadline(p.w), &consentv1.DiscloseRequest{RequestId: uuid.NewString(), Question: q})
	code, got, _ := stack.Answer(err)
	yes := reason == "CONSENT_GIVEN"
	if yes && err != nil || !yes && (code != codes.FailedPrecondition || got != reason) {
		p.w.Errorf("%s: %v %s, want %s", what, code, got, reason)
	}
	if n := len(p.register()) - before; yes != (n == 1) {
		p.w.Errorf("%s: %d entries more", what, n)
	}
}

// principleSecurity: no answer without TLS, none to who has no right to it.
func principleSecurity(_ *testing.T, w *world) {
	w.plaintextRefused()
	p := w.quiet(qceraTenant, qceraTenant)
	for _, role := range []string{"intake", "product", "auditor"} {
		_, err := w.As(qceraTenant, role).Subjects.ListIdentifiers(stack.Deadline(w), &identityv1.ListIdentifiersRequest{SubjectRef: p.ref})
		if code, _, _ := stack.Answer(err); code != codes.PermissionDenied {
			w.Errorf("%s reads identifiers: %v", role, code)
		}
	}
}

// principleIntegrity: data serves what it was collected for, and ends.
func principleIntegrity(t *testing.T, w *world) {
	p := w.stranger(qceraTenant, qceraTenant)
	p.decides(act{purpose: "mail.periodic", decision: "given"})
	p.allowed("what it is for", ask{purpose: "mail.periodic", category: "visitor.email", source: "online", action: "access"}, "CONSENT_GIVEN")
	p.denied("anything else", ask{purpose: "mail.periodic", category: "visitor.phone", source: "online", action: "access"}, "PURPOSE_NOT_FOR_CATEGORY")
	tenant := w.tenantOf(qceraTenant)
	const phone = "    features: [inquiry]\n    ends: {after: last_used, period: P2Y, house: true}\n    clause: QC-01\n  - id: employee.name"
	endless := change{phone, strings.Replace(phone, "    ends: {after: last_used, period: P2Y, house: true}\n", "", 1)}
	w.cannotPublish(tenant, second(t, qceraTenant, endless), "document.categories[3].ends")
}

// principleAccess: the person gets what is held.
func principleAccess(t *testing.T, w *world) {
	tenant := w.tenantOf(qceraTenant)
	w.schedule(tenant, qceraTenant)
	email := uuid.NewString() + "@people.example"
	w.absences.joins(w, tenant)
	planted := w.absences.plant(t, email)
	p := w.known(tenant, qceraTenant, w.Register(tenant, email))
	p.grants("customer_service.improve")
	shown := w.asksEmployer(tenant, fulfilmentv1.Right_RIGHT_ACCESS, email)
	machines, people := w.forms(w.PackageByCase(tenant, shown.GetRequest()), []*holder{w.absences})
	for category, value := range planted {
		if !strings.Contains(machines, value) || !strings.Contains(people, value) {
			t.Errorf("the package lacks %s", category)
		}
	}
}

// principleEnforcement: what was decided and refused can be verified by somebody
// else, and a log that was changed can't.
func principleEnforcement(t *testing.T, w *world) {
	if err := w.Audited(); err != nil {
		t.Errorf("the log does not verify: %v", err)
	}
}
