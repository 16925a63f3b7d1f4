package rpc

import (
	"context"
	"errors"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/fault"
)

// ConsentServer implements ConsentService.
type ConsentServer struct {
	consentv1.UnimplementedConsentServiceServer
	log *log
}

// ErrNotOwn says that a person asked about somebody else.
var ErrNotOwn = errors.New("a person may touch their own data only")

// own lets a person who calls as such touch their own data only. Who has
// another role that the method allows calls in that one.
func own(ctx context.Context, subject string) error {
	p := kit.PrincipalFrom(ctx)
	if asSubject(ctx) && (p.Subject == "" || p.Subject != subject) {
		return ErrNotOwn
	}
	return nil
}

// asSubject reports whether a person calls as such.
func asSubject(ctx context.Context) bool {
	p := kit.PrincipalFrom(ctx)
	_, rule := kit.MethodFrom(ctx)
	for _, role := range rule.GetRoles() {
		if role != optionsv1.Role_ROLE_SUBJECT && p.Roles.Intersects(auth.RolesOf(role)) {
			return false
		}
	}
	return true
}

// AcceptPolicy records that a person accepted a version.
func (s *ConsentServer) AcceptPolicy(ctx context.Context, r *consentv1.AcceptPolicyRequest) (*consentv1.AcceptPolicyResponse, error) {
	if err := own(ctx, r.GetSubjectRef()); err != nil {
		return nil, err
	}
	rules, _, err := s.log.rules(ctx, policyAggregate(ctx, r.GetPolicy()))
	if err != nil {
		return nil, err
	}
	v, err := version(rules, r.GetVersion())
	if err != nil {
		return nil, err
	}
	now := s.log.Now()
	cmd, err := command[person.Command](r.GetRequestId(), r, now, person.Accept{
		Policy: r.GetPolicy(), Version: v.Number, PostedAt: v.PostedAt, Evidence: r.GetEvidence(),
		Explicit:   r.GetExpression() == consentv1.Expression_EXPRESSION_EXPLICIT,
		AcceptedAt: r.GetAcceptedAt().AsTime(), At: now,
	})
	if err != nil {
		return nil, err
	}
	res, err := s.log.persons.Handle(ctx, personAggregate(ctx, r.GetSubjectRef()), cmd)
	if errors.Is(err, person.ErrInFuture) {
		return nil, inFuture("accepted_at")
	}
	if err != nil {
		return nil, err
	}
	return &consentv1.AcceptPolicyResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// WithdrawAll withdraws what a person has given.
func (s *ConsentServer) WithdrawAll(ctx context.Context, r *consentv1.WithdrawAllRequest) (*consentv1.WithdrawAllResponse, error) {
	if err := own(ctx, r.GetSubjectRef()); err != nil {
		return nil, err
	}
	if bad := acted(ctx, r.GetCircumstances()); bad != nil {
		return nil, bad
	}
	who, err := s.acting(ctx, r.GetSubjectRef(), r.GetCircumstances(), 0, nil)
	if err != nil {
		return nil, err
	}
	now := s.log.Now()
	cmd, err := command[person.Command](r.GetRequestId(), r, now, person.WithdrawAll{
		Acting: who, DecidedAt: r.GetDecidedAt().AsTime(), At: now, Circumstances: wire.Circumstances(r.GetCircumstances()),
	})
	if err != nil {
		return nil, err
	}
	res, err := s.log.persons.Handle(ctx, personAggregate(ctx, r.GetSubjectRef()), cmd)
	if errors.Is(err, person.ErrInFuture) {
		return nil, inFuture("decided_at")
	}
	if err != nil {
		return nil, err
	}
	out := &consentv1.WithdrawAllResponse{ConsistencyToken: res.Token().Encode()}
	for _, ev := range res.Events {
		if e, ok := ev.(person.AllWithdrawn); ok {
			out.Withdrawn = wire.Topics(e.Purposes)
		}
	}
	return out, nil
}

// ApplyFact records what another service is about to record.
func (s *ConsentServer) ApplyFact(ctx context.Context, r *consentv1.ApplyFactRequest) (*consentv1.ApplyFactResponse, error) {
	now := s.log.Now()
	data, err := s.fact(ctx, r, now)
	if err != nil {
		return nil, err
	}
	res, err := s.log.persons.Handle(ctx, personAggregate(ctx, r.GetSubjectRef()), es.Command[person.Command]{
		ID: r.GetRequestId(), At: now, Meta: es.Meta{Correlation: r.GetCause()}, Data: data,
	})
	if err != nil {
		return nil, err
	}
	return &consentv1.ApplyFactResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// fact is the command that a fact becomes.
func (s *ConsentServer) fact(ctx context.Context, r *consentv1.ApplyFactRequest, now time.Time) (person.Command, error) {
	two, one := false, false
	switch r.GetFact() {
	case consentv1.Fact_FACT_MERGED, consentv1.Fact_FACT_SEPARATED, consentv1.Fact_FACT_SIGNED_UP:
		two = true
	case consentv1.Fact_FACT_MINOR, consentv1.Fact_FACT_NOT_MINOR:
		one = true
	case consentv1.Fact_FACT_UNSPECIFIED, consentv1.Fact_FACT_RESTRICTED, consentv1.Fact_FACT_UNRESTRICTED,
		consentv1.Fact_FACT_CLOSED, consentv1.Fact_FACT_ERASED:
	}
	if (r.GetOtherRef() != "") != two || r.GetOtherRef() == r.GetSubjectRef() {
		return nil, fault.FieldErrors{{Field: "other_ref", Rule: "OF_FACT", Text: "is named by facts about two references, and is not the first one"}}
	}
	if (r.GetPolicy() != "") != one {
		return nil, fault.FieldErrors{{Field: "policy", Rule: "OF_FACT", Text: "is named by facts about a policy"}}
	}
	if r.GetFact() != consentv1.Fact_FACT_SIGNED_UP {
		return person.Apply{Fact: wire.Fact(r.GetFact()), Cause: r.GetCause(), Other: r.GetOtherRef(), Policy: r.GetPolicy(), At: now}, nil
	}
	acts, _, err := s.log.history(ctx, personAggregate(ctx, r.GetOtherRef()))
	if err != nil {
		return nil, err
	}
	return person.Inherit{Visit: stateAt(acts, now), At: now}, nil
}
