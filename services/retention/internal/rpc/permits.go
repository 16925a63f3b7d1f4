package rpc

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/retention/person"
)

// RequestPermit gives a permit whose id derives from the request's. A repeat
// gets the same permit for as long as it may be used. After that, and after a
// refusal, a repeat is a new question: its answer follows from what holds now,
// so that nobody waits for ever behind an answer of yesterday.
//
// Every reference of the person has to give it; the one that was named gives it
// last. What the others gave before one refused is given back at once, and would
// end by itself.
func (s *Server) RequestPermit(ctx context.Context, r *retentionv1.RequestPermitRequest) (*retentionv1.RequestPermitResponse, error) {
	now := s.Now()
	_, version, err := s.inForce(ctx, r.GetPolicy(), now)
	if err != nil {
		return nil, err
	}
	permit, ends, err := s.grant(ctx, r.GetSubjectRef(), r.GetRequestId(), person.RequestPermit{
		Request: r.GetRequest(), System: r.GetSystem(), Policy: r.GetPolicy(), ScheduleVersion: version, At: now,
	})
	if err != nil {
		return nil, err
	}
	return &retentionv1.RequestPermitResponse{Permit: permit, ExpiresAt: eventpb.Stamp(ends)}, nil
}

// Leave is a permit that retention itself has got.
type Leave struct {
	Subject, Permit string
	Ends            time.Time
}

// Leave asks for a permit for retention's own step, as RequestPermit does: for what
// stands in no schedule. person.ErrOnHold: a hold binds.
func (s *Server) Leave(ctx context.Context, of, subject, step string, data person.RequestPermit) (Leave, error) {
	data.At = s.Now()
	permit, ends, err := s.grant(asTenant(ctx, of), subject, step, data)
	return Leave{Subject: subject, Permit: permit, Ends: ends}, err
}

// Return gives it back. What fails here ends by itself.
func (s *Server) Return(ctx context.Context, of string, l Leave) {
	ctx = asTenant(ctx, of)
	refs, err := s.references(ctx, l.Subject)
	if err != nil {
		refs = []string{l.Subject}
	}
	s.giveBack(ctx, refs, l.Permit)
}

// grant asks every reference of a person for a permit; cmd lacks its id.
func (s *Server) grant(ctx context.Context, subject, request string, cmd person.RequestPermit) (permit string, ends time.Time, err error) {
	who, err := s.who(ctx, subject)
	if err != nil {
		return "", ends, err
	}
	states, err := s.everything(ctx, who.refs)
	if err != nil {
		return "", ends, err
	}
	home, others := who.refs[0], who.refs[1:]
	cmd.Permit = permitID(states, tenant(ctx), request, cmd.At)
	order := append(slices.Clone(others), home)
	if i := slices.IndexFunc(states, person.Person.OnHold); i >= 0 {
		order = []string{who.refs[i]} // it will refuse, and no other need give anything
	}
	ends = cmd.At.Add(person.Life)
	for i, ref := range order {
		if ref == home {
			cmd.Others = others
		}
		p, err := s.permit(ctx, ref, cmd)
		if err != nil {
			s.giveBack(ctx, order[:i], cmd.Permit)
			return "", ends, err
		}
		if p.ExpiresAt.Before(ends) {
			ends = p.ExpiresAt
		}
	}
	after, err := s.who(ctx, home)
	if err == nil && (len(order) < len(who.refs) || !within(after.refs, who.refs)) {
		err = ErrMerged
	}
	if err != nil {
		s.giveBack(ctx, order, cmd.Permit)
	}
	return cmd.Permit, ends, err
}

// within says that every one of a list stands in another.
func within(list, other []string) bool {
	return !slices.ContainsFunc(list, func(one string) bool { return !slices.Contains(other, one) })
}

// permit asks one reference.
func (s *Server) permit(ctx context.Context, ref string, data person.RequestPermit) (person.Permit, error) {
	_, head, err := s.Persons.Load(ctx, PersonOf(tenant(ctx), ref), es.Leader)
	if err != nil {
		return person.Permit{}, err
	}
	// The id of the command holds what it was asked on top of: two that race
	// are one, and one that comes after a refusal is another.
	method := retentionv1.RetentionService_RequestPermit_FullMethodName + "/" + strconv.FormatUint(head.Version, 10)
	res, err := s.handle(ctx, ref, es.Command[person.Command]{ID: es.DeriveID(tenant(ctx), method, data.Permit), At: data.At, Data: data})
	if err != nil {
		return person.Permit{}, err
	}
	p, ok := res.State.Permit(data.Permit)
	if !ok || !p.Usable(s.Now()) || p.Request != data.Request || p.System != data.System {
		return person.Permit{}, person.ErrPermitOver
	}
	return p, nil
}

// giveBack ends a permit that some references gave and that the caller does not
// get. What fails here ends by itself.
func (s *Server) giveBack(ctx context.Context, refs []string, permit string) {
	now := s.Now()
	for _, ref := range refs {
		_, _ = s.handle(ctx, ref, es.Command[person.Command]{
			ID: also(ctx, "give-back", ref, permit), At: now, Data: person.EndPermit{Permit: permit, At: now},
		})
	}
}

// permitID is the id of the permit that a call is about: the one that it got
// before, as long as that may be used with every reference, or the first that is
// new.
func permitID(states []person.Person, tenant, request string, at time.Time) string {
	for n := 0; ; n++ {
		id := es.DeriveID(tenant, retentionv1.RetentionService_RequestPermit_FullMethodName, request+"/"+strconv.Itoa(n))
		over := slices.ContainsFunc(states, func(who person.Person) bool {
			p, ok := who.Permit(id)
			return ok && !p.Usable(at)
		})
		if !over {
			return id
		}
	}
}

// EndPermit gives a permit back, with every reference that gave it. What was
// destroyed is counted with the one that the caller names.
func (s *Server) EndPermit(ctx context.Context, r *retentionv1.EndPermitRequest) (*retentionv1.EndPermitResponse, error) {
	now := s.Now()
	// The id derives from the method too: a saga may name both steps alike.
	id := es.DeriveID(tenant(ctx), retentionv1.RetentionService_EndPermit_FullMethodName, r.GetRequestId())
	res, err := s.handle(ctx, r.GetSubjectRef(), es.Command[person.Command]{
		ID: id, At: now, Data: person.EndPermit{Permit: r.GetPermit(), RowsDestroyed: r.GetRowsDestroyed(), At: now},
	})
	if err != nil {
		return nil, err
	}
	p, _ := res.State.Permit(r.GetPermit())
	for _, ref := range p.Others {
		_, err := s.handle(ctx, ref, es.Command[person.Command]{
			ID: also(ctx, "end-permit", ref, r.GetPermit()), At: now, Data: person.EndPermit{Permit: r.GetPermit(), At: now},
		})
		if err != nil && !errors.Is(err, person.ErrNoPermit) {
			return nil, err
		}
	}
	return &retentionv1.EndPermitResponse{}, nil
}
