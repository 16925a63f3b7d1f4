package conformance_test

import (
	"context"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/systemtest/stack"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// ask is a question in the words of a policy.
type ask struct {
	purpose, category, source string
	action                    string // use if empty
	policy                    string // the person's own if empty
	channel, recipient        string
	message                   string // kind of what is sent
	provider, scope           string // of an account elsewhere
	region, origin            string
	cohort, complement        uint64
	collected, at             time.Time
}

func (p *person) question(a ask) *consentv1.Question {
	if a.action == "" {
		a.action = "use"
	}
	if a.policy == "" {
		a.policy = p.policy
	}
	q := &consentv1.Question{
		SubjectRef: p.ref, Policy: a.policy, Purpose: a.purpose, Categories: []string{a.category},
		Action:   consentv1.Action(consentv1.Action_value["ACTION_"+strings.ToUpper(a.action)]),
		Source:   consentv1.Source(consentv1.Source_value["SOURCE_"+strings.ToUpper(a.source)]),
		Provider: a.provider, Scope: a.scope, Channel: a.channel, Message: a.message, Recipient: a.recipient, Region: a.region, Origin: a.origin, Cohort: a.cohort, Complement: a.complement,
	}
	if !a.collected.IsZero() {
		q.CollectedAt = timestamppb.New(a.collected)
	}
	if !a.at.IsZero() {
		q.At = timestamppb.New(a.at)
	}
	return q
}

// answers asks several questions of one moment.
func (p *person) answers(asks []ask) []*consentv1.Answer {
	p.w.Helper()
	const most = 500 // of one call
	var out []*consentv1.Answer
	for len(asks) > 0 {
		n := min(len(asks), most)
		r := new(consentv1.BatchCheckRequest)
		for _, a := range asks[:n] {
			r.Questions = append(r.Questions, p.question(a))
		}
		asks = asks[n:]
		res, err := p.product.Consent.BatchCheck(stack.Deadline(p.w), r)
		if err != nil {
			p.w.Fatalf("check: %v", err)
		}
		for _, answer := range res.GetAnswers() {
			answer.AsOf = nil // of this moment alone: answers are compared
			out = append(out, answer)
		}
	}
	return out
}

// allowed asks what must be allowed, and for that reason.
func (p *person) allowed(what string, a ask, reason string) *consentv1.Answer {
	p.w.Helper()
	return p.answered(what, p.product, a, true, reason)
}

// denied asks what must be denied, and for that reason.
func (p *person) denied(what string, a ask, reason string) *consentv1.Answer {
	p.w.Helper()
	return p.answered(what, p.product, a, false, reason)
}

func (p *person) answered(what string, c stack.Clients, a ask, yes bool, reason string) *consentv1.Answer {
	p.w.Helper()
	res, err := c.Consent.Check(stack.Deadline(p.w), &consentv1.CheckRequest{Question: p.question(a)})
	if err != nil {
		p.w.Fatalf("%s: %v", what, err)
	}
	p.w.expect(what, res.GetAnswer(), yes, reason)
	return res.GetAnswer()
}

func (w *world) expect(what string, a *consentv1.Answer, yes bool, reason string) {
	w.Helper()
	if a.GetAllowed() != yes || a.GetReason() != reason || yes != (a.GetBasis() != "") {
		w.Errorf("%s: allowed %v, %s, %q, by clause %s of version %d; want %v, %s",
			what, a.GetAllowed(), a.GetReason(), a.GetBasis(), a.GetClause(), a.GetVersion(), yes, reason)
	}
}

// tries asks once and returns the error, for what may not be asked yet.
func (p *person) tries(a ask) (*consentv1.Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	res, err := p.product.Consent.Check(ctx, &consentv1.CheckRequest{Question: p.question(a)})
	return res.GetAnswer(), err
}
