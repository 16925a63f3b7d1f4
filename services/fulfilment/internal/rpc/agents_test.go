package rpc_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/internal/drp"
	"habeas.internal/services/internal/es"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// directory stands in for identity's knowledge of agents: it takes every message
// once.
type directory struct {
	identityv1.AgentServiceClient
	mu      sync.Mutex
	used    map[string]*identityv1.UseMandateRequest // by message
	refuses error
	applied bool
}

func (d *directory) UseMandate(_ context.Context, r *identityv1.UseMandateRequest, _ ...grpc.CallOption) (*identityv1.UseMandateResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuses != nil {
		return nil, d.refuses
	}
	if before := d.used[r.GetMessage()]; before != nil && before.GetRequestId() != r.GetRequestId() {
		return nil, fake.Refuse(codes.FailedPrecondition, "AGENT_REQUEST_REPLAYED")
	}
	d.used[r.GetMessage()] = r
	return &identityv1.UseMandateResponse{Mandate: mandateOf(r)}, nil
}

func mandateOf(r *identityv1.UseMandateRequest) string {
	return es.DeriveID(fake.Tenant, "mandate", r.GetMessage())
}

func (d *directory) GetMandate(_ context.Context, r *identityv1.GetMandateRequest, _ ...grpc.CallOption) (*identityv1.GetMandateResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, u := range d.used {
		if mandateOf(u) == r.GetMandate() {
			return &identityv1.GetMandateResponse{Agent: u.GetAgent(), Exercise: drp.OptOut, UsedAt: timestamppb.Now(), Applied: d.applied}, nil
		}
	}
	return nil, fake.Refuse(codes.NotFound, "MANDATE_NOT_FOUND")
}

// message is one that an agent has signed; nobody here looks by which key.
func message(own, exercise, email string) string {
	body := map[string]any{
		"agent-id": "ACME", "business-id": fake.Tenant, "issued-at": time.Now(), "expires-at": time.Now().Add(time.Minute), "agent-request-id": own,
		"drp.version": drp.Version, "exercise": exercise, "email": email, "email_verified": true,
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return drp.Seal(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), raw)
}

func handsIn(key, text string) *fulfilmentv1.SubmitAgentRequestRequest {
	return &fulfilmentv1.SubmitAgentRequestRequest{RequestId: key, Agent: "ACME", Message: text, Permission: "form:7"}
}

func agentMethods(id string) []method {
	text := message("m", drp.Deletion, fake.Jane)
	return []method{
		{
			name: fulfilmentv1.AgentRequestService_SubmitAgentRequest_FullMethodName, role: "product", wrong: "agent",
			good: handsIn(key3, text), out: &fulfilmentv1.SubmitAgentRequestResponse{},
			bad: map[string]proto.Message{
				"request_id":    handsIn("1", text),
				"message":       handsIn(key3, "§"),
				"message.email": handsIn(key3, message("m", drp.Deletion, "nobody")),
				"agent":         &fulfilmentv1.SubmitAgentRequestRequest{RequestId: key3, Agent: "no body", Message: text},
				"permission":    &fulfilmentv1.SubmitAgentRequestRequest{RequestId: key3, Agent: "ACME", Message: text, Permission: " "},
			},
		},
		{
			name: fulfilmentv1.AgentRequestService_GetAgentRequest_FullMethodName, role: "intake", wrong: "agent", foreign: "REQUEST_NOT_FOUND",
			good: &fulfilmentv1.GetAgentRequestRequest{Request: id, Agent: "ACME"}, out: &fulfilmentv1.GetAgentRequestResponse{},
			bad: map[string]proto.Message{
				"request": &fulfilmentv1.GetAgentRequestRequest{Request: "x", Agent: "ACME"},
				"agent":   &fulfilmentv1.GetAgentRequestRequest{Request: id},
			},
		},
		{
			name: fulfilmentv1.AgentRequestService_RevokeAgent_FullMethodName, role: "product", wrong: "agent",
			good: &fulfilmentv1.RevokeAgentRequest{RequestId: key3, SubjectRef: stranger, Agent: "ACME"}, out: &fulfilmentv1.RevokeAgentResponse{},
			bad: map[string]proto.Message{
				"subject_ref": &fulfilmentv1.RevokeAgentRequest{RequestId: key3, SubjectRef: "x", Agent: "ACME"},
				"agent":       &fulfilmentv1.RevokeAgentRequest{RequestId: key3, SubjectRef: stranger},
			},
		},
	}
}

func agentAPI(t *testing.T, s *service) fulfilmentv1.AgentRequestServiceClient {
	t.Helper()
	return fulfilmentv1.NewAgentRequestServiceClient(s.as(t, fake.Tenant, actor, "product").conn)
}

