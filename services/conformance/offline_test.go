package conformance_test

import (
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
)

// qceraHolders hold what came in by a form of the site, and by one of paper.
func qceraHolders(t testing.TB, s *stack.Stack) []*holder {
	t.Helper()
	return []*holder{
		newHolder(t, s, "qc-11", "web-forms", "visitor.email", "visitor.name", "visitor.phone"),
		newHolder(t, s, "qc-11", "paper-forms", "visitor.email", "visitor.name", "visitor.phone"),
	}
}

// onlineOnly shows QC-11.
func onlineOnly(t *testing.T, w *world) {
	tenant := w.tenantOf(qceraTenant)
	w.schedule(tenant, qceraTenant)
	email := uuid.NewString() + "@people.example"
	var planted []string
	for _, h := range w.qcera {
		h.joins(w, tenant)
		for _, value := range h.plant(t, email) {
			planted = append(planted, value)
		}
	}
	p := w.known(tenant, qceraTenant, w.Register(tenant, email))
	p.grants("customer_service.improve")
	online := ask{purpose: "customer_service.improve", category: "visitor.name", source: "online"}
	offline, unknown := online, online
	offline.source, unknown.source = "offline", "unspecified"
	p.allowed("entered online", online, "CONSENT_GIVEN")
	p.denied("on paper", offline, "SOURCE_NOT_COVERED")
	p.denied("nobody knows how", unknown, "SOURCE_UNKNOWN")
	w.employersPolicy(tenant, p, offline)
	r := w.asksEmployer(tenant, fulfilmentv1.Right_RIGHT_ACCESS, email)
	machines, people := w.forms(w.PackageByCase(tenant, r.GetRequest()), w.qcera) // QC-08: the request is the person's word for it
	for _, value := range planted {
		if !strings.Contains(machines, value) || !strings.Contains(people, value) {
			t.Errorf("the package lacks %s", value)
		}
	}
	r = w.asksEmployer(tenant, fulfilmentv1.Right_RIGHT_ERASURE, email)
	if r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE {
		t.Errorf("the erasure ended as %v", r.GetOutcome())
	}
	for _, h := range w.qcera {
		if where := h.db.Find(t, append(planted, email)...); len(where) > 0 {
			t.Errorf("%s still holds the person in %v", h.name, where)
		}
	}
	p.acts = append(p.acts, erasedFacts()...)
}

// employersPolicy: data on paper is judged by the employer's own policy, from
// its publication on.
func (w *world) employersPolicy(tenant string, p *person, offline ask) {
	w.Helper()
	offline.policy = "employer"
	p.denied("on paper, before the employer has a policy", offline, "POLICY_NOT_IN_FORCE")
	rule := "{source: offline, accepted: true, personal: true, clause: QC-11}"
	own := []change{
		{"\npolicy: qcera\n", "\npolicy: employer\n"},
		{"{source: offline, accepted: false, personal: false, clause: QC-11}", rule},
		{"title: Name, entered in a form\n    sources: [online, registration]", "title: Name\n    sources: [online, offline]"},
	}
	w.PublishDocument(tenant, text(w, qceraTenant, own...), time.Now().Add(-postedFor))
	p.denied("on paper, by the employer's policy, undecided", offline, "CONSENT_MISSING")
	p.policy = "employer"
	p.grants(offline.purpose)
	p.policy = qceraTenant
	p.allowed("on paper, by the employer's policy, granted", offline, "CONSENT_GIVEN")
	offline.policy = ""
	p.denied("on paper, by this policy, as before", offline, "SOURCE_NOT_COVERED")
}
