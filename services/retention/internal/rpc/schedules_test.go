package rpc_test

import (
	"testing"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// everything asks about invoices of now without naming a policy.
func everything() *retentionv1.EvaluateRequest {
	return &retentionv1.EvaluateRequest{SubjectRef: subject, Items: []*retentionv1.Item{
		{System: "shop", Collection: "orders", Category: "user.financial"},
	}}
}

func TestEveryScheduleOfTheTenantCountsAndTheLongestDutyWins(t *testing.T) {
	w := newWorld(t)
	dpo, saga := w.client(t, person("dpo")), w.client(t, service("fulfilment"))
	permit := &retentionv1.RequestPermitRequest{RequestId: "step-1", SubjectRef: subject, Request: request, System: "shop"}
	_, err := saga.Evaluate(deadline(t), everything())
	expect(t, "a tenant without any schedule", err, codes.NotFound, "SCHEDULE_NOT_FOUND")
	_, err = saga.RequestPermit(deadline(t), permit)
	expect(t, "a permit there", err, codes.NotFound, "SCHEDULE_NOT_FOUND")
	if _, err := dpo.PutSchedule(deadline(t), &retentionv1.PutScheduleRequest{RequestId: uuid1, Policy: "newsletter", PolicyVersion: 1}); err != nil {
		t.Fatal(err)
	}
	verdict := func() *retentionv1.ItemVerdict {
		t.Helper()
		res, err := saga.Evaluate(deadline(t), everything())
		if err != nil {
			t.Fatal(err)
		}
		return res.GetVerdicts()[0]
	}
	if got := verdict().GetVerdict(); got != retentionv1.Verdict_VERDICT_ERASE {
		t.Errorf("no rule keeps it: %v", got)
	}
	if _, err := dpo.PutSchedule(deadline(t), &retentionv1.PutScheduleRequest{RequestId: uuid2, Policy: "main", PolicyVersion: 1, Rules: rules()}); err != nil {
		t.Fatal(err)
	}
	short := rules()[:1]
	short[0].Period = "P1Y"
	if _, err := dpo.PutSchedule(deadline(t), &retentionv1.PutScheduleRequest{RequestId: uuid3, Policy: "sales", PolicyVersion: 1, Rules: short}); err != nil {
		t.Fatal(err)
	}
	got := verdict()
	if years := got.GetUntil().AsTime().Sub(w.now()).Hours() / 24 / 365; got.GetVerdict() != retentionv1.Verdict_VERDICT_KEEP || years < 9 {
		t.Errorf("the longest of three: %v for %.0f years", got.GetVerdict(), years)
	}
	later := everything()
	later.At = timestamppb.New(w.now().AddDate(2, 0, 0))
	later.Items[0].StartedAt = timestamppb.New(w.now())
	if res, err := saga.Evaluate(deadline(t), later); err != nil || res.GetVerdicts()[0].GetVerdict() != retentionv1.Verdict_VERDICT_KEEP {
		t.Errorf("once the shorter is over: %v, error %v", res.GetVerdicts(), err)
	}
	if _, err := saga.RequestPermit(deadline(t), permit); err != nil {
		t.Errorf("permit: %v", err)
	}
}

func TestAHoldHidesNoRule(t *testing.T) {
	w := newWorld(t)
	dpo := w.client(t, person("dpo"))
	putRules(t, dpo)
	ask := everything()
	ask.Items = append(ask.Items, &retentionv1.Item{System: "shop", Collection: "people", Category: "user.contact"})
	placeHold(t, w, dpo, uuid2)
	res, err := dpo.Evaluate(deadline(t), ask)
	if err != nil {
		t.Fatal(err)
	}
	kept, free := res.GetVerdicts()[0], res.GetVerdicts()[1]
	beneath := kept.GetBeneath()
	if kept.GetVerdict() != retentionv1.Verdict_VERDICT_HOLD || kept.GetGround() != "legal_claim" ||
		beneath.GetVerdict() != retentionv1.Verdict_VERDICT_KEEP || beneath.GetGround() != "legal_obligation.tax" ||
		beneath.GetAuthority() == "" || beneath.GetBy() != "invoices" || beneath.GetUntil() == nil {
		t.Errorf("what must be kept: %v", kept)
	}
	if free.GetVerdict() != retentionv1.Verdict_VERDICT_HOLD || free.GetBeneath().GetVerdict() != retentionv1.Verdict_VERDICT_ERASE {
		t.Errorf("what may go: %v", free)
	}
}
