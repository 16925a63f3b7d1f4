package impersonation_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/drp"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// TestImpersonationByAgents plays those who ask by the protocol of authorised
// agents.
func TestImpersonationByAgents(t *testing.T) {
	s := stack.New(t)
	s.Start()
	for _, tenant := range []string{open, held} {
		s.Tenant(tenant)
		s.Publish(tenant, policy, time.Now().Add(-time.Hour))
	}
	for name, attack := range map[string]func(world){
		"a stranger is not heard":                                  strangerAsks,
		"nor an agent that is suspended or removed":                fallenAgent,
		"a key counts in its time":                                 wrongTime,
		"a signed request that was caught counts once":             replayed,
		"a request to one tenant is none to another":               misdirected,
		"a claim that was altered is nobody's":                     altered,
		"an agent signs for itself":                                inAnothersName,
		"an agent's word proves nobody":                            wordOfAnAgent,
		"an agent that guesses people learns nothing, and is slow": guessesPeople,
		"a mandate that was taken back moves nothing":              takenBack,
		"an opt-out needs a mandate and nobody's proof":            optsOut,
	} {
		t.Run(name, func(t *testing.T) { attack(world{t, s.Within(t)}) })
	}
}

// party is an agent as it knows itself.
type party struct {
	id  string
	key ed25519.PrivateKey
}

func newKey(t *testing.T) (ed25519.PrivateKey, []byte) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

// agent is one in a tenant's directory.
func (w world) agent(tenant string, change func(*identityv1.CreateAgentRequest)) party {
	w.Helper()
	private, public := newKey(w.T)
	p := party{"A-a" + uuid.NewString()[:8], private}
	w.enter(tenant, p.id, public, change)
	return p
}

func (w world) enter(tenant, id string, public []byte, change func(*identityv1.CreateAgentRequest)) {
	w.Helper()
	r := &identityv1.CreateAgentRequest{
		RequestId: uuid.NewString(), Agent: id, DisplayName: "Agents Inc.", RequestsPerDay: 1000, PublicKey: public,
		KeyUntil: timestamppb.New(time.Now().Add(time.Hour)),
	}
	if change != nil {
		change(r)
	}
	if _, err := w.As(tenant, "dpo").Agents.CreateAgent(stack.Deadline(w.T), r); err != nil {
		w.Fatal(err)
	}
}

