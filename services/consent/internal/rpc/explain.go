package rpc

import (
	"context"
	"slices"
	"strings"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/check"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
)

// Explain answers a question with everything that the answer was made of. Persons
// are read from the log, so that the acts shown are those that decided.
func (s *AnswerServer) Explain(ctx context.Context, r *consentv1.ExplainRequest) (*consentv1.ExplainResponse, error) {
	round, err := s.log.round(ctx, &consentv1.CheckRequest{ConsistencyToken: r.GetConsistencyToken()})
	if err != nil {
		return nil, err
	}
	round.exact = true
	v, err := round.judge(ctx, "question", r.GetQuestion(), nil)
	if err != nil {
		return nil, err
	}
	e := check.Explain(v.policy, v.who, v.asked, v.answer)
	out := &consentv1.ExplainResponse{
		Answer: v.show(), Reason: word[consentv1.Reason]("REASON_", e.Answer.Reason, consentv1.Reason_value), Versions: e.Versions,
		VersionGround: word[consentv1.VersionGround]("VERSION_GROUND_", e.Ground, consentv1.VersionGround_value),
		ConflictRule:  word[consentv1.ConflictRule]("CONFLICT_RULE_", e.Conflict, consentv1.ConflictRule_value),
		Remedy:        word[consentv1.Remedy]("REMEDY_", e.Remedy, consentv1.Remedy_value),
		RemedyActor:   word[consentv1.RemedyActor]("REMEDY_ACTOR_", e.Actor, consentv1.RemedyActor_value),
		Facts:         facts(v, r.GetQuestion().GetPolicy()), Acts: round.acts(v, r.GetQuestion()),
	}
	v.cite(out)
	out.ConsistencyToken = round.seen.Encode()
	return out, nil
}

// word is a word of check in the contract. The tests of check and of this
// package show that each is there.
func word[E ~int32, S ~string](prefix string, s S, values map[string]int32) E {
	return E(values[prefix+string(s)])
}

// cite names the version and the clause that decided.
func (v judged) cite(out *consentv1.ExplainResponse) {
	n := v.answer.Version
	if n == 0 {
		return
	}
	at := v.rules.state.Versions[n-1]
	out.ClauseSays = v.rules.compiled[n-1].Says[v.answer.Clause]
	out.Version = &consentv1.ExplainedVersion{
		Number: n, Hash: at.Hash, TextHash: at.TextHash, PostedAt: eventpb.Stamp(at.PostedAt), InForceFrom: eventpb.Stamp(at.InForce()),
	}
}

// facts are those that counted for a person under a policy.
func facts(v judged, policy string) []*consentv1.ExplainedFact {
	s, one := v.whole.state, map[bool]int{true: 1}
	var out []*consentv1.ExplainedFact
	for _, f := range []struct {
		fact  consentv1.KnownFact
		count int
	}{
		{consentv1.KnownFact_KNOWN_FACT_RESTRICTED, len(s.Restricting)},
		{consentv1.KnownFact_KNOWN_FACT_CLOSED, one[s.Closed]},
		{consentv1.KnownFact_KNOWN_FACT_ERASED, one[s.Erased]},
		{consentv1.KnownFact_KNOWN_FACT_MINOR, one[s.Minor[policy]]},
		{consentv1.KnownFact_KNOWN_FACT_MERGED, len(v.whole.others)},
		{consentv1.KnownFact_KNOWN_FACT_SIGNALLED, one[s.Signalled[policy]]},
	} {
		if f.count > 0 {
			out = append(out, &consentv1.ExplainedFact{Fact: f.fact, Count: uint32(f.count)}) //nolint:gosec // a few
		}
	}
	return out
}

// acts are what the person decided about what the question names, by each of
// their references.
func (r *round) acts(v judged, q *consentv1.Question) []*consentv1.ExplainedAct {
	var out []*consentv1.ExplainedAct
	for _, ref := range append([]string{q.GetSubjectRef()}, slices.Sorted(slices.Values(v.whole.others))...) {
		acts := r.persons[ref]
		final := stateAt(acts, v.at)
		var state person.Person
		for _, a := range acts {
			if a.at.After(v.at) {
				break
			}
			for _, ev := range a.events {
				for _, row := range rows(state, final, ev) {
					if about(row, q) {
						out = append(out, &consentv1.ExplainedAct{
							Act: row, Position: es.TokenAt(a.where).Encode(), OtherReference: ref != q.GetSubjectRef(),
						})
					}
				}
				state = person.Evolve(state, ev)
			}
		}
	}
	return out
}

// about reports whether an act speaks of what a question names.
func about(d *consentv1.RecordedDecision, q *consentv1.Question) bool {
	switch {
	case d.GetPolicy() != q.GetPolicy():
		return false
	case d.GetProvider() != "":
		return d.GetProvider() == q.GetProvider()
	case d.GetCategory() != "":
		return slices.Contains(q.GetCategories(), d.GetCategory())
	}
	return d.GetPurpose() == q.GetPurpose() && !strings.HasPrefix(q.GetPurpose(), check.GroundPrefix)
}
