// Package mandates takes the signed requests of authorised agents: it finds the
// agent's keys by its id, checks who signed, counts what the agent has asked
// today, and has the mandate decide. Nothing is appended for a message that no
// agent has signed.
package mandates

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/agent"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/mandate"
	"habeas.internal/services/internal/drp"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/identifier"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/rpc/limit"
	"habeas.internal/services/internal/seal/vault"
)

// Handlers of the two aggregates.
type (
	// Agents runs the commands of directories.
	Agents = es.Handler[agent.Directory, agent.Command, agent.Event]
	// Mandates runs the commands of mandates.
	Mandates = es.Handler[mandate.Mandate, mandate.Command, mandate.Event]
	// Result is what became of a message.
	Result = es.Result[mandate.Mandate, mandate.Event]
)

// Limiter counts what an agent has asked.
type Limiter interface {
	Allow(ctx context.Context, tenant string, keys ...limit.Key) error
	AllowOpen(ctx context.Context, tenant string, keys ...limit.Key) error
}

// Desk takes messages. Without the clients of consent, opt-outs are not taken;
// the other fields are required.
type Desk struct {
	Agents   Agents
	Mandates Mandates
	Limiter  Limiter
	Registry *registry.Registry
	Consent  consentv1.ConsentServiceClient
	Policies consentv1.PolicyServiceClient
	Opener   eventpb.Opener
	Destroy  func(ctx context.Context, o vault.Order) error
	Now      func() time.Time
}

var (
	// ErrUnknownAgent says that the directory has no such agent.
	ErrUnknownAgent = errors.New("agent is not in the directory")
	// ErrSignature says that none of the agent's keys has signed the message.
	ErrSignature = errors.New("message is not signed by the agent")
)

// Directory is a tenant's.
func Directory(tenant string) es.Aggregate {
	return es.Aggregate{Context: "identity", Tenant: tenant, Type: agent.AggregateType, ID: es.DeriveID(tenant, "agents", "")}
}

// Aggregate is a mandate by its id.
func Aggregate(tenant, id string) es.Aggregate {
	return es.Aggregate{Context: "identity", Tenant: tenant, Type: mandate.AggregateType, ID: id}
}

// ID is that of the one mandate for what an agent asks under an id of its own.
func ID(tenant, agentID, requestID string) string {
	return es.DeriveID(tenant, "mandate/"+agentID, requestID)
}

// Message is one that was handed in.
type Message struct {
	Agent      string // who has sent it, as the caller says
	Text       string
	Request    string
	Permission string
}

// Use takes a message. cmd carries the caller's command id and body.
func (d *Desk) Use(ctx context.Context, tenant string, cmd es.Command[mandate.Command], m Message) (id string, res Result, err error) {
	signed, err := drp.Open(m.Text)
	if err != nil {
		return "", res, err
	}
	dir, _, err := d.Agents.Load(ctx, Directory(tenant), es.Leader)
	if err != nil {
		return "", res, fmt.Errorf("load directory: %w", err)
	}
	a, there := dir.Find(m.Agent)
	if !there {
		return "", res, ErrUnknownAgent
	}
	key, right := signer(a, signed)
	if !right {
		return "", res, ErrSignature
	}
	said, err := signed.Parse()
	if err != nil {
		return "", res, err
	}
	claims, err := claimed(said)
	if err != nil {
		return "", res, err
	}
	digest := sha256.Sum256(signed.Bytes())
	use := mandate.Use{
		Agent: a.ID, Tenant: tenant, Standing: string(a.May(key, cmd.At)), NamedAgent: said.AgentID, NamedBusiness: said.BusinessID,
		Exercise: said.Exercise, Regime: said.Regime, IssuedAt: said.IssuedAt, ExpiresAt: said.ExpiresAt,
		Request: m.Request, Key: key, Digest: digest[:], Permission: m.Permission, Level: mandate.LevelOf(said.Verified()),
		Claims: claims, At: cmd.At,
	}
	return d.take(ctx, tenant, cmd, a, said.RequestID, use)
}

// take counts what would be taken, and then asks the mandate. What would be
// refused in any case is not counted as the agent's: whoever has caught one of
// its messages can't use up its day.
func (d *Desk) take(
	ctx context.Context, tenant string, cmd es.Command[mandate.Command], a agent.Agent, own string, use mandate.Use,
) (string, Result, error) {
	id := ID(tenant, a.ID, own)
	if use.Exercise == mandate.OptOut && (d.Consent == nil || d.Policies == nil) {
		return id, Result{}, errNotConnected
	}
	before, _, err := d.Mandates.Load(ctx, Aggregate(tenant, id), es.Leader)
	if err != nil {
		return id, Result{}, fmt.Errorf("load mandate: %w", err)
	}
	_, refusal := mandate.Decide(before, use)
	switch {
	case before.Request == use.Request: // perhaps a repeat of the call that used it
	case refusal == nil:
		if err := d.count(ctx, tenant, a, use.Exercise == mandate.OptOut); err != nil {
			return id, Result{}, err
		}
	case !d.recorded(ctx, tenant, a):
		return id, Result{}, refusal
	}
	cmd.Data = use
	res, err := d.Mandates.Handle(ctx, Aggregate(tenant, id), cmd)
	return id, res, err
}

// count counts one more request of an agent's day. An opt-out is let through when
// nobody knows the count.
func (d *Desk) count(ctx context.Context, tenant string, a agent.Agent, open bool) error {
	key := limit.Key{Kind: "agent", ID: a.ID, Rate: PerDay(a.PerDay)}
	if open {
		key.Kind = "agent-open"
		return d.Limiter.AllowOpen(ctx, tenant, key)
	}
	return d.Limiter.Allow(ctx, tenant, key)
}

// refusalsPerDay is how many refusals of one agent's messages are kept of a day:
// each stands in the log for good.
const refusalsPerDay = 1000

// recorded reports whether one more refusal is to be kept.
func (d *Desk) recorded(ctx context.Context, tenant string, a agent.Agent) bool {
	return d.Limiter.AllowOpen(ctx, tenant, limit.Key{Kind: "agent-refused", ID: a.ID, Rate: PerDay(refusalsPerDay)}) == nil
}

// PerDay is a rate of n at most in any one day, half of them at once.
func PerDay(n uint32) limit.Rate {
	n = max(n, 2)
	burst := int(n / 2)
	return limit.Rate{Every: 24 * time.Hour / time.Duration(int(n)-burst), Burst: burst}
}

// signer is the number of the agent's key that has signed, whether or not it is
// in force.
func signer(a agent.Agent, s drp.Signed) (uint32, bool) {
	for _, k := range a.Keys {
		if s.By(k.Public) {
			return k.Number, true
		}
	}
	return 0, false
}

// claimed are the identifiers by which a message names the person, in their one
// spelling.
func claimed(r drp.Request) ([]mandate.Claim, error) {
	var out []mandate.Claim
	for _, c := range []struct {
		field, value string
		kind         identityv1.IdentifierKind
		code         string
	}{
		{"email", r.Email, identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, "email"},
		{"phone_number", r.PhoneNumber, identityv1.IdentifierKind_IDENTIFIER_KIND_PHONE, "phone"},
	} {
		if c.value == "" {
			continue
		}
		normal, problem := identifier.Normal(c.code, c.value)
		if problem != nil {
			return nil, drp.Malformed{Field: c.field, Rule: problem.Rule, Text: problem.Text}
		}
		out = append(out, mandate.Claim{Kind: uint8(c.kind), Value: personal.Clear(normal)}) //nolint:gosec // a small number
	}
	return out, nil
}
