package retentiond_test

import (
	"fmt"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	request1 = "00000000-0000-4000-8000-000000000001"
	subject  = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
)

const firstDocument = `
policy: main
version: 1
effective: 2020-01-01
categories:
  - {id: user.financial, title: Invoices}
retention:
  - {rule: invoices, category: user.financial, period: P10Y, ground: legal_obligation.tax, authority: 26 CFR 1.6001-1}
  - {rule: mail, category: user.contact, systems: [crm], period: P1M, ground: contract, authority: CW-18}
`

func posted(version uint32) *consentv1.PolicyPosted {
	return &consentv1.PolicyPosted{Policy: "main", Version: version, PostedAt: timestamppb.Now(), RecordedAt: timestamppb.Now()}
}

func TestAPostedPolicyBringsItsSchedule(t *testing.T) {
	w := newWorld(t)
	w.policies.set(1, firstDocument)
	w.policies.set(2, "policy: main\nversion: 2\neffective: 2020-01-01\nretention:\n  - {rule: broken, category: user.financial}\n")
	w.policies.set(3, "policy: main\nversion: 3\neffective: 2099-01-01\n")
	head := w.consentWrites(t, es.Head{}, "policy.published", &consentv1.PolicyPublished{Policy: "main", Version: 1})
	head = w.consentWrites(t, head, "policy.posted", posted(1))
	r, stop := w.start(t)
	dpo := w.client(t, r, "dpo")
	w.awaitVersion(t, dpo, 0, 1)
	got, err := dpo.GetSchedule(deadline(t), &retentionv1.GetScheduleRequest{Policy: "main"})
	if err != nil || got.GetPolicyVersion() != 1 || len(got.GetRules()) != 2 || got.GetRules()[1].GetSystems()[0] != "crm" {
		t.Fatalf("schedule of policy version %d with %d rules, error %v", got.GetPolicyVersion(), len(got.GetRules()), err)
	}
	placed, err := dpo.PlaceHold(deadline(t), &retentionv1.PlaceHoldRequest{
		RequestId: request1, SubjectRef: subject, Ground: "legal_claim", Authority: "Case 4/26", ReviewAt: timestamppb.New(time.Now().Add(time.Hour)),
	})
	if err != nil || !placed.GetEffective() {
		t.Fatalf("hold: effective %t, error %v", placed.GetEffective(), err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	// What happens while retention is away is followed up; what it can't read
	// stops nothing else; what is to come is known and doesn't decide yet.
	head = w.consentWrites(t, head, "policy.posted", posted(2))
	w.consentWrites(t, head, "policy.posted", posted(3))
	r, _ = w.start(t)
	dpo = w.client(t, r, "dpo")
	w.awaitVersion(t, dpo, 2, 2)
	got, err = dpo.GetSchedule(deadline(t), &retentionv1.GetScheduleRequest{Policy: "main"})
	if err != nil || got.GetVersion() != 1 {
		t.Errorf("version %d decides, error %v", got.GetVersion(), err)
	}
	got, err = dpo.GetSchedule(deadline(t), &retentionv1.GetScheduleRequest{Policy: "main", Version: 2})
	if err != nil || got.GetPolicyVersion() != 3 {
		t.Errorf("version 2 comes from policy version %d, error %v", got.GetPolicyVersion(), err)
	}
	w.evaluates(t, dpo)
}

// awaitVersion waits until a version of the schedule is there; 0 is the one in
// force.
func (w *world) awaitVersion(t *testing.T, c retentionv1.RetentionServiceClient, ask, want uint32) {
	t.Helper()
	testwait.For(t, 20*time.Second, func() error {
		got, err := c.GetSchedule(deadline(t), &retentionv1.GetScheduleRequest{Policy: "main", Version: ask})
		if err == nil && got.GetVersion() != want {
			err = fmt.Errorf("version %d", got.GetVersion())
		}
		return err
	})
}

// evaluates checks that the hold outlived the restart, and that once it is
// released periods are counted in the tenant's zone.
func (w *world) evaluates(t *testing.T, c retentionv1.RetentionServiceClient) {
	t.Helper()
	ask := &retentionv1.EvaluateRequest{SubjectRef: subject, Policy: "main", Items: []*retentionv1.Item{{
		System: "crm", Collection: "people", Category: "user.contact.email",
		StartedAt: timestamppb.New(time.Date(2026, 1, 30, 23, 30, 0, 0, time.UTC)),
	}}, At: timestamppb.New(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))}
	who, err := c.GetPerson(deadline(t), &retentionv1.GetPersonRequest{SubjectRef: subject})
	if err != nil || len(who.GetHolds()) != 1 {
		t.Fatalf("%d holds after a restart, error %v", len(who.GetHolds()), err)
	}
	_, err = c.ReleaseHold(deadline(t), &retentionv1.ReleaseHoldRequest{
		RequestId: "00000000-0000-4000-8000-000000000002", SubjectRef: subject, Hold: who.GetHolds()[0].GetHold(),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Evaluate(deadline(t), ask)
	if err == nil {
		t.Error("a schedule that came after the moment asked about decided")
	}
	ask.At = nil
	ask.Items[0].StartedAt = nil
	res, err := c.Evaluate(deadline(t), ask)
	if err != nil {
		t.Fatal(err)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	v := res.GetVerdicts()[0]
	want := time.Now().In(berlin).AddDate(0, 1, 0)
	if v.GetVerdict() != retentionv1.Verdict_VERDICT_KEEP || v.GetBy() != "mail" || v.GetUntil().AsTime().Sub(want).Abs() > 4*24*time.Hour {
		t.Errorf("%v by %s until %s, want about %s", v.GetVerdict(), v.GetBy(), v.GetUntil().AsTime(), want)
	}
}

func TestAHoldWhoseDatePassesIsDueForReview(t *testing.T) {
	w := newWorld(t)
	r, stop := w.start(t)
	dpo := w.client(t, r, "dpo")
	placed, err := dpo.PlaceHold(deadline(t), &retentionv1.PlaceHoldRequest{
		RequestId: request1, SubjectRef: subject, Ground: "legal_claim", Authority: "Case 4/26", ReviewAt: timestamppb.New(time.Now().Add(300 * time.Millisecond)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil { // who is away when the date comes announces it later
		t.Fatal(err)
	}
	r, _ = w.start(t)
	dpo = w.client(t, r, "dpo")
	w.awaitDue(t, dpo, true)
	_, err = dpo.ReviewHold(deadline(t), &retentionv1.ReviewHoldRequest{
		RequestId: "00000000-0000-4000-8000-000000000002", SubjectRef: subject, Hold: placed.GetHold(), ReviewAt: timestamppb.New(time.Now().Add(time.Hour)),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.awaitDue(t, dpo, false)
	_, err = dpo.ReviewHold(deadline(t), &retentionv1.ReviewHoldRequest{
		RequestId: "00000000-0000-4000-8000-000000000003", SubjectRef: subject, Hold: placed.GetHold(), ReviewAt: timestamppb.New(time.Now().Add(300 * time.Millisecond)),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.awaitDue(t, dpo, true)
}

func (w *world) awaitDue(t *testing.T, c retentionv1.RetentionServiceClient, want bool) {
	t.Helper()
	testwait.For(t, 20*time.Second, func() error {
		who, err := c.GetPerson(deadline(t), &retentionv1.GetPersonRequest{SubjectRef: subject})
		if err == nil && (len(who.GetHolds()) != 1 || who.GetHolds()[0].GetReviewDue() != want) {
			err = fmt.Errorf("%d holds, want one with due %t", len(who.GetHolds()), want)
		}
		return err
	})
}
