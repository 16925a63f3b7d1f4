package conformance_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/devmail"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"
)

// decliningHolders are a system of Caseworks', and one that can't be reached any more.
func decliningHolders(t testing.TB, s *stack.Stack) []*holder {
	t.Helper()
	return []*holder{
		newHolder(t, s, "cw-16", "ledger", "account.email", "account.name"),
		newHolder(t, s, "cw-16", "old-archive", "account.email", "communication.other"),
	}
}

// rejects tries to decline a request, or leaves of it, and returns why it is refused.
func (w *world) rejects(tenant, request, ground string, leaves ...uint32) string {
	w.Helper()
	_, err := w.Proven(tenant, "dora", "dpo").Cases.RejectRequest(stack.Deadline(w), &fulfilmentv1.RejectRequestRequest{
		RequestId: uuid.NewString(), Request: request, Leaves: leaves,
		Rejection: &fulfilmentv1.Rejection{Ground: ground, Evidence: "file:8", Statement: "This is why."},
	})
	_, reason, _ := stack.Answer(err)
	return reason
}

// listedReasonsOnly shows CW-16: the policy's list decides by ground and right, and a
// law that grants the right is stricter; the person is told why and where to
// complain, and two people alone take it back; one impractical system leaves the
// others done; and whoever asks for the tenth time is answered.
func listedReasonsOnly(t *testing.T, w *world) {
	const laws = "rules: [gdpr, ccpa]"
	const complaint = "    - {right: complaint, clause: CW-19}\n"
	lenient := []change{ // no law that grants an access or an erasure
		{laws, "rules: [cal-1798-83]"},
		{complaint, complaint + "    - {right: disclosure_list, asked_for: written request, designated: {mail: marketing@caseworks.example}, clause: CW-19}\n"},
		{"\nretention:", "\nclocks:\n  - {right: access, period: P45D, clause: CW-13}\n  - {right: erasure, period: P45D, clause: CW-14}\n\nretention:"},
	}
	tenant, strict := w.patientTenantOf(caseworksTenant, lenient...), w.patientTenantOf(caseworksTenant)
	for _, tc := range []struct {
		what, tenant, ground, reason string
		right                        fulfilmentv1.Right
	}{
		{"an erasure as not required", tenant, "not_otherwise_required", "DECLINE_GROUND_NOT_FOR_RIGHT", fulfilmentv1.Right_RIGHT_ERASURE},
		{"an access as not required", tenant, "not_otherwise_required", "", fulfilmentv1.Right_RIGHT_ACCESS},
		{"an access as not required, where a law grants it", strict, "not_otherwise_required", "DECLINE_GROUND_NOT_PERMITTED", fulfilmentv1.Right_RIGHT_ACCESS},
		{"as too often asked, which the laws permit", strict, "repetitive_or_systematic", "", fulfilmentv1.Right_RIGHT_ERASURE},
		{"on a ground that the policy does not list", strict, "manifestly_unfounded", "DECLINE_GROUND_NOT_LISTED", fulfilmentv1.Right_RIGHT_ERASURE},
		{"as impractical, which no law permits", strict, "extremely_impractical", "DECLINE_GROUND_NOT_PERMITTED", fulfilmentv1.Right_RIGHT_ERASURE},
	} {
		email := uuid.NewString() + "@people.example"
		w.Register(tc.tenant, email)
		request := w.Ask(tc.tenant, tc.right, caseworksTenant, email)
		if got := w.rejects(tc.tenant, request, tc.ground); got != tc.reason {
			t.Errorf("%s: %q, want %q", tc.what, got, tc.reason)
		}
		if tc.reason == "" {
			w.staysRejected(tc.tenant, request, email)
		}
	}
	busy := w.tenantOf(caseworksTenant, lenient...)
	w.schedule(busy, caseworksTenant)
	w.tenthTime(busy)
	w.oneImpracticalSystem(busy)
}

// patientTenantOf is a tenant that holds each request for an hour once its person is
// proven.
func (w *world) patientTenantOf(policy string, changes ...change) string {
	w.Helper()
	tenant := "cw-16-t" + uuid.NewString()[:6] + "x"
	w.GuardedTenant(tenant, &identityv1.Safeguards{Delay: durationpb.New(time.Hour), ChannelAge: durationpb.New(0)})
	w.PublishDocument(tenant, text(w.T, policy, changes...), time.Now().Add(-postedFor))
	return tenant
}

