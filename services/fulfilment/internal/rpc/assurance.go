package rpc

import (
	"context"
	"strings"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/rpc/client"
)

// rate says whether a proof is enough for the request, and what would be. Of one
// that has failed it says nothing.
func rate(out *fulfilmentv1.VerifyRequestResponse, s request.Request, level uint32) {
	if out.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED {
		return
	}
	out.AssuranceLevel, out.NeededLevel = level, s.Terms.Level
	if level < s.Terms.Level {
		out.Reason, out.Suffices = request.TooLow, request.Suffices(s.Terms.Level)
	}
}

// CancelRequest ends a request at the wish of somebody who was told of it.
func (s *Server) CancelRequest(ctx context.Context, r *fulfilmentv1.CancelRequestRequest) (*fulfilmentv1.CancelRequestResponse, error) {
	agg, state, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return nil, err
	}
	right, err := s.Carrier.Cancels(client.WithTenant(ctx, agg.Tenant), agg, state, r.GetCode())
	if err != nil {
		return nil, err
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
