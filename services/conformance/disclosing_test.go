package conformance_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// sensitiveSharing shows CW-05.
func sensitiveSharing(_ *testing.T, w *world) {
	a := ask{purpose: "research.study", category: "communication.sensitive", source: "online"}
	p := w.stranger(caseworksTenant, caseworksTenant)
	described := a
	described.purpose = "inquiry.respond"
	p.allowed("a described use of our own", described, "PURPOSE_DESCRIBED")
	collect := a
	collect.action = "collect"
	p.denied("collected for something undescribed", collect, "CONSENT_MISSING")
	to := w.party(caseworksTenant, "processor", a)
	p.decides(act{purpose: a.purpose, decision: "given"})
	p.allowed("granted", collect, "CONSENT_GIVEN")
	p.gives("granted for use only", to, a, false, "SHARING_NOT_OPTED_IN")
	p.gives("described use, shared", w.party(caseworksTenant, "processor", described), described, false, "SHARING_NOT_OPTED_IN")
	p.decides(act{purpose: a.purpose, decision: "given", recipients: []string{"affiliate"}})
	p.gives("opted in to another class", to, a, false, "SHARING_NOT_OPTED_IN")
	p.decides(act{purpose: a.purpose, decision: "given", recipients: []string{"processor"}})
	p.gives("opted in to this class", to, a, true, "CONSENT_GIVEN")
	p.decides(act{purpose: a.purpose, decision: "withdrawn"})
	p.gives("withdrawn", to, a, false, "CONSENT_WITHDRAWN")
	lax := w.tenantOf(caseworksTenant, change{"  sensitive: {clause: CW-05}\n", ""})
	q := w.stranger(lax, caseworksTenant)
	q.gives("under a policy without CW-05", w.party(lax, "processor", described), described, true, "PURPOSE_DESCRIBED")
}

// outsideSharing shows CW-07.
func outsideSharing(_ *testing.T, w *world) {
	a := ask{purpose: "service.provide", category: "log.ip_address", source: "observed"}
	for _, kind := range []string{"processor", "affiliate"} {
		p := w.stranger(caseworksTenant, caseworksTenant)
		to := w.party(caseworksTenant, kind, a)
		p.gives(kind+" that has agreed", to, a, true, "CONTRACT_NEEDS")
		for _, u := range []string{"instructions", "this_policy", "confidentiality", "security"} {
			p.gives(kind+" but for "+u, w.party(caseworksTenant, kind, a, without(u)), a, false, "UNDERTAKING_MISSING")
		}
		to.ends()
		p.gives(kind+" whose agreement ended", to, a, false, "AGREEMENT_ENDED")
	}
	shared := ask{purpose: undescribed, category: "log.ip_address", source: "observed"}
	p := w.stranger(caseworksTenant, caseworksTenant)
	third := w.party(caseworksTenant, "third_party", shared)
	p.decides(act{purpose: undescribed, decision: "given"})
	p.gives("a third party, consent to use only", third, shared, false, "SHARING_NOT_CONSENTED")
	p.decides(act{purpose: undescribed, decision: "given", recipients: []string{"third_party"}})
	p.gives("a third party, consented", third, shared, true, "CONSENT_GIVEN")
	p.gives("a kind that the policy does not list", w.party(caseworksTenant, "advertiser", a), a, false, "RECIPIENT_KIND_NOT_LISTED")
	w.groundsOf(caseworksTenant, a, "personal_safety")
	lax := w.tenantOf(caseworksTenant, change{"    - kind: affiliate\n      undertakings: [instructions, this_policy, confidentiality, security]\n", "    - kind: affiliate\n      undertakings: [security]\n"})
	q := w.stranger(lax, caseworksTenant)
	q.gives("under a policy that asks for security alone", w.party(lax, "affiliate", a, without("confidentiality")), a, true, "CONTRACT_NEEDS")
}

// succeeds records that a party will be the controller.
func (p party) succeeds(from time.Time) {
	p.w.Helper()
	_, err := p.w.As(p.tenant, "dpo").Recipients.RecordSuccession(stack.Deadline(p.w), &consentv1.RecordSuccessionRequest{
		RequestId: uuid.NewString(), Recipient: p.id, Event: "merger:1", From: timestamppb.New(from),
	})
	if err != nil {
		p.w.Fatal(err)
	}
}

