package rpc

import (
	"context"
	"errors"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/agent"
	"habeas.internal/services/identity/internal/mandates"
	"habeas.internal/services/identity/mandate"
	"habeas.internal/services/internal/drp"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/rpc/fault"
)

// Agents implements AgentService.
type Agents struct {
	identityv1.UnimplementedAgentServiceServer
	Desk *mandates.Desk
	Now  func() time.Time
}

// do runs a command on the tenant's directory.
func (s *Agents) do(ctx context.Context, cmd es.Command[agent.Command], data agent.Command) (agent.Directory, string, error) {
	cmd.Data = data
	res, err := s.Desk.Agents.Handle(ctx, mandates.Directory(tenantOf(ctx)), cmd)
	return res.State, res.Token().Encode(), err
}

// since is when a key counts: at once, unless it was said.
func since(stated, now time.Time) time.Time {
	if stated.IsZero() {
		return now
	}
	return stated
}

// usable refuses a public key under which anybody could sign.
func usable(public []byte) error {
	if drp.CheckKey(public) != nil {
		return fault.FieldErrors{{Field: "public_key", Rule: "ED25519", Text: "is no usable Ed25519 public key"}}
	}
	return nil
}

// CreateAgent enters an agent.
func (s *Agents) CreateAgent(ctx context.Context, r *identityv1.CreateAgentRequest) (*identityv1.CreateAgentResponse, error) {
	if err := usable(r.GetPublicKey()); err != nil {
		return nil, err
	}
	cmd, err := command[agent.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	_, token, err := s.do(ctx, cmd, agent.Register{
		ID: r.GetAgent(), Name: r.GetDisplayName(), Web: r.GetWebUrl(), PerDay: r.GetRequestsPerDay(), Public: r.GetPublicKey(),
		From: since(eventpb.Moment(r.GetKeyFrom()), cmd.At), Until: eventpb.Moment(r.GetKeyUntil()), By: asker(ctx), At: cmd.At,
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.CreateAgentResponse{ConsistencyToken: token}, nil
}

// RotateAgentKey gives an agent another key.
func (s *Agents) RotateAgentKey(ctx context.Context, r *identityv1.RotateAgentKeyRequest) (*identityv1.RotateAgentKeyResponse, error) {
	if err := usable(r.GetPublicKey()); err != nil {
		return nil, err
	}
	cmd, err := command[agent.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	state, token, err := s.do(ctx, cmd, agent.RotateKey{
		ID: r.GetAgent(), Public: r.GetPublicKey(), From: since(eventpb.Moment(r.GetKeyFrom()), cmd.At), Until: eventpb.Moment(r.GetKeyUntil()),
		FormerUntil: since(eventpb.Moment(r.GetFormerUntil()), cmd.At), By: asker(ctx), At: cmd.At,
	})
	if err != nil {
		return nil, err
	}
	out := &identityv1.RotateAgentKeyResponse{ConsistencyToken: token}
	a, _ := state.Find(r.GetAgent())
	for _, k := range a.Keys {
		if string(k.Public) == string(r.GetPublicKey()) {
			out.Key = k.Number
		}
	}
	return out, nil
}

// SuspendAgent suspends an agent.
func (s *Agents) SuspendAgent(ctx context.Context, r *identityv1.SuspendAgentRequest) (*identityv1.SuspendAgentResponse, error) {
	cmd, err := command[agent.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	_, token, err := s.do(ctx, cmd, agent.Suspend{ID: r.GetAgent(), Reason: r.GetReason(), By: asker(ctx), At: cmd.At})
	if err != nil {
		return nil, err
	}
	return &identityv1.SuspendAgentResponse{ConsistencyToken: token}, nil
}

// ReinstateAgent ends a suspension.
func (s *Agents) ReinstateAgent(ctx context.Context, r *identityv1.ReinstateAgentRequest) (*identityv1.ReinstateAgentResponse, error) {
	cmd, err := command[agent.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	_, token, err := s.do(ctx, cmd, agent.Reinstate{ID: r.GetAgent(), By: asker(ctx), At: cmd.At})
	if err != nil {
		return nil, err
	}
	return &identityv1.ReinstateAgentResponse{ConsistencyToken: token}, nil
}

// RemoveAgent removes an agent.
func (s *Agents) RemoveAgent(ctx context.Context, r *identityv1.RemoveAgentRequest) (*identityv1.RemoveAgentResponse, error) {
	cmd, err := command[agent.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	_, token, err := s.do(ctx, cmd, agent.Remove{ID: r.GetAgent(), Reason: r.GetReason(), By: asker(ctx), At: cmd.At})
	if err != nil {
		return nil, err
	}
	return &identityv1.RemoveAgentResponse{ConsistencyToken: token}, nil
}

// GetAgent shows an agent.
func (s *Agents) GetAgent(ctx context.Context, r *identityv1.GetAgentRequest) (*identityv1.GetAgentResponse, error) {
	dir, _, err := s.Desk.Agents.Load(ctx, mandates.Directory(tenantOf(ctx)), es.Leader)
	if err != nil {
		return nil, err
	}
	a, there := dir.Find(r.GetAgent())
	if !there {
		return nil, agent.ErrNotFound
	}
	return &identityv1.GetAgentResponse{Agent: listed(a)}, nil
}

// ListAgents shows the directory.
func (s *Agents) ListAgents(ctx context.Context, _ *identityv1.ListAgentsRequest) (*identityv1.ListAgentsResponse, error) {
	dir, _, err := s.Desk.Agents.Load(ctx, mandates.Directory(tenantOf(ctx)), es.Leader)
	if err != nil {
		return nil, err
	}
	out := &identityv1.ListAgentsResponse{}
	for _, a := range dir.Agents {
		out.Agents = append(out.Agents, listed(a))
	}
	return out, nil
}

func listed(a agent.Agent) *identityv1.Agent {
	out := &identityv1.Agent{
		Agent: a.ID, DisplayName: a.Name, WebUrl: a.Web, Status: identityv1.AgentStatus(a.Status), Reason: a.Reason, RequestsPerDay: a.PerDay,
	}
	for _, k := range a.Keys {
		out.Keys = append(out.Keys, &identityv1.AgentKey{Key: k.Number, PublicKey: k.Public, From: stamp(k.From), Until: stamp(k.Until)})
	}
	return out
}

// UseMandate takes a signed message.
func (s *Agents) UseMandate(ctx context.Context, r *identityv1.UseMandateRequest) (*identityv1.UseMandateResponse, error) {
	cmd, err := command[mandate.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	id, res, err := s.Desk.Use(ctx, tenantOf(ctx), cmd, mandates.Message{
		Agent: r.GetAgent(), Text: r.GetMessage(), Request: r.GetRequest(), Permission: r.GetPermission(),
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return &identityv1.UseMandateResponse{Mandate: id, AssuranceLevel: res.State.Level, ConsistencyToken: res.Token().Encode()}, nil
}

// unreadable names the field of a message that is wrong.
func unreadable(err error) error {
	var m drp.Malformed
	if !errors.As(err, &m) {
		return err
	}
	field := "message"
	if m.Field != "" {
		field += "." + m.Field
	}
	return fault.FieldErrors{{Field: field, Rule: m.Rule, Text: m.Text}}
}

// GetMandate says what became of a message.
func (s *Agents) GetMandate(ctx context.Context, r *identityv1.GetMandateRequest) (*identityv1.GetMandateResponse, error) {
	m, _, err := s.Desk.Mandates.Load(ctx, mandates.Aggregate(tenantOf(ctx), r.GetMandate()), es.Leader)
	if err != nil {
		return nil, err
	}
	if m.Request == "" {
		return nil, mandate.ErrNotFound
	}
	return &identityv1.GetMandateResponse{Agent: m.Agent, Exercise: m.Exercise, UsedAt: stamp(m.At), Applied: m.Applied}, nil
}
