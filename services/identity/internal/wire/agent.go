package wire

import (
	"fmt"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/agent"
	"habeas.internal/services/identity/mandate"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/seal"
)

// Agent is the codec of the events of directories of agents. Nothing in them is
// sealed: an agent is an organisation.
func Agent() (eventpb.Codec[agent.Event], error) {
	return eventpb.New(
		eventpb.Of[agent.Event](packAgent, unpackAgent),
		eventpb.Of[agent.Event](packAgentKey, unpackAgentKey),
		eventpb.Of[agent.Event](packSuspended, unpackSuspended),
		eventpb.Of[agent.Event](packReinstated, unpackReinstated),
		eventpb.Of[agent.Event](packRemoved, unpackRemoved),
		eventpb.Of[agent.Event](packAgentRefused, unpackAgentRefused),
	)
}

func packAgent(_ *eventpb.Writer, e agent.Registered) *identityv1.AgentRegistered {
	return &identityv1.AgentRegistered{
		Agent: e.ID, DisplayName: e.Name, WebUrl: e.Web, RequestsPerDay: e.PerDay, PublicKey: e.Public,
		KeyFrom: eventpb.Stamp(e.From), KeyUntil: eventpb.Stamp(e.Until), By: e.By, At: eventpb.Stamp(e.At),
	}
}

func unpackAgent(_ *eventpb.Reader, m *identityv1.AgentRegistered) agent.Registered {
	return agent.Registered{
		ID: m.GetAgent(), Name: m.GetDisplayName(), Web: m.GetWebUrl(), PerDay: m.GetRequestsPerDay(), Public: m.GetPublicKey(),
		From: eventpb.Moment(m.GetKeyFrom()), Until: eventpb.Moment(m.GetKeyUntil()), By: m.GetBy(), At: eventpb.Moment(m.GetAt()),
	}
}

func packAgentKey(_ *eventpb.Writer, e agent.KeyRotated) *identityv1.AgentKeyRotated {
	return &identityv1.AgentKeyRotated{
		Agent: e.ID, Key: e.Number, PublicKey: e.Public, KeyFrom: eventpb.Stamp(e.From), KeyUntil: eventpb.Stamp(e.Until),
		FormerUntil: eventpb.Stamp(e.FormerUntil), By: e.By, At: eventpb.Stamp(e.At),
	}
}

func unpackAgentKey(_ *eventpb.Reader, m *identityv1.AgentKeyRotated) agent.KeyRotated {
	return agent.KeyRotated{
		ID: m.GetAgent(), Number: m.GetKey(), Public: m.GetPublicKey(), From: eventpb.Moment(m.GetKeyFrom()), Until: eventpb.Moment(m.GetKeyUntil()),
		FormerUntil: eventpb.Moment(m.GetFormerUntil()), By: m.GetBy(), At: eventpb.Moment(m.GetAt()),
	}
}

func packSuspended(_ *eventpb.Writer, e agent.WasSuspended) *identityv1.AgentSuspended {
	return &identityv1.AgentSuspended{Agent: e.ID, Reason: e.Reason, By: e.By, At: eventpb.Stamp(e.At)}
}

