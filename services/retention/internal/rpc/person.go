package rpc

import (
	"context"
	"slices"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/retention/person"
)

// A person may be known by several references, each of which is an aggregate of
// its own. No rule spans them: a hold lies with every reference that the person
// has when it is placed, and a permit is one only if every reference gives it.
// Each reference alone decides between its holds and its permits. Whoever writes
// asks identity again afterwards, so that no merge slips in between.

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
	if _, placed := who.Hold(id); !placed {
		if err := s.alive(ctx, r.GetSubjectRef()); err != nil {
			return nil, err
		}
	}
	data := person.PlaceHold{Hold: id, Ground: r.GetGround(), Authority: r.GetAuthority(), ReviewAt: r.GetReviewAt().AsTime(), At: now}
	res, err := s.handle(ctx, r.GetSubjectRef(), es.Command[person.Command]{
		ID: r.GetRequestId(), Client: true, Body: body, At: now, Data: data,
	})
	if err != nil {
		return nil, err
	}
	out := &retentionv1.PlaceHoldResponse{Hold: id, ConsistencyToken: res.Token().Encode()}
	states := []person.Person{res.State}
	if h, _ := res.State.Hold(id); h.Binds() {
		if states, err = s.spread(ctx, r.GetSubjectRef(), res.State, data); err != nil {
			return nil, err
		}
	}
	effect(out, states, id, now)
	return out, nil
}

// spread places a hold that lies with one reference with the others, until
// identity knows of none more.
func (s *Server) spread(ctx context.Context, home string, state person.Person, data person.PlaceHold) ([]person.Person, error) {
	states, done := []person.Person{state}, []string{home}
	for {
		refs, err := s.references(ctx, home)
		if err != nil {
			return nil, err
		}
		news := slices.DeleteFunc(refs, func(ref string) bool { return slices.Contains(done, ref) })
		if len(news) == 0 {
			return states, nil
		}
		for _, ref := range news {
			res, err := s.handle(ctx, ref, es.Command[person.Command]{
				ID: also(ctx, retentionv1.RetentionService_PlaceHold_FullMethodName, ref, data.Hold), At: data.At, Data: data,
			})
			if err != nil {
				return nil, err
			}
			states, done = append(states, res.State), append(done, ref)
		}
	}
}

// also is the id of a command's step with one more reference.
func also(ctx context.Context, method, ref, id string) string {
	return es.DeriveID(tenant(ctx), method+"/"+ref, id)
}

// effect tells how far a hold has come with all references.
func effect(out *retentionv1.PlaceHoldResponse, states []person.Person, id string, now time.Time) {
	var by time.Time
	var seen []string
	out.Effective = true
	for _, state := range states {
		e := state.Effect(id, now)
		out.Effective = out.Effective && e.Effective
		if e.By.After(by) {
			by = e.By
		}
		for _, p := range e.Open {
			if !slices.Contains(seen, p.ID) {
				seen, out.OpenPermits = append(seen, p.ID), append(out.OpenPermits, p.System)
			}
		}
	}
	out.EffectiveBy = eventpb.Stamp(by)
}

// ReviewHold gives a hold its next date.
func (s *Server) ReviewHold(ctx context.Context, r *retentionv1.ReviewHoldRequest) (*retentionv1.ReviewHoldResponse, error) {
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	token, err := s.change(ctx, r.GetSubjectRef(), r.GetHold(), es.Command[person.Command]{
		ID: r.GetRequestId(), Client: true, Body: body, At: now,
		Data: person.ReviewHold{Hold: r.GetHold(), ReviewAt: r.GetReviewAt().AsTime(), At: now},
	})
	if err != nil {
		return nil, err
	}
	return &retentionv1.ReviewHoldResponse{ConsistencyToken: token}, nil
}

// ReleaseHold ends a hold.
func (s *Server) ReleaseHold(ctx context.Context, r *retentionv1.ReleaseHoldRequest) (*retentionv1.ReleaseHoldResponse, error) {
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	token, err := s.change(ctx, r.GetSubjectRef(), r.GetHold(), es.Command[person.Command]{
		ID: r.GetRequestId(), Client: true, Body: body, At: now, Data: person.ReleaseHold{Hold: r.GetHold(), At: now},
	})
	if err != nil {
		return nil, err
	}
	return &retentionv1.ReleaseHoldResponse{ConsistencyToken: token}, nil
}

// change runs a command about a hold with every reference with which it lies
// and binds; where it binds nowhere, with one that knows of it, or with the one
// that the caller named.
func (s *Server) change(ctx context.Context, ref, hold string, cmd es.Command[person.Command]) (token string, err error) {
	refs, err := s.references(ctx, ref)
	if err != nil {
		return "", err
	}
	states, err := s.everything(ctx, refs)
	if err != nil {
		return "", err
	}
	var binds, knows []string
	for i, state := range states {
		h, ok := state.Hold(hold)
		if ok {
			knows = append(knows, refs[i])
		}
		if ok && h.Binds() {
			binds = append(binds, refs[i])
		}
	}
	if len(binds) == 0 {
		binds = append(knows, ref)[:1]
	}
	for i, one := range binds {
		if i > 0 {
			cmd.Client, cmd.Body, cmd.ID = false, nil, also(ctx, "hold", one, cmd.ID)
		}
		res, err := s.handle(ctx, one, cmd)
		if err != nil {
			return "", err
		}
		if i == 0 {
			token = res.Token().Encode()
		}
	}
	return token, nil
}
