package rpc_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	domain "habeas.internal/services/retention/person"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// rules are a tax duty on financial data and a month for contact data in crm.
func rules() []*retentionv1.Rule {
	return []*retentionv1.Rule{
		{Rule: "invoices", Category: "user.financial", Period: "P10Y", Ground: "legal_obligation.tax", Authority: "26 CFR 1.6001-1"},
		{Rule: "mail", Category: "user.contact", Systems: []string{"crm"}, Period: "P1M", Ground: "contract", Authority: "CW-18"},
	}
}

func putRules(t *testing.T, c retentionv1.RetentionServiceClient) {
	t.Helper()
	res, err := c.PutSchedule(deadline(t), &retentionv1.PutScheduleRequest{RequestId: uuid1, Policy: "main", PolicyVersion: 1, Rules: rules()})
	if err != nil || res.GetVersion() != 1 {
		t.Fatalf("put schedule: version %d, error %v", res.GetVersion(), err)
	}
}

func TestASchedulesVersionsStayReadable(t *testing.T) {
	w := newWorld(t)
	dpo := w.client(t, person("dpo"))
	putRules(t, dpo)
	putRules(t, dpo) // a repeat is answered as the first call was
	second, err := dpo.PutSchedule(deadline(t), &retentionv1.PutScheduleRequest{RequestId: uuid2, Policy: "main", PolicyVersion: 2})
	if err != nil || second.GetVersion() != 2 {
		t.Fatalf("second: version %d, error %v", second.GetVersion(), err)
	}
	got, err := dpo.GetSchedule(deadline(t), &retentionv1.GetScheduleRequest{Policy: "main"})
	if err != nil || got.GetVersion() != 2 || len(got.GetRules()) != 0 {
		t.Errorf("in force: version %d with %d rules, error %v", got.GetVersion(), len(got.GetRules()), err)
	}
	got, err = dpo.GetSchedule(deadline(t), &retentionv1.GetScheduleRequest{Policy: "main", Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rules(), got.GetRules(), protocmp.Transform()); diff != "" {
		t.Errorf("rules of version 1 (-put +got):\n%s", diff)
	}
	_, err = dpo.GetSchedule(deadline(t), &retentionv1.GetScheduleRequest{Policy: "main", Version: 3})
	expect(t, "a version that is not there", err, codes.NotFound, "SCHEDULE_NOT_FOUND")
	_, err = dpo.PutSchedule(deadline(t), &retentionv1.PutScheduleRequest{RequestId: uuid1, Policy: "main", PolicyVersion: 3})
	expect(t, "a request id used twice", err, codes.AlreadyExists, "REQUEST_ID_REUSED")
	_, err = dpo.PutSchedule(deadline(t), &retentionv1.PutScheduleRequest{RequestId: uuid3, Policy: "main", PolicyVersion: 1})
	expect(t, "an old policy version", err, codes.FailedPrecondition, "POLICY_VERSION_OLD")
	endless := rules()
	endless[0].Period = "P0D"
	_, err = dpo.PutSchedule(deadline(t), &retentionv1.PutScheduleRequest{RequestId: "00000000-0000-4000-8000-000000000004", Policy: "main", PolicyVersion: 3, Rules: endless})
	expect(t, "a rule without end", err, codes.FailedPrecondition, "RULE_WITHOUT_END")
}

func TestEvaluateSaysWhatMayGoAndWhatMustStay(t *testing.T) {
	w := newWorld(t)
	dpo := w.client(t, person("dpo"))
	putRules(t, dpo)
	old := timestamppb.New(w.now().AddDate(-11, 0, 0))
	ask := &retentionv1.EvaluateRequest{SubjectRef: subject, Policy: "main", Items: []*retentionv1.Item{
		{System: "shop", Collection: "orders", Category: "user.financial.account"},
		{System: "shop", Collection: "orders", Category: "user.financial", StartedAt: old},
		{System: "shop", Collection: "people", Category: "user.contact"},
	}}
	verdicts := func() []retentionv1.Verdict {
		t.Helper()
		res, err := dpo.Evaluate(deadline(t), ask)
		if err != nil || res.GetScheduleVersion() != 1 {
			t.Fatalf("evaluate: version %d, error %v", res.GetScheduleVersion(), err)
		}
		var out []retentionv1.Verdict
		for _, v := range res.GetVerdicts() {
			out = append(out, v.GetVerdict())
		}
		return out
	}
	const erase, keep, hold = retentionv1.Verdict_VERDICT_ERASE, retentionv1.Verdict_VERDICT_KEEP, retentionv1.Verdict_VERDICT_HOLD
	if diff := cmp.Diff([]retentionv1.Verdict{keep, erase, erase}, verdicts()); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	placed := placeHold(t, w, dpo, uuid2)
	if diff := cmp.Diff([]retentionv1.Verdict{hold, hold, hold}, verdicts()); diff != "" {
		t.Errorf("verdicts under a hold (-want +got):\n%s", diff)
	}
	if _, err := dpo.ReleaseHold(deadline(t), &retentionv1.ReleaseHoldRequest{RequestId: uuid3, SubjectRef: subject, Hold: placed.GetHold()}); err != nil {
		t.Fatal(err)
	}
	ask.At = timestamppb.New(w.now().AddDate(11, 0, 0))
	ask.Items[0].StartedAt = timestamppb.New(w.now())
	if diff := cmp.Diff([]retentionv1.Verdict{erase, erase, erase}, verdicts()); diff != "" {
		t.Errorf("verdicts in eleven years (-want +got):\n%s", diff)
	}
	ask.Policy = "other"
	_, err := dpo.Evaluate(deadline(t), ask)
	expect(t, "a policy without schedule", err, codes.NotFound, "SCHEDULE_NOT_FOUND")
}

func placeHold(t *testing.T, w *world, c retentionv1.RetentionServiceClient, id string) *retentionv1.PlaceHoldResponse {
	t.Helper()
	res, err := c.PlaceHold(deadline(t), &retentionv1.PlaceHoldRequest{
		RequestId: id, SubjectRef: subject, Ground: "legal_claim", Authority: "Case 4/26", ReviewAt: timestamppb.New(w.now().AddDate(1, 0, 0).Truncate(24 * time.Hour)),
	})
	if err != nil {
		t.Fatalf("place hold: %v", err)
	}
	return res
}

func TestAHoldStopsDestructionWithinAMinute(t *testing.T) {
	w := newWorld(t)
	dpo, saga := w.client(t, person("dpo")), w.client(t, service("fulfilment"))
	putRules(t, dpo)
	ask := func(id, system string) (*retentionv1.RequestPermitResponse, error) {
		return saga.RequestPermit(deadline(t), &retentionv1.RequestPermitRequest{
			RequestId: id, SubjectRef: subject, Request: request, System: system, Policy: "main",
		})
	}
	shop, err := ask("step-1", "shop")
	if err != nil {
		t.Fatal(err)
	}
	if left := shop.GetExpiresAt().AsTime().Sub(w.now()); left > time.Minute || left < 40*time.Second {
		t.Errorf("the permit lasts %s", left)
	}
	if again, err := ask("step-1", "shop"); err != nil || again.GetPermit() != shop.GetPermit() {
		t.Errorf("a repeat: %s, error %v", again.GetPermit(), err)
	}
	_, err = ask("step-2", "shop")
	expect(t, "a second permit", err, codes.FailedPrecondition, "PERMIT_OPEN")
	if _, err := ask("step-3", "crm"); err != nil {
		t.Fatal(err)
	}
	first := placeHold(t, w, dpo, uuid2)
	if first.GetEffective() || !cmp.Equal(first.GetOpenPermits(), []string{"shop", "crm"}) || first.GetEffectiveBy().AsTime().Sub(w.now()) > time.Minute {
		t.Errorf("hold: effective %t by %s, open %v", first.GetEffective(), first.GetEffectiveBy().AsTime(), first.GetOpenPermits())
	}
	_, err = ask("step-4", "billing")
	expect(t, "a permit under a hold", err, codes.FailedPrecondition, "PERSON_ON_HOLD")

	end := &retentionv1.EndPermitRequest{RequestId: "step-1", SubjectRef: subject, Permit: shop.GetPermit(), RowsDestroyed: 44}
	for range 2 {
		if _, err := saga.EndPermit(deadline(t), end); err != nil {
			t.Fatal(err)
		}
	}
	_, err = ask("step-1", "shop")
	expect(t, "a repeat once the permit was given back", err, codes.FailedPrecondition, "PERSON_ON_HOLD")
	if _, err := ask("step-3", "crm"); err != nil {
		t.Errorf("a repeat while the permit may be used: %v", err)
	}
	w.later(domain.Life)
	_, err = ask("step-3", "crm")
	expect(t, "a repeat once the permit has expired", err, codes.FailedPrecondition, "PERSON_ON_HOLD")
	w.later(domain.Slack)
	if now := placeHold(t, w, dpo, uuid2); !now.GetEffective() || len(now.GetOpenPermits()) != 0 || now.GetHold() != first.GetHold() {
		t.Errorf("a minute later: effective %t, open %v", now.GetEffective(), now.GetOpenPermits())
	}
	who, err := dpo.GetPerson(deadline(t), &retentionv1.GetPersonRequest{SubjectRef: subject})
	if err != nil || len(who.GetHolds()) != 1 || len(who.GetPermits()) != 2 {
		t.Fatalf("person: %d holds, %d permits, error %v", len(who.GetHolds()), len(who.GetPermits()), err)
	}
	if p := who.GetPermits()[0]; p.GetRowsDestroyed() != 44 || !p.GetEnded() || p.GetSystem() != "shop" {
		t.Errorf("permit: %d rows, ended %t, in %s", p.GetRowsDestroyed(), p.GetEnded(), p.GetSystem())
	}
}

func TestARepeatIsANewQuestionOnceItsAnswerIsOver(t *testing.T) {
	w := newWorld(t)
	dpo, saga := w.client(t, person("dpo")), w.client(t, service("fulfilment"))
	putRules(t, dpo)
	ask := func() (*retentionv1.RequestPermitResponse, error) {
		return saga.RequestPermit(deadline(t), &retentionv1.RequestPermitRequest{
			RequestId: "step-1", SubjectRef: subject, Request: request, System: "shop", Policy: "main",
		})
	}
	held := placeHold(t, w, dpo, uuid2)
	for range 2 {
		_, err := ask()
		expect(t, "under a hold", err, codes.FailedPrecondition, "PERSON_ON_HOLD")
	}
	if _, err := dpo.ReleaseHold(deadline(t), &retentionv1.ReleaseHoldRequest{RequestId: uuid3, SubjectRef: subject, Hold: held.GetHold()}); err != nil {
		t.Fatal(err)
	}
	first, err := ask()
	if err != nil {
		t.Fatalf("after the hold: %v", err)
	}
	w.later(domain.Life)
	_, err = ask()
	expect(t, "while the first may still be in use by another clock", err, codes.FailedPrecondition, "PERMIT_OPEN")
	w.later(domain.Slack)
	second, err := ask()
	if err != nil || second.GetPermit() == first.GetPermit() {
		t.Fatalf("once the first has expired: the same permit %t, error %v", second.GetPermit() == first.GetPermit(), err)
	}
	if _, err := saga.EndPermit(deadline(t), &retentionv1.EndPermitRequest{RequestId: "step-1", SubjectRef: subject, Permit: second.GetPermit()}); err != nil {
		t.Fatal(err)
	}
	third, err := ask()
	if err != nil || third.GetPermit() == second.GetPermit() {
		t.Errorf("once the second was given back: error %v", err)
	}
}

func TestAnotherTenantsPersonIsAnother(t *testing.T) {
	w := newWorld(t)
	dpo := w.client(t, person("dpo"))
	placeHold(t, w, dpo, uuid2)
	other := w.client(t, caller{tenant: "other", roles: []string{"dpo"}})
	who, err := other.GetPerson(deadline(t), &retentionv1.GetPersonRequest{SubjectRef: subject})
	if err != nil || len(who.GetHolds()) != 0 {
		t.Errorf("%d holds are seen from another tenant, error %v", len(who.GetHolds()), err)
	}
}

func TestAnAuthorityIsACaseAndNoAddress(t *testing.T) {
	w := newWorld(t)
	dpo := w.client(t, person("dpo"))
	for i, tc := range []struct {
		authority string
		code      codes.Code
	}{
		{"LG München I, Az. 3 O 12/26", codes.OK},
		{"29 CFR 1602.14; § 7(a)", codes.OK},
		{"jane@example.org", codes.InvalidArgument},
		{"case\n4", codes.InvalidArgument},
		{strings.Repeat("a", 201), codes.InvalidArgument},
	} {
		_, err := dpo.PlaceHold(deadline(t), &retentionv1.PlaceHoldRequest{
			RequestId: fmt.Sprintf("00000000-0000-4000-8000-00000000001%d", i), SubjectRef: subject, Ground: "legal_claim",
			Authority: tc.authority, ReviewAt: timestamppb.New(w.now().Add(time.Hour)),
		})
		if code, _, field := answer(err); code != tc.code || (code != codes.OK && field != "authority") {
			t.Errorf("authority %d: answered %v %q, want %v", i, code, field, tc.code)
		}
	}
}

func TestAReviewIsInTheFuture(t *testing.T) {
	w := newWorld(t)
	_, err := w.client(t, person("dpo")).PlaceHold(deadline(t), &retentionv1.PlaceHoldRequest{
		RequestId: uuid1, SubjectRef: subject, Ground: "legal_claim", Authority: "Case 4/26", ReviewAt: timestamppb.New(w.now().Add(-time.Minute)),
	})
	expect(t, "a review in the past", err, codes.InvalidArgument, "REVIEW_IN_PAST")
}

// TestManyAskAtOnce: however calls race, one permit is open for a request in a
// system, and none is given after a hold was placed.
func TestManyAskAtOnce(t *testing.T) {
	w := newWorld(t)
	dpo, saga := w.client(t, person("dpo")), w.client(t, service("fulfilment"))
	putRules(t, dpo)
	const callers = 16
	given := make(chan string, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			res, err := saga.RequestPermit(deadline(t), &retentionv1.RequestPermitRequest{
				RequestId: fmt.Sprint("step-", i), SubjectRef: subject, Request: request, System: "shop", Policy: "main",
			})
			if err == nil {
				given <- res.GetPermit()
			} else if _, reason, _ := answer(err); reason != "PERMIT_OPEN" && reason != "PERSON_ON_HOLD" && reason != "CONTENDED" {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	held := placeHold(t, w, dpo, uuid2)
	all.Wait()
	close(given)
	if len(given) > 1 {
		t.Errorf("%d permits are open at once", len(given))
	}
	if open := len(held.GetOpenPermits()); open != len(given) || held.GetEffective() != (open == 0) {
		t.Errorf("the hold names %d open permits, %d were given; effective %t", open, len(given), held.GetEffective())
	}
}
