package conformance_test

import (
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/devmail"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
)

func youngHolders(t testing.TB, s *stack.Stack) []*holder {
	t.Helper()
	return []*holder{
		newHolder(t, s, "pt-19", "messages", "personal.email", "personal.name", "message.content"),
		newHolder(t, s, "qc-10", "leave-site", "visitor.email", "visitor.name", "visitor.phone"),
	}
}

// candidate is somebody who wants to register, and what is said of their age.
type candidate struct {
	tenant, policy, email, born string
	mandate                     identityv1.MandateKind
	parental                    bool
}

// signed is a parent's consent by a form that was signed.
func signed() *identityv1.ParentalConsent {
	return &identityv1.ParentalConsent{Method: identityv1.ConsentMethod_CONSENT_METHOD_SIGNED_FORM, Evidence: "form:8"}
}

// registers tries to register somebody, and returns their reference or the reason.
func (w *world) registers(c candidate) (*person, string) {
	w.Helper()
	r := &identityv1.RegisterSubjectRequest{
		RequestId: uuid.NewString(), BirthDate: c.born, Policy: c.policy,
		Identifiers: []*identityv1.Identifier{{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: c.email}},
	}
	if c.mandate != 0 {
		r.Mandate = &identityv1.Mandate{Kind: c.mandate, Evidence: "form:7"}
	}
	if c.parental {
		r.ParentalConsent = signed()
	}
	product := w.As(c.tenant, "product")
	res, err := product.Subjects.RegisterSubject(stack.Deadline(w), r)
	if err != nil {
		_, reason, _ := stack.Answer(err)
		return nil, reason
	}
	return &person{w: w, tenant: c.tenant, policy: c.policy, ref: res.GetSubjectRef(), product: product}, ""
}

// wants registers somebody who must be let in.
func (w *world) wants(c candidate) *person {
	w.Helper()
	p, reason := w.registers(c)
	if p == nil {
		w.Fatalf("%+v is refused: %s", c, reason)
	}
	return p
}

// aged is the date of birth of somebody who will be so many years old in days; none
// is today.
func aged(years, days int) string {
	zone, err := time.LoadLocation("America/New_York") // that of all tenants here
	if err != nil {
		panic(err)
	}
	return time.Now().In(zone).AddDate(-years, 0, days).Format("2006-01-02")
}

// refusedWithoutTrace: nobody is registered, and nothing is left of them.
func (w *world) refusedWithoutTrace(c candidate, want string) {
	w.Helper()
	before := len(w.Replay(audit.Filter{Tenant: c.tenant}))
	if _, reason := w.registers(c); reason != want {
		w.Errorf("%+v: %q, want it refused as %s", c, reason, want)
	}
	if after := len(w.Replay(audit.Filter{Tenant: c.tenant})); after != before {
		w.Errorf("a refusal has left %d commits", after-before)
	}
	for _, text := range []string{c.email, c.born} {
		if where := found(w.places(), text); len(where) > 0 {
			w.Errorf("%s, or a hash of it, is left in %v", text, where)
		}
	}
}

// status is how a person's age stands under their policy.
func (p *person) status() (blocked bool, request string) {
	p.w.Helper()
	res, err := p.product.Ages.GetAgeStatus(stack.Deadline(p.w), &identityv1.GetAgeStatusRequest{SubjectRef: p.ref})
	if err != nil {
		p.w.Fatal(err)
	}
	for _, b := range res.GetBlocks() {
		if b.GetPolicy() == p.policy {
			return true, b.GetRequest()
		}
	}
	return false, ""
}

// isErased: the system asks for the erasure by itself, nobody has to prove
// anything, and it is carried out. It was blocked before that was recorded.
func (p *person) isErased(h *holder, email string, a ask) {
	p.w.Helper()
	p.denied("somebody whom the policy does not serve", a, "PERSON_IS_MINOR")
	blocked, request := p.status()
	if !blocked || request == "" {
		p.w.Fatalf("blocked: %v, by request %q", blocked, request)
	}
	p.w.Closed(p.tenant, request)
	p.promptly(request, email)
	p.w.isTold(p.tenant, request, "request.submitted", "request.verified", "request.manifest_committed", "request.closed")
	if n := h.rowsOf(p.w, email); n != 0 {
		p.w.Errorf("%d rows are left of who was erased", n)
	}
	p.denied("somebody who was erased", a, "PERSON_ERASED")
	p.w.factFirst(p.tenant, p.ref)
}

