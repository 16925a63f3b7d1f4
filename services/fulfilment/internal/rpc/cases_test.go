package rpc_test

import (
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/fake"
	kit "habeas.internal/services/internal/rpc"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func caseMethods(id string) []method {
	return []method{
		{
			name: fulfilmentv1.CaseService_AssignRequest_FullMethodName, role: "intake", wrong: "agent", foreign: "REQUEST_NOT_FOUND",
			good: &fulfilmentv1.AssignRequestRequest{RequestId: key3, Request: id, Duty: 1, Staff: "vera"}, out: &fulfilmentv1.AssignRequestResponse{},
			bad: map[string]proto.Message{
				"request_id": &fulfilmentv1.AssignRequestRequest{Request: id, Duty: 1, Staff: "vera"},
				"request":    &fulfilmentv1.AssignRequestRequest{RequestId: key3, Duty: 1, Staff: "vera"},
				"duty":       &fulfilmentv1.AssignRequestRequest{RequestId: key3, Request: id, Duty: 9, Staff: "vera"},
				"staff":      &fulfilmentv1.AssignRequestRequest{RequestId: key3, Request: id, Duty: 1, Staff: "vera@example.com"},
			},
		},
		{
			name: fulfilmentv1.CaseService_UnassignRequest_FullMethodName, role: "dpo", wrong: "verifier", foreign: "REQUEST_NOT_FOUND",
			good: &fulfilmentv1.UnassignRequestRequest{RequestId: key3, Request: id, Duty: 1}, out: &fulfilmentv1.UnassignRequestResponse{},
			bad: map[string]proto.Message{"duty": &fulfilmentv1.UnassignRequestRequest{RequestId: key3, Request: id}},
		},
		{
			name: fulfilmentv1.CaseService_ApproveRequest_FullMethodName, role: "approver", wrong: "dpo", foreign: "REQUEST_NOT_FOUND",
			good: &fulfilmentv1.ApproveRequestRequest{RequestId: key3, Request: id, ManifestDigest: digest}, out: &fulfilmentv1.ApproveRequestResponse{},
			bad: map[string]proto.Message{"manifest_digest": &fulfilmentv1.ApproveRequestRequest{RequestId: key3, Request: id, ManifestDigest: "1"}},
		},
		{
			name: fulfilmentv1.CaseService_DeclineApproval_FullMethodName, role: "approver", wrong: "agent", foreign: "REQUEST_NOT_FOUND",
			good: &fulfilmentv1.DeclineApprovalRequest{RequestId: key3, Request: id, ManifestDigest: digest, Reason: 1}, out: &fulfilmentv1.DeclineApprovalResponse{},
			bad: map[string]proto.Message{"reason": &fulfilmentv1.DeclineApprovalRequest{RequestId: key3, Request: id, ManifestDigest: digest}},
		},
		{
			name: fulfilmentv1.CaseService_GetCase_FullMethodName, role: "auditor", wrong: "subject", foreign: "REQUEST_NOT_FOUND",
			good: &fulfilmentv1.GetCaseRequest{Request: id}, out: &fulfilmentv1.GetCaseResponse{},
			bad: map[string]proto.Message{"request": &fulfilmentv1.GetCaseRequest{Request: "1"}},
		},
	}
}

// TestAnErasureIsApprovedByWhoeverHasSeenItsManifest goes through the door: duties,
// their separation, the manifest's digest, and who is awaited.
func TestAnErasureIsApprovedByWhoeverHasSeenItsManifest(t *testing.T) {
	s := serve(t)
	s.AddSystem("shop")
	s.Peers.Set(func(p *fake.Peers) { p.Approval = true })
	desk := s.as(t, fake.Tenant, "desk", "intake", "dpo")
	id := submit(t, desk, key1, fulfilmentv1.Right_RIGHT_ERASURE)
	s.Settle()
	if _, err := desk.VerifyRequest(deadline(t), &fulfilmentv1.VerifyRequestRequest{RequestId: key2, Request: id, Code: "12345678"}); err != nil {
		t.Fatal(err)
	}
	s.Settle()
	n := 0
	assign := func(duty fulfilmentv1.Duty, staff string) error {
		n++
		_, err := desk.AssignRequest(deadline(t), &fulfilmentv1.AssignRequestRequest{RequestId: uuidOf(n), Request: id, Duty: duty, Staff: staff})
		return err
	}
	wants := func(what string, err error, want string) {
		t.Helper()
		if _, reason, _ := answer(err); reason != want {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	wants("a verifier", assign(fulfilmentv1.Duty_DUTY_VERIFIER, "vera"), "")
	wants("a verifier who fulfils", assign(fulfilmentv1.Duty_DUTY_FULFILLER, "vera"), "SEPARATION_OF_DUTIES")
	wants("oneself", assign(fulfilmentv1.Duty_DUTY_FULFILLER, "desk"), "STAFF_SELF")
	wants("an approver", assign(fulfilmentv1.Duty_DUTY_APPROVER, "anna"), "")
	s.Settle()
	shown, err := desk.GetCase(deadline(t), &fulfilmentv1.GetCaseRequest{Request: id})
	if err != nil || !shown.GetApprovalNeeded() || !shown.GetApprovalAwaited() || shown.GetAwaitedSince() == nil || len(shown.GetAssignments()) != 2 ||
		shown.GetAssignments()[0].GetActor() != kit.ActorID(fake.Tenant, "vera") || shown.GetAssignments()[0].GetNeedUntil() == nil {
		t.Fatalf("case %v, %v", shown, err)
	}
	approve := func(as, digest string) error {
		n++
		_, err := s.as(t, fake.Tenant, as, "approver").ApproveRequest(deadline(t), &fulfilmentv1.ApproveRequestRequest{
			RequestId: uuidOf(n), Request: id, ManifestDigest: digest,
		})
		return err
	}
	wants("the verifier", approve("vera", shown.GetManifestDigest()), "SEPARATION_OF_DUTIES")
	wants("who took it in", approve("desk", shown.GetManifestDigest()), "SEPARATION_OF_DUTIES")
	wants("somebody", approve("carl", shown.GetManifestDigest()), "APPROVER_DUTY_REQUIRED")
	wants("another manifest", approve("anna", digest), "MANIFEST_CHANGED")
	wants("the approver", approve("anna", shown.GetManifestDigest()), "")
	s.Settle()
	x, err := desk.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: id})
	if err != nil || x.GetRequest().GetState() != fulfilmentv1.RequestState_REQUEST_STATE_CLOSED {
		t.Fatalf("explained as %v, %v", x, err)
	}
	refused := 0
	for _, h := range x.GetHistory() {
		if h.GetEvent() == "request.command_refused" {
			refused++
		}
	}
	if refused != 6 {
		t.Errorf("%d refusals are in the history, want 6", refused)
	}
	wants("a closed request", assign(fulfilmentv1.Duty_DUTY_FULFILLER, "fred"), "REQUEST_CLOSED")
}

func uuidOf(n int) string {
	return "00000000-0000-4000-8000-0000000001" + string(rune('0'+n/10)) + string(rune('0'+n%10))
}

// TestAnApprovalTakesAStepUp of whoever gives it.
func TestAnApprovalTakesAStepUp(t *testing.T) {
	s := serve(t)
	c := s.tokened(t, s.claims(fake.Tenant, "anna", "approver"))
	_, err := c.ApproveRequest(deadline(t), &fulfilmentv1.ApproveRequestRequest{RequestId: key3, Request: stranger, ManifestDigest: digest})
	if code, reason, _ := answer(err); code != codes.PermissionDenied || reason != "STEP_UP_REQUIRED" {
		t.Errorf("%s %s", code, reason)
	}
}
