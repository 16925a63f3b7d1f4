package wire

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es/eventpb"
)

func packLeaving(_ *eventpb.Writer, e tenant.OffboardingBegun) *identityv1.TenantOffboardingBegun {
	return &identityv1.TenantOffboardingBegun{
		By: e.By, Reason: e.Reason, BegunAt: eventpb.Stamp(e.At), DueAt: eventpb.Stamp(e.DueAt),
	}
}

func unpackLeaving(_ *eventpb.Reader, m *identityv1.TenantOffboardingBegun) tenant.OffboardingBegun {
	return tenant.OffboardingBegun{
		By: m.GetBy(), Reason: m.GetReason(), At: eventpb.Moment(m.GetBegunAt()), DueAt: eventpb.Moment(m.GetDueAt()),
	}
}

func packApproved(_ *eventpb.Writer, e tenant.OffboardingApproved) *identityv1.TenantOffboardingApproved {
	return &identityv1.TenantOffboardingApproved{By: e.By, ApprovedAt: eventpb.Stamp(e.At), DueAt: eventpb.Stamp(e.DueAt)}
}

func unpackApproved(_ *eventpb.Reader, m *identityv1.TenantOffboardingApproved) tenant.OffboardingApproved {
	return tenant.OffboardingApproved{By: m.GetBy(), At: eventpb.Moment(m.GetApprovedAt()), DueAt: eventpb.Moment(m.GetDueAt())}
}

func packStayed(_ *eventpb.Writer, e tenant.OffboardingCancelled) *identityv1.TenantOffboardingCancelled {
	return &identityv1.TenantOffboardingCancelled{By: e.By, CancelledAt: eventpb.Stamp(e.At)}
}

func unpackStayed(_ *eventpb.Reader, m *identityv1.TenantOffboardingCancelled) tenant.OffboardingCancelled {
	return tenant.OffboardingCancelled{By: m.GetBy(), At: eventpb.Moment(m.GetCancelledAt())}
}

func packDelayed(_ *eventpb.Writer, e tenant.DestructionDelayed) *identityv1.TenantDestructionDelayed {
	return &identityv1.TenantDestructionDelayed{Holds: e.Holds, Requests: e.Requests, SeenAt: eventpb.Stamp(e.At)}
}

func unpackDelayed(_ *eventpb.Reader, m *identityv1.TenantDestructionDelayed) tenant.DestructionDelayed {
	return tenant.DestructionDelayed{
		Standing: tenant.Standing{Holds: m.GetHolds(), Requests: m.GetRequests()}, At: eventpb.Moment(m.GetSeenAt()),
	}
}

func packClosed(_ *eventpb.Writer, e tenant.Closed) *identityv1.TenantClosed {
	return &identityv1.TenantClosed{ClosedAt: eventpb.Stamp(e.At)}
}

func unpackClosed(_ *eventpb.Reader, m *identityv1.TenantClosed) tenant.Closed {
	return tenant.Closed{At: eventpb.Moment(m.GetClosedAt())}
}

func packEnding(_ *eventpb.Writer, e tenant.DestructionBegun) *identityv1.TenantDestructionBegun {
	return &identityv1.TenantDestructionBegun{
		BegunAt: eventpb.Stamp(e.At), LookupRows: e.LookupRows, SuppressionRows: e.SuppressionRows,
	}
}

func unpackEnding(_ *eventpb.Reader, m *identityv1.TenantDestructionBegun) tenant.DestructionBegun {
	return tenant.DestructionBegun{
		At: eventpb.Moment(m.GetBegunAt()), Counted: tenant.Counted{LookupRows: m.GetLookupRows(), SuppressionRows: m.GetSuppressionRows()},
	}
}

func packGone(_ *eventpb.Writer, e tenant.Offboarded) *identityv1.TenantOffboarded {
	out := &identityv1.TenantOffboarded{
		OffboardedAt: eventpb.Stamp(e.At), Keys: e.Keys, KeysBefore: e.KeysBefore, Digest: e.Digest[:], Peppers: e.Peppers,
		ResidueHorizon: eventpb.Stamp(e.ResidueHorizon),
	}
	for _, p := range e.Partitions {
		out.Partitions = append(out.Partitions, &identityv1.TenantPartition{
			Partition: p.Name, Epoch: p.Epoch, ResidueHorizon: eventpb.Stamp(p.ResidueHorizon),
		})
	}
	return out
}

func unpackGone(_ *eventpb.Reader, m *identityv1.TenantOffboarded) tenant.Offboarded {
	out := tenant.Offboarded{Proof: tenant.Proof{
		At: eventpb.Moment(m.GetOffboardedAt()), Keys: m.GetKeys(), KeysBefore: m.GetKeysBefore(), Peppers: m.GetPeppers(),
		ResidueHorizon: eventpb.Moment(m.GetResidueHorizon()),
	}}
	copy(out.Digest[:], m.GetDigest())
	for _, p := range m.GetPartitions() {
		out.Partitions = append(out.Partitions, tenant.Partition{
			Name: p.GetPartition(), Epoch: p.GetEpoch(), ResidueHorizon: eventpb.Moment(p.GetResidueHorizon()),
		})
	}
	return out
}

func packLeavingRefused(_ *eventpb.Writer, e tenant.OffboardingRefused) *identityv1.TenantOffboardingRefused {
	return &identityv1.TenantOffboardingRefused{Reason: e.Reason}
}

func unpackLeavingRefused(_ *eventpb.Reader, m *identityv1.TenantOffboardingRefused) tenant.OffboardingRefused {
	return tenant.OffboardingRefused{Reason: m.GetReason()}
}
