package rpc

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/check"
	"habeas.internal/services/consent/internal/compile"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/rpc/fault"
)

// RecordDecision records one act of a person: all of it, or nothing.
func (s *ConsentServer) RecordDecision(ctx context.Context, r *consentv1.RecordDecisionRequest) (*consentv1.RecordDecisionResponse, error) {
	if err := own(ctx, r.GetSubjectRef()); err != nil {
		return nil, err
	}
	if bad := slices.Concat(acted(ctx, r.GetCircumstances()), chosen(r)); len(bad) > 0 {
		return nil, bad
	}
	rules, err := s.log.standing(ctx, r.GetPolicy())
	if err != nil {
		return nil, err
	}
	if _, err := version(rules, 0); err != nil {
		return nil, err
	}
	now := s.log.Now()
	v, compiled, ok := rules.inForce(now)
	if !ok {
		return nil, ErrNotInForce
	}
	noes, err := s.noes(ctx, r)
	if err != nil {
		return nil, err
	}
	who, err := s.acting(ctx, r.GetSubjectRef(), r.GetCircumstances(), compiled.Version.Age, noes)
	if err != nil {
		return nil, err
	}
	cmd, err := command[person.Command](r.GetRequestId(), r, now, person.Record{
		Acting: who, Policy: r.GetPolicy(), Version: v.Number, Choices: choices(compiled, r), Evidence: evidence(r),
		Circumstances: wire.Circumstances(r.GetCircumstances()), DecidedAt: r.GetDecidedAt().AsTime(), At: now,
	})
	if err != nil {
		return nil, err
	}
	res, err := s.log.persons.Handle(ctx, personAggregate(ctx, r.GetSubjectRef()), cmd)
	if errors.Is(err, person.ErrInFuture) {
		return nil, inFuture("decided_at")
	}
	if err != nil {
		return nil, err
	}
	return &consentv1.RecordDecisionResponse{
		ConsistencyToken: res.Token().Encode(), FeaturesUnavailable: lost(compiled.Features, r.GetChoices()),
	}, nil
}

// evidence is what shows an act: a reference, or the text that was seen.
func evidence(r *consentv1.RecordDecisionRequest) string {
	if hash := r.GetCircumstances().GetTextHash(); hash != "" {
		return cmp.Or(r.GetEvidence(), "sha256:"+hash)
	}
	return r.GetEvidence()
}

// longest is how far ahead consent can end.
const longest = 100

// chosen are the problems of the choices of an act.
func chosen(r *consentv1.RecordDecisionRequest) (out fault.FieldErrors) {
	latest := r.GetDecidedAt().AsTime().AddDate(longest, 0, 0)
	seen := map[person.Topic]bool{}
	for i, c := range r.GetChoices() {
		fail := func(field, rule, text string) {
			out = append(out, fault.FieldError{Field: "choices[" + strconv.Itoa(i) + "]." + field, Rule: rule, Text: text})
		}
		about := person.Topic{Policy: c.GetPurpose(), Name: c.GetCategory()}
		switch {
		case (c.GetPurpose() == "") == (c.GetCategory() == ""):
			fail("purpose", "PURPOSE_OR_CATEGORY", "name a purpose or a category, and not both")
		case seen[about]:
			fail("purpose", "DUPLICATE", "was chosen before in the same act")
		}
		seen[about] = true
		if c.GetExpiresAt() == nil {
			continue
		}
		given := c.GetDecision() == consentv1.Decision_DECISION_GIVEN || c.GetDecision() == consentv1.Decision_DECISION_RENEWED
		switch {
		case !given || c.GetPurpose() == "":
			fail("expires_at", "NOT_GIVEN", "is of a purpose that is given or renewed")
		case !c.GetExpiresAt().AsTime().After(r.GetDecidedAt().AsTime()):
			fail("expires_at", "AFTER_BEGINNING", "must lie after the act")
		case c.GetExpiresAt().AsTime().After(latest):
			fail("expires_at", "TOO_FAR", "must lie within 100 years of the act")
		}
	}
	return out
}

