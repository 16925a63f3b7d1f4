package rpc

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/seal/lookup"

	"golang.org/x/sync/errgroup"
)

// Why nobody was enrolled by an identifier.
const (
	reasonSuppressed = "SUBJECT_SUPPRESSED"
	reasonMalformed  = "IDENTIFIER_MALFORMED"
)

// EnrolSubjects finds or makes who holds each identifier. One that is named more than
// once, however it is written, is looked for once. After an error some may be
// registered; the call may be repeated.
func (s *Subjects) EnrolSubjects(ctx context.Context, r *identityv1.EnrolSubjectsRequest) (*identityv1.EnrolSubjectsResponse, error) {
	out := &identityv1.EnrolSubjectsResponse{Subjects: make([]*identityv1.Enrolled, len(r.GetIdentifiers()))}
	named := map[registry.Value][]int{}
	for i, id := range r.GetIdentifiers() {
		v, err := s.normal(ctx, "identifier", id)
		var bad fault.FieldErrors
		if errors.As(err, &bad) {
			out.Subjects[i] = &identityv1.Enrolled{Reason: reasonMalformed}
			continue
		}
		if err != nil {
			return nil, err
		}
		named[v] = append(named[v], i)
	}
	var g errgroup.Group // one that fails leaves the others to their end: what is claimed and not registered is busy for a minute
	g.SetLimit(workers)
	for v, places := range named {
		g.Go(func() error {
			one, err := s.enrol(ctx, r.GetCause(), r.GetIdentifiers()[places[0]], v)
			for _, i := range places {
				out.Subjects[i] = one
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

// enrol asks for an erasure first: what is imported may be older than it, also
// where the person has come back of their own will since.
func (s *Subjects) enrol(ctx context.Context, cause string, id *identityv1.Identifier, v registry.Value) (*identityv1.Enrolled, error) {
	erased, err := s.erasedBefore(ctx, v)
	if err != nil {
		return nil, err
	}
	if erased {
		return &identityv1.Enrolled{Reason: reasonSuppressed}, nil
	}
	for try := 0; ; try++ {
		ref, err := s.Registry.Resolve(ctx, tenantOf(ctx), v)
		if errors.Is(err, subject.ErrNotFound) {
			ref, err = s.enter(ctx, cause, id, v)
		}
		if errors.Is(err, lookup.ErrBusy) && await(ctx, try) { // somebody else registers them at this moment
			continue
		}
		if err != nil {
			return nil, err
		}
		return &identityv1.Enrolled{SubjectRef: ref}, nil
	}
}

// awaits is how often it is looked again for somebody whom another call registers:
// some three seconds.
const awaits = 8

func await(ctx context.Context, try int) bool {
	if try >= awaits {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(25 * time.Millisecond << min(try, 5)):
		return true
	}
}

// enter registers who is not known. The command's id is drawn: a repeat finds
// whom it made by the identifier.
func (s *Subjects) enter(ctx context.Context, cause string, id *identityv1.Identifier, v registry.Value) (string, error) {
	name, err := es.NewID(rand.Reader)
	if err != nil {
		return "", err
	}
	cmd, err := command[subject.Command](s.Now(), name, id)
	if err != nil {
		return "", err
	}
	cmd.Meta.Correlation = cause
	var with registry.With
	if with.Before, err = s.Refusals.Of(ctx, tenantOf(ctx), name, v); err != nil {
		return "", err
	}
	ref, _, err := s.Registry.Register(ctx, tenantOf(ctx), cmd, []registry.Value{v}, with)
	if errors.Is(err, subject.ErrTaken) { // by somebody else at the same moment
		return s.Registry.Resolve(ctx, tenantOf(ctx), v)
	}
	return ref, err
}
