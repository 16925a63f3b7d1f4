package rpc

import (
	"context"
	"slices"
	"strconv"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/retention/person"
)

// PlaceHold places a hold whose id derives from the request's. A repeat tells
// how far the hold has come by now, whatever has become of the person.
func (s *Server) PlaceHold(ctx context.Context, r *retentionv1.PlaceHoldRequest) (*retentionv1.PlaceHoldResponse, error) {
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	id := es.DeriveID(tenant(ctx), retentionv1.RetentionService_PlaceHold_FullMethodName, r.GetRequestId())
	who, _, err := s.Persons.Load(ctx, PersonOf(tenant(ctx), r.GetSubjectRef()), es.Leader)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(who.Holds, func(h person.Hold) bool { return h.ID == id }) {
		if err := s.known(ctx, tenant(ctx), r.GetSubjectRef()); err != nil {
			return nil, err
		}
	}
	res, err := s.handle(ctx, r.GetSubjectRef(), es.Command[person.Command]{
		ID: r.GetRequestId(), Client: true, Body: body, At: now, Data: person.PlaceHold{
			Hold: id, Ground: r.GetGround(), Authority: r.GetAuthority(), ReviewAt: r.GetReviewAt().AsTime(), At: now,
		},
	})
	if err != nil {
		return nil, err
	}
	e := res.State.Effect(id, now)
	out := &retentionv1.PlaceHoldResponse{
		Hold: id, Effective: e.Effective, EffectiveBy: eventpb.Stamp(e.By), ConsistencyToken: res.Token().Encode(),
	}
	for _, p := range e.Open {
		out.OpenPermits = append(out.OpenPermits, p.System)
	}
	return out, nil
}

// ReviewHold gives a hold its next date.
func (s *Server) ReviewHold(ctx context.Context, r *retentionv1.ReviewHoldRequest) (*retentionv1.ReviewHoldResponse, error) {
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	res, err := s.handle(ctx, r.GetSubjectRef(), es.Command[person.Command]{
		ID: r.GetRequestId(), Client: true, Body: body, At: now,
		Data: person.ReviewHold{Hold: r.GetHold(), ReviewAt: r.GetReviewAt().AsTime(), At: now},
	})
	if err != nil {
		return nil, err
	}
	return &retentionv1.ReviewHoldResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// ReleaseHold ends a hold.
func (s *Server) ReleaseHold(ctx context.Context, r *retentionv1.ReleaseHoldRequest) (*retentionv1.ReleaseHoldResponse, error) {
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	res, err := s.handle(ctx, r.GetSubjectRef(), es.Command[person.Command]{
		ID: r.GetRequestId(), Client: true, Body: body, At: now, Data: person.ReleaseHold{Hold: r.GetHold(), At: now},
	})
	if err != nil {
		return nil, err
	}
	return &retentionv1.ReleaseHoldResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// RequestPermit gives a permit whose id derives from the request's. A repeat
// gets the same permit for as long as it may be used. After that, and after a
// refusal, a repeat is a new question: its answer follows from what holds now,
// so that nobody waits for ever behind an answer of yesterday.
func (s *Server) RequestPermit(ctx context.Context, r *retentionv1.RequestPermitRequest) (*retentionv1.RequestPermitResponse, error) {
	now := s.Now()
	_, version, err := s.inForce(ctx, r.GetPolicy(), now)
	if err != nil {
		return nil, err
	}
	who, head, err := s.Persons.Load(ctx, PersonOf(tenant(ctx), r.GetSubjectRef()), es.Leader)
	if err != nil {
		return nil, err
	}
	id := permitID(who, tenant(ctx), r.GetRequestId(), now)
	// The id of the command holds what it was asked on top of: two that race
	// are one, and one that comes after a refusal is another.
	cmd := es.DeriveID(tenant(ctx), retentionv1.RetentionService_RequestPermit_FullMethodName+"/"+strconv.FormatUint(head.Version, 10), id)
	res, err := s.handle(ctx, r.GetSubjectRef(), es.Command[person.Command]{
		ID: cmd, At: now, Data: person.RequestPermit{
			Permit: id, Request: r.GetRequest(), System: r.GetSystem(), Policy: r.GetPolicy(), ScheduleVersion: version, At: now,
		},
	})
	if err != nil {
		return nil, err
	}
	p, ok := res.State.Permit(id)
	if !ok || !p.Usable(s.Now()) || p.Request != r.GetRequest() || p.System != r.GetSystem() {
		return nil, person.ErrPermitOver
	}
	return &retentionv1.RequestPermitResponse{Permit: id, ExpiresAt: eventpb.Stamp(p.ExpiresAt)}, nil
}

// permitID is the id of the permit that a call is about: the one that it got
// before, as long as that may be used, or the first that is new.
func permitID(who person.Person, tenant, request string, at time.Time) string {
	for n := 0; ; n++ {
		id := es.DeriveID(tenant, retentionv1.RetentionService_RequestPermit_FullMethodName, request+"/"+strconv.Itoa(n))
		if p, ok := who.Permit(id); !ok || p.Usable(at) {
			return id
		}
	}
}

// EndPermit gives a permit back.
func (s *Server) EndPermit(ctx context.Context, r *retentionv1.EndPermitRequest) (*retentionv1.EndPermitResponse, error) {
	now := s.Now()
	// The id derives from the method too: a saga may name both steps alike.
	id := es.DeriveID(tenant(ctx), retentionv1.RetentionService_EndPermit_FullMethodName, r.GetRequestId())
	_, err := s.handle(ctx, r.GetSubjectRef(), es.Command[person.Command]{
		ID: id, At: now, Data: person.EndPermit{Permit: r.GetPermit(), RowsDestroyed: r.GetRowsDestroyed(), At: now},
	})
	if err != nil {
		return nil, err
	}
	return &retentionv1.EndPermitResponse{}, nil
}
