package rpc

import (
	"context"
	"errors"
	"strings"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/terms"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/rpc/client"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// rate says whether a proof is enough for the request, and what would be. Of one
// that has failed it says nothing.
func (s *Server) rate(ctx context.Context, out *fulfilmentv1.VerifyRequestResponse, state request.Request, level uint32) {
	if out.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED {
		return
	}
	out.AssuranceLevel, out.NeededLevel = level, state.Terms.Level
	if level < state.Terms.Level {
		_, offers := s.offers(ctx)
		out.Reason, out.Suffices = request.TooLow, request.Suffices(state.Terms.Level, offers)
	}
}

// offers is what the tenant has set up. What can't be found out is not offered.
func (s *Server) offers(ctx context.Context) (*identityv1.IdentityProvider, request.Offers) {
	t, err := s.Tenants.GetTenant(ctx, &identityv1.GetTenantRequest{})
	if err != nil {
		return nil, request.Offers{}
	}
	return t.GetProvider(), terms.Offers(t)
}

// prove adds to an explanation what would prove who asks, while that is awaited,
// and where they can sign in. It depends on the tenant and on time, and not on
// whether anybody is known.
func (s *Server) prove(ctx context.Context, out *fulfilmentv1.ExplainRequestResponse, tenant string, state request.Request) {
	if state.Assured() || state.Stage() != request.Received {
		return
	}
	ctx = client.WithTenant(ctx, tenant)
	provider, offers := s.offers(ctx)
	out.Suffices = state.Lacking(offers)
	if provider == nil || state.Verification == "" {
		return
	}
	v, err := s.Verifications.GetVerification(ctx, &identityv1.GetVerificationRequest{Verification: state.Verification})
	if err != nil || v.GetNonce() == "" {
		return
	}
	out.SignIn = &fulfilmentv1.SignIn{
		Issuer: provider.GetIssuer(), ClientId: provider.GetClientId(), Nonce: v.GetNonce(), ExpiresAt: v.GetExpiresAt(),
	}
}

var (
	// errNoProvider: the tenant has nowhere to sign in.
	errNoProvider = errors.New("tenant has no identity provider")
	// errProviderAway: its provider can't be asked, and nothing was counted.
	errProviderAway = errors.New("identity provider is not reached")
)

// checked is what identity said to a proof, as this service's own answer: a
// verification that is over is not open here either.
func checked(err error) error {
	switch terms.Reason(err) {
	case "PROVIDER_NOT_CONFIGURED":
		return errNoProvider
	case "PROVIDER_UNAVAILABLE":
		return errProviderAway
	}
	if c := status.Code(err); c == codes.FailedPrecondition || c == codes.NotFound {
		return request.ErrNotOpen
	}
	return err
}

// RenewVerification has a proof asked for again.
func (s *Server) RenewVerification(
	ctx context.Context, r *fulfilmentv1.RenewVerificationRequest,
) (*fulfilmentv1.RenewVerificationResponse, error) {
	agg, state, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return nil, err
	}
	vain, err := s.vain(client.WithTenant(ctx, agg.Tenant), state)
	if err != nil {
		return nil, err
	}
	cmd, err := command[request.Command](s, r.GetRequestId(), r, request.Renew{Vain: vain, At: s.Now()})
	if err != nil {
		return nil, err
	}
	res, err := s.Requests.Handle(ctx, agg, cmd)
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.RenewVerificationResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// vain reports whether no proof that could be given now would be better than the one
// that was: the channel that a code goes to is too young, and no sign-in reaches more.
// Only whoever has proven who they are learns it.
func (s *Server) vain(ctx context.Context, state request.Request) (bool, error) {
	if state.SubjectRef == "" || state.Verification == "" || state.Assured() {
		return false, nil
	}
	if _, offers := s.offers(ctx); offers.SignIn > state.Level {
		return false, nil
	}
	v, err := s.Verifications.GetVerification(ctx, &identityv1.GetVerificationRequest{Verification: state.Verification})
	if err != nil {
		return false, err
	}
	from := v.GetBetterFrom()
	return from == nil || from.AsTime().After(s.Now()), nil
}

// CancelRequest ends a request at the wish of somebody who was told of it. Whose
// request it is does not matter, as it may be an impostor's: the code is the proof.
// A caller who is here for themselves learns nothing without it, not even whether
// there is such a request, and leaves no trace in it.
func (s *Server) CancelRequest(ctx context.Context, r *fulfilmentv1.CancelRequestRequest) (*fulfilmentv1.CancelRequestResponse, error) {
	agg := carry.RequestOf(tenantOf(ctx), r.GetRequest())
	state, _, err := s.Requests.Load(ctx, agg, es.Leader)
	if err != nil {
		return nil, err
	}
	right := false
	if state.Submitted {
		if right, err = s.Carrier.Cancels(client.WithTenant(ctx, agg.Tenant), agg, state, r.GetCode()); err != nil {
			return nil, err
		}
	}
	if alone(ctx) && !right && s.theirs(ctx, agg, state) != nil && state.Cancelled == "" {
		return nil, s.Velocity.wrongCancel(ctx)
	}
	reason := strings.TrimPrefix(r.GetReason().String(), "CANCEL_REASON_")
	cmd, err := command[request.Command](s, r.GetRequestId(), r, request.Cancel{Right: right, Reason: reason, At: s.Now()})
	if err != nil {
		return nil, err
	}
	res, err := s.Requests.Handle(ctx, agg, cmd)
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.CancelRequestResponse{ConsistencyToken: res.Token().Encode()}, nil
}
