package rpc

import (
	"context"
	"errors"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/tenants"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"

	"google.golang.org/grpc/codes"
)

// OffboardTenant begins the end of the caller's tenant. What makes sure that a
// process goes on with it is written first.
func (s *Tenants) OffboardTenant(ctx context.Context, r *identityv1.OffboardTenantRequest) (*identityv1.OffboardTenantResponse, error) {
	if r.GetTenant() != tenantOf(ctx) {
		return nil, fault.FieldErrors{{Field: "tenant", Rule: "OWN", Text: "must be the tenant of the token"}}
	}
	cmd, err := command[tenant.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	standing, err := s.Leaving.Standing(ctx, tenantOf(ctx))
	if err != nil {
		return nil, err
	}
	cmd.Data = tenant.Offboard{
		By: kit.PrincipalFrom(ctx).Subject, Reason: r.GetReason(), Standing: standing, Grace: s.Leaving.Grace, At: cmd.At,
	}
	if err := s.Leaving.Note(ctx, tenantOf(ctx)); err != nil {
		return nil, err
	}
	res, err := s.leave(ctx, cmd)
	if err != nil {
		return nil, stands(err, standing)
	}
	return &identityv1.OffboardTenantResponse{DueAt: stamp(res.State.DueAt), ConsistencyToken: res.Token().Encode()}, nil
}

// stands adds to a refusal how much stands in the way.
func stands(err error, standing tenant.Standing) error {
	for why, text := range map[tenant.Refusal]string{tenant.ErrHoldsStand: "legal holds stand", tenant.ErrRequestsOpen: "requests are open"} {
		if errors.Is(err, why) {
			return fault.Counted(codes.FailedPrecondition, why.Reason(), text, map[string]uint64{
				"holds": uint64(standing.Holds), "requests": uint64(standing.Requests),
			})
		}
	}
	return err
}

// ApproveOffboarding is a second person's word.
func (s *Tenants) ApproveOffboarding(ctx context.Context, r *identityv1.ApproveOffboardingRequest) (*identityv1.ApproveOffboardingResponse, error) {
	cmd, err := command[tenant.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	cmd.Data = tenant.Approve{By: kit.PrincipalFrom(ctx).Subject, Grace: s.Leaving.Grace, At: cmd.At}
	res, err := s.leave(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return &identityv1.ApproveOffboardingResponse{DueAt: stamp(res.State.DueAt), ConsistencyToken: res.Token().Encode()}, nil
}

// CancelOffboarding takes it back.
func (s *Tenants) CancelOffboarding(ctx context.Context, r *identityv1.CancelOffboardingRequest) (*identityv1.CancelOffboardingResponse, error) {
	cmd, err := command[tenant.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	cmd.Data = tenant.Stay{By: kit.PrincipalFrom(ctx).Subject, At: cmd.At}
	res, err := s.leave(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return &identityv1.CancelOffboardingResponse{ConsistencyToken: res.Token().Encode()}, nil
}

func (s *Tenants) leave(ctx context.Context, cmd es.Command[tenant.Command]) (es.Result[tenant.Tenant, tenant.Event], error) {
	res, err := s.Directory.Handler.Handle(ctx, tenants.Aggregate(tenantOf(ctx)), cmd)
	s.Directory.Forget(tenantOf(ctx))
	return res, err
}

// leaving is how far an off-boarding got, or nil.
func leaving(l tenant.Leaving) *identityv1.Offboarding {
	if l.Stage == tenant.StageNone {
		return nil
	}
	out := &identityv1.Offboarding{
		Stage: identityv1.OffboardingStage(l.Stage), Reason: l.Reason, BegunAt: stamp(l.BegunAt), DueAt: stamp(l.DueAt),
		Holds: l.Standing.Holds, Requests: l.Standing.Requests,
	}
	if l.Stage != tenant.StageGone {
		return out
	}
	out.Proof = &identityv1.OffboardingProof{
		OffboardedAt: stamp(l.Proof.At), Keys: l.Proof.Keys, KeysBefore: l.Proof.KeysBefore, Digest: l.Proof.Digest[:],
		LookupRows: l.Counted.LookupRows, SuppressionRows: l.Counted.SuppressionRows, Peppers: l.Proof.Peppers,
		ResidueHorizon: stamp(l.Proof.ResidueHorizon),
	}
	for _, p := range l.Proof.Partitions {
		out.Proof.Partitions = append(out.Proof.Partitions, &identityv1.OffboardingPartition{
			Partition: p.Name, Epoch: p.Epoch, ResidueHorizon: stamp(p.ResidueHorizon),
		})
	}
	return out
}
