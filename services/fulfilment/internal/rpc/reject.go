package rpc

import (
	"cmp"
	"context"
	"errors"
	"slices"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/terms"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/personal"
	kit "habeas.internal/services/internal/rpc"
)

// rejection is what a caller wants to reject with on what it rests, and why that is
// no ground; empty if it is one.
func (s *Server) rejection(ctx context.Context, state request.Request, m *fulfilmentv1.Rejection, controller bool) (request.Rejection, request.Refusal, error) {
	r, err := s.Pinner.Ground(ctx, tenantOf(ctx), state.Terms, terms.Judged{
		Right: state.Right, Ground: m.GetGround(), Evidence: m.GetEvidence(), Controller: controller, At: s.Now(),
	})
	var barred request.Refusal
	if err != nil && !errors.As(err, &barred) {
		return r, "", err
	}
	r.Text, r.Statement = m.GetText(), personal.Clear(m.GetStatement())
	return r, barred, nil
}

// RejectRequest rejects a request, or leaves of its manifest.
func (s *Server) RejectRequest(ctx context.Context, r *fulfilmentv1.RejectRequestRequest) (*fulfilmentv1.RejectRequestResponse, error) {
	agg, state, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return nil, err
	}
	own, err := s.submitted(ctx, agg, state, kit.PrincipalFrom(ctx).Subject)
	if err != nil {
		return nil, err
	}
	rejection, barred, err := s.rejection(ctx, state, r.GetRejection(), false)
	if err != nil {
		return nil, err
	}
	rejection.Leaves, rejection.By = r.GetLeaves(), staff(ctx)
	res, err := s.change(ctx, r.GetRequest(), r.GetRequestId(), r, request.Reject{Rejection: rejection, Own: own, Barred: barred})
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.RejectRequestResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// ReopenRequest is one of two signatures under a reopening.
func (s *Server) ReopenRequest(ctx context.Context, r *fulfilmentv1.ReopenRequestRequest) (*fulfilmentv1.ReopenRequestResponse, error) {
	agg, state, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return nil, err
	}
	own, err := s.submitted(ctx, agg, state, kit.PrincipalFrom(ctx).Subject)
	if err != nil {
		return nil, err
	}
	res, err := s.change(ctx, r.GetRequest(), r.GetRequestId(), r, request.Reopen{Reason: r.GetReason(), By: staff(ctx), Own: own, At: s.Now()})
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.ReopenRequestResponse{
		ConsistencyToken: res.Token().Encode(), Reopened: slices.ContainsFunc(res.Events, func(ev request.Event) bool { _, ok := ev.(request.Reopened); return ok }),
	}, nil
}

// rejected are what was rejected, as the case shows it.
func rejected(state request.Request) []*fulfilmentv1.RejectedPart {
	var out []*fulfilmentv1.RejectedPart
	for _, r := range state.Rejections {
		out = append(out, &fulfilmentv1.RejectedPart{
			Leaves: r.Leaves, Ground: r.Ground, Clause: r.Clause, Dpv: r.DPV, Rules: r.Rules, Complaints: r.Complaints,
			Authority: r.Authority, Controller: r.Controller, By: r.By, At: eventpb.Stamp(r.At),
		})
	}
	return out
}

// mostEarlier bounds the earlier requests that a case shows.
const mostEarlier = 20

// earlier are the person's other requests for the same, the newest first: whoever
// decides sees them, and nothing decides by them.
func (s *Server) earlier(ctx context.Context, agg es.Aggregate, state request.Request) ([]*fulfilmentv1.EarlierRequest, error) {
	if !state.Assured() {
		return nil, nil
	}
	d, _, err := s.Dockets.Load(ctx, carry.DocketOf(agg.Tenant, state.SubjectRef), es.Leader)
	if err != nil {
		return nil, err
	}
	ids := slices.Clone(d.Ended)
	for _, e := range d.Entries {
		ids = append(ids, e.Request)
	}
	var out []*fulfilmentv1.EarlierRequest
	for _, id := range slices.Backward(ids) {
		if id == agg.ID || len(out) == mostEarlier {
			continue
		}
		o, _, err := s.Requests.Load(ctx, carry.RequestOf(agg.Tenant, id), es.Leader)
		if err != nil {
			return nil, err
		}
		if o.Right == state.Right && !o.ReceivedAt.After(state.ReceivedAt) {
			out = append(out, &fulfilmentv1.EarlierRequest{
				Request: id, ReceivedAt: eventpb.Stamp(o.ReceivedAt), Outcome: fulfilmentv1.Outcome(o.Outcome),
			})
		}
	}
	slices.SortFunc(out, func(a, b *fulfilmentv1.EarlierRequest) int {
		return cmp.Compare(b.GetReceivedAt().AsTime().UnixNano(), a.GetReceivedAt().AsTime().UnixNano())
	})
	return out, nil
}