// staysRejected: the person was told why and where to complain; nothing that anybody
// repeats takes the rejection back, and one person's signature does not either.
func (w *world) staysRejected(tenant, request, email string) {
	w.Helper()
	if r := w.Closed(tenant, request); r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_REJECTED || len(r.GetLeaves()) > 0 {
		w.Errorf("it ended as %v with %d leaves", r.GetOutcome(), len(r.GetLeaves()))
	}
	w.nothingBegun(tenant, request)
	m := w.Mail.Wait(w, email, func(m devmail.Message) bool { return strings.Contains(m.Subject, "declined") })
	for _, part := range []string{"This is why.", "clause CW-16", "the data protection authority", "you can go to court", request} {
		if !strings.Contains(m.Text, part) {
			w.Errorf("the person is not told %q:\n%s", part, m.Text)
		}
	}
	again := map[string]func() error{
		"retry": func() error {
			_, err := w.As(tenant, "dpo").Requests.RetryRequest(stack.Deadline(w), &fulfilmentv1.RetryRequestRequest{RequestId: uuid.NewString(), Request: request})
			return err
		},
		"withdraw": func() error {
			_, err := w.As(tenant, "intake").Requests.WithdrawRequest(stack.Deadline(w), &fulfilmentv1.WithdrawRequestRequest{RequestId: uuid.NewString(), Request: request})
			return err
		},
	}
	for what, do := range again {
		if _, reason, _ := stack.Answer(do()); reason != "REQUEST_CLOSED" {
			w.Errorf("%s: %q", what, reason)
		}
	}
	if done, reason := w.reopens(tenant, "dora", request); done || reason != "" {
		w.Errorf("the first signature: %t %s", done, reason)
	}
	if done, reason := w.reopens(tenant, "dora", request); done || reason != "SECOND_PERSON_REQUIRED" {
		w.Errorf("the same person's second: %t %s", done, reason)
	}
	if r := w.explained(tenant, request).GetRequest(); r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_REJECTED {
		w.Errorf("after one signature it is %v", r.GetOutcome())
	}
	if done, reason := w.reopens(tenant, "dan", request); !done {
		w.Errorf("the second person's: %s", reason)
	}
	if r := w.explained(tenant, request).GetRequest(); r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_UNSPECIFIED {
		w.Errorf("reopened, it is %v", r.GetOutcome())
	}
}

// reopens signs under a reopening.
func (w *world) reopens(tenant, who, request string) (bool, string) {
	w.Helper()
	res, err := w.Proven(tenant, who, "dpo").Cases.ReopenRequest(stack.Deadline(w), &fulfilmentv1.ReopenRequestRequest{
		RequestId: uuid.NewString(), Request: request, Reason: "complaint_upheld",
	})
	_, reason, _ := stack.Answer(err)
	return res.GetReopened(), reason
}

// oneImpracticalSystem: the leaves of a system that can't be asked any more are
// declined, and the others are done.
func (w *world) oneImpracticalSystem(tenant string) {
	w.Helper()
	ledger, archive := w.declined[0], w.declined[1]
	archive.joins(w, tenant)
	email := uuid.NewString() + "@people.example"
	name, kept := ledger.plant(w, email)["account.name"], archive.plant(w, email)["communication.other"]
	w.known(tenant, caseworksTenant, w.Register(tenant, email)).acts = erasedFacts()
	archive.db.Run(w, "ALTER TABLE held RENAME TO lost")
	request := w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, caseworksTenant, email)
	r := w.Until(tenant, request, "stuck at one system", func(r *fulfilmentv1.Request) bool {
		return slices.ContainsFunc(r.GetLeaves(), func(l *fulfilmentv1.Leaf) bool {
			return l.GetSystem() == ledger.name && l.GetOutcome() == fulfilmentv1.LeafOutcome_LEAF_OUTCOME_ERASED
		})
	})
	var leaves []uint32
	for _, l := range r.GetLeaves() {
		if l.GetSystem() == archive.name {
			leaves = append(leaves, l.GetLeaf())
		}
	}
	if reason := w.rejects(tenant, request, "extremely_impractical"); reason != "REQUEST_ALREADY_STARTED" {
		w.Errorf("the whole request, once it was begun: %q", reason)
	}
	if reason := w.rejects(tenant, request, "extremely_impractical", leaves...); reason != "" {
		w.Errorf("the impractical part: %s", reason)
	}
	r = w.Closed(tenant, request)
	if r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_PARTLY_REJECTED {
		w.Errorf("it ended as %v", r.GetOutcome())
	}
	for _, l := range r.GetLeaves() {
		if (l.GetSystem() == archive.name) != (l.GetOutcome() == fulfilmentv1.LeafOutcome_LEAF_OUTCOME_REJECTED) {
			w.Errorf("%s in %s: %v", l.GetCategory(), l.GetSystem(), l.GetOutcome())
		}
	}
	if where := ledger.db.Find(w, name, email); len(where) > 0 {
		w.Errorf("the others are still in %v", where)
	}
	if where := archive.db.Find(w, kept); len(where) == 0 {
		w.Error("the part that was declined is gone")
	}
	m := w.Mail.Wait(w, email, func(m devmail.Message) bool { return strings.Contains(m.Text, "This part was declined") })
	if !strings.Contains(m.Text, archive.name) || !strings.Contains(m.Text, "This is why.") {
		w.Errorf("the person is told:\n%s", m.Text)
	}
}

// tenthTime: how often somebody has asked is shown to whoever decides, and decides
// nothing: the tenth request is answered as the first.
func (w *world) tenthTime(tenant string) {
	w.Helper()
	ledger := w.declined[0]
	ledger.joins(w, tenant)
	email := uuid.NewString() + "@people.example"
	ledger.plant(w, email)
	w.Register(tenant, email)
	request := ""
	for range 10 {
		request = w.Ask(tenant, fulfilmentv1.Right_RIGHT_ACCESS, caseworksTenant, email)
		if r := w.Closed(tenant, request); r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE {
			w.Errorf("it ended as %v", r.GetOutcome())
		}
	}
	res, err := w.As(tenant, "dpo").Cases.GetCase(stack.Deadline(w), &fulfilmentv1.GetCaseRequest{Request: request})
	if err != nil || len(res.GetEarlier()) != 9 {
		w.Errorf("whoever decides sees %d requests before: %v", len(res.GetEarlier()), err)
	}
}
