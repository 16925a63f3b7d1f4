package consents

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2" //nolint:depguard // who is asked about next is no secret
	"sync/atomic"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/bench/internal/place"
	"habeas.internal/services/internal/es"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// decided is on how many purposes everybody has decided.
const decided = 5

// purposes are those of the policy that are decided on, with a category of each.
func purposes() [decided][2]string {
	return [decided][2]string{
		{"experience.personalise", "visitor.email"},
		{"website.improve", "visitor.email"},
		{"customer_service.improve", "visitor.email"},
		{"leave.operate", "employee.name"},
		{"mail.periodic", "visitor.email"},
	}
}

// people are references. Whoever stands at an even place has agreed to every
// purpose, the others have refused them.
type people []string

func newPeople(n int) (people, error) {
	out := make(people, n)
	for i := range out {
		var err error
		if out[i], err = es.NewID(rand.Reader); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func agreed(i int) bool { return i%2 == 0 }

// decision is the act of the person at a place, about all purposes.
func (p people) decision(i int) *consentv1.RecordDecisionRequest {
	out := &consentv1.RecordDecisionRequest{
		RequestId: uuid.NewString(), SubjectRef: p[i], Policy: policy, DecidedAt: timestamppb.Now(), Evidence: "sha256:" + textHash,
	}
	for _, purpose := range purposes() {
		out.Choices = append(out.Choices, choice(purpose[0], agreed(i)))
	}
	return out
}

// textHash stands for that of a text which somebody saw.
const textHash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func choice(purpose string, given bool) *consentv1.Choice {
	d := consentv1.Decision_DECISION_REFUSED
	if given {
		d = consentv1.Decision_DECISION_GIVEN
	}
	return &consentv1.Choice{Purpose: purpose, Decision: d, Expression: consentv1.Expression_EXPRESSION_EXPLICIT}
}

// record records everybody's act.
func (p people) record(ctx context.Context, c consentv1.ConsentServiceClient) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range most {
		g.Go(func() error {
			for i := int(next.Add(1)) - 1; i < len(p); i = int(next.Add(1)) - 1 {
				if err := record(ctx, c, p.decision(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func record(ctx context.Context, c consentv1.ConsentServiceClient, r *consentv1.RecordDecisionRequest) error {
	ctx, cancel := context.WithTimeout(ctx, place.Patience)
	defer cancel()
	if _, err := c.RecordDecision(ctx, r); err != nil {
		return fmt.Errorf("record decision: %w", err)
	}
	return nil
}

// any is a question about somebody, and its right answer.
func (p people) any() (q *consentv1.Question, allowed bool) {
	i, purpose := mathrand.IntN(len(p)), purposes()[mathrand.IntN(decided)]
	return p.question(i, purpose), agreed(i)
}

func (p people) question(i int, purpose [2]string) *consentv1.Question {
	return &consentv1.Question{
		SubjectRef: p[i], Policy: policy, Action: consentv1.Action_ACTION_ACCESS, Purpose: purpose[0],
		Categories: []string{purpose[1]}, Source: consentv1.Source_SOURCE_ONLINE, Channel: "email",
	}
}

// asker asks a replica about people, and looks at each answer.
type asker struct {
	people
	client      consentv1.ConsentServiceClient
	consistency consentv1.Consistency
}

func (a *asker) check(ctx context.Context, _ int) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	q, allowed := a.any()
	res, err := a.client.Check(ctx, &consentv1.CheckRequest{Question: q, Consistency: a.consistency})
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	return right(res.GetAnswer(), allowed)
}

// callLimit is the deadline of a question.
const callLimit = 5 * time.Second

func right(a *consentv1.Answer, allowed bool) error {
	if a.GetAllowed() != allowed {
		return fmt.Errorf("the answer is %t because of %s, want %t", a.GetAllowed(), a.GetReason(), allowed)
	}
	return nil
}

func (a *asker) batch(ctx context.Context, _ int) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	r, allowed := &consentv1.BatchCheckRequest{Consistency: a.consistency, Questions: make([]*consentv1.Question, batchSize)}, [batchSize]bool{}
	for i := range r.GetQuestions() {
		r.Questions[i], allowed[i] = a.any()
	}
	res, err := a.client.BatchCheck(ctx, r)
	if err != nil {
		return fmt.Errorf("batch check: %w", err)
	}
	if len(res.GetAnswers()) != batchSize {
		return fmt.Errorf("%d answers to %d questions", len(res.GetAnswers()), batchSize)
	}
	for i, n := range res.GetAnswers() {
		if err := right(n, allowed[i]); err != nil {
			return err
		}
	}
	return nil
}
