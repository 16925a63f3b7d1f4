package rpc_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/internal/view"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// checking is a check of somebody who came with a document.
func checking(request string, change func(*identityv1.Check)) *fulfilmentv1.CheckPersonRequest {
	c := &identityv1.Check{
		Result: identityv1.CheckResult_CHECK_RESULT_CONFIRMED, Method: identityv1.CheckMethod_CHECK_METHOD_IN_PERSON, Declared: true,
		Points: []identityv1.CheckPoint{identityv1.CheckPoint_CHECK_POINT_NAME, identityv1.CheckPoint_CHECK_POINT_ADDRESS, identityv1.CheckPoint_CHECK_POINT_BIRTH_DATE},
	}
	change(c)
	return &fulfilmentv1.CheckPersonRequest{RequestId: uuid.NewString(), Request: request, Check: c}
}

func found(result identityv1.CheckResult) func(*identityv1.Check) {
	return func(c *identityv1.Check) {
		if c.Result = result; result == identityv1.CheckResult_CHECK_RESULT_BEGUN {
			c.Method = 0
		}
	}
}

// TestWhoAsksIsCheckedBySomebodyElseThanWhoSubmitted: of two people with the same
// roles, and with a step-up.
func TestWhoAsksIsCheckedBySomebodyElseThanWhoSubmitted(t *testing.T) {
	const intake, vera = "ingo", "vera"
	for _, tc := range []struct {
		name, by string
		code     codes.Code
		reason   string
	}{
		{"not by who submitted it", intake, codes.FailedPrecondition, "OWN_REQUEST"},
		{"nor without a fresh proof of the verifier", "", codes.PermissionDenied, "STEP_UP_REQUIRED"},
		{"but by somebody else", vera, codes.OK, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t)
			id := submit(t, s.as(t, fake.Tenant, intake, "intake", "verifier"), key1, fulfilmentv1.Right_RIGHT_ERASURE)
			s.Settle()
			c := s.as(t, fake.Tenant, tc.by, "intake", "verifier")
			if tc.by == "" {
				c = s.tokened(t, s.claims(fake.Tenant, vera, "verifier"))
			}
			got, err := c.CheckPerson(withPurpose(deadline(t)), checking(id, func(*identityv1.Check) {}))
			if code, reason, _ := answer(err); code != tc.code || reason != tc.reason {
				t.Fatalf("answered with %s %s: %v", code, reason, got)
			}
			state := s.State(carry.RequestOf(fake.Tenant, id))
			if tc.reason != "" {
				if state.SubjectRef != "" {
					t.Error("the person counts as proven")
				}
				return
			}
			if by := kit.ActorID(fake.Tenant, vera); !slices.Equal(state.Case.Acts, []request.Act{{Duty: request.Verifier, Staff: by}}) || got.GetAssuranceLevel() != 3 {
				t.Errorf("checked by %v at level %d", state.Case.Acts, got.GetAssuranceLevel())
			}
		})
	}
}

// TestNobodyHandlesARequestOfTheirOwn: neither by a token that is a person's and of
// staff, nor by another one of theirs; and such a token is one of staff.
func TestNobodyHandlesARequestOfTheirOwn(t *testing.T) {
	const mallory = "mallory"
	s := serve(t)
	id := submit(t, s.as(t, fake.Tenant, mallory, "subject", "verifier"), key1, fulfilmentv1.Right_RIGHT_ACCESS)
	s.Settle()
	for _, roles := range [][]string{{"subject", "verifier"}, {"verifier"}} {
		_, err := s.as(t, fake.Tenant, mallory, roles...).CheckPerson(withPurpose(deadline(t)), checking(id, func(*identityv1.Check) {}))
		if _, reason, _ := answer(err); reason != "OWN_REQUEST" {
			t.Errorf("a check by %v: %v", roles, err)
		}
	}
	for _, duty := range []fulfilmentv1.Duty{fulfilmentv1.Duty_DUTY_VERIFIER, fulfilmentv1.Duty_DUTY_FULFILLER, fulfilmentv1.Duty_DUTY_APPROVER} {
		_, err := s.as(t, fake.Tenant, "dora", "dpo").AssignRequest(deadline(t), &fulfilmentv1.AssignRequestRequest{
			RequestId: uuid.NewString(), Request: id, Duty: duty, Staff: mallory,
		})
		if _, reason, _ := answer(err); reason != "OWN_REQUEST" {
			t.Errorf("%v: %v", duty, err)
		}
	}
	for reason, roles := range map[string][]string{"STEP_UP_REQUIRED": {"subject", "verifier"}, "PACKAGE_NOT_AVAILABLE": {"subject"}} {
		stream, err := s.tokened(t, s.claims(fake.Tenant, mallory, roles...)).
			DownloadPackage(withPurpose(deadline(t)), &fulfilmentv1.DownloadPackageRequest{Request: id})
		if err == nil {
			_, err = stream.Recv()
		}
		if _, got, _ := answer(err); got != reason {
			t.Errorf("a download by %v: %v", roles, err)
		}
	}
}

