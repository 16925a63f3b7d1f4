package fake

import (
	"context"
	"slices"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// GetSubject says whether the subject is forgotten.
func (p *Peers) GetSubject(_ context.Context, r *identityv1.GetSubjectRequest, _ ...grpc.CallOption) (*identityv1.GetSubjectResponse, error) {
	leave, err := p.enter("GetSubject", r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	defer leave()
	if p.Unknown != "" && p.Unknown == r.GetSubjectRef() {
		return nil, Refuse(codes.NotFound, "SUBJECT_NOT_FOUND")
	}
	if p.forgotten[r.GetSubjectRef()] {
		return &identityv1.GetSubjectResponse{State: identityv1.SubjectState_SUBJECT_STATE_FORGOTTEN}, nil
	}
	out := &identityv1.GetSubjectResponse{State: identityv1.SubjectState_SUBJECT_STATE_ACTIVE, MergedRefs: p.Merged[r.GetSubjectRef()]}
	for root, others := range p.Merged {
		if slices.Contains(others, r.GetSubjectRef()) {
			out.MergedInto = root
		}
	}
	return out, nil
}