// told records a notice to the person.
func (p *person) told(to party, at time.Time) error {
	_, err := p.product.Disclosures.RecordNotice(stack.Deadline(p.w), &consentv1.RecordNoticeRequest{
		RequestId: uuid.NewString(), SubjectRef: p.ref, Recipient: to.id, NotifiedAt: timestamppb.New(at), Evidence: "mail:1",
	})
	return err
}

// newController shows CW-08 and PT-20, which differ in what comes first.
func newController(tenant string, a ask, variant change) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) {
		w.successor(tenant, a, variant)
	}
}

func (w *world) successor(tenant string, a ask, variant change) {
	w.Helper()
	p, other := w.quiet(tenant, tenant), w.quiet(tenant, tenant)
	to, rival := w.party(tenant, "successor", a), w.party(tenant, "successor", a)
	for _, one := range []*person{p, other} {
		one.gives("nothing has happened", to, a, false, "SUCCESSION_NOT_RECORDED")
	}
	to.succeeds(time.Now().Add(-time.Minute))
	p.gives("nobody was told", to, a, false, "NOTICE_MISSING")
	if code, _, field := stack.Answer(p.told(to, time.Now().Add(time.Hour))); code != codes.InvalidArgument || field != "notified_at" {
		w.Errorf("a notice of tomorrow: %v %s", code, field)
	}
	p.gives("with a notice of tomorrow", to, a, false, "NOTICE_MISSING")
	if err := p.told(to, time.Now()); err != nil {
		w.Fatal(err)
	}
	p.gives("told", to, a, true, "CONTRACT_NEEDS")
	p.gives("somebody else who buys", rival, a, false, "SUCCESSION_NOT_RECORDED")
	other.gives("another person was not told", to, a, false, "NOTICE_MISSING")
	beyond := a
	beyond.purpose = "profile.sell"
	p.gives("for a purpose of the successor's own", to, beyond, false, map[string]string{
		caseworksTenant: "WAY_OUT_NOT_OFFERED", personnelTenant: "PURPOSE_NOT_DESCRIBED",
	}[tenant])
	lax := w.tenantOf(tenant, variant)
	q := w.quiet(lax, tenant)
	late := w.party(lax, "successor", a)
	late.succeeds(time.Now().Add(-time.Minute))
	q.gives("under a policy that promises no notice", late, a, true, "CONTRACT_NEEDS")
}

// quiet is a person whose events the row holds against the register alone.
func (w *world) quiet(tenant, policy string) *person {
	w.Helper()
	p := w.stranger(tenant, policy)
	w.people = w.people[:len(w.people)-1]
	return p
}

func provided(category string) ask {
	source := "registration"
	if strings.HasPrefix(category, "usage.") {
		source = "observed"
	}
	if category == "patient.information" {
		source = "online"
	}
	return ask{purpose: "service.provide", category: category, source: source}
}

// neverTogether shows PT-06.
func neverTogether(_ *testing.T, w *world) {
	name, address := provided("personal.name"), provided("usage.ip_address")
	both := func(a *consentv1.Agreement) { a.Categories = []string{"personal.name", "usage.ip_address"} }
	p := w.stranger(personnelTenant, personnelTenant)
	p.grants("mail.updates")
	to := w.party(personnelTenant, "service_provider", name, both)
	p.gives("the name", to, name, true, "CONTRACT_NEEDS", "email")
	p.gives("the address later, under a key in common", to, address, false, "COMBINATION_FORBIDDEN", "email")
	p.gives("the address, by way of a bridge", to, address, false, "COMBINATION_FORBIDDEN", "email", "device")
	p.gives("the address, under a reference of its own", to, address, true, "CONTRACT_NEEDS", "set.2")
	p.gives("a bridge between the two", to, provided("personal.name"), false, "COMBINATION_FORBIDDEN", "email", "set.2")
	q := w.stranger(personnelTenant, personnelTenant)
	host := w.party(personnelTenant, "service_provider", name, both, func(r *consentv1.RecipientProfile) { r.Hosting = true })
	q.gives("hosted, the name", host, name, true, "CONTRACT_NEEDS", "email")
	q.gives("hosted, the address", host, address, true, "CONTRACT_NEEDS", "email")
	own := w.party(personnelTenant, "service_provider", name, both, func(r *consentv1.RecipientProfile) { r.Hosting, r.OwnUse = true, true })
	q.gives("a host with uses of its own, the name", own, name, true, "CONTRACT_NEEDS", "email")
	q.gives("a host with uses of its own, the address", own, address, false, "COMBINATION_FORBIDDEN", "email")
	law := address
	law.purpose = "ground.law"
	q.given("compelled", own.id, law, &consentv1.GroundUse{Belief: "subpoena_served", Document: "case:1"}, true, "LEGAL_GROUND", "email")
	lax := w.tenantOf(personnelTenant, change{"    - {what: personal_with_address_or_device, exempt: [law, hosting], clause: PT-06}\n", ""})
	free := w.stranger(lax, personnelTenant)
	to = w.party(lax, "service_provider", name, both)
	free.gives("without PT-06, the name", to, name, true, "CONTRACT_NEEDS", "email")
	free.gives("without PT-06, the address", to, address, true, "CONTRACT_NEEDS", "email")
}

