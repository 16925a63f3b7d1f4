package fake

import (
	"context"
	"fmt"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// KeepRefusals remembers refusals.
func (p *Peers) KeepRefusals(_ context.Context, r *identityv1.KeepRefusalsRequest, _ ...grpc.CallOption) (*identityv1.KeepRefusalsResponse, error) {
	leave, err := p.enter("KeepRefusals", fmt.Sprint(len(r.GetRefusals())))
	if err != nil {
		return nil, err
	}
	defer leave()
	for _, id := range r.GetIdentifiers() {
		p.Kept[id.GetValue()] = len(r.GetRefusals())
	}
	return &identityv1.KeepRefusalsResponse{}, nil
}

// ListRefusals returns those that the peers are set to.
func (p *Peers) ListRefusals(_ context.Context, r *consentv1.ListRefusalsRequest, _ ...grpc.CallOption) (*consentv1.ListRefusalsResponse, error) {
	leave, err := p.enter("ListRefusals", r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	defer leave()
	return &consentv1.ListRefusalsResponse{Refusals: p.Refusals, Until: timestamppb.New(p.Clock.Now().AddDate(10, 0, 0))}, nil
}