func unpackSuspended(_ *eventpb.Reader, m *identityv1.AgentSuspended) agent.WasSuspended {
	return agent.WasSuspended{ID: m.GetAgent(), Reason: m.GetReason(), By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
}

func packReinstated(_ *eventpb.Writer, e agent.Reinstated) *identityv1.AgentReinstated {
	return &identityv1.AgentReinstated{Agent: e.ID, By: e.By, At: eventpb.Stamp(e.At)}
}

func unpackReinstated(_ *eventpb.Reader, m *identityv1.AgentReinstated) agent.Reinstated {
	return agent.Reinstated{ID: m.GetAgent(), By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
}

func packRemoved(_ *eventpb.Writer, e agent.WasRemoved) *identityv1.AgentRemoved {
	return &identityv1.AgentRemoved{Agent: e.ID, Reason: e.Reason, By: e.By, At: eventpb.Stamp(e.At)}
}

func unpackRemoved(_ *eventpb.Reader, m *identityv1.AgentRemoved) agent.WasRemoved {
	return agent.WasRemoved{ID: m.GetAgent(), Reason: m.GetReason(), By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
}

func packAgentRefused(_ *eventpb.Writer, e agent.Refused) *identityv1.AgentChangeRefused {
	return &identityv1.AgentChangeRefused{Agent: e.ID, Reason: e.Reason, By: e.By}
}

func unpackAgentRefused(_ *eventpb.Reader, m *identityv1.AgentChangeRefused) agent.Refused {
	return agent.Refused{ID: m.GetAgent(), Reason: m.GetReason(), By: m.GetBy()}
}

// Mandate is the codec of mandates' events. What an opt-out claims is sealed under
// the evidence key of the request, which ends when the opt-out binds.
func Mandate() (eventpb.Codec[mandate.Event], error) {
	return eventpb.New(
		eventpb.Of[mandate.Event](packUsed, unpackUsed),
		eventpb.Of[mandate.Event](packMandateRefused, unpackMandateRefused),
		eventpb.Of[mandate.Event](packApplied, unpackApplied),
	)
}

func pathClaim(i int) string { return fmt.Sprintf("claims[%d].value", i) }

func packUsed(w *eventpb.Writer, e mandate.Used) *identityv1.MandateUsed {
	out := &identityv1.MandateUsed{
		Agent: e.Agent, Request: e.Request, Exercise: e.Exercise, Regime: e.Regime, IssuedAt: eventpb.Stamp(e.IssuedAt),
		ExpiresAt: eventpb.Stamp(e.ExpiresAt), Key: e.Key, Digest: e.Digest, Permission: e.Permission, AssuranceLevel: e.Level,
		At: eventpb.Stamp(e.At),
	}
	for i, c := range e.Claims {
		out.Claims = append(out.Claims, &identityv1.MandateClaim{
			Kind: uint32(c.Kind), Value: w.Seal(seal.Request, e.Request, sealv1.KeyClass_KEY_CLASS_EVIDENCE, pathClaim(i), c.Value),
		})
	}
	return out
}

func unpackUsed(r *eventpb.Reader, m *identityv1.MandateUsed) mandate.Used {
	out := mandate.Used{
		Agent: m.GetAgent(), Request: m.GetRequest(), Exercise: m.GetExercise(), Regime: m.GetRegime(), IssuedAt: eventpb.Moment(m.GetIssuedAt()),
		ExpiresAt: eventpb.Moment(m.GetExpiresAt()), Key: m.GetKey(), Digest: m.GetDigest(), Permission: m.GetPermission(),
		Level: m.GetAssuranceLevel(), At: eventpb.Moment(m.GetAt()),
	}
	for i, c := range m.GetClaims() {
		out.Claims = append(out.Claims, mandate.Claim{Kind: uint8(c.GetKind()), Value: r.Text(c.GetValue(), pathClaim(i))}) //nolint:gosec // written from a byte
	}
	return out
}

func packMandateRefused(_ *eventpb.Writer, e mandate.Refused) *identityv1.MandateRefused {
	return &identityv1.MandateRefused{Agent: e.Agent, Request: e.Request, Reason: e.Reason, Key: e.Key, Digest: e.Digest, At: eventpb.Stamp(e.At)}
}

func unpackMandateRefused(_ *eventpb.Reader, m *identityv1.MandateRefused) mandate.Refused {
	return mandate.Refused{
		Agent: m.GetAgent(), Request: m.GetRequest(), Reason: m.GetReason(), Key: m.GetKey(), Digest: m.GetDigest(), At: eventpb.Moment(m.GetAt()),
	}
}

func packApplied(_ *eventpb.Writer, e mandate.Applied) *identityv1.MandateApplied {
	return &identityv1.MandateApplied{People: e.People, At: eventpb.Stamp(e.At)}
}

func unpackApplied(_ *eventpb.Reader, m *identityv1.MandateApplied) mandate.Applied {
	return mandate.Applied{People: m.GetPeople(), At: eventpb.Moment(m.GetAt())}
}
