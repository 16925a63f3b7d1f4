package rpc

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/tenant"

	"google.golang.org/protobuf/types/known/durationpb"
)

// safeguards are those that a tenant is made with. One that is not named is the
// usual.
func safeguards(m *identityv1.Safeguards) tenant.Safeguards {
	if m == nil {
		return tenant.Safeguards{}
	}
	out := tenant.Safeguards{}.InForce()
	out.Chosen = true
	if m.GetDelay() != nil {
		out.Delay = m.GetDelay().AsDuration()
	}
	if m.GetChannelAge() != nil {
		out.ChannelAge = m.GetChannelAge().AsDuration()
	}
	return out
}

func inForce(s tenant.Safeguards) *identityv1.Safeguards {
	s = s.InForce()
	return &identityv1.Safeguards{Delay: durationpb.New(s.Delay), ChannelAge: durationpb.New(s.ChannelAge)}
}
