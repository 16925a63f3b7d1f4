package rpc

import (
	"context"
	"errors"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/check"
	"habeas.internal/services/consent/disclosure"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
)

// DisclosureServer implements DisclosureService.
type DisclosureServer struct {
	consentv1.UnimplementedDisclosureServiceServer
	log *log
}

// Disclose records that data leaves, or is used on a ground, if it may.
func (s *DisclosureServer) Disclose(ctx context.Context, r *consentv1.DiscloseRequest) (*consentv1.DiscloseResponse, error) {
	q := r.GetQuestion()
	if err := disclosable(r); err != nil {
		return nil, err
	}
	ground, err := groundUse(ctx, r)
	if err != nil {
		return nil, err
	}
	round, err := s.log.round(ctx, &consentv1.CheckRequest{})
	if err != nil {
		return nil, err
	}
	v, err := round.judge(ctx, "question", q, ground)
	if err != nil {
		return nil, err
	}
	cmd, err := command[disclosure.Command](r.GetRequestId(), r, round.now, disclosure.Disclose{
		Entry: entry(r, v, ground), Verdict: disclosure.Verdict{Allowed: v.answer.Allowed, Reason: string(v.answer.Reason)},
		Sides: v.sides, Others: v.others, Known: !v.whole.state.Since.IsZero(), At: round.now,
	})
	if err != nil {
		return nil, err
	}
	res, err := s.log.registers.Handle(ctx, registerAggregate(ctx, q.GetSubjectRef()), cmd)
	if err != nil {
		return nil, err
	}
	out := &consentv1.DiscloseResponse{ConsistencyToken: res.Token().Encode(), Number: res.State.Number, Answer: v.show()}
	for _, ev := range res.Events { // of the first time, if it was asked before
		if e, ok := ev.(disclosure.Disclosed); ok {
			out.Number = e.Number
			out.Answer = &consentv1.Answer{Allowed: true, Reason: e.Reason, Basis: e.Basis, Clause: e.Clause, Version: e.Version}
		}
	}
	return out, nil
}

// disclosable refuses what the register can't hold: it is about now, and about
// disclosures and uses on a ground.
func disclosable(r *consentv1.DiscloseRequest) error {
	q := r.GetQuestion()
	grounded := strings.HasPrefix(q.GetPurpose(), check.GroundPrefix)
	switch {
	case q.GetAt() != nil:
		return fault.FieldErrors{{Field: "question.at", Rule: "MUST_BE_UNSET", Text: "what is recorded happens now"}}
	case q.GetAction() != consentv1.Action_ACTION_DISCLOSE && !grounded:
		return fault.FieldErrors{{Field: "question.action", Rule: "NOT_A_DISCLOSURE", Text: "must be a disclosure, or a use on a ground"}}
	case q.GetAction() == consentv1.Action_ACTION_DISCLOSE && q.GetRecipient() == "":
		return fault.FieldErrors{{Field: "question.recipient", Rule: "REQUIRED", Text: "a disclosure has a recipient"}}
	case !grounded && r.GetGround() != nil:
		return fault.FieldErrors{{Field: "ground", Rule: "MUST_BE_UNSET", Text: "the purpose is no ground"}}
	}
	return nil
}

// groundUse is the record of the use on a ground. Who calls is who believes it, and
// has proven that it is them a moment ago; a service says for whom it calls. The
// register has the id by which that person is known elsewhere.
func groundUse(ctx context.Context, r *consentv1.DiscloseRequest) (*check.GroundUse, error) {
	if !strings.HasPrefix(r.GetQuestion().GetPurpose(), check.GroundPrefix) {
		return nil, nil //nolint:nilnil // the purpose is no ground, and needs no record of one
	}
	if err := kit.NeedStepUp(ctx); err != nil {
		return nil, err
	}
	g, caller := r.GetGround(), kit.PrincipalFrom(ctx)
	if g == nil {
		return nil, nil //nolint:nilnil // it is the policy that says what comes of that
	}
	by := caller.Subject
	switch {
	case by == "":
		by = g.GetBelievedBy()
	case g.GetBelievedBy() != "":
		return nil, fault.FieldErrors{{Field: "ground.believed_by", Rule: "MUST_BE_UNSET", Text: "who calls is who believes it; only a service says for whom it calls"}}
	}
	return &check.GroundUse{
		Belief: g.GetBelief(), BelievedBy: kit.ActorID(caller.Tenant, by), Document: g.GetDocument(), Imminent: g.GetImminent(),
	}, nil
}

func entry(r *consentv1.DiscloseRequest, v judged, g *check.GroundUse) disclosure.Entry {
	q := r.GetQuestion()
	e := disclosure.Entry{
		Recipient: q.GetRecipient(), Action: string(wire.Action(q.GetAction())), Policy: q.GetPolicy(), Version: v.answer.Version,
		Purpose: q.GetPurpose(), Categories: q.GetCategories(), Keys: q.GetKeys(), Agreement: v.to.Agreement.Number,
		Marketing: r.GetMarketing(), Reason: string(v.answer.Reason), Basis: v.answer.Basis, Clause: v.answer.Clause,
	}
	if g != nil {
		e.Ground = disclosure.Ground{Belief: g.Belief, BelievedBy: g.BelievedBy, Document: g.Document, Imminent: g.Imminent}
	}
	return e
}