// promptly: the policy's own clock for age counts, anybody can see the day, and the
// person is told why.
func (p *person) promptly(request, email string) {
	p.w.Helper()
	res, err := p.w.As(p.tenant, "agent").Requests.ExplainRequest(stack.Deadline(p.w), &fulfilmentv1.ExplainRequestRequest{Request: request})
	if err != nil {
		p.w.Fatal(err)
	}
	r := res.GetRequest()
	clause := map[string]string{personnelTenant: "PT-19"}[p.policy]
	if clause == "" {
		clause = "QC-10"
	}
	if days := r.GetDueAt().AsTime().Sub(r.GetReceivedAt().AsTime()); days <= 9*24*time.Hour || days > 11*24*time.Hour || r.GetDueBy() != clause {
		p.w.Errorf("the erasure of a minor is due after %v by %s, want 10 days by %s", days, r.GetDueBy(), clause)
	}
	p.w.Mail.Wait(p.w, email, func(m devmail.Message) bool {
		return strings.Contains(m.Text, "You are below the age that this service is for")
	})
}

// rowsOf counts the rows about an address.
func (h *holder) rowsOf(t testing.TB, email string) int {
	t.Helper()
	var n int
	if err := h.db.QueryRowContext(t.Context(), "SELECT count(*) FROM held WHERE address = ?", email).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// factFirst: consent knew that somebody is a minor before identity recorded it.
func (w *world) factFirst(tenant, ref string) {
	w.Helper()
	var known, recorded time.Time
	for _, e := range w.Replay(audit.Filter{Tenant: tenant}) {
		for _, ev := range e.Events {
			switch {
			case e.ID != ref:
			case ev.Type == "person.fact_applied" && known.IsZero():
				known = e.Stored
			case ev.Type == "subject.minor_blocked" && recorded.IsZero():
				recorded = e.Stored
			}
		}
	}
	if known.IsZero() || recorded.IsZero() || recorded.Before(known) {
		w.Errorf("consent knew at %v what identity recorded at %v", known, recorded)
	}
}

// throughARepresentative shows PT-19.
func throughARepresentative(t *testing.T, w *world) {
	tenant, h := w.tenantOf(personnelTenant), w.young[0]
	w.schedule(tenant, personnelTenant)
	h.joins(w, tenant)
	use := ask{purpose: "service.provide", category: "personal.name", source: "registration"}
	email := func() string {
		address := uuid.NewString() + "@people.example"
		h.plant(t, address)
		return address
	}
	young := func() candidate {
		return candidate{tenant: tenant, policy: personnelTenant, email: uuid.NewString() + "@people.example", born: aged(18, 1)}
	}
	w.refusedWithoutTrace(young(), "MANDATE_REQUIRED")
	adult := young()
	adult.born, adult.email = aged(18, 0), email()
	clinician := w.wants(adult) // whose messages speak of a minor who is a patient
	clinician.allowed("somebody who is 18 today", use, "CONTRACT_NEEDS")
	served := young()
	served.mandate, served.parental, served.email = identityv1.MandateKind_MANDATE_KIND_GUARDIAN, true, email()
	cured := w.wants(served)
	cured.allowed("a minor with mandate and consent", use, "CONTRACT_NEEDS")
	cured.decidedFor()
	alone := young()
	alone.mandate, alone.email = identityv1.MandateKind_MANDATE_KIND_REPRESENTATIVE, email()
	w.wants(alone).isErased(h, alone.email, use)
	gone, err := cured.product.Ages.WithdrawParentalConsent(stack.Deadline(t), &identityv1.WithdrawParentalConsentRequest{
		RequestId: uuid.NewString(), SubjectRef: cured.ref,
	})
	if err != nil || !gone.GetEnded() {
		t.Fatal(gone, err)
	}
	cured.isErased(h, served.email, use)
	w.allegation(clinician, use)
	if h.rowsOf(t, adult.email) != 1 {
		t.Error("a message that speaks of a minor is gone")
	}
	older := young()
	older.tenant = w.tenantOf(personnelTenant, change{"minimum: 18", "minimum: 17"})
	w.wants(older).allowed("at 17, where the policy says 17", use, "CONTRACT_NEEDS")
}

// allegation: a bare tip blocks and destroys nothing, and a document ends it.
func (w *world) allegation(p *person, use ask) {
	w.Helper()
	states := func(source identityv1.AgeSource, born string) {
		w.Helper()
		_, err := w.As(p.tenant, "verifier").Ages.RecordAge(stack.Deadline(w), &identityv1.RecordAgeRequest{
			RequestId: uuid.NewString(), SubjectRef: p.ref, Source: source, BirthDate: born, Evidence: "case:7",
		})
		if err != nil {
			w.Fatal(err)
		}
	}
	states(identityv1.AgeSource_AGE_SOURCE_ALLEGED, "")
	p.denied("somebody who is said to be a minor", use, "PERSON_IS_MINOR")
	if blocked, request := p.status(); !blocked || request != "" {
		w.Errorf("after a bare tip: blocked %v, erased by %q", blocked, request)
	}
	states(identityv1.AgeSource_AGE_SOURCE_DOCUMENT, aged(40, 0))
	p.allowed("somebody who has shown their age", use, "CONTRACT_NEEDS")
}

// noneUnderThirteen shows QC-10.
func noneUnderThirteen(t *testing.T, w *world) {
	tenant, h := w.tenantOf(qceraTenant), w.young[1]
	w.schedule(tenant, qceraTenant)
	h.joins(w, tenant)
	child := candidate{
		tenant: tenant, policy: qceraTenant, email: uuid.NewString() + "@people.example", born: aged(13, 1),
		mandate: identityv1.MandateKind_MANDATE_KIND_PARENT, parental: true,
	}
	w.refusedWithoutTrace(child, "AGE_BELOW_MINIMUM")
	teen := child
	teen.born, teen.mandate, teen.parental, teen.email = aged(13, 0), 0, false, uuid.NewString()+"@people.example"
	h.plant(t, teen.email) // a record of somebody else, who may speak of a child
	use := ask{purpose: "customer.service", category: "visitor.email", source: "online"}
	employee := w.wants(teen)
	if blocked, _ := employee.status(); blocked {
		t.Error("somebody who is 13 today is blocked")
	}
	w.declaresAge(tenant)
	later := child
	later.born, later.email, later.mandate, later.parental = aged(30, 0), uuid.NewString()+"@people.example", 0, false
	h.plant(t, later.email)
	p := w.wants(later)
	_, err := w.As(tenant, "verifier").Ages.RecordAge(stack.Deadline(t), &identityv1.RecordAgeRequest{
		RequestId: uuid.NewString(), SubjectRef: p.ref, Source: identityv1.AgeSource_AGE_SOURCE_DOCUMENT, BirthDate: child.born, Evidence: "case:7",
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.product.Ages.RecordParentalConsent(stack.Deadline(t), &identityv1.RecordParentalConsentRequest{
		RequestId: uuid.NewString(), SubjectRef: p.ref, Consent: signed(),
	})
	if _, reason, _ := stack.Answer(err); err != nil && reason != "SUBJECT_FORGOTTEN" { // it cures nothing
		t.Fatal(err)
	}
	p.isErased(h, later.email, use)
	if h.rowsOf(t, teen.email) != 1 {
		t.Error("the record of somebody else is gone")
	}
}

// declaresAge: in a session that says so, nothing is collected.
func (w *world) declaresAge(tenant string) {
	w.Helper()
	visit := w.visitor(tenant, qceraTenant)
	visit.grants("website.improve")
	q := visit.question(ask{purpose: "website.improve", category: "visitor.email", source: "online", action: "collect"})
	for age, want := range map[uint32]string{12: "AGE_BELOW_MINIMUM", 13: "CONSENT_GIVEN", 0: "CONSENT_GIVEN"} {
		q.DeclaredAge = age
		res, err := visit.product.Consent.Check(stack.Deadline(w), &consentv1.CheckRequest{Question: q})
		if err != nil || res.GetAnswer().GetReason() != want {
			w.Errorf("a visitor who says to be %d: %s, %v; want %s", age, res.GetAnswer().GetReason(), err, want)
		}
	}
}
