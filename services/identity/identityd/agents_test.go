package identityd_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"sync"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/drp"
	"habeas.internal/services/internal/es"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// organisation is an agent as it knows itself.
type organisation struct {
	id  string
	key ed25519.PrivateKey
}

func organised(id string) organisation {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, id)
	return organisation{id: id, key: ed25519.NewKeyFromSeed(seed)}
}

func (o organisation) public() []byte {
	k, _ := o.key.Public().(ed25519.PublicKey)
	return k
}

// asks is what the organisation signs, with changes.
func (o organisation) asks(own string, changes map[string]any) string {
	now := time.Now()
	body := map[string]any{
		"agent-id": o.id, "business-id": tenant, "issued-at": now.Format(time.RFC3339), "expires-at": now.Add(5 * time.Minute).Format(time.RFC3339),
		"agent-request-id": own, "drp.version": drp.Version, "exercise": drp.Deletion, "regime": "ccpa",
		"email": "jane@example.com", "email_verified": true,
	}
	for k, v := range changes {
		body[k] = v
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return drp.Seal(o.key, raw)
}

func agentsOf(c *api) identityv1.AgentServiceClient { return identityv1.NewAgentServiceClient(c.conn) }

func enters(o organisation, perDay uint32) *identityv1.CreateAgentRequest {
	return &identityv1.CreateAgentRequest{
		RequestId: newRequestID(), Agent: o.id, DisplayName: o.id + " Agents", WebUrl: "https://agents.example", RequestsPerDay: perDay,
		PublicKey: o.public(), KeyUntil: in(24 * time.Hour),
	}
}

func uses(o organisation, message string) *identityv1.UseMandateRequest {
	id := newRequestID()
	return &identityv1.UseMandateRequest{RequestId: id, Agent: o.id, Message: message, Request: es.DeriveID(tenant, "request", id), Permission: "form:7"}
}

func agentMethods() []method {
	o, next := organised("METHODS"), organised("NEXT")
	creates := func(r *identityv1.CreateAgentRequest) call {
		return func(ctx context.Context, c *api) error { _, err := agentsOf(c).CreateAgent(ctx, r); return err }
	}
	rotates := func(public []byte, until *timestamppb.Timestamp) call {
		return func(ctx context.Context, c *api) error {
			_, err := agentsOf(c).RotateAgentKey(ctx, &identityv1.RotateAgentKeyRequest{RequestId: newRequestID(), Agent: o.id, PublicKey: public, KeyUntil: until})
			return err
		}
	}
	weak := enters(organised("WEAK"), 10)
	weak.PublicKey = make([]byte, 32)
	nobody := enters(o, 10)
	nobody.Agent = "no body"
	return append(mandateMethods(o), []method{
		{
			name: identityv1.AgentService_CreateAgent_FullMethodName, role: "dpo", wrong: "verifier", good: creates(enters(o, 10)),
			bad: []malformed{{"agent", creates(nobody)}, {"requests_per_day", creates(enters(o, 1))}, {"public_key", creates(weak)}},
		},
		{
			name: identityv1.AgentService_RotateAgentKey_FullMethodName, role: "platform_admin", wrong: "intake", foreign: "AGENT_NOT_FOUND",
			good: rotates(next.public(), in(time.Hour)),
			bad:  []malformed{{"public_key", rotates(nil, in(time.Hour))}, {"key_until", rotates(next.public(), nil)}},
		},
		{
			name: identityv1.AgentService_SuspendAgent_FullMethodName, role: "dpo", wrong: "agent", foreign: "AGENT_NOT_FOUND",
			good: func(ctx context.Context, c *api) error {
				_, err := agentsOf(c).SuspendAgent(ctx, &identityv1.SuspendAgentRequest{RequestId: newRequestID(), Agent: o.id, Reason: "complaints"})
				return err
			},
		},
		{
			name: identityv1.AgentService_ReinstateAgent_FullMethodName, role: "dpo", wrong: "agent", foreign: "AGENT_NOT_FOUND",
			good: func(ctx context.Context, c *api) error {
				_, err := agentsOf(c).ReinstateAgent(ctx, &identityv1.ReinstateAgentRequest{RequestId: newRequestID(), Agent: o.id})
				return err
			},
		},
		{
			name: identityv1.AgentService_RemoveAgent_FullMethodName, role: "dpo", wrong: "agent", foreign: "AGENT_NOT_FOUND",
			good: func(ctx context.Context, c *api) error {
				_, err := agentsOf(c).RemoveAgent(ctx, &identityv1.RemoveAgentRequest{RequestId: newRequestID(), Agent: o.id, Reason: "gone"})
				return err
			},
		},
		{
			name: identityv1.AgentService_GetAgent_FullMethodName, role: "intake", wrong: "verifier", foreign: "AGENT_NOT_FOUND",
			good: func(ctx context.Context, c *api) error {
				_, err := agentsOf(c).GetAgent(ctx, &identityv1.GetAgentRequest{Agent: o.id})
				return err
			},
		},
		{
			name: identityv1.AgentService_ListAgents_FullMethodName, role: "auditor", wrong: "verifier",
			good: func(ctx context.Context, c *api) error {
				_, err := agentsOf(c).ListAgents(ctx, &identityv1.ListAgentsRequest{})
				return err
			},
		},
	}...)
}

func mandateMethods(o organisation) []method {
	uses := func(r *identityv1.UseMandateRequest) call {
		return func(ctx context.Context, c *api) error { _, err := agentsOf(c).UseMandate(ctx, r); return err }
	}
	good := &identityv1.UseMandateRequest{RequestId: newRequestID(), Agent: o.id, Message: o.asks("1", nil), Request: request}
	return []method{
		{
			name: identityv1.AgentService_UseMandate_FullMethodName, wrong: "dpo", good: uses(good),
			bad: []malformed{
				{"message", uses(&identityv1.UseMandateRequest{RequestId: newRequestID(), Agent: o.id, Message: "§", Request: request})},
				{"request", uses(&identityv1.UseMandateRequest{RequestId: newRequestID(), Agent: o.id, Message: "AAAA", Request: "x"})},
			},
		},
		{
			name: identityv1.AgentService_GetMandate_FullMethodName, wrong: "dpo", foreign: "MANDATE_NOT_FOUND",
			good: func(ctx context.Context, c *api) error {
				_, err := agentsOf(c).GetMandate(ctx, &identityv1.GetMandateRequest{Mandate: request})
				return err
			},
		},
	}
}

// TestASignedRequestCountsOnce: whoever hands it in, at once or after a restart.
func TestASignedRequestCountsOnce(t *testing.T) {
	w, d := found(t)
	o := organised("ACME")
	officer := agentsOf(d.as(t, tenant, "dpo"))
	must(officer.CreateAgent(deadline(t), enters(o, 100)))(t)
	fulfilment := agentsOf(d.service(t, "fulfilment", tenant))
	message := o.asks("r-1", nil)

	const callers = 8
	var wg sync.WaitGroup
	requests, errs := make([]*identityv1.UseMandateRequest, callers), make([]error, callers)
	for i := range callers {
		requests[i] = uses(o, message)
		wg.Go(func() { _, errs[i] = fulfilment.UseMandate(deadline(t), requests[i]) })
	}
	wg.Wait()
	taken := -1
	for i, err := range errs {
		if err != nil {
			expect(t, err, codes.FailedPrecondition, "AGENT_REQUEST_REPLAYED")
			continue
		}
		if taken >= 0 {
			t.Error("it was taken twice")
		}
		taken = i
	}
	if taken < 0 {
		t.Fatal("it was never taken")
	}
	first := must(fulfilment.UseMandate(deadline(t), requests[taken]))(t) // a repeat of the same call
	if first.GetAssuranceLevel() != 1 || first.GetMandate() == "" {
		t.Errorf("answered %v", first)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d = w.start(t)
	fulfilment = agentsOf(d.service(t, "fulfilment", tenant))
	_, err := fulfilment.UseMandate(deadline(t), uses(o, message))
	expect(t, err, codes.FailedPrecondition, "AGENT_REQUEST_REPLAYED")
	_, err = fulfilment.UseMandate(deadline(t), uses(o, o.asks("r-1", map[string]any{"exercise": "access"})))
	expect(t, err, codes.FailedPrecondition, "AGENT_REQUEST_REPLAYED")
	if again := must(fulfilment.UseMandate(deadline(t), requests[taken]))(t); again.GetMandate() != first.GetMandate() {
		t.Errorf("after the restart the same call is answered %v", again)
	}
	if _, err := fulfilment.UseMandate(deadline(t), uses(o, o.asks("r-2", nil))); err != nil {
		t.Errorf("another request of the agent's: %v", err)
	}
	got := must(fulfilment.GetMandate(deadline(t), &identityv1.GetMandateRequest{Mandate: first.GetMandate()}))(t)
	if got.GetAgent() != o.id || got.GetExercise() != drp.Deletion || got.GetApplied() {
		t.Errorf("shown %v", got)
	}
}

// TestOnlyAnAgentThatStandsIsHeard: by its own key, in force, for this tenant, now.
func TestOnlyAnAgentThatStandsIsHeard(t *testing.T) {
	w, d := found(t)
	o, other := organised("ACME"), organised("OTHER")
	officer, fulfilment := agentsOf(d.as(t, tenant, "dpo")), agentsOf(d.service(t, "fulfilment", tenant))
	say := func(r *identityv1.UseMandateRequest) error {
		_, err := fulfilment.UseMandate(deadline(t), r)
		return err
	}
	number := 0
	says := func(by organisation, changes map[string]any) error {
		number++
		r := uses(o, by.asks(string(rune('a'+number)), changes))
		return say(r)
	}
	before := w.commits(t)
	expect(t, says(o, nil), codes.FailedPrecondition, "AGENT_UNKNOWN")
	if w.commits(t) != before {
		t.Error("a stranger's message left something")
	}
	must(officer.CreateAgent(deadline(t), enters(o, 100)))(t)
	must(officer.CreateAgent(deadline(t), enters(other, 100)))(t)
	before = w.commits(t)
	expect(t, says(organisation{o.id, other.key}, nil), codes.FailedPrecondition, "AGENT_SIGNATURE_INVALID")
	expect(t, say(&identityv1.UseMandateRequest{
		RequestId: newRequestID(), Agent: o.id, Request: request, Message: o.asks("z", nil)[:120] + "AAAA" + o.asks("z", nil)[124:],
	}), codes.FailedPrecondition, "AGENT_SIGNATURE_INVALID")
	if w.commits(t) != before {
		t.Error("a message that nobody has signed left something")
	}
	late := time.Now().Add(time.Hour).Format(time.RFC3339)
	for _, tc := range []struct {
		reason  string
		changes map[string]any
	}{
		{"AGENT_MISMATCH", map[string]any{"agent-id": "OTHER"}},
		{"AGENT_BUSINESS_MISMATCH", map[string]any{"business-id": "other"}},
		{"AGENT_REQUEST_WINDOW", map[string]any{"expires-at": late}},
		{"AGENT_REQUEST_EXPIRED", map[string]any{"issued-at": "2026-01-01T12:00:00Z", "expires-at": "2026-01-01T12:10:00Z"}},
		{"AGENT_REQUEST_EARLY", map[string]any{"issued-at": "2096-01-01T12:00:00Z", "expires-at": "2096-01-01T12:10:00Z"}},
		{"AGENT_EXERCISE_UNSUPPORTED", map[string]any{"exercise": "sale:opt-in"}},
		{"AGENT_REGIME_UNSUPPORTED", map[string]any{"regime": "lgpd"}},
	} {
		expect(t, says(o, tc.changes), codes.FailedPrecondition, tc.reason)
	}
	_, _, field := answer(says(o, map[string]any{"email": "no address"}))
	if field != "message.email" {
		t.Errorf("a person who can't be named is wrong at %q", field)
	}
}

func TestAnOptOutIsNotTakenWhereConsentIsNotConnected(t *testing.T) {
	w := newWorld(t)
	w.target = ""
	d := w.start(t)
	d.create(t, tenant)
	o := organised("ACME")
	must(agentsOf(d.as(t, tenant, "dpo")).CreateAgent(deadline(t), enters(o, 100)))(t)
	_, err := agentsOf(d.service(t, "fulfilment", tenant)).UseMandate(deadline(t), uses(o, o.asks("a", map[string]any{"exercise": "sale:opt-out"})))
	expect(t, err, codes.FailedPrecondition, "CONSENT_NOT_CONNECTED")
}

// TestAnAgentIsHeardAsItsEntryStands: suspended, with another key, removed.
func TestAnAgentIsHeardAsItsEntryStands(t *testing.T) {
	_, d := found(t)
	o, next := organised("ACME"), organised("ACME-2")
	next.id = o.id
	officer, fulfilment := agentsOf(d.as(t, tenant, "dpo")), agentsOf(d.service(t, "fulfilment", tenant))
	must(officer.CreateAgent(deadline(t), enters(o, 100)))(t)
	says := func(by organisation) error {
		_, err := fulfilment.UseMandate(deadline(t), uses(o, by.asks(newRequestID(), nil)))
		return err
	}
	must(officer.SuspendAgent(deadline(t), &identityv1.SuspendAgentRequest{RequestId: newRequestID(), Agent: o.id, Reason: "complaints"}))(t)
	expect(t, says(o), codes.FailedPrecondition, "AGENT_SUSPENDED")
	must(officer.ReinstateAgent(deadline(t), &identityv1.ReinstateAgentRequest{RequestId: newRequestID(), Agent: o.id}))(t)
	if err := says(o); err != nil {
		t.Errorf("reinstated: %v", err)
	}
	got := must(officer.RotateAgentKey(deadline(t), &identityv1.RotateAgentKeyRequest{
		RequestId: newRequestID(), Agent: o.id, PublicKey: next.public(), KeyUntil: in(time.Hour),
	}))(t)
	if got.GetKey() != 2 {
		t.Errorf("the new key has number %d", got.GetKey())
	}
	expect(t, says(o), codes.FailedPrecondition, "AGENT_KEY_NOT_IN_FORCE")
	if err := says(next); err != nil {
		t.Errorf("by the new key: %v", err)
	}
	must(officer.RemoveAgent(deadline(t), &identityv1.RemoveAgentRequest{RequestId: newRequestID(), Agent: o.id, Reason: "contract_ended"}))(t)
	expect(t, says(next), codes.FailedPrecondition, "AGENT_REMOVED")
	list := must(officer.ListAgents(deadline(t), &identityv1.ListAgentsRequest{}))(t).GetAgents()
	if len(list) != 1 || list[0].GetStatus() != identityv1.AgentStatus_AGENT_STATUS_REMOVED || len(list[0].GetKeys()) != 2 {
		t.Errorf("listed %v", list)
	}
}

// TestAnAgentsDayIsBounded: by what is taken, not by what is refused.
func TestAnAgentsDayIsBounded(t *testing.T) {
	_, d := found(t)
	o := organised("ACME")
	officer, fulfilment := agentsOf(d.as(t, tenant, "dpo")), agentsOf(d.service(t, "fulfilment", tenant))
	must(officer.CreateAgent(deadline(t), enters(o, 4)))(t)
	first := o.asks("r-0", nil)
	must(fulfilment.UseMandate(deadline(t), uses(o, first)))(t)
	for range 5 { // whoever has caught it uses nothing up
		_, err := fulfilment.UseMandate(deadline(t), uses(o, first))
		expect(t, err, codes.FailedPrecondition, "AGENT_REQUEST_REPLAYED")
	}
	second := uses(o, o.asks("r-1", nil))
	must(fulfilment.UseMandate(deadline(t), second))(t)
	third := uses(o, o.asks("r-2", nil))
	_, err := fulfilment.UseMandate(deadline(t), third)
	expect(t, err, codes.ResourceExhausted, "RATE_LIMITED")
	if _, err := fulfilment.UseMandate(deadline(t), second); err != nil {
		t.Errorf("a repeat counts once more: %v", err)
	}
}