func standing(t *testing.T, c fulfilmentv1.AgentRequestServiceClient, request, agent string) *fulfilmentv1.AgentRequestStatus {
	t.Helper()
	got, err := c.GetAgentRequest(deadline(t), &fulfilmentv1.GetAgentRequestRequest{Request: request, Agent: agent})
	if err != nil {
		t.Fatal(err)
	}
	return got.GetStatus()
}

// TestAnAgentIsToldTheSameWhetherOrNotSomebodyIsKnown: at receipt, while the
// person is asked, and at the end.
func TestAnAgentIsToldTheSameWhetherOrNotSomebodyIsKnown(t *testing.T) {
	s := serve(t)
	s.AddSystem("shop")
	c := agentAPI(t, s)
	var told [2]string
	for i, address := range []string{fake.Jane, "nobody@example.com"} {
		res, err := c.SubmitAgentRequest(deadline(t), handsIn([]string{key1, key2}[i], message(fmt.Sprint(i), drp.Deletion, address)))
		if err != nil {
			t.Fatal(err)
		}
		request, say := res.GetStatus().GetRequest(), func(st *fulfilmentv1.AgentRequestStatus) {
			told[i] += fmt.Sprintln(st.GetStatus(), st.GetReason(), st.GetProcessingDetails(), st.GetExpectedBy() != nil, st.GetReceivedAt() != nil)
		}
		say(res.GetStatus())
		s.Settle()
		say(standing(t, c, request, "ACME"))
		s.Run(s.Clock.Now().Add(time.Hour))
		say(standing(t, c, request, "ACME"))
		if got := s.State(carry.RequestOf(fake.Tenant, request)); got.Agent != "ACME" || got.Mandate == "" || got.Channel != "agent.drp" {
			t.Errorf("recorded agent %q, mandate %q, channel %q", got.Agent, got.Mandate, got.Channel)
		}
		_, err = c.GetAgentRequest(deadline(t), &fulfilmentv1.GetAgentRequestRequest{Request: request, Agent: "OTHER"})
		if code, reason, _ := answer(err); code != codes.NotFound || reason != "REQUEST_NOT_FOUND" {
			t.Errorf("another agent is told %s %s", code, reason)
		}
	}
	if told[0] != told[1] {
		t.Errorf("of somebody known:\n%s\nof nobody:\n%s", told[0], told[1])
	}
	want := "open   true true\nin_progress need_user_verification  true true\ndenied insuf_verification  false true\n"
	if told[0] != want {
		t.Errorf("told\n%s, want\n%s", told[0], want)
	}
}

// TestAMessageIsNotUsedUpByWhatIsWrongHere: and one that was is answered as before.
func TestAMessageIsNotUsedUpByWhatIsWrongHere(t *testing.T) {
	s := serve(t)
	s.AddSystem("shop")
	c := agentAPI(t, s)
	text, before := message("1", drp.Access, fake.Jane), s.Log.Appended()
	bad := handsIn(key1, text)
	bad.Policy = "unknown"
	if _, err := c.SubmitAgentRequest(deadline(t), bad); err == nil {
		t.Error("a policy that is not there is taken")
	}
	s.agents.refuses = fake.Refuse(codes.FailedPrecondition, "AGENT_SUSPENDED")
	_, err := c.SubmitAgentRequest(deadline(t), handsIn(key1, text))
	if code, reason, _ := answer(err); code != codes.FailedPrecondition || reason != "AGENT_SUSPENDED" {
		t.Errorf("refused by %s %s", code, reason)
	}
	if n := s.Log.Appended() - before; n > 0 || len(s.agents.used) > 0 {
		t.Errorf("%d commits, %d messages used", n, len(s.agents.used))
	}
	s.agents.refuses = nil
	var requests []string
	for range 2 {
		res, err := c.SubmitAgentRequest(deadline(t), handsIn(key1, text))
		if err != nil {
			t.Fatal(err)
		}
		requests = append(requests, res.GetStatus().GetRequest())
	}
	if requests[0] != requests[1] {
		t.Errorf("a repeat has made another request: %v", requests)
	}
	_, err = c.SubmitAgentRequest(deadline(t), handsIn(key2, text))
	if code, reason, _ := answer(err); code != codes.FailedPrecondition || reason != "AGENT_REQUEST_REPLAYED" {
		t.Errorf("a replay: %s %s", code, reason)
	}
}

