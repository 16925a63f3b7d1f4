package rpc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	kit "habeas.internal/services/internal/rpc"

	"google.golang.org/protobuf/proto"
)

// staff is who calls, by the id of the read log; empty for a service.
func staff(ctx context.Context) string {
	p := kit.PrincipalFrom(ctx)
	return kit.ActorID(p.Tenant, p.Subject)
}

// AssignRequest gives somebody a duty.
func (s *Server) AssignRequest(ctx context.Context, r *fulfilmentv1.AssignRequestRequest) (*fulfilmentv1.AssignRequestResponse, error) {
	agg, state, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return nil, err
	}
	own, err := s.submitted(ctx, agg, state, r.GetStaff())
	if err != nil {
		return nil, err
	}
	res, err := s.change(ctx, r.GetRequest(), r.GetRequestId(), r, request.Assign{
		Duty: request.Duty(r.GetDuty()), Staff: kit.ActorID(tenantOf(ctx), r.GetStaff()), Own: own,
		By: staff(ctx), At: s.Now(),
	})
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.AssignRequestResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// UnassignRequest takes a duty back.
func (s *Server) UnassignRequest(ctx context.Context, r *fulfilmentv1.UnassignRequestRequest) (*fulfilmentv1.UnassignRequestResponse, error) {
	res, err := s.change(ctx, r.GetRequest(), r.GetRequestId(), r, request.Unassign{
		Duty: request.Duty(r.GetDuty()), By: staff(ctx), At: s.Now(),
	})
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.UnassignRequestResponse{ConsistencyToken: res.Token().Encode(), Ended: len(res.Events) > 0}, nil
}

// change runs a command on a request that the caller may see.
func (s *Server) change(ctx context.Context, id, requestID string, body proto.Message, data request.Command) (res es.Result[request.Request, request.Event], err error) {
	agg, _, err := s.load(ctx, id)
	if err != nil {
		return res, err
	}
	cmd, err := command(s, requestID, body, data)
	if err != nil {
		return res, err
	}
	return s.Requests.Handle(ctx, agg, cmd)
}

// ApproveRequest approves the manifest that the caller names.
func (s *Server) ApproveRequest(ctx context.Context, r *fulfilmentv1.ApproveRequestRequest) (*fulfilmentv1.ApproveRequestResponse, error) {
	by, digest, err := s.approver(ctx, r.GetRequest(), r.GetManifestDigest())
	if err != nil {
		return nil, err
	}
	res, err := s.change(ctx, r.GetRequest(), r.GetRequestId(), r, request.Approve{ApprovalBy: by, Digest: digest})
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.ApproveRequestResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// DeclineApproval declines to approve it.
func (s *Server) DeclineApproval(ctx context.Context, r *fulfilmentv1.DeclineApprovalRequest) (*fulfilmentv1.DeclineApprovalResponse, error) {
	by, _, err := s.approver(ctx, r.GetRequest(), r.GetManifestDigest())
	if err != nil {
		return nil, err
	}
	res, err := s.change(ctx, r.GetRequest(), r.GetRequestId(), r, request.Decline{
		ApprovalBy: by, Reason: strings.TrimPrefix(r.GetReason().String(), "DECLINE_REASON_"),
	})
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.DeclineApprovalResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// approver is who decides, and whether the manifest that they have seen is the one
// that stands.
func (s *Server) approver(ctx context.Context, id, seen string) (request.ApprovalBy, string, error) {
	agg, state, err := s.load(ctx, id)
	if err != nil {
		return request.ApprovalBy{}, "", err
	}
	own, err := s.submitted(ctx, agg, state, kit.PrincipalFrom(ctx).Subject)
	if err != nil {
		return request.ApprovalBy{}, "", err
	}
	digest := digestOf(state)
	return request.ApprovalBy{
		By: staff(ctx), Own: own,
		Revision: state.Approval.Revision, Seen: subtle.ConstantTimeCompare([]byte(digest), []byte(seen)) == 1, At: s.Now(),
	}, digest, nil
}

// digestOf is the digest of the manifest as it stands; empty before there is one.
func digestOf(state request.Request) string {
	if !state.Planned {
		return ""
	}
	sum := sha256.Sum256([]byte(state.Manifest()))
	return hex.EncodeToString(sum[:])
}

// GetCase describes who does what.
func (s *Server) GetCase(ctx context.Context, r *fulfilmentv1.GetCaseRequest) (*fulfilmentv1.GetCaseResponse, error) {
	agg, state, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return nil, err
	}
	earlier, err := s.earlier(ctx, agg, state)
	if err != nil {
		return nil, err
	}
	a := state.Approval
	out := &fulfilmentv1.GetCaseResponse{
		ApprovalNeeded: a.Needed, ApprovalAwaited: state.AwaitsApproval() && !state.Closed, ManifestDigest: digestOf(state),
		ApprovedBy: a.By, ApprovedAt: eventpb.Stamp(a.At), Declined: a.Declined, Rejected: rejected(state), Earlier: earlier,
	}
	if out.GetApprovalAwaited() {
		out.AwaitedSince = eventpb.Stamp(a.Since)
	}
	for _, d := range state.Case.Duties {
		m := &fulfilmentv1.Assignment{Duty: fulfilmentv1.Duty(d.Duty), Actor: d.Staff, AssignedAt: eventpb.Stamp(d.At)}
		for _, n := range state.Case.Needs {
			if n.Staff == d.Staff {
				m.NeedUntil = eventpb.Stamp(n.Until)
			}
		}
		out.Assignments = append(out.Assignments, m)
	}
	return out, nil
}
