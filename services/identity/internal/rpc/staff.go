package rpc

import (
	"context"
	"errors"
	"slices"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/breakglass"
	"habeas.internal/services/identity/internal/glass"
	"habeas.internal/services/identity/staff"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
)

// Staff answers StaffService, and the same question of identity's own guard.
type Staff struct {
	identityv1.UnimplementedStaffServiceServer
	Handler glass.Staff
	Glass   *glass.Desk
	Now     func() time.Time
}

func member(tenant, actor string) es.Aggregate { return glass.Member(tenant, actor) }

// asker is who asks, by the id of staff or the name of the service.
func asker(ctx context.Context) string {
	p := kit.PrincipalFrom(ctx)
	if p.Subject == "" {
		return p.Service
	}
	return kit.ActorID(p.Tenant, p.Subject)
}

// do runs a command on the member of staff that a token's subject names.
func (s *Staff) do(ctx context.Context, name string, cmd es.Command[staff.Command], data func(self bool) staff.Command) (done, error) {
	return s.doFor(ctx, kit.ActorID(tenantOf(ctx), name), cmd, data)
}

// doFor runs one on the member of staff of an id.
func (s *Staff) doFor(ctx context.Context, actor string, cmd es.Command[staff.Command], data func(self bool) staff.Command) (done, error) {
	agg := member(tenantOf(ctx), actor)
	cmd.Data = data(asker(ctx) == agg.ID)
	res, err := s.Handler.Handle(ctx, agg, cmd)
	if err != nil {
		return done{}, err
	}
	return done{token: res.Token().Encode(), changed: len(res.Events) > 0}, nil
}

// done is what a command did: changed is false where nothing had to be done, and
// the same when the command is repeated.
type done struct {
	token   string
	changed bool
}

// named is the id of whom a request names by their token's subject or by the id
// itself.
func named(ctx context.Context, name, actor string) (string, error) {
	if (name == "") == (actor == "") {
		return "", fault.FieldErrors{{Field: "staff", Rule: "STAFF_OR_ACTOR", Text: "the person is named by staff or by actor"}}
	}
	if actor != "" {
		return actor, nil
	}
	return kit.ActorID(tenantOf(ctx), name), nil
}

