package conformance_test

import (
	"fmt"
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

const designated = "disclosures@personnel-technology.example"

// listedDisclosures shows PT-18: who asks learns who was given which kinds of their
// data in the calendar year before for direct marketing of their own, affiliates
// included, and how to reach each; that it was nobody is an answer. A second request
// in a year has the first one's answer. The answer is due in 30 days, or in 150 if
// the request did not arrive at the address that the policy designates.
func listedDisclosures(t *testing.T, w *world) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	year := time.Now().In(zone).Year() - 1
	long := time.Date(year-1, 1, 1, 0, 0, 0, 0, zone)
	affiliates := change{"    - {kind: client_archive, clause: PT-05}", "    - {kind: client_archive, clause: PT-05}\n    - {kind: affiliate, clause: PT-05}"}
	tenant := w.tenantSince(w.consentAt(long), text(t, personnelTenant, affiliates), long)
	email := uuid.NewString() + "@people.example"
	p := w.known(tenant, personnelTenant, w.Register(tenant, email))
	w.people = w.people[:len(w.people)-1]
	then := w.consentAt(time.Date(year, 7, 1, 12, 0, 0, 0, zone))
	earlier := w.consentAt(time.Date(year-1, 7, 1, 12, 0, 0, 0, zone))
	a := provided("personal.name")
	a.collected = long.AddDate(0, 1, 0)
	reached := func(who string) profiled {
		return func(r *consentv1.RecipientProfile) { r.Title, r.Contact = who, "1 "+who+" Street" }
	}
	since := func(g *consentv1.Agreement) { g.From, g.ConfirmedAt = timestamppb.New(long), timestamppb.New(long) }
	p.marketed(then, w.party(tenant, "service_provider", a, reached("Mailer"), since), a, true)
	p.marketed(then, w.party(tenant, "affiliate", a, reached("Sister"), since), a, true)
	p.marketed(then, w.party(tenant, "service_provider", a, reached("Server"), since), a, false) // the twin: not for marketing
	p.marketed(earlier, w.party(tenant, "service_provider", a, reached("Older"), since), a, true)
	p.marketed(w.Stack, w.party(tenant, "service_provider", a, reached("Newer"), since), a, true)

	first := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_DISCLOSURE_LIST, personnelTenant, email))
	if first.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE {
		t.Errorf("the request ended as %v", first.GetOutcome())
	}
	page := w.listed(tenant, first.GetRequest())
	for _, want := range []string{"Mailer", "1 Mailer Street", "Sister", "1 Sister Street", "personal.name", fmt.Sprint(year)} {
		if !strings.Contains(page, want) {
			t.Errorf("the list lacks %q", want)
		}
	}
	for _, not := range []string{"Server", "Older", "Newer"} {
		if strings.Contains(page, not) {
			t.Errorf("the list names %s", not)
		}
	}
	w.isTold(tenant, first.GetRequest(), "request.submitted", "request.verified", "request.manifest_committed", "request.package_ready", "request.closed")

	second := w.Closed(tenant, w.again(tenant, fulfilmentv1.Right_RIGHT_DISCLOSURE_LIST, email, 3))
	if second.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_DUPLICATE || second.GetDuplicateOf() != first.GetRequest() {
		t.Errorf("a second one in the year ended as %v, answered with %q", second.GetOutcome(), second.GetDuplicateOf())
	}
	if again := w.listed(tenant, first.GetRequest()); again != page {
		t.Error("the first one's answer is another by now")
	}
	w.nobodyListed(tenant)
	w.listedInTime(tenant, zone)
	w.nowhereToAsk(t)
}

// consentAt is the stack with a consent service for which it is another time.
func (w *world) consentAt(at time.Time) *stack.Stack {
	w.Helper()
	ahead := time.Until(at)
	return w.ReplicaAt("consent", func() time.Time { return time.Now().Add(ahead) })
}

// marketed gives a party data of somebody's, by a consent service.
func (p *person) marketed(by *stack.Stack, to party, a ask, marketing bool) {
	p.w.Helper()
	a.recipient, a.action = to.id, "disclose"
	q := p.question(a)
	q.Origin = "us"
	_, err := by.As(p.tenant, "product").Disclosures.Disclose(stack.Deadline(p.w), &consentv1.DiscloseRequest{
		RequestId: uuid.NewString(), Question: q, Marketing: marketing,
	})
	if err != nil {
		code, reason, field := stack.Answer(err)
		p.w.Fatalf("disclose: %v %s %s", code, reason, field)
	}
}

// listed is the page of a list.
func (w *world) listed(tenant, request string) string {
	w.Helper()
	return w.Package(tenant, request)["index.html"]
}

// again asks once more, of somebody who has had letters already, and proves it.
func (w *world) again(tenant string, right fulfilmentv1.Right, email string, letters int) string {
	w.Helper()
	request := w.Submit(tenant, right, personnelTenant, email)
	w.Verify(tenant, request, email, letters)
	return request
}

// nobodyListed: that nobody was given anything is an answer.
func (w *world) nobodyListed(tenant string) {
	w.Helper()
	email := uuid.NewString() + "@people.example"
	w.Register(tenant, email)
	r := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_DISCLOSURE_LIST, personnelTenant, email))
	if page := w.listed(tenant, r.GetRequest()); r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_NOTHING_HELD || !strings.Contains(page, "we gave nobody") {
		w.Errorf("of nobody: %v", r.GetOutcome())
	}
}

// listedInTime: the answer is due in 30 days, or in 150 where the request is known to
// have arrived elsewhere; by a policy that gives itself no more, in 30 all the same.
func (w *world) listedInTime(tenant string, zone *time.Location) {
	w.Helper()
	strict := w.tenantOf(personnelTenant, change{"period: P30D, otherwise: P150D,", "period: P30D,"})
	for _, tc := range []struct {
		tenant, at string
		days       int
	}{
		{tenant, designated, 30},
		{tenant, "", 30},
		{tenant, "sales@personnel-technology.example", 150},
		{strict, "sales@personnel-technology.example", 30},
	} {
		before := time.Now().In(zone)
		res, err := w.As(tc.tenant, "intake").Requests.SubmitRequest(stack.Deadline(w), &fulfilmentv1.SubmitRequestRequest{
			RequestId: uuid.NewString(), Right: fulfilmentv1.Right_RIGHT_DISCLOSURE_LIST, Policy: personnelTenant,
			Channel: fulfilmentv1.RequestChannel_REQUEST_CHANNEL_MAIL, ArrivedAt: tc.at, ReceivedAt: timestamppb.New(before),
			Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: uuid.NewString() + "@people.example"},
		})
		if err != nil {
			w.Fatal(err)
		}
		if want := before.AddDate(0, 0, tc.days).Format(time.DateOnly); res.GetDueOn() != want {
			w.Errorf("received at %q: due on %s, want %s", tc.at, res.GetDueOn(), want)
		}
	}
}

// nowhereToAsk: a policy that promises the list and designates no address is not
// published.
func (w *world) nowhereToAsk(t *testing.T) {
	w.Helper()
	nowhere := change{"      designated: {mail: " + designated + "} # house: the text's address is blacked out\n", ""}
	dpo := w.As(w.tenantOf(personnelTenant), "dpo")
	_, err := dpo.Policies.PublishPolicy(stack.Deadline(w), &consentv1.PublishPolicyRequest{
		RequestId: uuid.NewString(), Document: second(t, personnelTenant, nowhere),
	})
	if code, _, field := stack.Answer(err); code != codes.InvalidArgument || !strings.Contains(field, "requests.rights") {
		w.Errorf("a policy without an address to ask at: %v %s", code, field)
	}
}
