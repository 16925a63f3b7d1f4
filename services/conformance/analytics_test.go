package conformance_test

import (
	"fmt"
	"strings"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// analyticsHolders are what an analytics provider has seen, by its own id, and the
// application, by address.
func analyticsHolders(t testing.TB, s *stack.Stack) []*holder {
	t.Helper()
	return []*holder{
		newHolder(t, s, "pt-13", "visits", "analytics.usage", "analytics.usage"),
		newHolder(t, s, "pt-13", "application", "personal.email", "personal.name"),
	}
}

// described is a dataset of a holder's one table, found by identifiers of a kind.
func (h *holder) described(identity string, categories ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "dataset:\n  - fides_key: %s\n    collections:\n      - name: held\n        fields:\n", h.name)
	b.WriteString("          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}\n")
	fmt.Fprintf(&b, "          - {name: address, data_categories: [%s], fides_meta: {identity: %s}}\n", h.address, identity)
	for _, c := range categories {
		fmt.Fprintf(&b, "          - {name: %s, data_categories: [%s]}\n", column(h.categories[0]), c)
	}
	return []byte(b.String())
}

// neverCombined shows PT-13: what analytics sees improves the service and serves
// nothing else; its ids are nobody's, on no way; no description joins it with a
// person; and a package says that it is held and can't be attributed.
func neverCombined(t *testing.T, w *world) {
	tenant := w.tenantOf(personnelTenant)
	w.schedule(tenant, personnelTenant)
	email := uuid.NewString() + "@people.example"
	jane := w.known(tenant, personnelTenant, w.Register(tenant, email))
	visit := uuid.NewString()
	seen := w.known(tenant, personnelTenant, w.knownByAnalytics(tenant, visit))
	for _, p := range []*person{jane, seen} {
		improve := ask{purpose: "analytics.improve", category: "analytics.usage", source: "cookie"}
		p.allowed("analytics improves", improve, "NOT_OPTED_OUT")
		for _, purpose := range []string{"service.support", "service.provide", "aggregate.internal"} {
			other := improve
			other.purpose, other.cohort, other.complement = purpose, 1000, 1000
			p.denied("analytics for "+purpose, other, "PURPOSE_NOT_FOR_CATEGORY")
		}
	}
	w.isNobodys(tenant)
	visits, application := w.analytics[0], w.analytics[1]
	w.joinsNobody(tenant, visits)
	w.System(tenant, visits.name, fulfilmentv1.ConnectorKind_CONNECTOR_KIND_SQLITE, visits.described("analytics", "analytics.usage"))
	application.joins(w, tenant)
	pages := visits.plant(t, visit)["analytics.usage"]
	name := application.plant(t, email)["personal.name"]
	r := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ACCESS, personnelTenant, email))
	files := w.Package(tenant, r.GetRequest())
	all := ""
	for _, content := range files {
		all += content
	}
	if !strings.Contains(all, name) || strings.Contains(all, pages) || strings.Contains(all, visit) {
		t.Errorf("the package holds the person's name: %t, what analytics saw: %t", strings.Contains(all, name), strings.Contains(all, pages))
	}
	if !strings.Contains(files["about.json"], `"held_but_not_attributable": true`) || !strings.Contains(all, "held, but not attributable to anybody") {
		t.Errorf("the package does not say that analytics holds data of nobody:\n%s", files["about.json"])
	}
}

func (w *world) knownByAnalytics(tenant, id string) string {
	w.Helper()
	res, err := w.As(tenant, "product").Subjects.RegisterSubject(stack.Deadline(w), &identityv1.RegisterSubjectRequest{
		RequestId: uuid.NewString(), Identifiers: []*identityv1.Identifier{{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_ANALYTICS, Value: id}},
	})
	if err != nil {
		w.Fatalf("register an id of analytics: %v", err)
	}
	return res.GetSubjectRef()
}

