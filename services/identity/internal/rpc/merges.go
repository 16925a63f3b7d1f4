package rpc

import (
	"context"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/merging"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/rpc/fault"
)

// Merges implements MergeService.
type Merges struct {
	identityv1.UnimplementedMergeServiceServer
	Desk merging.Desk
	Now  func() time.Time
}

// two refuses to join or to part somebody with themselves.
func two(field, a, b string) error {
	if a == b {
		return fault.FieldErrors{{Field: field, Rule: "OTHER", Text: "must be another reference"}}
	}
	return nil
}

// SignUp gives a person the refusals of their visit.
func (s *Merges) SignUp(ctx context.Context, r *identityv1.SignUpRequest) (*identityv1.SignUpResponse, error) {
	if err := two("anonymous_ref", r.GetAnonymousRef(), r.GetSubjectRef()); err != nil {
		return nil, err
	}
	cmd, err := command[subject.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	res, err := s.Desk.SignUp(ctx, tenantOf(ctx), cmd, r.GetSubjectRef(), r.GetAnonymousRef())
	if err != nil {
		return nil, err
	}
	return &identityv1.SignUpResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// MergeSubjects makes two references one person.
func (s *Merges) MergeSubjects(ctx context.Context, r *identityv1.MergeSubjectsRequest) (*identityv1.MergeSubjectsResponse, error) {
	if err := two("other_ref", r.GetSubjectRef(), r.GetOtherRef()); err != nil {
		return nil, err
	}
	cmd, err := command[subject.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	merge, res, err := s.Desk.Merge(ctx, tenantOf(ctx), cmd, merging.Pair{Stays: r.GetSubjectRef(), Goes: r.GetOtherRef()}, r.GetEvidence())
	if err != nil {
		return nil, err
	}
	return &identityv1.MergeSubjectsResponse{Merge: merge, ConsistencyToken: res.Token().Encode()}, nil
}

// UnmergeSubjects undoes a merge.
func (s *Merges) UnmergeSubjects(ctx context.Context, r *identityv1.UnmergeSubjectsRequest) (*identityv1.UnmergeSubjectsResponse, error) {
	cmd, err := command[subject.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	m, res, err := s.Desk.Unmerge(ctx, tenantOf(ctx), cmd, r.GetSubjectRef(), r.GetMerge(), r.GetReason())
	if err != nil {
		return nil, err
	}
	return &identityv1.UnmergeSubjectsResponse{Merge: shown(r.GetSubjectRef(), m), ConsistencyToken: res.Token().Encode()}, nil
}

// ListMerges lists a person's merges.
func (s *Merges) ListMerges(ctx context.Context, r *identityv1.ListMergesRequest) (*identityv1.ListMergesResponse, error) {
	root, who, err := s.Desk.Registry.Root(ctx, tenantOf(ctx), r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	out := &identityv1.ListMergesResponse{}
	for _, m := range who.Merges {
		out.Merges = append(out.Merges, shown(root, m))
	}
	return out, nil
}

func shown(ref string, m subject.Merge) *identityv1.Merge {
	out := &identityv1.Merge{
		Merge: m.ID, SubjectRef: ref, OtherRef: m.Other, Evidence: m.Evidence, MergedAt: stamp(m.At),
		UnmergedAt: stamp(m.Ended), Reason: m.Reason, Reads: m.Reads,
		TouchCount: m.Touched(), Truncated: m.Unlisted > 0,
	}
	for _, t := range m.Touches {
		out.Touches = append(out.Touches, &identityv1.Touch{Kind: touchFrom(t.Kind), Reference: t.Reference, At: stamp(t.At)})
	}
	return out
}

func touchOf(k identityv1.TouchKind) subject.TouchKind {
	switch k {
	case identityv1.TouchKind_TOUCH_KIND_DISCLOSURE:
		return subject.TouchDisclosure
	case identityv1.TouchKind_TOUCH_KIND_PACKAGE:
		return subject.TouchPackage
	case identityv1.TouchKind_TOUCH_KIND_ERASURE:
		return subject.TouchErasure
	case identityv1.TouchKind_TOUCH_KIND_RECTIFICATION:
		return subject.TouchRectification
	case identityv1.TouchKind_TOUCH_KIND_UNSPECIFIED:
	}
	return ""
}

func touchFrom(k subject.TouchKind) identityv1.TouchKind {
	switch k {
	case subject.TouchDisclosure:
		return identityv1.TouchKind_TOUCH_KIND_DISCLOSURE
	case subject.TouchPackage:
		return identityv1.TouchKind_TOUCH_KIND_PACKAGE
	case subject.TouchErasure:
		return identityv1.TouchKind_TOUCH_KIND_ERASURE
	case subject.TouchRectification:
		return identityv1.TouchKind_TOUCH_KIND_RECTIFICATION
	}
	return identityv1.TouchKind_TOUCH_KIND_UNSPECIFIED
}