// acted are the problems of who is said to have acted. A person who calls as
// such acts for themselves.
func acted(ctx context.Context, c *consentv1.Circumstances) fault.FieldErrors {
	other := c.GetActor() != consentv1.Actor_ACTOR_UNSPECIFIED && c.GetActor() != consentv1.Actor_ACTOR_SELF
	switch {
	case c.GetAuthority() != consentv1.Authority_AUTHORITY_UNSPECIFIED:
		return fault.FieldErrors{{Field: "circumstances.authority", Rule: "MUST_BE_UNSET", Text: "identity says by what somebody acts"}}
	case other && asSubject(ctx):
		return fault.FieldErrors{{Field: "circumstances.actor", Rule: "NOT_SELF", Text: "who calls as a person acts for themselves"}}
	case other && c.GetActorRef() == "":
		return fault.FieldErrors{{Field: "circumstances.actor_ref", Rule: "REQUIRED", Text: "names who acted for the person"}}
	case !other && c.GetActorRef() != "":
		return fault.FieldErrors{{Field: "circumstances.actor_ref", Rule: "MUST_BE_UNSET", Text: "the person acted"}}
	}
	return nil
}

// choices are those of an act, as the version in force knows them.
func choices(v compile.Compiled, r *consentv1.RecordDecisionRequest) []person.Choice {
	out := make([]person.Choice, len(r.GetChoices()))
	for i, c := range r.GetChoices() {
		out[i] = person.Choice{
			Purpose: c.GetPurpose(), Category: c.GetCategory(), Known: answerable(v.Version, c), Status: wire.Status(c.GetDecision()),
			Explicit: c.GetExpression() == consentv1.Expression_EXPRESSION_EXPLICIT, Recipients: c.GetRecipients(),
		}
		if s := out[i].Status; s == person.Given || s == person.Renewed {
			out[i].ExpiresAt = expiry(v, c, r.GetDecidedAt().AsTime())
		}
	}
	return out
}

// expiry is when what is given ends: by the policy, or as the caller says, if
// that is earlier.
func expiry(v compile.Compiled, c *consentv1.Choice, decided time.Time) time.Time {
	said := eventpb.Moment(c.GetExpiresAt())
	p, ok := v.Expires[c.GetPurpose()]
	if !ok {
		return said
	}
	end := decided.AddDate(min(p.Years, longest), p.Months, p.Days)
	if said.IsZero() || end.Before(said) {
		return end
	}
	return said
}

// answerable reports whether the version lets a person be asked at all.
func answerable(v check.Version, c *consentv1.Choice) bool {
	if c.GetCategory() != "" {
		_, known := v.Categories[c.GetCategory()]
		return known
	}
	_, described := v.Purposes[c.GetPurpose()]
	return described || !v.Closed && !strings.HasPrefix(c.GetPurpose(), check.GroundPrefix)
}

// lost lists the features that need what was just refused.
func lost(features []compile.Feature, choices []*consentv1.Choice) []string {
	var out []string
	for _, c := range choices {
		if status := wire.Status(c.GetDecision()); status != person.Refused && status != person.Withdrawn {
			continue
		}
		for _, f := range features {
			if f.Purpose == c.GetPurpose() && f.Category == c.GetCategory() {
				out = append(out, f.Name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// InvalidateConsent records that the controller lets consent count no more.
func (s *ConsentServer) InvalidateConsent(ctx context.Context, r *consentv1.InvalidateConsentRequest) (*consentv1.InvalidateConsentResponse, error) {
	rules, _, err := s.log.rules(ctx, policyAggregate(ctx, r.GetPolicy()))
	if err != nil {
		return nil, err
	}
	if _, err := version(rules, 0); err != nil {
		return nil, err
	}
	now := s.log.Now()
	cmd, err := command[person.Command](r.GetRequestId(), r, now, person.Invalidate{
		Policy: r.GetPolicy(), Purposes: r.GetPurposes(), Ground: r.GetGround(), Evidence: r.GetEvidence(),
		InvalidatedAt: r.GetInvalidatedAt().AsTime(), At: now,
	})
	if err != nil {
		return nil, err
	}
	res, err := s.log.persons.Handle(ctx, personAggregate(ctx, r.GetSubjectRef()), cmd)
	if errors.Is(err, person.ErrInFuture) {
		return nil, inFuture("invalidated_at")
	}
	if err != nil {
		return nil, err
	}
	return &consentv1.InvalidateConsentResponse{ConsistencyToken: res.Token().Encode()}, nil
}
