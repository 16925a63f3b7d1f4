package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es/eventpb"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// errMandate: identity could not say who may act for a person.
var errMandate = errors.New("identity could not say who may act for the person")

// maxNoes is how many moments the contract lets one call ask about, but for now.
const maxNoes = 499

// onBehalf reports whether somebody acts whose authority identity has to know.
func onBehalf(c *consentv1.Circumstances) bool {
	return c.GetActor() == consentv1.Actor_ACTOR_GUARDIAN || c.GetActor() == consentv1.Actor_ACTOR_AGENT
}

// acting asks identity who acts for a person, and how old that person was when they
// said a no that stands in the way. Years is the age from which they decide.
func (s *ConsentServer) acting(ctx context.Context, subject string, c *consentv1.Circumstances, years uint32, noes []denial) (person.Acting, error) {
	if !onBehalf(c) {
		return person.Acting{}, nil
	}
	if s.log.Ages == nil || len(noes) > maxNoes {
		return person.Acting{}, errMandate
	}
	r := &identityv1.CheckActingRequest{SubjectRef: subject, Reference: c.GetActorRef(), Years: years, At: []*timestamppb.Timestamp{eventpb.Stamp(s.log.Now())}}
	for _, n := range noes {
		r.At = append(r.At, eventpb.Stamp(n.at))
	}
	res, err := s.log.Ages.CheckActing(client.WithTenant(ctx, kit.PrincipalFrom(ctx).Tenant), r)
	switch {
	case reasonOf(err) == "SUBJECT_NOT_FOUND":
		return person.Acting{}, nil
	case err != nil:
		return person.Acting{}, fmt.Errorf("%w: %w", errMandate, err)
	case len(res.GetYounger()) != len(r.GetAt()):
		return person.Acting{}, errMandate
	}
	out := person.Acting{
		By: wire.Authority(consentv1.Authority(res.GetAuthority())), Others: res.GetOthers(), Internal: res.GetInternal(),
		AgeKnown: res.GetAgeKnown(), Young: res.GetAgeKnown() && res.GetYounger()[0],
	}
	for i, n := range noes {
		young := res.GetAgeKnown() && res.GetYounger()[i+1]
		switch {
		case n.guardian || young:
			out.Overrides = append(out.Overrides, n.at)
		case !n.own:
			out.Decided = true
		}
	}
	return out, nil
}

// denial is a no that stands: under the reference that is asked about, or another one
// of the same person, and by whom.
type denial struct {
	at            time.Time
	own, guardian bool
}

// noes are those that stand against what somebody agrees to for a person.
func (s *ConsentServer) noes(ctx context.Context, r *consentv1.RecordDecisionRequest) ([]denial, error) {
	if !onBehalf(r.GetCircumstances()) {
		return nil, nil
	}
	round, err := s.log.round(ctx, &consentv1.CheckRequest{})
	if err != nil {
		return nil, err
	}
	var out []denial
	_, err = joined(r.GetSubjectRef(), func(ref string) (person.Person, error) {
		acts, err := round.person(ctx, ref)
		if err != nil {
			return person.Person{}, err
		}
		state := stateAt(acts, round.now)
		for _, c := range r.GetChoices() {
			d := state.Purposes[person.Topic{Policy: r.GetPolicy(), Name: c.GetPurpose()}].Decision
			if c.GetCategory() != "" {
				d = state.Categories[person.Topic{Policy: r.GetPolicy(), Name: c.GetCategory()}]
			}
			if gives := wire.Status(c.GetDecision()); d.Denies() && gives != person.Refused && gives != person.Withdrawn {
				out = append(out, denial{at: d.DecidedAt, own: ref == r.GetSubjectRef(), guardian: byGuardian(acts, d.DecidedAt)})
			}
		}
		return state, nil
	})
	return out, err
}

// byGuardian reports whether everything that was decided at a moment was decided by a
// guardian.
func byGuardian(acts []act, at time.Time) bool {
	found := false
	for ev := range slices.Values(slices.Concat(eventsOf(acts)...)) {
		var when time.Time
		var who person.Actor
		switch e := ev.(type) { //nolint:gochecksumtype // the others are no act of somebody
		case person.DecisionRecorded:
			when, who = e.Decision.DecidedAt, e.Circumstances.Actor
		case person.AllWithdrawn:
			when, who = e.DecidedAt, e.Circumstances.Actor
		case person.ConsentInvalidated:
			when = e.InvalidatedAt
		}
		if !when.Equal(at) {
			continue
		}
		if who != person.Guardian {
			return false
		}
		found = true
	}
	return found
}

func eventsOf(acts []act) [][]person.Event {
	out := make([][]person.Event, len(acts))
	for i, a := range acts {
		out[i] = a.events
	}
	return out
}