// notSold shows PT-09.
func notSold(_ *testing.T, w *world) {
	usage := ask{purpose: "analytics.improve", category: "analytics.usage", source: "cookie"}
	p := w.stranger(personnelTenant, personnelTenant)
	p.gives("analytics for nothing", w.party(personnelTenant, "analytics_provider", usage), usage, true, "NOT_OPTED_OUT")
	for name, c := range map[string]consentv1.Consideration{
		"in kind": consentv1.Consideration_CONSIDERATION_OTHER_VALUE, "in money": consentv1.Consideration_CONSIDERATION_MONEY,
	} {
		paid := func(a *consentv1.Agreement) { a.Consideration = c }
		p := w.quiet(personnelTenant, personnelTenant)
		p.decidesBy(p.product, act{purpose: "analytics.improve", decision: "given", recipients: []string{"analytics_provider"}})
		p.gives("analytics, paid "+name+", consented", w.party(personnelTenant, "analytics_provider", usage, paid), usage, false, "SALE_FORBIDDEN")
		p.gives("a provider, paid "+name, w.party(personnelTenant, "service_provider", provided("usage.pages"), paid), provided("usage.pages"), false, "SALE_FORBIDDEN")
		successor := w.party(personnelTenant, "successor", provided("personal.name"), paid)
		successor.succeeds(time.Now().Add(-time.Minute))
		if err := p.told(successor, time.Now()); err != nil {
			w.Fatal(err)
		}
		p.gives("a successor, paid "+name, successor, provided("personal.name"), true, "CONTRACT_NEEDS")
	}
}

// ownList shows PT-10: every item of the policy's list, and what is not on it.
func ownList(t *testing.T, w *world) {
	p := w.quiet(personnelTenant, personnelTenant)
	mail := provided("personal.email")
	p.gives("a service provider", w.party(personnelTenant, "service_provider", mail), mail, true, "CONTRACT_NEEDS")
	show := ask{purpose: "connect.show_user", category: "personal.name", source: "registration"}
	connection := w.party(personnelTenant, "connection", show)
	p.decides(act{purpose: show.purpose, decision: "given"})
	p.gives("a connection, not permitted", connection, show, false, "SHARING_NOT_CONSENTED")
	p.decides(act{purpose: show.purpose, decision: "given", recipients: []string{"connection"}})
	p.gives("a connection, permitted", connection, show, true, "CONSENT_GIVEN")
	message := ask{purpose: "service.provide", category: "message.content", source: "online"}
	p.gives("the client's archive", w.party(personnelTenant, "client_archive", message), message, true, "CONTRACT_NEEDS")
	p.given("a court, without a record", "court", ask{purpose: "ground.law", category: "personal.email", source: "registration"}, nil, false, "GROUND_NOT_RECORDED")
	listed := map[string]bool{}
	for _, r := range document(t, personnelTenant).Sharing.Recipients {
		listed[r.Kind] = true
	}
	for _, kind := range []string{"advertiser", "data_broker", "affiliate", "processor", "third_party"} {
		if listed[kind] {
			t.Fatalf("%s is on the list", kind)
		}
		p.gives(kind, w.party(personnelTenant, kind, mail), mail, false, "RECIPIENT_KIND_NOT_LISTED")
	}
}

