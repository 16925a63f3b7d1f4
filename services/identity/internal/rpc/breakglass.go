package rpc

import (
	"context"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/breakglass"
	"habeas.internal/services/identity/internal/glass"
)

// BreakGlass answers BreakGlassService.
type BreakGlass struct {
	identityv1.UnimplementedBreakGlassServiceServer
	Desk *glass.Desk
	Now  func() time.Time
}

// AskBreakGlass asks for a grant.
func (s *BreakGlass) AskBreakGlass(ctx context.Context, r *identityv1.AskBreakGlassRequest) (*identityv1.AskBreakGlassResponse, error) {
	cmd, err := command[breakglass.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	id, res, err := s.Desk.Ask(ctx, tenantOf(ctx), cmd, breakglass.Asked{
		Subject: r.GetSubjectRef(), Case: r.GetCaseId(), Policy: r.GetPolicy(), Ground: r.GetGround(), Reason: r.GetReason(),
		Document: r.GetDocument(), Imminent: r.GetImminent(), Categories: r.GetCategories(), For: r.GetPeriod().AsDuration(),
		By: asker(ctx), At: cmd.At,
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.AskBreakGlassResponse{BreakGlass: id, ConsistencyToken: res.Token().Encode()}, nil
}

// GrantBreakGlass grants what somebody else has asked for.
func (s *BreakGlass) GrantBreakGlass(ctx context.Context, r *identityv1.GrantBreakGlassRequest) (*identityv1.GrantBreakGlassResponse, error) {
	cmd, err := command[breakglass.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	res, err := s.Desk.Permit(ctx, tenantOf(ctx), r.GetBreakGlass(), cmd, asker(ctx), r.GetPeriod().AsDuration())
	if err != nil {
		return nil, err
	}
	return &identityv1.GrantBreakGlassResponse{
		Until: stamp(res.State.Until), ReviewBy: stamp(res.State.ReviewBy), ConsistencyToken: res.Token().Encode(),
	}, nil
}

// do runs a command that needs nothing but the caller.
func (s *BreakGlass) do(ctx context.Context, id string, cmd glass.Command, data breakglass.Command) (string, error) {
	cmd.Data = data
	res, err := s.Desk.Do(ctx, tenantOf(ctx), id, cmd)
	if err != nil {
		return "", err
	}
	return res.Token().Encode(), nil
}

// DeclineBreakGlass declines it.
func (s *BreakGlass) DeclineBreakGlass(ctx context.Context, r *identityv1.DeclineBreakGlassRequest) (*identityv1.DeclineBreakGlassResponse, error) {
	cmd, err := command[breakglass.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	token, err := s.do(ctx, r.GetBreakGlass(), cmd, breakglass.Decline{By: asker(ctx), Reason: r.GetReason(), At: cmd.At})
	if err != nil {
		return nil, err
	}
	return &identityv1.DeclineBreakGlassResponse{ConsistencyToken: token}, nil
}

// CloseBreakGlass ends a grant at once.
func (s *BreakGlass) CloseBreakGlass(ctx context.Context, r *identityv1.CloseBreakGlassRequest) (*identityv1.CloseBreakGlassResponse, error) {
	cmd, err := command[breakglass.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	token, err := s.do(ctx, r.GetBreakGlass(), cmd, breakglass.Close{By: asker(ctx), At: cmd.At})
	if err != nil {
		return nil, err
	}
	return &identityv1.CloseBreakGlassResponse{ConsistencyToken: token}, nil
}

// ReviewBreakGlass records what a review has found.
func (s *BreakGlass) ReviewBreakGlass(ctx context.Context, r *identityv1.ReviewBreakGlassRequest) (*identityv1.ReviewBreakGlassResponse, error) {
	cmd, err := command[breakglass.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	token, err := s.do(ctx, r.GetBreakGlass(), cmd, breakglass.Review{
		By: asker(ctx), Justified: r.GetOutcome() == identityv1.BreakGlassOutcome_BREAK_GLASS_OUTCOME_JUSTIFIED, Reason: r.GetReason(), At: cmd.At,
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.ReviewBreakGlassResponse{ConsistencyToken: token}, nil
}

// GetBreakGlass returns a grant.
func (s *BreakGlass) GetBreakGlass(ctx context.Context, r *identityv1.GetBreakGlassRequest) (*identityv1.GetBreakGlassResponse, error) {
	g, err := s.Desk.Load(ctx, tenantOf(ctx), r.GetBreakGlass())
	if err != nil {
		return nil, err
	}
	return &identityv1.GetBreakGlassResponse{Grant: grantNow(r.GetBreakGlass(), g, s.Now())}, nil
}

// ListBreakGlass returns the grants of the tenant.
func (s *BreakGlass) ListBreakGlass(ctx context.Context, _ *identityv1.ListBreakGlassRequest) (*identityv1.ListBreakGlassResponse, error) {
	items, more, err := s.Desk.List(ctx, tenantOf(ctx))
	if err != nil {
		return nil, err
	}
	out := &identityv1.ListBreakGlassResponse{More: more}
	for _, i := range items {
		out.Grants = append(out.Grants, grantNow(i.ID, i.Grant, s.Now()))
	}
	return out, nil
}

// grantNow is a grant as it is now: what has run out is over, noted or not.
func grantNow(id string, g breakglass.Grant, now time.Time) *identityv1.BreakGlass {
	for _, due := range []breakglass.Command{breakglass.Lapse{At: now}, breakglass.Warn{At: now}} {
		events, err := breakglass.Decide(g, due)
		if err != nil {
			break
		}
		for _, ev := range events {
			g = breakglass.Evolve(g, ev)
		}
	}
	out := &identityv1.BreakGlass{
		BreakGlass: id, State: identityv1.BreakGlassState(g.Phase), SubjectRef: g.Request.Subject, CaseId: g.Request.Case,
		Policy: g.Request.Policy, Ground: g.Request.Ground, Reason: g.Request.Reason, Document: g.Request.Document,
		Imminent: g.Request.Imminent, Categories: g.Request.Categories, AskedBy: g.Request.By, AskedAt: stamp(g.Request.At),
		DecidedBy: g.Granter, GrantedAt: stamp(g.Granted), Until: stamp(g.Until), EndedAt: stamp(g.Ended),
		Uses: uint32(g.Uses), ReviewBy: stamp(g.ReviewBy), Overdue: g.Overdue, ReviewedBy: g.Reviewer, Finding: g.Finding, //nolint:gosec // at most MaxUses
		ReviewedAt: stamp(g.Looked),
	}
	switch {
	case g.Phase != breakglass.Reviewed:
	case g.Justified:
		out.Outcome = identityv1.BreakGlassOutcome_BREAK_GLASS_OUTCOME_JUSTIFIED
	default:
		out.Outcome = identityv1.BreakGlassOutcome_BREAK_GLASS_OUTCOME_UNJUSTIFIED
	}
	return out
}
