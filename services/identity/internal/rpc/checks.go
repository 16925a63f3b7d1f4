package rpc

import (
	"context"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/checks"
	"habeas.internal/services/identity/internal/otp"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/staff"
	"habeas.internal/services/identity/verification"
	kit "habeas.internal/services/internal/rpc"
)

// Checks implements CheckService.
type Checks struct {
	identityv1.UnimplementedCheckServiceServer
	Desk  checks.Desk
	Codes *otp.Desk
	Staff *Staff
	Now   func() time.Time
}

// RecordCheck records what a member of staff did, if they may.
func (s *Checks) RecordCheck(ctx context.Context, r *identityv1.RecordCheckRequest) (*identityv1.RecordCheckResponse, error) {
	cmd, err := command[verification.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	tenant := tenantOf(ctx)
	v, err := s.Codes.Load(ctx, tenant, r.GetVerification())
	if err != nil {
		return nil, err
	}
	may, err := s.Staff.Check(ctx, kit.Look{Tenant: tenant, Actor: r.GetBy(), Purpose: r.GetPurpose(), Case: v.Request})
	switch {
	case err != nil:
		return nil, err
	case may.Refusal != "":
		return nil, staff.Refusal(may.Refusal)
	case len(may.Subjects) > 0 && may.Subjects[0] != v.Subject:
		return nil, staff.ErrNoNeed // theirs is for somebody else
	}
	c := r.GetCheck()
	res, ends, err := s.Desk.Record(ctx, tenant, r.GetVerification(), cmd, verification.Review{
		By: r.GetBy(), Result: verification.Result(c.GetResult()), How: verification.How(c.GetMethod()), //nolint:gosec // defined values
		Points: wire.PointsOf(c.GetPoints()), Declared: c.GetDeclared(), Doubt: c.GetDoubt(),
	}, c.GetEvidence())
	if err != nil {
		return nil, err
	}
	out := outcome(res.Events)
	if res.State.Phase == verification.Passed && out.GetState() == identityv1.VerificationState_VERIFICATION_STATE_OPEN {
		out.State, out.AssuranceLevel = identityv1.VerificationState_VERIFICATION_STATE_PASSED, res.State.Level // no better than it was
	}
	return &identityv1.RecordCheckResponse{
		State: out.GetState(), AssuranceLevel: out.GetAssuranceLevel(), EvidenceEndsAt: stamp(ends),
	}, nil
}
