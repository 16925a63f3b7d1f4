package fake

import (
	"context"
	"fmt"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// ApplyFact notes a fact.
func (p *Peers) ApplyFact(_ context.Context, r *consentv1.ApplyFactRequest, _ ...grpc.CallOption) (*consentv1.ApplyFactResponse, error) {
	leave, err := p.enter("ApplyFact", r.GetFact().String())
	if err != nil {
		return nil, err
	}
	defer leave()
	p.Facts = append(p.Facts, r.GetFact())
	return &consentv1.ApplyFactResponse{}, nil
}

// Evaluate keeps what is to be kept for ten years; under a hold it says so
// beneath it.
func (p *Peers) Evaluate(_ context.Context, r *retentionv1.EvaluateRequest, _ ...grpc.CallOption) (*retentionv1.EvaluateResponse, error) {
	leave, err := p.enter("Evaluate", "")
	if err != nil {
		return nil, err
	}
	defer leave()
	out := &retentionv1.EvaluateResponse{ScheduleVersion: 1}
	for _, i := range r.GetItems() {
		v := &retentionv1.ItemVerdict{Verdict: retentionv1.Verdict_VERDICT_ERASE}
		if p.Keep[i.GetCategory()] {
			v = &retentionv1.ItemVerdict{
				Verdict: retentionv1.Verdict_VERDICT_KEEP, Ground: "legal_obligation.tax", Authority: "26 CFR 1.6001-1", By: "tax",
				Until: timestamppb.New(p.Clock.Now().AddDate(10, 0, 0)),
			}
		}
		if p.Held {
			v = &retentionv1.ItemVerdict{
				Verdict: retentionv1.Verdict_VERDICT_HOLD, Ground: "legal_claim", Authority: "case 7731", By: "hold",
				Beneath: &retentionv1.RulesVerdict{
					Verdict: v.GetVerdict(), Until: v.GetUntil(), Ground: v.GetGround(), Authority: v.GetAuthority(), By: v.GetBy(),
				},
			}
		}
		out.Verdicts = append(out.Verdicts, v)
	}
	return out, nil
}

// RequestPermit gives a minute, unless a hold binds or a permit is open.
func (p *Peers) RequestPermit(_ context.Context, r *retentionv1.RequestPermitRequest, _ ...grpc.CallOption) (*retentionv1.RequestPermitResponse, error) {
	leave, err := p.enter("RequestPermit", r.GetSystem())
	if err != nil {
		return nil, err
	}
	defer leave()
	if got := p.permits[r.GetRequestId()]; got != nil && p.Clock.Now().Before(p.open[got.GetPermit()]) {
		return got, nil
	}
	if p.NotDue {
		return nil, Refuse(codes.FailedPrecondition, "ERASURE_NOT_DUE")
	}
	if p.Held {
		return nil, Refuse(codes.FailedPrecondition, "PERSON_ON_HOLD")
	}
	now := p.Clock.Now()
	name := r.GetRequest() + r.GetSystem()
	if now.Before(p.open[name]) {
		return nil, Refuse(codes.FailedPrecondition, "PERMIT_OPEN")
	}
	got := &retentionv1.RequestPermitResponse{Permit: id("permit", r.GetRequestId()), ExpiresAt: timestamppb.New(now.Add(time.Minute))}
	p.permits[r.GetRequestId()], p.open[name], p.open[got.GetPermit()] = got, now.Add(time.Minute), now.Add(time.Minute)
	return got, nil
}

// Permitted reports whether a permit is open now.
func (p *Peers) Permitted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Clock.Now()
	for _, got := range p.permits {
		if now.Before(p.open[got.GetPermit()]) {
			return true
		}
	}
	return false
}

// EndPermit takes a permit back.
func (p *Peers) EndPermit(_ context.Context, r *retentionv1.EndPermitRequest, _ ...grpc.CallOption) (*retentionv1.EndPermitResponse, error) {
	leave, err := p.enter("EndPermit", fmt.Sprint(r.GetRowsDestroyed()))
	if err != nil {
		return nil, err
	}
	defer leave()
	delete(p.open, r.GetPermit())
	for name, ends := range p.open { // the slot of its request and system ends with it
		if len(name) != 26 && ends.Equal(p.endOf(r.GetPermit())) {
			delete(p.open, name)
		}
	}
	return &retentionv1.EndPermitResponse{}, nil
}

func (p *Peers) endOf(permit string) time.Time {
	for _, got := range p.permits {
		if got.GetPermit() == permit {
			return got.GetExpiresAt().AsTime()
		}
	}
	return time.Time{}
}

// GetPolicy returns a document.
func (p *Peers) GetPolicy(_ context.Context, r *consentv1.GetPolicyRequest, _ ...grpc.CallOption) (*consentv1.GetPolicyResponse, error) {
	leave, err := p.enter("GetPolicy", r.GetPolicy())
	if err != nil {
		return nil, err
	}
	defer leave()
	if r.GetPolicy() != "shop" {
		return nil, Refuse(codes.NotFound, "POLICY_NOT_FOUND")
	}
	return &consentv1.GetPolicyResponse{Policy: "shop", Version: 3, PostedAt: timestamppb.New(p.Clock.Now()), Document: []byte(p.Document)}, nil
}

// GetSchedule knows none.
func (p *Peers) GetSchedule(_ context.Context, r *retentionv1.GetScheduleRequest, _ ...grpc.CallOption) (*retentionv1.GetScheduleResponse, error) {
	leave, err := p.enter("GetSchedule", r.GetPolicy())
	if err != nil {
		return nil, err
	}
	defer leave()
	return nil, Refuse(codes.NotFound, "SCHEDULE_NOT_FOUND")
}

// ListPolicies returns the only one.
func (p *Peers) ListPolicies(context.Context, *consentv1.ListPoliciesRequest, ...grpc.CallOption) (*consentv1.ListPoliciesResponse, error) {
	leave, err := p.enter("ListPolicies", "")
	if err != nil {
		return nil, err
	}
	defer leave()
	return &consentv1.ListPoliciesResponse{Versions: []*consentv1.PolicyVersion{
		{Policy: "shop", Version: 3, PostedAt: timestamppb.New(p.Clock.Now())},
	}}, nil
}