// isNobodys: an id of analytics is linked to nobody, nobody is linked to it, whoever
// is known by one is merged with nobody, and no sign-up brings it. Each has a twin: an
// account, and two people.
func (w *world) isNobodys(tenant string) {
	w.Helper()
	visit := uuid.NewString()
	jane, seen := w.Register(tenant, uuid.NewString()+"@people.example"), w.knownByAnalytics(tenant, visit)
	links := func(ref string, kind identityv1.IdentifierKind, value string) string {
		_, err := w.As(tenant, "product").Subjects.LinkIdentifier(stack.Deadline(w), &identityv1.LinkIdentifierRequest{
			RequestId: uuid.NewString(), SubjectRef: ref, Identifier: &identityv1.Identifier{Kind: kind, Value: value},
		})
		_, reason, _ := stack.Answer(err)
		return reason
	}
	merges := func(stays, goes string) string {
		_, err := w.As(tenant, "verifier").Merges.MergeSubjects(stack.For(stack.Deadline(w), "case.identity"), &identityv1.MergeSubjectsRequest{
			RequestId: uuid.NewString(), SubjectRef: stays, OtherRef: goes, Evidence: "case:7",
		})
		_, reason, _ := stack.Answer(err)
		return reason
	}
	const no = "IDENTIFIER_IS_ANALYTICS"
	analytics, account := identityv1.IdentifierKind_IDENTIFIER_KIND_ANALYTICS, identityv1.IdentifierKind_IDENTIFIER_KIND_ACCOUNT
	cookie, device := identityv1.IdentifierKind_IDENTIFIER_KIND_COOKIE, identityv1.IdentifierKind_IDENTIFIER_KIND_DEVICE
	john := w.Register(tenant, uuid.NewString()+"@people.example")
	for what, tc := range map[string][2]string{
		"an id of analytics, linked to a person":     {links(jane, analytics, uuid.NewString()), no},
		"a cookie, linked to a person":               {links(jane, cookie, uuid.NewString()), no},
		"an account, linked to a person":             {links(jane, account, uuid.NewString()), ""},
		"a device, linked to an id of analytics":     {links(seen, device, uuid.NewString()), no},
		"an account, linked to an id of analytics":   {links(seen, account, uuid.NewString()), no},
		"an id of analytics, merged into a person":   {merges(jane, seen), no},
		"a person, merged into an id of analytics":   {merges(seen, jane), no},
		"a person, merged into another":              {merges(jane, john), ""},
		"the id, linked to whom it knows a 2nd time": {links(seen, analytics, visit), no},
	} {
		if tc[0] != tc[1] {
			w.Errorf("%s: %q, want %q", what, tc[0], tc[1])
		}
	}
}

// joinsNobody: a description by which a person leads to what analytics has seen is
// refused; its twin, in which the category is another, is not.
func (w *world) joinsNobody(tenant string, visits *holder) {
	w.Helper()
	mixed := *visits
	mixed.address = "personal.email"
	for _, kind := range []string{"email", "device", "cookie"} {
		_, err := w.As(tenant, "dpo").Systems.RegisterSystem(stack.Deadline(w), &fulfilmentv1.RegisterSystemRequest{
			RequestId: uuid.NewString(), System: &fulfilmentv1.System{
				System: visits.name, Connector: fulfilmentv1.ConnectorKind_CONNECTOR_KIND_SQLITE, Connection: visits.name, Region: "us", BackupDays: 30,
				Dataset: mixed.described(kind, "analytics.usage"),
			},
		})
		if code, _, field := stack.Answer(err); code != codes.InvalidArgument || field != "system.dataset.dataset[0].collections[held]" ||
			!strings.Contains(rule(err), "DATASET_ANALYTICS_JOINED") {
			w.Errorf("what analytics saw, found by %s: %v at %s: %s", kind, code, field, rule(err))
		}
	}
	w.System(tenant, visits.name, fulfilmentv1.ConnectorKind_CONNECTOR_KIND_SQLITE, mixed.described("email", "personal.name"))
}

// rule is what the first field of a refusal is told.
func rule(err error) string {
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok && len(bad.GetFieldViolations()) > 0 {
			return bad.GetFieldViolations()[0].GetDescription()
		}
	}
	return ""
}