func TestAnOptOutIsNoRequestOfThisService(t *testing.T) {
	s := serve(t)
	c := agentAPI(t, s)
	res, err := c.SubmitAgentRequest(deadline(t), handsIn(key1, message("1", drp.OptOut, fake.Jane)))
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Log.Appended(); n > 0 {
		t.Errorf("%d commits", n)
	}
	request := res.GetStatus().GetRequest()
	if got := standing(t, c, request, "ACME").GetStatus(); got != "in_progress" {
		t.Errorf("before it binds: %s", got)
	}
	s.agents.applied = true
	if got := standing(t, c, request, "ACME").GetStatus(); got != "fulfilled" {
		t.Errorf("when it binds: %s", got)
	}
	for _, other := range []*fulfilmentv1.GetAgentRequestRequest{{Request: request, Agent: "OTHER"}, {Request: stranger, Agent: "ACME"}} {
		_, err := c.GetAgentRequest(deadline(t), other)
		if code, reason, _ := answer(err); code != codes.NotFound || reason != "REQUEST_NOT_FOUND" {
			t.Errorf("%s %s", code, reason)
		}
	}
}

// TestAMandateThatIsGoneIsExplained, once it is known whose request it is: nobody is
// told to bring a better proof of what goes no further. Before, it is explained as
// the request of somebody unknown.
func TestAMandateThatIsGoneIsExplained(t *testing.T) {
	for name, row := range map[string]struct {
		proven, revoked bool
		reason          string
	}{
		"proven too little":                          {true, false, "ASSURANCE_TOO_LOW"},
		"proven too little, and the mandate is gone": {true, true, "MANDATE_REVOKED"},
		"not proven, and the mandate is gone":        {false, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			s.Peers.Set(func(p *fake.Peers) { p.Level = 2 })
			c := agentAPI(t, s)
			res, err := c.SubmitAgentRequest(deadline(t), handsIn(key1, message("1", drp.Deletion, fake.Jane)))
			if err != nil {
				t.Fatal(err)
			}
			agg := carry.RequestOf(fake.Tenant, res.GetStatus().GetRequest())
			s.Settle()
			if row.proven {
				s.Verify(agg)
				s.Settle()
			}
			if row.revoked {
				revoke := &fulfilmentv1.RevokeAgentRequest{RequestId: key2, SubjectRef: s.Peers.Known[fake.Jane], Agent: "ACME"}
				if _, err := c.RevokeAgent(deadline(t), revoke); err != nil {
					t.Fatal(err)
				}
			}
			x, err := s.as(t, fake.Tenant, actor, "dpo").ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: agg.ID})
			if err != nil {
				t.Fatal(err)
			}
			gone := row.reason == "MANDATE_REVOKED"
			if x.GetReason() != row.reason || (x.GetNextActor() == "person") == gone || (len(x.GetSuffices()) == 0) != gone || gone && x.GetNextTryAt() == nil {
				t.Errorf("explained as %v", x)
			}
		})
	}
}

// TestWhoTakesAMandateBackStopsWhatItAskedFor: before it has a place in the
// docket, and when it has one; what is asked later stands on its own.
func TestWhoTakesAMandateBackStopsWhatItAskedFor(t *testing.T) {
	for name, verified := range map[string]bool{"before the person was proven": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			shop := s.AddSystem("shop")
			shop.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
			c := agentAPI(t, s)
			res, err := c.SubmitAgentRequest(deadline(t), handsIn(key1, message("1", drp.Deletion, fake.Jane)))
			if err != nil {
				t.Fatal(err)
			}
			agg := carry.RequestOf(fake.Tenant, res.GetStatus().GetRequest())
			s.Settle()
			if verified {
				s.Verify(agg)
				s.Settle()
			}
			revoke := &fulfilmentv1.RevokeAgentRequest{RequestId: key2, SubjectRef: s.Peers.Known[fake.Jane], Agent: "ACME"}
			if _, err := c.RevokeAgent(deadline(t), revoke); err != nil {
				t.Fatal(err)
			}
			if !verified {
				s.Verify(agg)
			}
			s.Settle()
			if got := standing(t, c, agg.ID, "ACME"); got.GetStatus() != "revoked" || len(s.State(agg).Leaves) > 0 && s.State(agg).Leaves[0].Started {
				t.Errorf("it stands at %v", got)
			}
		})
	}
	s := serve(t)
	s.Peers.Unknown = stranger
	_, err := agentAPI(t, s).RevokeAgent(deadline(t), &fulfilmentv1.RevokeAgentRequest{RequestId: key2, SubjectRef: stranger, Agent: "ACME"})
	if code, reason, _ := answer(err); code != codes.NotFound || reason != "SUBJECT_NOT_FOUND" {
		t.Errorf("of nobody: %s %s", code, reason)
	}
}
