package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/retention/person"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What identity says of a person for whom a hold is asked.
var (
	ErrNoSubject        = errors.New("identity knows no such person")
	ErrForgotten        = errors.New("identity has forgotten the person")
	ErrSubjectUnchecked = errors.New("identity has not said whether it knows the person")
	// ErrMerged says that a merge came between a question and its answer.
	ErrMerged = errors.New("person was merged meanwhile")
)

// Subjects is the part of identity that knows people.
type Subjects interface {
	GetSubject(ctx context.Context, in *identityv1.GetSubjectRequest, opts ...grpc.CallOption) (*identityv1.GetSubjectResponse, error)
}

// known is what identity says of a person now.
type known struct {
	state identityv1.SubjectState
	refs  []string // all that are the person's; the one asked about first
}

// alive is nil where identity knows the person. A hold for anybody else would
// bind nothing and be taken for one that does.
func (s *Server) alive(ctx context.Context, ref string) error {
	k, err := s.who(ctx, ref)
	switch {
	case err != nil:
		return err
	case k.state == identityv1.SubjectState_SUBJECT_STATE_ACTIVE:
		return nil
	case k.state == identityv1.SubjectState_SUBJECT_STATE_FORGOTTEN:
		return ErrForgotten
	}
	return ErrSubjectUnchecked
}

// who asks identity, which reads its log by way of the leader. A merge counts for
// the one who stays from the moment on at which it holds, and for the one who
// goes from its beginning on: never too late for either.
func (s *Server) who(ctx context.Context, ref string) (known, error) {
	got, err := s.ask(ctx, ref)
	if status.Code(err) == codes.NotFound {
		return known{}, ErrNoSubject
	}
	if err != nil {
		return known{}, fmt.Errorf("%w: %w", ErrSubjectUnchecked, err)
	}
	out := known{state: got.GetState(), refs: []string{ref}}
	for _, root := range []string{got.GetMergedInto(), got.GetMergingInto()} {
		if root == "" {
			continue
		}
		out.add(root)
		if got, err = s.ask(ctx, root); err != nil {
			return known{}, fmt.Errorf("%w: %w", ErrSubjectUnchecked, err)
		}
	}
	for _, other := range got.GetMergedRefs() {
		out.add(other)
	}
	return out, nil
}

func (k *known) add(ref string) {
	if !slices.Contains(k.refs, ref) {
		k.refs = append(k.refs, ref)
	}
}

// references are a person's, for what destroys nothing: one whom identity does
// not know has the one.
func (s *Server) references(ctx context.Context, ref string) ([]string, error) {
	k, err := s.who(ctx, ref)
	if errors.Is(err, ErrNoSubject) {
		return []string{ref}, nil
	}
	return k.refs, err
}

func (s *Server) ask(ctx context.Context, ref string) (*identityv1.GetSubjectResponse, error) {
	return s.Subjects.GetSubject(client.WithTenant(ctx, tenant(ctx)), &identityv1.GetSubjectRequest{SubjectRef: ref})
}

// everything loads what binds a person by each of their references.
func (s *Server) everything(ctx context.Context, refs []string) ([]person.Person, error) {
	out := make([]person.Person, len(refs))
	for i, ref := range refs {
		var err error
		if out[i], _, err = s.Persons.Load(ctx, PersonOf(tenant(ctx), ref), es.Leader); err != nil {
			return nil, err
		}
	}
	return out, nil
}
