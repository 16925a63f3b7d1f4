package wire

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/tenant"

	"google.golang.org/protobuf/types/known/durationpb"
)

func packSafeguards(s tenant.Safeguards) *identityv1.TenantSafeguards {
	if !s.Chosen {
		return nil
	}
	return &identityv1.TenantSafeguards{Delay: durationpb.New(s.Delay), ChannelAge: durationpb.New(s.ChannelAge)}
}

func unpackSafeguards(m *identityv1.TenantSafeguards) tenant.Safeguards {
	if m == nil {
		return tenant.Safeguards{}
	}
	return tenant.Safeguards{Chosen: true, Delay: m.GetDelay().AsDuration(), ChannelAge: m.GetChannelAge().AsDuration()}
}