// asks is what an agent signs about somebody, with changes.
func (p party) asks(tenant, email string, changes map[string]any) string {
	now := time.Now()
	body := map[string]any{
		"agent-id": p.id, "business-id": tenant, "issued-at": now, "expires-at": now.Add(5 * time.Minute), "agent-request-id": uuid.NewString(),
		"drp.version": drp.Version, "exercise": drp.Deletion, "regime": "ccpa", "email": email, "email_verified": true,
	}
	for k, v := range changes {
		body[k] = v
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return drp.Seal(p.key, raw)
}

// handIn hands a message of an agent in.
func (w world) handIn(tenant, agent, message string) (*fulfilmentv1.AgentRequestStatus, error) {
	w.Helper()
	res, err := w.As(tenant, "product").AgentRequests.SubmitAgentRequest(stack.Deadline(w.T), &fulfilmentv1.SubmitAgentRequestRequest{
		RequestId: uuid.NewString(), Agent: agent, Message: message, Policy: policy,
	})
	return res.GetStatus(), err
}

// refused fails unless a message is refused for a reason, and nobody got mail.
func (w world) refused(what, tenant, agent, message, reason string) {
	w.Helper()
	st, err := w.handIn(tenant, agent, message)
	if _, got, _ := stack.Answer(err); got != reason {
		w.Errorf("%s: answered %v, %v (%s), want %s", what, st, err, got, reason)
	}
}

// heard fails unless a message opens a request.
func (w world) heard(what, tenant, agent, message string) string {
	w.Helper()
	st, err := w.handIn(tenant, agent, message)
	if err != nil {
		_, reason, field := stack.Answer(err)
		w.Fatalf("%s: %v (%s %s)", what, err, reason, field)
	}
	return st.GetRequest()
}

func strangerAsks(w world) {
	jane, known := someone(), w.agent(open, nil)
	private, _ := newKey(w.T)
	unknown := party{"NOBODY", private}
	w.refused("an agent that nobody registered", open, unknown.id, unknown.asks(open, jane, nil), "AGENT_UNKNOWN")
	thief := party{known.id, private}
	w.refused("somebody without the agent's key", open, thief.id, thief.asks(open, jane, nil), "AGENT_SIGNATURE_INVALID")
	w.heard("the agent itself", open, known.id, known.asks(open, jane, nil))
}

func fallenAgent(w world) {
	jane, p := someone(), w.agent(open, nil)
	officer := w.As(open, "dpo").Agents
	w.heard("before", open, p.id, p.asks(open, jane, nil))
	if _, err := officer.SuspendAgent(stack.Deadline(w.T), &identityv1.SuspendAgentRequest{RequestId: uuid.NewString(), Agent: p.id, Reason: "complaints"}); err != nil {
		w.Fatal(err)
	}
	w.refused("suspended", open, p.id, p.asks(open, jane, nil), "AGENT_SUSPENDED")
	if _, err := officer.ReinstateAgent(stack.Deadline(w.T), &identityv1.ReinstateAgentRequest{RequestId: uuid.NewString(), Agent: p.id}); err != nil {
		w.Fatal(err)
	}
	w.heard("reinstated", open, p.id, p.asks(open, jane, nil))
	if _, err := officer.RemoveAgent(stack.Deadline(w.T), &identityv1.RemoveAgentRequest{RequestId: uuid.NewString(), Agent: p.id, Reason: "gone"}); err != nil {
		w.Fatal(err)
	}
	w.refused("removed", open, p.id, p.asks(open, jane, nil), "AGENT_REMOVED")
}

func wrongTime(w world) {
	jane := someone()
	future := w.agent(open, func(r *identityv1.CreateAgentRequest) { r.KeyFrom = timestamppb.New(time.Now().Add(30 * time.Minute)) })
	w.refused("a key of the future", open, future.id, future.asks(open, jane, nil), "AGENT_KEY_NOT_IN_FORCE")
	past := w.agent(open, nil)
	w.heard("its key", open, past.id, past.asks(open, jane, nil))
	private, public := newKey(w.T)
	_, err := w.As(open, "dpo").Agents.RotateAgentKey(stack.Deadline(w.T), &identityv1.RotateAgentKeyRequest{
		RequestId: uuid.NewString(), Agent: past.id, PublicKey: public, KeyUntil: timestamppb.New(time.Now().Add(time.Hour)),
	})
	if err != nil {
		w.Fatal(err)
	}
	w.refused("a key that has ended", open, past.id, past.asks(open, jane, nil), "AGENT_KEY_NOT_IN_FORCE")
	w.heard("the key after it", open, past.id, party{past.id, private}.asks(open, jane, nil))
	for what, tc := range map[string]struct {
		from, to time.Duration
		reason   string
	}{
		"a message of yesterday":     {-24 * time.Hour, -24*time.Hour + time.Minute, "AGENT_REQUEST_EXPIRED"},
		"a message of tomorrow":      {24 * time.Hour, 24*time.Hour + time.Minute, "AGENT_REQUEST_EARLY"},
		"a message for half an hour": {0, 30 * time.Minute, "AGENT_REQUEST_WINDOW"},
	} {
		now := time.Now()
		w.refused(what, open, past.id, party{past.id, private}.asks(open, jane, map[string]any{"issued-at": now.Add(tc.from), "expires-at": now.Add(tc.to)}), tc.reason)
	}
}

func replayed(w world) {
	jane, p := someone(), w.agent(open, nil)
	w.Register(open, jane)
	caught := p.asks(open, jane, nil)
	const callers = 4
	var wg sync.WaitGroup
	errs := make([]error, callers)
	for i := range callers {
		wg.Go(func() { _, errs[i] = w.handIn(open, p.id, caught) })
	}
	wg.Wait()
	taken := 0
	for _, err := range errs {
		if _, reason, _ := stack.Answer(err); err == nil {
			taken++
		} else if reason != "AGENT_REQUEST_REPLAYED" {
			w.Errorf("answered %v (%s)", err, reason)
		}
	}
	if taken != 1 {
		w.Errorf("one message was taken %d times", taken)
	}
	w.refused("once more", open, p.id, caught, "AGENT_REQUEST_REPLAYED")
	w.refused("another wish under its id", open, p.id, p.asks(open, jane, map[string]any{"agent-request-id": ownID(w.T, caught), "exercise": drp.Access}), "AGENT_REQUEST_REPLAYED")
	w.code(jane, 1)
	w.heard("the same wish anew", open, p.id, p.asks(open, jane, nil)) // without the id, she is bothered again
	w.code(jane, 2)
	if n := len(w.codes(jane)); n != 2 {
		w.Errorf("Jane got %d codes for two requests", n)
	}
}

// ownID is the id that an agent gave a message.
func ownID(t *testing.T, message string) string {
	t.Helper()
	s, err := drp.Open(message)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Parse()
	if err != nil {
		t.Fatal(err)
	}
	return r.RequestID
}

func misdirected(w world) {
	jane, p := someone(), w.agent(open, nil)
	public, _ := p.key.Public().(ed25519.PublicKey)
	w.enter(held, p.id, public, nil)
	w.refused("a message to another tenant", held, p.id, p.asks(open, jane, nil), "AGENT_BUSINESS_MISMATCH")
	w.heard("its own tenant", open, p.id, p.asks(open, jane, nil))
	only := w.agent(open, nil)
	w.refused("an agent of another tenant's", held, only.id, only.asks(held, jane, nil), "AGENT_UNKNOWN")
}

func altered(w world) {
	jane, p := someone(), w.agent(open, nil)
	whole := p.asks(open, jane, nil)
	for _, at := range []int{0, 43, len(whole) / 2, len(whole) - 8} {
		other := byte('A')
		if whole[at] == other {
			other = 'B'
		}
		w.refused(fmt.Sprintf("altered at %d", at), open, p.id, whole[:at]+string(other)+whole[at+1:], alteredAt(w.T, whole, at, other))
	}
	w.heard("as it was signed", open, p.id, whole)
}

// alteredAt is why a message is refused that was altered: it can't be read, or it
// can and nobody has signed it.
func alteredAt(t *testing.T, whole string, at int, other byte) string {
	t.Helper()
	s, err := drp.Open(whole[:at] + string(other) + whole[at+1:])
	if err != nil {
		return "INVALID_ARGUMENT"
	}
	if _, err := s.Parse(); err != nil {
		return "INVALID_ARGUMENT"
	}
	return "AGENT_SIGNATURE_INVALID"
}

func inAnothersName(w world) {
	jane, a, b := someone(), w.agent(open, nil), w.agent(open, nil)
	forged := a.asks(open, jane, map[string]any{"agent-id": b.id})
	w.refused("handed in as the other's", open, b.id, forged, "AGENT_SIGNATURE_INVALID")
	w.refused("handed in as its own", open, a.id, forged, "AGENT_MISMATCH")
	w.heard("the other one itself", open, b.id, b.asks(open, jane, nil))
}

func (w world) standing(tenant, agent, request string) *fulfilmentv1.AgentRequestStatus {
	w.Helper()
	res, err := w.As(tenant, "product").AgentRequests.GetAgentRequest(stack.Deadline(w.T), &fulfilmentv1.GetAgentRequestRequest{Request: request, Agent: agent})
	if err != nil {
		w.Fatal(err)
	}
	return res.GetStatus()
}

func wordOfAnAgent(w world) {
	jane, p := someone(), w.agent(open, nil)
	w.Register(open, jane)
	request := w.heard("an agent with a mandate", open, p.id, p.asks(open, jane, map[string]any{
		"name": "Jane", "email_verified": true, "power_of_attorney": "https://agents.example/poa/7",
	}))
	right := w.code(jane, 1)
	w.unmoved("the agent's word", open, request)
	if got := w.standing(open, p.id, request); got.GetStatus() != "in_progress" || got.GetReason() != "need_user_verification" {
		w.Errorf("the agent is told %v", got)
	}
	if got := w.give(open, request, right); got.GetState() != passed {
		w.Errorf("Jane herself is answered with %v", got.GetState())
	}
	w.moves("Jane herself", open, request)
}

func guessesPeople(w world) {
	jane := someone()
	p := w.agent(open, func(r *identityv1.CreateAgentRequest) { r.RequestsPerDay = 8 })
	w.Register(open, jane)
	told := map[string]string{}
	for _, address := range []string{jane, someone()} {
		request := w.heard(address, open, p.id, p.asks(open, address, nil))
		w.asked(open, request)
		st := w.standing(open, p.id, request)
		told[address] = fmt.Sprint(st.GetStatus(), st.GetReason(), st.GetProcessingDetails(), st.GetExpectedBy().AsTime().Format(time.DateOnly))
	}
	words := slices.Collect(func(yield func(string) bool) {
		for _, s := range told {
			if !yield(s) {
				return
			}
		}
	})
	if words[0] != words[1] {
		w.Errorf("of somebody known and of nobody an agent is told %q and %q", words[0], words[1])
	}
	for range 2 { // half of its day may be had at once
		w.heard("within its day", open, p.id, p.asks(open, someone(), nil))
	}
	w.refused("beyond it", open, p.id, p.asks(open, someone(), nil), "RATE_LIMITED")
	w.heard("an opt-out, still", open, p.id, p.asks(open, someone(), map[string]any{"exercise": drp.OptOut}))
	patient := w.agent(open, nil) // the twin, with a longer day
	for range 6 {
		w.heard("within a longer day", open, patient.id, patient.asks(open, someone(), nil))
	}
}

func takenBack(w world) {
	for what, revoked := range map[string]bool{"taken back": true, "let stand": false} {
		jane, p := someone(), w.agent(open, nil)
		ref := w.Register(open, jane)
		request := w.heard(what, open, p.id, p.asks(open, jane, nil))
		right := w.code(jane, 1)
		if revoked {
			_, err := w.As(open, "product").AgentRequests.RevokeAgent(stack.Deadline(w.T), &fulfilmentv1.RevokeAgentRequest{
				RequestId: uuid.NewString(), SubjectRef: ref, Agent: p.id,
			})
			if err != nil {
				w.Fatal(err)
			}
		}
		w.give(open, request, right) // whoever has her code
		if !revoked {
			w.moves(what, open, request)
			continue
		}
		if got := w.Closed(open, request); got.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_WITHDRAWN || got.GetAgent() != p.id {
			w.Errorf("%s: it ended as %v", what, got.GetOutcome())
		}
		if got := w.standing(open, p.id, request); got.GetStatus() != "revoked" {
			w.Errorf("%s: the agent is told %v", what, got)
		}
		w.unmoved(what, open, request)
	}
}
