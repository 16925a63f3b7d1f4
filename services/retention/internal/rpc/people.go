package rpc

import (
	"context"
	"errors"
	"fmt"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/rpc/client"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What identity says of a person for whom a hold is asked.
var (
	ErrNoSubject        = errors.New("identity knows no such person")
	ErrForgotten        = errors.New("identity has forgotten the person")
	ErrSubjectUnchecked = errors.New("identity has not said whether it knows the person")
)

// Subjects is the part of identity that knows people.
type Subjects interface {
	GetSubject(ctx context.Context, in *identityv1.GetSubjectRequest, opts ...grpc.CallOption) (*identityv1.GetSubjectResponse, error)
}

// known is nil where identity knows the person now. A hold for anybody else
// would bind nothing and be taken for one that does.
func (s *Server) known(ctx context.Context, tenant, ref string) error {
	who, err := s.Subjects.GetSubject(client.WithTenant(ctx, tenant), &identityv1.GetSubjectRequest{SubjectRef: ref})
	switch {
	case status.Code(err) == codes.NotFound:
		return ErrNoSubject
	case err != nil:
		return fmt.Errorf("%w: %w", ErrSubjectUnchecked, err)
	case who.GetState() == identityv1.SubjectState_SUBJECT_STATE_ACTIVE:
		return nil
	case who.GetState() == identityv1.SubjectState_SUBJECT_STATE_FORGOTTEN:
		return ErrForgotten
	}
	return ErrSubjectUnchecked
}
