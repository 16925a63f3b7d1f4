package rpc

import (
	"context"
	"errors"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"
)

// AuthorizeSource records that content of an account elsewhere may come in.
func (s *ConsentServer) AuthorizeSource(ctx context.Context, r *consentv1.AuthorizeSourceRequest) (*consentv1.AuthorizeSourceResponse, error) {
	if err := own(ctx, r.GetSubjectRef()); err != nil {
		return nil, err
	}
	rules, _, err := s.log.rules(ctx, policyAggregate(ctx, r.GetPolicy()))
	if err != nil {
		return nil, err
	}
	if _, err := version(rules, 0); err != nil {
		return nil, err
	}
	now := s.log.Now()
	v, _, ok := rules.inForce(now)
	if !ok {
		return nil, ErrNotInForce
	}
	id := es.DeriveID(kit.PrincipalFrom(ctx).Tenant, consentv1.ConsentService_AuthorizeSource_FullMethodName, r.GetRequestId())
	cmd, err := command[person.Command](r.GetRequestId(), r, now, person.Authorize{
		ID: id, Policy: r.GetPolicy(), Version: v.Number, Provider: r.GetProvider(), Scopes: r.GetScopes(), Evidence: r.GetEvidence(),
		AuthorizedAt: r.GetAuthorizedAt().AsTime(), At: now,
	})
	if err != nil {
		return nil, err
	}
	res, err := s.log.persons.Handle(ctx, personAggregate(ctx, r.GetSubjectRef()), cmd)
	if errors.Is(err, person.ErrInFuture) {
		return nil, inFuture("authorized_at")
	}
	if err != nil {
		return nil, err
	}
	return &consentv1.AuthorizeSourceResponse{Authorization: id, ConsistencyToken: res.Token().Encode()}, nil
}

// RevokeSource ends authorisations. No policy is asked whether that may be.
func (s *ConsentServer) RevokeSource(ctx context.Context, r *consentv1.RevokeSourceRequest) (*consentv1.RevokeSourceResponse, error) {
	if err := own(ctx, r.GetSubjectRef()); err != nil {
		return nil, err
	}
	now := s.log.Now()
	cmd, err := command[person.Command](r.GetRequestId(), r, now, person.Revoke{
		Policy: r.GetPolicy(), Provider: r.GetProvider(), Scopes: r.GetScopes(), RevokedAt: r.GetRevokedAt().AsTime(), At: now,
	})
	if err != nil {
		return nil, err
	}
	res, err := s.log.persons.Handle(ctx, personAggregate(ctx, r.GetSubjectRef()), cmd)
	if errors.Is(err, person.ErrInFuture) {
		return nil, inFuture("revoked_at")
	}
	if err != nil {
		return nil, err
	}
	return &consentv1.RevokeSourceResponse{ConsistencyToken: res.Token().Encode()}, nil
}