// likePractices shows PT-12: what an agreement lacks is refused alone.
func likePractices(_ *testing.T, w *world) {
	p := w.quiet(personnelTenant, personnelTenant)
	mail, patient := provided("personal.email"), provided("patient.information")
	p.gives("complete", w.party(personnelTenant, "service_provider", mail), mail, true, "CONTRACT_NEEDS")
	p.decides(act{purpose: "service.provide", decision: "given", recipients: []string{"service_provider"}})
	p.gives("complete, patients", w.party(personnelTenant, "service_provider", patient), patient, true, "CONTRACT_NEEDS")
	for _, tc := range []struct {
		name, reason string
		a            ask
		change       agreed
	}{
		{"category outside", "CATEGORY_NOT_IN_AGREEMENT", mail, func(a *consentv1.Agreement) { a.Categories = []string{"personal.name"} }},
		{"purpose outside", "PURPOSE_NOT_IN_AGREEMENT", mail, func(a *consentv1.Agreement) { a.Purposes = []string{"service.support"} }},
		{"confirmation missing", "CONFIRMATION_MISSING", mail, func(a *consentv1.Agreement) { a.ConfirmedAt = nil }},
		{"no security", "UNDERTAKING_MISSING", mail, without("security")},
		{"ended", "AGREEMENT_ENDED", mail, func(a *consentv1.Agreement) { a.Until = timestamppb.New(time.Now().Add(-time.Minute)) }},
		{"not begun", "AGREEMENT_MISSING", mail, func(a *consentv1.Agreement) { a.From = timestamppb.New(time.Now().Add(time.Hour)) }},
		{"no business associate", "BUSINESS_ASSOCIATE_AGREEMENT_MISSING", patient, func(a *consentv1.Agreement) { a.BusinessAssociate = false }},
	} {
		p.gives(tc.name, w.party(personnelTenant, "service_provider", tc.a, tc.change), tc.a, false, tc.reason)
	}
}

// helpersOnly shows QC-07, beside the same transfer under another policy.
func helpersOnly(_ *testing.T, w *world) {
	leave := ask{purpose: "leave.operate", category: "leave.absence", source: "online"}
	p := w.stranger(qceraTenant, qceraTenant)
	helper := w.party(qceraTenant, "helper", leave)
	p.decides(act{purpose: leave.purpose, decision: "given"})
	p.gives("a helper, without the person's word", helper, leave, false, "SHARING_NOT_CONSENTED")
	p.decides(act{purpose: leave.purpose, decision: "given", recipients: []string{"helper", "successor"}})
	p.gives("a helper", helper, leave, true, "CONSENT_GIVEN")
	p.gives("a helper who agreed to no confidentiality", w.party(qceraTenant, "helper", leave, without("confidentiality")), leave, false, "UNDERTAKING_MISSING")
	helper.ends()
	p.gives("after the agreement", helper, leave, false, "AGREEMENT_ENDED")
	client := leave
	client.category = "client.information"
	p.gives("about the client organisation", w.party(qceraTenant, "helper", client), client, false, "CLIENT_INFORMATION")
	other := w.quiet(qceraTenant, qceraTenant)
	other.decides(act{purpose: leave.purpose, decision: "given"})
	merger := w.party(qceraTenant, "successor", leave)
	merger.succeeds(time.Now().Add(-time.Minute))
	other.gives("a merger, without each person's word", merger, leave, false, "SHARING_NOT_CONSENTED")
	p.gives("a merger, with it", merger, leave, true, "CONSENT_GIVEN")
	sold := w.party(qceraTenant, "successor", leave, func(a *consentv1.Agreement) { a.Consideration = consentv1.Consideration_CONSIDERATION_MONEY })
	sold.succeeds(time.Now().Add(-time.Minute))
	p.gives("a sale, with the person's word", sold, leave, false, "SALE_FORBIDDEN")
	allowed := w.quiet(personnelTenant, personnelTenant)
	there := w.party(personnelTenant, "successor", provided("personal.name"), func(a *consentv1.Agreement) { a.Consideration = consentv1.Consideration_CONSIDERATION_MONEY })
	there.succeeds(time.Now().Add(-time.Minute))
	if err := allowed.told(there, time.Now()); err != nil {
		w.Fatal(err)
	}
	allowed.gives("the same merger under another policy", there, provided("personal.name"), true, "CONTRACT_NEEDS")
}

// reasonableNecessity shows PT-15.
func reasonableNecessity(_ *testing.T, w *world) {
	w.groundsOf(personnelTenant, provided("personal.email"), "rights_or_property")
	for _, e := range w.people[len(w.people)-1].register() {
		if e.GetGround().GetBelievedBy() != rpc.ActorID(personnelTenant, counsel) {
			w.Errorf("nobody believed entry %s", fmt.Sprint(e.GetNumber()))
		}
	}
}