// apart adds to an answer what the recipient holds already: what must stay apart
// may not come together there.
func (r *round) apart(ctx context.Context, v *judged, q *consentv1.Question) error {
	sides, clause := v.policy.Apart(v.who, v.asked)
	if len(sides) == 0 {
		return nil
	}
	v.sides = map[string]string{}
	for category, side := range sides {
		v.sides[category] = string(side)
	}
	for _, ref := range v.whole.others {
		held, err := r.held(ctx, ref, q.GetRecipient(), v.at)
		if err != nil {
			return err
		}
		v.others = append(v.others, held...)
	}
	own, err := r.held(ctx, q.GetSubjectRef(), q.GetRecipient(), v.at)
	if err != nil {
		return err
	}
	set := disclosure.Set{Categories: q.GetCategories(), Keys: q.GetKeys()}
	if disclosure.Combines(append(own, v.others...), set, v.sides) {
		v.answer.Allowed, v.answer.Basis = false, ""
		v.answer.Reason, v.answer.Clause = check.CombinationForbidden, clause
	}
	return nil
}

// held is what a recipient holds of a person under one reference.
func (r *round) held(ctx context.Context, subject, recipient string, at time.Time) ([]disclosure.Set, error) {
	entries, token, err := r.log.register(ctx, registerAggregate(ctx, subject))
	if err != nil {
		return nil, err
	}
	r.seen = r.seen.Merge(token)
	var s disclosure.Register
	for _, e := range entries {
		if e.At.After(at) {
			break
		}
		s = disclosure.Evolve(s, e)
	}
	return s.Held[recipient], nil
}

// register reads the entries of a register, oldest first.
func (l *log) register(ctx context.Context, agg es.Aggregate) (out []disclosure.Disclosed, token es.Token, err error) {
	token, err = l.proven(ctx, agg, func() (es.Head, error) {
		out = nil
		return es.Fold(ctx, l.Verifier, es.Head{}, l.Store.Load(ctx, agg, 0, es.Leader), func(r es.Recorded) error {
			events, err := l.registers.Registry.DecodeAll(r.Commit)
			for _, ev := range events {
				if e, ok := ev.(disclosure.Disclosed); ok {
					out = append(out, e)
				}
			}
			return err
		})
	})
	return out, token, err
}

// RecordNotice records that a person was told who will be the controller.
func (s *DisclosureServer) RecordNotice(ctx context.Context, r *consentv1.RecordNoticeRequest) (*consentv1.RecordNoticeResponse, error) {
	now := s.log.Now()
	cmd, err := command[person.Command](r.GetRequestId(), r, now, person.Notify{
		Recipient: r.GetRecipient(), Evidence: r.GetEvidence(), NotifiedAt: r.GetNotifiedAt().AsTime(), At: now,
	})
	if err != nil {
		return nil, err
	}
	res, err := s.log.persons.Handle(ctx, personAggregate(ctx, r.GetSubjectRef()), cmd)
	if errors.Is(err, person.ErrInFuture) {
		return nil, inFuture("notified_at")
	}
	if err != nil {
		return nil, err
	}
	return &consentv1.RecordNoticeResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// ListDisclosures returns a page of a person's register.
func (s *DisclosureServer) ListDisclosures(ctx context.Context, r *consentv1.ListDisclosuresRequest) (*consentv1.ListDisclosuresResponse, error) {
	if err := own(ctx, r.GetSubjectRef()); err != nil {
		return nil, err
	}
	offset, err := pageOffset(r.GetPageToken())
	if err != nil {
		return nil, err
	}
	agg := registerAggregate(ctx, r.GetSubjectRef())
	if err := s.log.sameToken(ctx, agg); err != nil {
		return nil, err
	}
	entries, _, err := s.log.register(ctx, agg)
	if err != nil {
		return nil, err
	}
	var wanted []disclosure.Disclosed
	for _, e := range entries {
		early := r.GetFrom() != nil && e.At.Before(r.GetFrom().AsTime())
		late := r.GetTo() != nil && !e.At.Before(r.GetTo().AsTime())
		if !early && !late && (e.Marketing || !r.GetMarketing()) {
			wanted = append(wanted, e)
		}
	}
	rows, next := page(wanted, offset, r.GetPageSize())
	out := &consentv1.ListDisclosuresResponse{NextPageToken: next}
	return out, s.describe(ctx, rows, out)
}

// describe turns entries into rows, with how to reach each recipient.
func (s *DisclosureServer) describe(ctx context.Context, rows []disclosure.Disclosed, out *consentv1.ListDisclosuresResponse) error {
	profiles := map[string]*consentv1.Disclosure{}
	for _, e := range rows {
		row := &consentv1.Disclosure{
			Number: e.Number, At: eventpb.Stamp(e.At), Recipient: e.Recipient, Action: wire.Done(e.Action), Policy: e.Policy, Version: e.Version,
			Purpose: e.Purpose, Categories: e.Categories, Reason: e.Reason, Basis: e.Basis, Clause: e.Clause, Marketing: e.Marketing,
		}
		if g := e.Ground; g != (disclosure.Ground{}) {
			row.Ground = &consentv1.GroundUse{Belief: g.Belief, BelievedBy: g.BelievedBy, Document: g.Document, Imminent: g.Imminent}
		}
		if profiles[e.Recipient] == nil && e.Recipient != "" {
			to, _, err := s.log.recipientAt(ctx, recipientAggregate(ctx, e.Recipient), time.Time{})
			if err != nil {
				return err
			}
			profiles[e.Recipient] = &consentv1.Disclosure{Title: to.state.Profile.Title, Contact: to.state.Profile.Contact}
		}
		row.Title, row.Contact = profiles[e.Recipient].GetTitle(), profiles[e.Recipient].GetContact()
		out.Disclosures = append(out.Disclosures, row)
	}
	return nil
}

// badPeriod says that something would end before it begins.
func badPeriod(field string) error {
	return fault.FieldErrors{{Field: field, Rule: "AFTER_BEGINNING", Text: "must lie after the beginning"}}
}
