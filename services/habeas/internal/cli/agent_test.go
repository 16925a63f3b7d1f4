package cli_test

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/habeas/internal/cli"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// agentsOf answers for the directory of agents, signedOf for what they hand in.
type (
	agentsOf struct {
		identityv1.UnimplementedAgentServiceServer
		s *answering
	}
	signedOf struct {
		fulfilmentv1.UnimplementedAgentRequestServiceServer
		s *answering
	}
)

func (o agentsOf) CreateAgent(_ context.Context, r *identityv1.CreateAgentRequest) (*identityv1.CreateAgentResponse, error) {
	return &identityv1.CreateAgentResponse{}, o.s.did(r)
}

func (o agentsOf) RotateAgentKey(_ context.Context, r *identityv1.RotateAgentKeyRequest) (*identityv1.RotateAgentKeyResponse, error) {
	return &identityv1.RotateAgentKeyResponse{Key: 2}, o.s.did(r)
}

func (o agentsOf) SuspendAgent(_ context.Context, r *identityv1.SuspendAgentRequest) (*identityv1.SuspendAgentResponse, error) {
	return &identityv1.SuspendAgentResponse{}, o.s.did(r)
}

func (o agentsOf) ReinstateAgent(_ context.Context, r *identityv1.ReinstateAgentRequest) (*identityv1.ReinstateAgentResponse, error) {
	return &identityv1.ReinstateAgentResponse{}, o.s.did(r)
}

func (o agentsOf) RemoveAgent(_ context.Context, r *identityv1.RemoveAgentRequest) (*identityv1.RemoveAgentResponse, error) {
	return &identityv1.RemoveAgentResponse{}, o.s.did(r)
}

func acme() *identityv1.Agent {
	return &identityv1.Agent{
		Agent: "acme", DisplayName: "Acme", Status: identityv1.AgentStatus_AGENT_STATUS_SUSPENDED, Reason: "abuse", RequestsPerDay: 100,
		Keys: []*identityv1.AgentKey{{Key: 1, PublicKey: make([]byte, 32), Until: timestamppb.New(timeOf(2027, 1, 1))}},
	}
}

func (o agentsOf) GetAgent(context.Context, *identityv1.GetAgentRequest) (*identityv1.GetAgentResponse, error) {
	return &identityv1.GetAgentResponse{Agent: acme()}, o.s.err
}

func (o agentsOf) ListAgents(context.Context, *identityv1.ListAgentsRequest) (*identityv1.ListAgentsResponse, error) {
	return &identityv1.ListAgentsResponse{Agents: []*identityv1.Agent{acme()}}, o.s.err
}

func (o signedOf) SubmitAgentRequest(_ context.Context, r *fulfilmentv1.SubmitAgentRequestRequest) (*fulfilmentv1.SubmitAgentRequestResponse, error) {
	return &fulfilmentv1.SubmitAgentRequestResponse{Status: &fulfilmentv1.AgentRequestStatus{Request: "r", Status: "open"}}, o.s.did(r)
}

func (o signedOf) GetAgentRequest(context.Context, *fulfilmentv1.GetAgentRequestRequest) (*fulfilmentv1.GetAgentRequestResponse, error) {
	return &fulfilmentv1.GetAgentRequestResponse{Status: &fulfilmentv1.AgentRequestStatus{Request: "r", Status: "denied", Reason: "suspected_fraud"}}, o.s.err
}

func (o signedOf) RevokeAgent(_ context.Context, r *fulfilmentv1.RevokeAgentRequest) (*fulfilmentv1.RevokeAgentResponse, error) {
	return &fulfilmentv1.RevokeAgentResponse{}, o.s.did(r)
}

// publicKey is a key as it is typed; of zeros, for nothing is signed here.
func publicKey() string { return base64.StdEncoding.EncodeToString(make([]byte, 32)) }

// TestAgentsAreEnteredChangedAndHeard: what is typed is what is asked for, and said.
func TestAgentsAreEnteredChangedAndHeard(t *testing.T) {
	message := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(message, []byte("c2lnbmVk\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const zeros = `public_key:"\x00`
	runTyped(t, []typed{
		{
			"identity", "agent create acme --name Acme --web https://acme.example --per-day 7 --key " + publicKey() + " --from 2026-11-22 --until 2027-01-01",
			[]string{`agent:"acme"`, `display_name:"Acme"`, `web_url:"https://acme.example"`, "requests_per_day:7", zeros, "key_until:{seconds:1798761600}"},
			"acme",
		},
		{
			"identity", "agent rotate-key acme --key " + publicKey() + " --until 2027-01-01 --former-until 2027-01-01",
			[]string{`agent:"acme"`, zeros, "former_until:{seconds:1798761600}"},
			"KEY",
		},
		{"identity", "agent suspend acme --reason abuse", []string{`agent:"acme"`, `reason:"abuse"`}, "the agent is suspended"},
		{"identity", "agent reinstate acme", []string{`agent:"acme"`}, "the agent may ask again"},
		{"identity", "agent remove acme --reason dissolved", []string{`agent:"acme"`, `reason:"dissolved"`}, "the agent is removed"},
		{"identity", "agent get acme", nil, publicKey()},
		{"identity", "agent list", nil, "suspended"},
		{
			"fulfilment", "agent submit acme " + message + " --policy p --permission letter-1",
			[]string{`agent:"acme"`, `message:"c2lnbmVk"`, `policy:"p"`, `permission:"letter-1"`},
			"open",
		},
		{"fulfilment", "agent status acme r", nil, "suspected_fraud"},
		{"fulfilment", "agent revoke acme jane", []string{`agent:"acme"`, `subject_ref:"jane"`}, "goes no further"},
	})
}

// TestWhatIsNoKeyIsNotSent: neither what is no base64, nor what is of another
// length, nor a date that is none, nor a message that is not there.
func TestWhatIsNoKeyIsNotSent(t *testing.T) {
	for _, line := range []string{
		"agent create acme --key !", "agent create acme --key c2hvcnQ=", "agent create acme --key " + publicKey() + " --until never",
		"agent rotate-key acme", "agent rotate-key acme --key " + publicKey() + " --former-until never", "agent submit acme /nowhere/message",
	} {
		s := serve(t, "fulfilment")
		if r := s.run(t, "", strings.Fields(line)...); r.code != cli.ExitUsage || s.calls > 0 {
			t.Errorf("%s: exit code %d, %d calls: %s", line, r.code, s.calls, r.err)
		}
	}
}