// TestACheckThatHasBegunKeepsTheRequestOpen: without one it ends with the code.
func TestACheckThatHasBegunKeepsTheRequestOpen(t *testing.T) {
	for begun, want := range map[bool]fulfilmentv1.RequestState{
		true: fulfilmentv1.RequestState_REQUEST_STATE_RECEIVED, false: fulfilmentv1.RequestState_REQUEST_STATE_CLOSED,
	} {
		s := serve(t)
		c := s.as(t, fake.Tenant, "vera", "verifier", "dpo")
		id := submit(t, s.as(t, fake.Tenant, actor, "intake"), key1, fulfilmentv1.Right_RIGHT_ERASURE)
		s.Settle()
		if begun {
			if _, err := c.CheckPerson(withPurpose(deadline(t)), checking(id, found(identityv1.CheckResult_CHECK_RESULT_BEGUN))); err != nil {
				t.Fatal(err)
			}
		}
		s.Run(s.Clock.Now().Add(24 * time.Hour))
		got, err := c.GetRequest(deadline(t), &fulfilmentv1.GetRequestRequest{Request: id})
		if err != nil || got.GetRequest().GetState() != want {
			t.Errorf("begun %t: a day later it is %v, %v", begun, got.GetRequest().GetState(), err)
		}
	}
}

// TestStaffMayDenyWhomACodeHasProven: before anything is looked up.
func TestStaffMayDenyWhomACodeHasProven(t *testing.T) {
	s := serve(t)
	s.Peers.Set(func(p *fake.Peers) { p.Level = 2 }) // not enough yet
	id := submit(t, s.as(t, fake.Tenant, actor, "intake"), key1, fulfilmentv1.Right_RIGHT_ERASURE)
	s.Settle()
	agg := carry.RequestOf(fake.Tenant, id)
	s.Verify(agg)
	if s.State(agg).SubjectRef == "" {
		t.Fatal("the code has proven nobody")
	}
	_, err := s.as(t, fake.Tenant, "vera", "verifier").CheckPerson(withPurpose(deadline(t)), checking(id, found(identityv1.CheckResult_CHECK_RESULT_NOT_CONFIRMED)))
	if err != nil {
		t.Fatal(err)
	}
	s.Settle()
	if state := s.State(agg); state.Unverified == "" || state.Planned {
		t.Errorf("unverified %q, planned %t", state.Unverified, state.Planned)
	}
}

func checkMethod(id string) method {
	return method{
		name: fulfilmentv1.RequestService_CheckPerson_FullMethodName, role: "verifier", wrong: "agent", foreign: "REQUEST_NOT_FOUND",
		good: checking(id, func(*identityv1.Check) {}), out: &fulfilmentv1.CheckPersonResponse{},
		bad: map[string]proto.Message{
			"request":        checking("x", func(*identityv1.Check) {}),
			"check":          &fulfilmentv1.CheckPersonRequest{RequestId: key3, Request: id},
			"check.result":   checking(id, func(c *identityv1.Check) { c.Result = 0 }),
			"check.method":   checking(id, func(c *identityv1.Check) { c.Method = 0 }),
			"check.points":   checking(id, func(c *identityv1.Check) { c.Points = []identityv1.CheckPoint{1, 1} }),
			"check.doubt":    checking(id, func(c *identityv1.Check) { c.Method = identityv1.CheckMethod_CHECK_METHOD_DOCUMENT_COPY }),
			"check.evidence": checking(id, func(c *identityv1.Check) { c.Evidence = make([]byte, 1<<20+1) }),
		},
	}
}

