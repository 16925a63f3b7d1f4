package rpc

import (
	"context"
	"fmt"
	"slices"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/internal/unsubscribe"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
)

// UnsubscribeServer implements UnsubscribeService.
type UnsubscribeServer struct {
	consentv1.UnimplementedUnsubscribeServiceServer
	log    *log
	tokens unsubscribe.Tokens
}

// oneClick is the value of List-Unsubscribe-Post: RFC 8058.
const oneClick = "List-Unsubscribe=One-Click"

// PrepareMessage answers whether a message may be sent that says how to stop its
// like.
func (s *UnsubscribeServer) PrepareMessage(ctx context.Context, r *consentv1.PrepareMessageRequest) (*consentv1.PrepareMessageResponse, error) {
	q := r.GetQuestion()
	if bad := sending(q); len(bad) > 0 {
		return nil, bad
	}
	round, err := s.log.round(ctx, &consentv1.CheckRequest{Consistency: r.GetConsistency()})
	if err != nil {
		return nil, err
	}
	round.sending = true
	v, err := round.judge(ctx, "question", q, nil)
	if err != nil {
		return nil, err
	}
	out := &consentv1.PrepareMessageResponse{Answer: v.show()}
	if !v.answer.Allowed || !slices.Contains(periodic(v.rules, q.GetChannel()), q.GetPurpose()) {
		return out, nil
	}
	token, ends, err := s.tokens.Issue(ctx, kit.PrincipalFrom(ctx).Tenant, unsubscribe.Token{
		Subject: q.GetSubjectRef(), Policy: q.GetPolicy(), Purpose: q.GetPurpose(), Channel: q.GetChannel(),
	})
	if err != nil {
		return nil, err
	}
	out.Token, out.EndsAt = token, eventpb.Stamp(ends)
	if r.GetPage() != "" {
		out.ListUnsubscribe, out.ListUnsubscribePost = "<"+r.GetPage()+token+">", oneClick
	}
	return out, nil
}

// sending are the problems of a question that is about no message of now.
func sending(q *consentv1.Question) (out fault.FieldErrors) {
	if q.GetAction() != consentv1.Action_ACTION_USE {
		out = append(out, fault.FieldError{Field: "question.action", Rule: "MUST_BE_USE", Text: "a message is a use"})
	}
	if q.GetChannel() == "" {
		out = append(out, fault.FieldError{Field: "question.channel", Rule: "REQUIRED", Text: "names the channel of the message"})
	}
	if q.GetAt() != nil {
		out = append(out, fault.FieldError{Field: "question.at", Rule: "MUST_BE_UNSET", Text: "a message is sent now"})
	}
	return out
}

// periodic are the purposes that any version that was posted calls periodic, by a
// channel, sorted.
func periodic(r rules, channel string) []string {
	var out []string
	for i, v := range r.state.Versions {
		if v.PostedAt.IsZero() {
			continue
		}
		for name, p := range r.compiled[i].Version.Purposes {
			if p.Periodic && p.Channels[channel] {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Unsubscribe withdraws by a token. The command is a new one each time: that
// somebody has subscribed again since is no reason to go on sending.
func (s *UnsubscribeServer) Unsubscribe(ctx context.Context, r *consentv1.UnsubscribeRequest) (*consentv1.UnsubscribeResponse, error) {
	token, err := s.tokens.Open(ctx, kit.PrincipalFrom(ctx).Tenant, r.GetToken())
	if err != nil {
		return nil, err
	}
	rules, _, err := s.log.rules(ctx, policyAggregate(ctx, token.Policy))
	if err != nil {
		return nil, err
	}
	purposes := []string{token.Purpose}
	if !r.GetOnlyThis() {
		purposes = slices.Compact(slices.Sorted(slices.Values(append(purposes, periodic(rules, token.Channel)...))))
	}
	now := s.log.Now()
	id, err := es.NewID(s.log.Random)
	if err != nil {
		return nil, fmt.Errorf("make command id: %w", err)
	}
	v, _, _ := rules.inForce(now)
	res, err := s.log.persons.Handle(ctx, personAggregate(ctx, token.Subject), es.Command[person.Command]{
		ID: id, At: now, Meta: es.Meta{Correlation: id}, Data: person.Unsubscribe{
			Policy: token.Policy, Version: v.Number, Purposes: purposes, At: now,
			Circumstances: person.Circumstances{Method: method, Channel: token.Channel, Actor: person.Self},
		},
	})
	if err != nil {
		return nil, err
	}
	return &consentv1.UnsubscribeResponse{
		Policy: token.Policy, Purposes: purposes, Channel: token.Channel, ConsistencyToken: res.Token().Encode(),
	}, nil
}

// method is by what somebody acted who unsubscribed.
const method = "unsubscribe"
