package fake

import (
	"context"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"google.golang.org/grpc"
)

// GetSettings says whether erasures are approved.
func (p *Peers) GetSettings(context.Context, *identityv1.GetSettingsRequest, ...grpc.CallOption) (*identityv1.GetSettingsResponse, error) {
	leave, err := p.enter("GetSettings", "")
	if err != nil {
		return nil, err
	}
	defer leave()
	return &identityv1.GetSettingsResponse{Settings: &identityv1.Settings{Approval: p.Approval}}, nil
}

// GrantNeed lets somebody see a person's data for a case.
func (p *Peers) GrantNeed(_ context.Context, r *identityv1.GrantNeedRequest, _ ...grpc.CallOption) (*identityv1.GrantNeedResponse, error) {
	leave, err := p.enter("GrantNeed", r.GetActor())
	if err != nil {
		return nil, err
	}
	defer leave()
	p.Needs[r.GetActor()+" "+r.GetNeed().GetCaseId()] = r.GetNeed().GetSubjectRef()
	return &identityv1.GrantNeedResponse{}, nil
}

// EndNeed no longer does.
func (p *Peers) EndNeed(_ context.Context, r *identityv1.EndNeedRequest, _ ...grpc.CallOption) (*identityv1.EndNeedResponse, error) {
	leave, err := p.enter("EndNeed", r.GetActor())
	if err != nil {
		return nil, err
	}
	defer leave()
	delete(p.Needs, r.GetActor()+" "+r.GetNeed().GetCaseId())
	return &identityv1.EndNeedResponse{}, nil
}