// RecordUndertaking records that somebody is bound to confidentiality.
func (s *Staff) RecordUndertaking(ctx context.Context, r *identityv1.RecordUndertakingRequest) (*identityv1.RecordUndertakingResponse, error) {
	cmd, err := command[staff.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	did, err := s.do(ctx, r.GetStaff(), cmd, func(self bool) staff.Command {
		return staff.Bind{Until: r.GetUntil().AsTime(), Evidence: r.GetEvidence(), By: asker(ctx), Self: self, At: cmd.At}
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.RecordUndertakingResponse{ConsistencyToken: did.token}, nil
}

// EndUndertaking ends an undertaking.
func (s *Staff) EndUndertaking(ctx context.Context, r *identityv1.EndUndertakingRequest) (*identityv1.EndUndertakingResponse, error) {
	cmd, err := command[staff.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	did, err := s.do(ctx, r.GetStaff(), cmd, func(bool) staff.Command { return staff.Unbind{By: asker(ctx), At: cmd.At} })
	if err != nil {
		return nil, err
	}
	return &identityv1.EndUndertakingResponse{ConsistencyToken: did.token, Ended: did.changed}, nil
}

// GrantNeed grants a need.
func (s *Staff) GrantNeed(ctx context.Context, r *identityv1.GrantNeedRequest) (*identityv1.GrantNeedResponse, error) {
	cmd, err := command[staff.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	actor, err := named(ctx, r.GetStaff(), r.GetActor())
	if err != nil {
		return nil, err
	}
	did, err := s.doFor(ctx, actor, cmd, func(self bool) staff.Command {
		return staff.Grant{Need: needOf(r.GetNeed()), By: asker(ctx), Self: self, At: cmd.At}
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.GrantNeedResponse{ConsistencyToken: did.token}, nil
}

// EndNeed ends a need.
func (s *Staff) EndNeed(ctx context.Context, r *identityv1.EndNeedRequest) (*identityv1.EndNeedResponse, error) {
	cmd, err := command[staff.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	actor, err := named(ctx, r.GetStaff(), r.GetActor())
	if err != nil {
		return nil, err
	}
	did, err := s.doFor(ctx, actor, cmd, func(bool) staff.Command {
		return staff.End{Need: needOf(r.GetNeed()), By: asker(ctx), At: cmd.At}
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.EndNeedResponse{ConsistencyToken: did.token, Ended: did.changed}, nil
}

// GetStaff describes a member of staff.
func (s *Staff) GetStaff(ctx context.Context, r *identityv1.GetStaffRequest) (*identityv1.GetStaffResponse, error) {
	agg := member(tenantOf(ctx), kit.ActorID(tenantOf(ctx), r.GetStaff()))
	state, _, err := s.Handler.Load(ctx, agg, es.Leader)
	if err != nil {
		return nil, err
	}
	out := &identityv1.GetStaffResponse{Actor: agg.ID, BoundUntil: stamp(state.BoundUntil), Evidence: state.Evidence}
	for _, n := range state.Needs {
		out.Needs = append(out.Needs, &identityv1.Need{Purpose: n.Purpose, CaseId: n.Case, SubjectRef: n.Subject, Until: stamp(n.Until)})
	}
	return out, nil
}

// CheckStaff says whether somebody may look.
func (s *Staff) CheckStaff(ctx context.Context, r *identityv1.CheckStaffRequest) (*identityv1.CheckStaffResponse, error) {
	look := kit.Look{
		Tenant: tenantOf(ctx), Actor: r.GetActor(), Purpose: r.GetPurpose(), Case: r.GetCaseId(),
		BreakGlass: r.GetBreakGlass(), Method: r.GetMethod(),
	}
	if len(r.GetSubjectRefs()) > 0 {
		refusal, err := s.Agreed(ctx, look, kit.Shown{Refs: r.GetSubjectRefs(), Policy: r.GetPolicy(), Categories: r.GetCategories()})
		if err != nil {
			return nil, err
		}
		return &identityv1.CheckStaffResponse{Refusal: refusal}, nil
	}
	v, err := s.Check(ctx, look)
	if err != nil {
		return nil, err
	}
	return &identityv1.CheckStaffResponse{
		Refusal: v.Refusal, SubjectRefs: v.Subjects, CaseId: v.Case, BreakGlass: v.BreakGlass, ConsentRequired: v.Consent,
	}, nil
}

// Check is the same for identity's own guard: the leader of the log answers.
func (s *Staff) Check(ctx context.Context, l kit.Look) (kit.Permission, error) {
	state, _, err := s.Handler.Load(ctx, member(l.Tenant, l.Actor), es.Leader)
	if err != nil {
		return kit.Permission{}, err
	}
	v := state.May(staff.Look{Purpose: l.Purpose, Case: l.Case, At: s.Now()})
	switch {
	case v.Refusal == staff.ErrNotBound:
		return kit.Permission{Refusal: kit.ReasonNotBound}, nil
	case l.BreakGlass != "":
		return s.broken(ctx, l)
	case v.Refusal != "":
		return kit.Permission{Refusal: string(v.Refusal)}, nil
	}
	out := kit.Permission{}
	if out.Consent, err = s.Glass.Bound(ctx, l.Tenant); err != nil {
		return kit.Permission{}, err
	}
	if v.Subject != "" {
		out.Subjects = []string{v.Subject}
	}
	return out, nil
}

// broken is what a break-glass grant permits: it stands for need and consent, and
// for nobody but whom it names. By a grant for a person, the use is noted when it
// is known that the look is at them.
func (s *Staff) broken(ctx context.Context, l kit.Look) (kit.Permission, error) {
	g, err := s.Glass.Opened(ctx, l.Tenant, l.BreakGlass, l.Actor, l.Case)
	if err == nil && g.Request.Subject == "" {
		g, err = s.Glass.Use(ctx, l.Tenant, l.BreakGlass, l.Actor, l.Case, l.Method)
	}
	if errors.Is(err, breakglass.ErrClosed) {
		return kit.Permission{Refusal: kit.ReasonGlass}, nil
	}
	if err != nil {
		return kit.Permission{}, err
	}
	out := kit.Permission{Case: g.Request.Case, BreakGlass: l.BreakGlass, Consent: true}
	if g.Request.Subject != "" {
		out.Subjects = []string{g.Request.Subject}
	}
	return out, nil
}

// Agreed says why the data of these people is not to be shown: one of them has
// not agreed to the purpose, or the grant is for less.
func (s *Staff) Agreed(ctx context.Context, l kit.Look, shown kit.Shown) (string, error) {
	if l.BreakGlass != "" {
		return s.within(ctx, l, shown)
	}
	state, _, err := s.Handler.Load(ctx, member(l.Tenant, l.Actor), es.Leader)
	if err != nil {
		return "", err
	}
	// Consent is to a purpose: whoever looks has their need for that one. A need
	// for a case is none for whatever purpose somebody has agreed to.
	v := state.May(staff.Look{Purpose: l.Purpose, At: s.Now()})
	purpose := l.Purpose
	if v.Refusal != "" || v.Subject != "" && slices.ContainsFunc(shown.Refs, func(ref string) bool { return ref != v.Subject }) {
		purpose = ""
	}
	agreed, err := s.Glass.Agreed(ctx, l.Tenant, purpose, glass.Shown{Refs: shown.Refs, Policy: shown.Policy, Categories: shown.Categories})
	if err != nil || agreed {
		return "", err
	}
	return kit.ReasonConsent, nil
}

// within says why a grant does not show this. What it shows is noted as a use.
func (s *Staff) within(ctx context.Context, l kit.Look, shown kit.Shown) (string, error) {
	g, err := s.Glass.Opened(ctx, l.Tenant, l.BreakGlass, l.Actor, l.Case)
	if err == nil && !g.Covers(shown.Categories) {
		return kit.ReasonOutsideGrant, nil
	}
	if err == nil {
		_, err = s.Glass.Use(ctx, l.Tenant, l.BreakGlass, l.Actor, l.Case, l.Method)
	}
	if errors.Is(err, breakglass.ErrClosed) {
		return kit.ReasonGlass, nil
	}
	return "", err
}

func needOf(n *identityv1.Need) staff.Need {
	return staff.Need{Purpose: n.GetPurpose(), Case: n.GetCaseId(), Subject: n.GetSubjectRef(), Until: n.GetUntil().AsTime()}
}
