package conformance_test

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// visitor is somebody without any identifier but a random one.
func (w *world) visitor(tenant, policy string) *person {
	w.Helper()
	return w.known(tenant, policy, strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random(16)))[:26])
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// anonymousVisit shows QC-01: two visits, of which one ends with a form.
func anonymousVisit(t *testing.T, w *world) {
	anonymous, known := w.visitor(qceraTenant, qceraTenant), w.visitor(qceraTenant, qceraTenant)
	const address, agent = "203.0.113.177", "Mozilla/5.0 (Planted; Visitor 4711)"
	browser := []string{"x-forwarded-for", address, "forwarded", "for=" + address, "x-real-ip", address, "x-user-agent", agent, "cookie", agent}
	figures := ask{purpose: "cookie.traffic_figures", category: "cookie.traffic", source: "cookie"}
	for _, p := range []*person{anonymous, known} {
		p.denied("a visit, undecided", figures, "CONSENT_MISSING")
		visit := p.request(act{purpose: figures.purpose, decision: "given"})
		if _, err := p.product.Consent.RecordDecision(metadata.AppendToOutgoingContext(stack.Deadline(t), browser...), visit); err != nil {
			t.Fatal(err)
		}
		p.acts = append(p.acts, "person.decision_recorded qcera cookie.traffic_figures given explicit")
		if _, err := p.product.Consent.Check(metadata.AppendToOutgoingContext(stack.Deadline(t), browser...), &consentv1.CheckRequest{Question: p.question(figures)}); err != nil {
			t.Fatal(err)
		}
		p.allowed("a visit whose cookie is allowed", figures, "CONSENT_GIVEN")
		p.denied("an address that nobody has entered", ask{purpose: "mail.periodic", category: "visitor.email", source: "cookie", action: "collect", channel: "email"}, "SOURCE_NOT_FOR_PERSONAL_DATA")
		w.isNobody(p.ref)
	}
	email := uuid.NewString() + "@visitors.example"
	w.resolves(email, false)
	entered := w.Register(qceraTenant, email) // the form
	w.resolves(email, true)
	if entered == known.ref || entered == anonymous.ref {
		t.Errorf("the visit itself became a person")
	}
	w.isNobody(anonymous.ref)
	for _, e := range w.Replay(audit.Filter{Tenant: qceraTenant}) {
		if e.Context == "identity" && (e.ID == anonymous.ref || e.ID == known.ref) {
			t.Errorf("%s %s is about a visit", e.Aggregate, e.Events[0].Type)
		}
	}
	w.nothingIsKept(anonymous.ref, address, agent)
	w.cookiesTellNothing()
}

// cookiesTellNothing: what only a cookie knows is not taken in, whatever was
// granted, unless a policy says that cookies may.
func (w *world) cookiesTellNothing() {
	w.Helper()
	address := ask{purpose: "website.improve", category: "visitor.email", source: "cookie", action: "collect"}
	entered := address
	entered.source = "online"
	p := w.visitor(qceraTenant, qceraTenant)
	p.grants(address.purpose)
	p.allowed("an address, entered", entered, "CONSENT_GIVEN")
	p.denied("an address, from a cookie", address, "SOURCE_NOT_FOR_PERSONAL_DATA")
	const email = "title: E-mail address, entered in a form\n    sources: [online, registration"
	other := w.visitor(w.tenantOf(qceraTenant, change{email, email + ", cookie"}, change{
		"{source: cookie, accepted: true, personal: false, purposes: [cookie.recognise, cookie.traffic_figures], clause: QC-06}",
		"{source: cookie, accepted: true, personal: true, clause: QC-06}",
	}), qceraTenant)
	other.grants(address.purpose)
	other.allowed("an address, from a cookie that may tell it", address, "CONSENT_GIVEN")
}

// isNobody: identity knows no such person.
func (w *world) isNobody(ref string) {
	w.Helper()
	_, err := w.As(qceraTenant, "product").Subjects.GetSubject(stack.Deadline(w), &identityv1.GetSubjectRequest{SubjectRef: ref})
	if code, _, _ := stack.Answer(err); code != codes.NotFound {
		w.Errorf("a visit is known as a person: %v", code)
	}
}

func (w *world) resolves(email string, known bool) {
	w.Helper()
	res, err := w.As(qceraTenant, "product").Subjects.ResolveSubject(stack.Deadline(w), &identityv1.ResolveSubjectRequest{
		Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: email},
	})
	if code, _, _ := stack.Answer(err); known != (err == nil && res.GetSubjectRef() != "") || err != nil && code != codes.NotFound {
		w.Errorf("an address of a form: %v, %v; want it known: %v", res.GetSubjectRef(), err, known)
	}
}

// nothingIsKept looks for what a visit's browser has sent, where the visit
// itself is found.
func (w *world) nothingIsKept(ref string, planted ...string) {
	w.Helper()
	places := map[string][]byte{}
	testwait.For(w, 30*time.Second, func() error {
		if places = w.places(); len(found(places, ref)) == 0 {
			return errors.New("the visit is nowhere to be found")
		}
		return nil
	})
	for _, text := range planted {
		if where := found(places, text); len(where) > 0 {
			w.Errorf("%s, or a hash of it, is kept in %v", text, where)
		}
	}
}