// TestTheLogAloneDoesNotTellWhoSubmitted: the mark by which a request knows them is
// keyed, and its key lies in the vault. The twin has the key, and finds them by trying.
func TestTheLogAloneDoesNotTellWhoSubmitted(t *testing.T) {
	const jane = "jane"
	s := serve(t)
	s.AddSystem("shop")
	id := submit(t, s.as(t, fake.Tenant, jane, "subject"), key1, fulfilmentv1.Right_RIGHT_ERASURE)
	state, agg := s.State(carry.RequestOf(fake.Tenant, id)), carry.RequestOf(fake.Tenant, id)
	if _, inClear := state.SubmitterKey.Reveal(); inClear || state.Submitter == "" {
		t.Fatalf("the key is in clear: %t; the mark is %q", inClear, state.Submitter)
	}
	found := func(key string) bool {
		for _, who := range []string{"mallory", jane, "dora"} {
			mac := hmac.New(sha256.New, []byte(key))
			mac.Write([]byte(who))
			if state.Submitter == hex.EncodeToString(mac.Sum(nil)) || state.Submitter == es.DeriveID(fake.Tenant, "actor/"+id, who) {
				return true
			}
		}
		return false
	}
	key, err := s.Carrier.SubmitterKey(deadline(t), agg, state)
	if err != nil || found("") || found(fake.Tenant) || found(id) || !found(key) {
		t.Errorf("found without the key, or not with it: %v", err)
	}
	for who, reason := range map[string]string{jane: "", "mallory": "REQUEST_NOT_FOUND"} {
		_, err := s.as(t, fake.Tenant, who, "subject").GetRequest(deadline(t), &fulfilmentv1.GetRequestRequest{Request: id})
		if _, got, _ := answer(err); got != reason {
			t.Errorf("%s: %v", who, err)
		}
	}
	s.Settle()
	s.Verify(agg)
	s.Run(s.Clock.Now().Add(90 * 24 * time.Hour))
	if !s.State(agg).Finished {
		t.Fatal("it is not finished")
	}
	_, err = s.as(t, fake.Tenant, jane, "subject").GetRequest(deadline(t), &fulfilmentv1.GetRequestRequest{Request: id})
	if _, got, _ := answer(err); got != "REQUEST_NOT_FOUND" {
		t.Errorf("when it is over, with its keys: %v", err)
	}
}

// TestAVerifierIsShownWhatWaitsForAProofAlone: it is their queue. The twin has another
// role besides, and is shown all.
func TestAVerifierIsShownWhatWaitsForAProofAlone(t *testing.T) {
	s := serve(t)
	s.lines = []view.Line{{ID: fake.JaneRef, Stage: request.Over}, {ID: fake.JaneRef, Stage: request.Received}}
	closed := fulfilmentv1.RequestState_REQUEST_STATE_CLOSED
	for _, tc := range []struct {
		roles []string
		state fulfilmentv1.RequestState
		rows  int
		field string
	}{
		{[]string{"verifier"}, 0, 1, ""},
		{[]string{"verifier"}, fulfilmentv1.RequestState_REQUEST_STATE_RECEIVED, 1, ""},
		{[]string{"verifier"}, closed, 0, "state"},
		{[]string{"verifier", "intake"}, 0, 2, ""},
		{[]string{"verifier", "intake"}, closed, 1, ""},
	} {
		got, err := s.as(t, fake.Tenant, "vera", tc.roles...).ListRequests(deadline(t), &fulfilmentv1.ListRequestsRequest{State: tc.state})
		_, _, fields := answer(err)
		if len(got.GetRequests()) != tc.rows || (err != nil) != (tc.field != "") || tc.field != "" && !hasField(fields, tc.field) {
			t.Errorf("%v, %s: %d rows, error %v", tc.roles, tc.state, len(got.GetRequests()), err)
		}
	}
}

// TestALinksSecretAndACodeWithBlanksAreTried: identity knows both.
func TestALinksSecretAndACodeWithBlanksAreTried(t *testing.T) {
	s := serve(t)
	c := s.as(t, fake.Tenant, actor, "intake")
	id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ACCESS)
	s.Settle()
	for _, code := range []string{"0000 0000", "0000-0000", strings.Repeat("a", 26), " " + strings.Repeat("A", 26)} {
		_, err := c.VerifyRequest(deadline(t), &fulfilmentv1.VerifyRequestRequest{RequestId: uuid.NewString(), Request: id, Code: code})
		if err != nil {
			t.Errorf("%q: %v", code, err)
		}
	}
}

// TestWhatCanBeNoCodeTakesNoAttempt of the person's.
func TestWhatCanBeNoCodeTakesNoAttempt(t *testing.T) {
	s := serve(t)
	c := s.as(t, fake.Tenant, actor, "intake")
	id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ACCESS)
	s.Settle()
	for _, code := range []string{"abc", "1234567", "123456789", "1234567a"} {
		_, err := c.VerifyRequest(deadline(t), &fulfilmentv1.VerifyRequestRequest{RequestId: uuid.NewString(), Request: id, Code: code})
		if _, _, fields := answer(err); !hasField(fields, "code") {
			t.Errorf("%q: %v", code, err)
		}
	}
	if slices.ContainsFunc(s.Peers.Calls, func(c string) bool { return strings.HasPrefix(c, "CheckCode") }) {
		t.Error("identity was asked, and has counted an attempt")
	}
	got, err := c.VerifyRequest(deadline(t), &fulfilmentv1.VerifyRequestRequest{RequestId: uuid.NewString(), Request: id, Code: s.Peers.Code})
	if err != nil || got.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED {
		t.Errorf("the right one after those: %v, error %v", got, err)
	}
}
