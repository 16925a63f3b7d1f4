package conformance_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// onlyNeeded shows CW-24: a purpose is taken out of the policy, and what only it needed
// is refused on entry and gets an end; and reviews have a date, which alarms when missed.
func onlyNeeded(_ *testing.T, w *world) {
	withoutPurpose(w)
	reviewed(w)
}

// profile is what somebody brings from an affiliated site, for one purpose only.
func profile() ask {
	return ask{purpose: "affiliate.deliver", category: "affiliate.profile", source: "affiliate", action: "collect"}
}

func withoutPurpose(w *world) {
	tenant, twin := w.tenantOf(caseworksTenant), w.tenantOf(caseworksTenant)
	held := map[string]somebody{}
	for _, in := range []string{tenant, twin} {
		w.schedule(in, caseworksTenant)
		w.needed.joins(w, in)
		p := w.somebody(in, caseworksTenant, w.needed)
		p.allowed("a profile, which a purpose needs", profile(), "CONTRACT_NEEDS")
		p.holds(time.Now().Add(-days))
		held[in] = p
	}
	p, other := held[tenant], held[twin]
	w.PublishDocument(tenant, second(w, caseworksTenant, change{"categories: [affiliate.profile]", "categories: [communication.other]"}), time.Now())
	w.PublishDocument(twin, second(w, caseworksTenant), time.Now())
	testwait.For(w, time.Minute, func() error {
		k := p.clockFrom("purpose_ended")
		if k.GetState() != "runs" || k.GetDueAt().AsTime().Sub(k.GetStartedAt().AsTime()).Round(days) != 30*days || k.GetSystem() != w.needed.name {
			return fmt.Errorf("what nothing needs any more: %v", p.clocks())
		}
		return nil
	})
	p.denied("a profile, which nothing needs", profile(), "CATEGORY_WITHOUT_PURPOSE")
	other.allowed("a profile that a purpose needs still", profile(), "CONTRACT_NEEDS")
	if k := other.clockFrom("purpose_ended"); k != nil {
		w.Errorf("what a purpose needs has an end: %v", k)
	}
	p.keeps(w.needed) // the end has not come
	old := w.somebody(tenant, caseworksTenant, w.needed)
	old.holds(time.Now().AddDate(-30, 0, 0)) // under the new policy, of long ago: it counts from the policy
	if k := old.clockFrom("purpose_ended"); k == nil || k.GetDueAt().AsTime().Before(time.Now()) {
		w.Errorf("what came in long ago, told of today: %v", k)
	}
	ended := w.somebody(twin, caseworksTenant, w.needed)
	ended.holds(time.Now().AddDate(-30, 0, 0)) // its end has come
	ended.goesAlone(w.needed, "affiliate.profile")
	other.keeps(w.needed)
}

// holds: the system says that it has taken in a profile of somebody.
func (s somebody) holds(at time.Time) {
	s.w.Helper()
	_, err := s.product.Storage.RecordStorageEvents(stack.Deadline(s.w), &retentionv1.RecordStorageEventsRequest{
		RequestId: uuid.NewString(), Events: []*retentionv1.DataEvent{{
			SubjectRef: s.ref, Event: retentionv1.StorageEvent_STORAGE_EVENT_DELIVERED, Category: "affiliate.profile",
			System: s.w.needed.name, OccurredAt: timestamppb.New(at),
		}},
	})
	if err != nil {
		s.w.Fatal(stack.Answer(err))
	}
}

// clockFrom is the clock of somebody that counts from an event.
func (p *person) clockFrom(event string) *retentionv1.Clock {
	p.w.Helper()
	res, err := p.w.As(p.tenant, "dpo").Storage.ListClocks(stack.Deadline(p.w), &retentionv1.ListClocksRequest{SubjectRef: p.ref})
	if err != nil {
		p.w.Fatalf("list clocks: %v", err)
	}
	i := slices.IndexFunc(res.GetClocks(), func(k *retentionv1.Clock) bool { return k.GetStartsOn() == event })
	if i < 0 {
		return nil
	}
	return res.GetClocks()[i]
}

// reviewed: of two reviews one is signed before it is due, and the other is not.
func reviewed(w *world) {
	tenant := caseworksTenant
	dora := w.Proven(tenant, "dora", "dpo").Compliance
	for scope, due := range map[string]time.Duration{"missed.scope": 5 * time.Second, "done.scope": time.Hour} {
		_, err := dora.ScheduleReview(stack.Deadline(w), &retentionv1.ScheduleReviewRequest{
			RequestId: uuid.NewString(), Scope: scope, DueAt: timestamppb.New(time.Now().Add(due)), Period: "P1Y",
		})
		if err != nil {
			w.Fatal(stack.Answer(err))
		}
	}
	if _, reason, _ := stack.Answer(w.signs(w.As(tenant, "dpo").Compliance, "done.scope")); reason != "STEP_UP_REQUIRED" {
		w.Errorf("signed without a proof of who signs: %q", reason)
	}
	if err := w.signs(dora, "done.scope", "category_without_purpose"); err != nil {
		w.Fatal(stack.Answer(err))
	}
	testwait.For(w, time.Minute, func() error {
		if r := w.reviews(tenant)["missed.scope"]; !r.GetMissed() {
			return fmt.Errorf("not missed yet: %v", r)
		}
		return nil
	})
	done := w.reviews(tenant)["done.scope"]
	if c := done.GetCompleted(); done.GetMissed() || len(c) != 1 || c[0].GetBy() != "dora" || !slices.Equal(c[0].GetFindings(), []string{"category_without_purpose"}) {
		w.Errorf("what was done in time: %v", done)
	}
	if err := w.signs(dora, "missed.scope"); err != nil {
		w.Fatal(stack.Answer(err))
	}
	late := w.reviews(tenant)["missed.scope"]
	if late.GetMissed() || late.GetDueAt().AsTime().Before(time.Now().AddDate(0, 11, 0)) {
		w.Errorf("what was done late: %v", late)
	}
	told := map[string][]string{}
	for _, e := range w.Replay(audit.Filter{}) {
		for _, ev := range e.Events {
			if scope, ok := ev.Data["scope"].(string); ok && e.Tenant == tenant && e.Context == "retention" {
				told[scope] = append(told[scope], ev.Type)
			}
		}
	}
	if got := told["done.scope"]; !slices.Equal(got, []string{"compliance.review_scheduled", "compliance.review_completed"}) {
		w.Errorf("the log tells of the one done in time: %v", got)
	}
	if got := told["missed.scope"]; !slices.Equal(got, []string{"compliance.review_scheduled", "compliance.review_missed", "compliance.review_completed"}) {
		w.Errorf("the log tells of the one done late: %v", got)
	}
}

func (w *world) signs(as retentionv1.ComplianceServiceClient, scope string, findings ...string) error {
	w.Helper()
	_, err := as.CompleteReview(stack.Deadline(w), &retentionv1.CompleteReviewRequest{
		RequestId: uuid.NewString(), Scope: scope, Findings: findings, Report: "DMS 7",
	})
	return err
}

// reviews are those of a tenant, by scope.
func (w *world) reviews(tenant string) map[string]*retentionv1.Review {
	w.Helper()
	res, err := w.As(tenant, "auditor").Compliance.ListReviews(stack.Deadline(w), &retentionv1.ListReviewsRequest{})
	if err != nil {
		w.Fatal(stack.Answer(err))
	}
	out := map[string]*retentionv1.Review{}
	for _, r := range res.GetReviews() {
		out[r.GetScope()] = r
	}
	return out
}
