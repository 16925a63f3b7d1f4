package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/fault"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// AnswerServer implements AnswerService.
type AnswerServer struct {
	consentv1.UnimplementedAnswerServiceServer
	log *log
}

// errIdentity: identity could not say who holds an identifier.
var errIdentity = errors.New("identity could not be asked")

// evenFloor is above what a known person costs more than an unknown one.
const evenFloor = 25 * time.Millisecond

// Even holds back the answers whose time would tell whether somebody is known.
func Even() kit.Even {
	return kit.Even{Floor: evenFloor, Methods: []string{consentv1.AnswerService_CheckByIdentifier_FullMethodName}}
}

// CheckByIdentifier is Check about whoever holds an identifier. If nobody does,
// it asks about a reference that was made for this question alone: the same
// work, and the answer about somebody who has decided nothing.
func (s *AnswerServer) CheckByIdentifier(ctx context.Context, r *consentv1.CheckByIdentifierRequest) (*consentv1.CheckByIdentifierResponse, error) {
	if r.GetQuestion().GetSubjectRef() != "" {
		return nil, fault.FieldErrors{{Field: "question.subject_ref", Rule: "MUST_BE_UNSET", Text: "the identifier says who it is about"}}
	}
	ref, err := s.holder(ctx, r.GetIdentifier())
	if err != nil {
		return nil, err
	}
	if ref == "" {
		if ref, err = es.NewID(s.log.Random); err != nil {
			return nil, fmt.Errorf("make reference: %w", err)
		}
	}
	round, err := s.log.round(ctx, &consentv1.CheckRequest{Consistency: r.GetConsistency()})
	if err != nil {
		return nil, err
	}
	q := proto.CloneOf(r.GetQuestion())
	q.SubjectRef = ref
	a, err := round.ask(ctx, "question", q)
	if err != nil {
		return nil, err
	}
	a.Joined = false // says that somebody is known
	return &consentv1.CheckByIdentifierResponse{Answer: a}, nil
}

// holder is who holds an identifier; empty if nobody does. Everything else that
// identity says is no answer.
func (s *AnswerServer) holder(ctx context.Context, id *identityv1.Identifier) (string, error) {
	if s.log.Subjects == nil {
		return "", errIdentity
	}
	ctx = client.WithTenant(ctx, kit.PrincipalFrom(ctx).Tenant)
	found, err := s.log.Subjects.ResolveSubject(ctx, &identityv1.ResolveSubjectRequest{Identifier: id})
	switch {
	case err == nil && found.GetSubjectRef() != "":
		return found.GetSubjectRef(), nil
	case reasonOf(err) == "SUBJECT_NOT_FOUND":
		return "", nil
	case grpcstatus.Code(err) == codes.InvalidArgument:
		return "", fault.FieldErrors{{Field: "identifier", Rule: "MALFORMED", Text: "is no identifier of its kind"}}
	}
	return "", fmt.Errorf("%w: %w", errIdentity, err)
}

// reasonOf is the reason of another service's answer.
func reasonOf(err error) string {
	for _, d := range grpcstatus.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
