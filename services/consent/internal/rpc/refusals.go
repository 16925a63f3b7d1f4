package rpc

import (
	"context"
	"slices"
	"strconv"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/consent/internal/unsubscribe"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/rpc/fault"
)

// ListRefusals returns what stands of a person's refusals of periodic messages.
func (s *ConsentServer) ListRefusals(ctx context.Context, r *consentv1.ListRefusalsRequest) (*consentv1.ListRefusalsResponse, error) {
	round, err := s.log.round(ctx, &consentv1.CheckRequest{})
	if err != nil {
		return nil, err
	}
	round.exact = true
	who, err := round.whole(ctx, r.GetSubjectRef(), true, round.now)
	if err != nil {
		return nil, err
	}
	out := &consentv1.ListRefusalsResponse{Until: eventpb.Stamp(round.now.AddDate(unsubscribe.Years, 0, 0))}
	for _, t := range who.state.Refusals() {
		rules, err := round.policy(ctx, t.Policy)
		if err != nil {
			return nil, err
		}
		if channel := rules.channelOf(t.Name); channel != "" {
			out.Refusals = append(out.Refusals, &identityv1.KeptRefusal{
				Policy: t.Policy, Purpose: t.Name, Channel: channel,
				RefusedOn: who.state.Purposes[t].Decision.DecidedAt.UTC().Format(time.DateOnly),
			})
		}
	}
	return out, nil
}

// channelOf is the channel of a purpose that the newest version calls periodic of
// those that do; empty if none does.
func (r rules) channelOf(purpose string) string {
	for i, v := range slices.Backward(r.state.Versions) {
		p := r.compiled[i].Version.Purposes[purpose]
		if v.PostedAt.IsZero() || !p.Periodic {
			continue
		}
		for channel := range p.Channels {
			return channel // the only one
		}
	}
	return ""
}

// ApplyRefusals records what has outlived an erasure.
func (s *ConsentServer) ApplyRefusals(ctx context.Context, r *consentv1.ApplyRefusalsRequest) (*consentv1.ApplyRefusalsResponse, error) {
	now := s.log.Now()
	data := person.Keep{At: now}
	for i, k := range r.GetRefusals() {
		day, err := time.Parse(time.DateOnly, k.GetRefusedOn())
		if err != nil || day.After(now) {
			return nil, fault.FieldErrors{{Field: "refusals[" + strconv.Itoa(i) + "].refused_on", Rule: "DATE", Text: "must be a day that has come"}}
		}
		rules, _, err := s.log.rules(ctx, policyAggregate(ctx, k.GetPolicy()))
		if err != nil {
			return nil, err
		}
		v, _, _ := rules.inForce(now)
		data.Refusals = append(data.Refusals, person.Outlived{
			Topic: person.Topic{Policy: k.GetPolicy(), Name: k.GetPurpose()}, Channel: k.GetChannel(), Version: v.Number, RefusedOn: day,
		})
	}
	res, err := s.log.persons.Handle(ctx, personAggregate(ctx, r.GetSubjectRef()), es.Command[person.Command]{
		ID: r.GetRequestId(), At: now, Meta: es.Meta{Correlation: r.GetRequestId()}, Data: data,
	})
	if err != nil {
		return nil, err
	}
	return &consentv1.ApplyRefusalsResponse{ConsistencyToken: res.Token().Encode()}, nil
}
