package rpc

import (
	"context"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es/eventpb"
)

// ListDecisions returns a page of a person's acts.
func (s *ConsentServer) ListDecisions(ctx context.Context, r *consentv1.ListDecisionsRequest) (*consentv1.ListDecisionsResponse, error) {
	if err := own(ctx, r.GetSubjectRef()); err != nil {
		return nil, err
	}
	offset, err := pageOffset(r.GetPageToken())
	if err != nil {
		return nil, err
	}
	at := s.log.Now()
	if r.GetAt() != nil {
		at = r.GetAt().AsTime()
	}
	agg := personAggregate(ctx, r.GetSubjectRef())
	if err := s.log.sameToken(ctx, agg); err != nil {
		return nil, err
	}
	acts, _, err := s.log.history(ctx, agg)
	if err != nil {
		return nil, err
	}
	rows, next := page(recorded(acts, at), offset, r.GetPageSize())
	return &consentv1.ListDecisionsResponse{Decisions: rows, NextPageToken: next}, nil
}

// recorded lists the decisions that had been recorded at a moment.
func recorded(acts []act, at time.Time) []*consentv1.RecordedDecision {
	final := stateAt(acts, at)
	var state person.Person
	var out []*consentv1.RecordedDecision
	for _, a := range acts {
		if a.at.After(at) {
			break
		}
		for _, ev := range a.events {
			out = append(out, rows(state, final, ev)...)
			state = person.Evolve(state, ev)
		}
	}
	return out
}

// rows are what an event adds to the list: before is the state that it met,
// final the one that is asked about.
func rows(before, final person.Person, ev person.Event) []*consentv1.RecordedDecision {
	switch e := ev.(type) {
	case person.DecisionRecorded:
		effective := final.Purposes[person.Topic{Policy: e.Policy, Name: e.Purpose}].Decision
		if e.Category != "" {
			effective = final.Categories[person.Topic{Policy: e.Policy, Name: e.Category}]
		}
		return []*consentv1.RecordedDecision{row(e, effective)}
	case person.ConsentExpired:
		d := before.Purposes[e.Topic].Decision
		d.Status, d.RecordedAt = person.Expired, e.RecordedAt
		effective := final.Purposes[e.Topic].Decision
		effective.RecordedAt = e.RecordedAt // the state keeps when it was given
		return []*consentv1.RecordedDecision{row(person.DecisionRecorded{Policy: e.Policy, Purpose: e.Name, Decision: d}, effective)}
	case person.ConsentInvalidated:
		return invalidatedRows(before, final, e)
	case person.AllWithdrawn:
		var out []*consentv1.RecordedDecision
		for _, t := range e.Purposes {
			d := person.Decision{
				Status: person.Withdrawn, Explicit: true, Version: before.Purposes[t].Decision.Version,
				DecidedAt: e.DecidedAt, RecordedAt: e.RecordedAt,
			}
			ev := person.DecisionRecorded{Policy: t.Policy, Purpose: t.Name, Decision: d, Circumstances: e.Circumstances}
			out = append(out, row(ev, final.Purposes[t].Decision))
		}
		return out
	case person.SourceAuthorized:
		return authorisedRows(final, e)
	case person.SourceRevoked:
		return revokedRows(final, e)
	case person.DecisionRefused, person.PolicyAccepted, person.AcceptanceRefused, person.SignalReceived, person.FactApplied,
		person.Notified, person.AuthorizationRefused:
	}
	return nil
}

func row(e person.DecisionRecorded, effective person.Decision) *consentv1.RecordedDecision {
	d := e.Decision
	return &consentv1.RecordedDecision{
		Policy: e.Policy, Version: d.Version, Purpose: e.Purpose, Category: e.Category,
		Decision: wire.Decision(d.Status), Expression: wire.Expression(d.Explicit),
		Status: wire.DPV(d.Status), ExpiresAt: eventpb.Stamp(d.ExpiresAt), Circumstances: wire.CircumstancesOf(e.Circumstances),
		DecidedAt: eventpb.Stamp(d.DecidedAt), RecordedAt: eventpb.Stamp(d.RecordedAt), Recipients: d.Recipients,
		Effective: d.Status == effective.Status && d.DecidedAt.Equal(effective.DecidedAt) && d.RecordedAt.Equal(effective.RecordedAt),
	}
}

// invalidatedRows are one for each purpose.
func invalidatedRows(before, final person.Person, e person.ConsentInvalidated) []*consentv1.RecordedDecision {
	out := make([]*consentv1.RecordedDecision, len(e.Purposes))
	for i, name := range e.Purposes {
		t := person.Topic{Policy: e.Policy, Name: name}
		d := person.Decision{
			Status: person.Invalidated, Explicit: true, Version: before.Purposes[t].Decision.Version,
			DecidedAt: e.InvalidatedAt, RecordedAt: e.RecordedAt,
		}
		out[i] = row(person.DecisionRecorded{Policy: e.Policy, Purpose: name, Decision: d}, final.Purposes[t].Decision)
		out[i].Ground = e.Ground
	}
	return out
}

// authorisedRows are one for each part of an account.
func authorisedRows(final person.Person, e person.SourceAuthorized) []*consentv1.RecordedDecision {
	out := make([]*consentv1.RecordedDecision, len(e.Scopes))
	for i, scope := range e.Scopes {
		out[i] = &consentv1.RecordedDecision{
			Policy: e.Policy, Version: e.Version, Provider: e.Provider, Scope: scope, Authorization: e.ID,
			Decision: consentv1.Decision_DECISION_GIVEN, Status: wire.DPV(person.Given), Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
			DecidedAt: eventpb.Stamp(e.AuthorizedAt), RecordedAt: eventpb.Stamp(e.RecordedAt),
			Effective: final.Authorised(person.Account{Policy: e.Policy, Provider: e.Provider, Scope: scope}) == e.ID,
		}
	}
	return out
}

// revokedRows are one for each part of an account, or one for all of it.
func revokedRows(final person.Person, e person.SourceRevoked) []*consentv1.RecordedDecision {
	scopes := e.Scopes
	if len(scopes) == 0 {
		scopes = []string{""}
	}
	out := make([]*consentv1.RecordedDecision, len(scopes))
	for i, scope := range scopes {
		a := person.Account{Policy: e.Policy, Provider: e.Provider, Scope: scope}
		out[i] = &consentv1.RecordedDecision{
			Policy: e.Policy, Provider: e.Provider, Scope: scope,
			Decision: consentv1.Decision_DECISION_WITHDRAWN, Status: wire.DPV(person.Withdrawn), Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
			DecidedAt: eventpb.Stamp(e.RevokedAt), RecordedAt: eventpb.Stamp(e.RecordedAt),
			Effective: final.Authorised(a) == "" && final.Sources[a].RevokedAt.Equal(e.RevokedAt),
		}
	}
	return out
}
