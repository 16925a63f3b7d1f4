package consistency_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/person"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	policyID = "qcera"
	evidence = "sha256:abc"

	plain     = "mail.periodic"
	web       = "website.improve"
	sensitive = "leave.operate"
)

// purposes are those that are decided about.
func purposes() []string { return []string{plain, web, sensitive} }

// ask is a question about a purpose that only the person's decision answers.
func ask(ref, purpose string) *consentv1.Question {
	category := "visitor.email"
	if purpose == sensitive {
		category = "leave.absence"
	}
	return &consentv1.Question{
		SubjectRef: ref, Policy: policyID, Action: consentv1.Action_ACTION_ACCESS, Purpose: purpose,
		Categories: []string{category}, Source: consentv1.Source_SOURCE_ONLINE,
	}
}

const (
	actPatience = 2 * time.Second // for one try of a decision
	askPatience = 2 * time.Second
	// insistence bounds how long a decision whose outcome is not known is sent again.
	insistence = 2 * time.Minute

	lifeLength = 150 // answers about one person, after which another one is asked about
	lifeOpen   = 6   // decisions of unknown outcome, after which it is
)

// life is what was decided and answered about one person.
type life struct {
	ref  string
	busy sync.WaitGroup

	mu   sync.Mutex
	ops  []porcupine.Operation
	open int
}

// reference is a new person.
func reference(rng *rand.Rand) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz" // no digits: eight of them in a row look like a telephone
	b := make([]byte, 25, 26)
	for i := range b {
		b[i] = alphabet[rng.IntN(len(alphabet))]
	}
	return string(append(b, 'a'))
}

func (l *life) note(op porcupine.Operation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, op)
	if op.Return == math.MaxInt64 {
		l.open++
	}
}

func (l *life) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ops) >= lifeLength || l.open >= lifeOpen
}

// seat is one person after the other, all with the same callers.
type seat struct {
	c   *campaign
	mu  sync.Mutex
	now *life
	rng *rand.Rand
}

// enter is who is asked about now. The caller ends its part of the life.
func (s *seat) enter() *life {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil || s.now.over() {
		s.retire()
		s.now = &life{ref: reference(s.rng)}
	}
	s.now.busy.Add(1)
	return s.now
}

// retire has a life judged as soon as its last call has ended.
func (s *seat) retire() {
	l := s.now
	if s.now = nil; l == nil {
		return
	}
	s.c.judges.Go(func() {
		l.busy.Wait()
		s.c.judged.lives.Add(1)
		s.c.judged.calls.Add(int64(len(l.ops)))
		s.c.judged.open.Add(int64(l.open))
		if got := judge(l.ops, 2*time.Minute); got != porcupine.Ok {
			s.c.t.Errorf("%d calls about %s, %d of unknown outcome, fit no order: %s\n%s", len(l.ops), l.ref, l.open, got, written(l.ops))
		}
	})
}

// judged counts what was held against the model.
type judged struct{ lives, calls, open atomic.Int64 }

// written writes a history down, by when calls began.
func written(ops []porcupine.Operation) string {
	ops = slices.Clone(ops)
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, op := range ops {
		b.WriteString(describe(op))
	}
	return b.String()
}

// decides lets somebody decide about the seat's person, at one replica after the
// other, until the end.
func (s *seat) decides(ctx context.Context, client int, rng *rand.Rand) {
	for ctx.Err() == nil {
		l := s.enter()
		d := s.c.draw(rng)
		called := s.c.clock()
		ended := s.c.decide(client%replicas, l.ref, d, rng.IntN(4) > 0)
		op := porcupine.Operation{ClientId: client, Input: d, Call: called, Return: s.c.clock()}
		if !ended {
			op.Return = math.MaxInt64
		}
		l.note(op)
		l.busy.Done()
		pause(ctx, time.Duration(10+rng.IntN(60))*time.Millisecond)
	}
}

// draw is an act: a batch of choices, or now and then the withdrawal of all.
func (c *campaign) draw(rng *rand.Rand) decided {
	d := decided{at: c.moment(), all: rng.IntN(12) == 0, choices: map[string]person.Status{}}
	statuses := []person.Status{person.Given, person.Given, person.Withdrawn, person.Refused}
	for _, purpose := range purposes() {
		if !d.all && rng.IntN(3) > 0 {
			d.choices[purpose] = statuses[rng.IntN(len(statuses))]
		}
	}
	if len(d.choices) == 0 {
		d.all, d.choices = true, nil
	}
	return d
}

// moment is when something is decided; no two decisions have the same.
func (c *campaign) moment() time.Time {
	for {
		old, now := c.last.Load(), time.Now().UnixNano()
		if now = max(now, old+1); c.last.CompareAndSwap(old, now) {
			return time.Unix(0, now).UTC()
		}
	}
}

// decide has an act recorded, and reports whether it certainly is. Who insists
// sends it again, elsewhere, with the same request id.
func (c *campaign) decide(at int, ref string, d decided, insists bool) bool {
	id, end := uuid.NewString(), time.Now().Add(insistence)
	for try := 0; ; try++ {
		number := (at + try) % replicas
		began := c.phases.now(number)
		err := c.send(number, id, ref, d)
		c.tally.count(whatDecide, c.phases.since(began, number), causeOf(err))
		switch {
		case err == nil:
			return true
		case !mayPass(err):
			c.t.Errorf("a decision about %s was turned down: %v (%s)", ref, err, causeOf(err))
			return false
		case !insists || time.Now().After(end):
			return false
		}
		pause(context.Background(), time.Duration(min(try+1, 10))*20*time.Millisecond)
	}
}

func (c *campaign) send(number int, id, ref string, d decided) error {
	ctx, cancel := context.WithTimeout(context.Background(), actPatience)
	defer cancel()
	to, at := c.consents[number], timestamppb.New(d.at)
	if d.all {
		_, err := to.WithdrawAll(ctx, &consentv1.WithdrawAllRequest{RequestId: id, SubjectRef: ref, DecidedAt: at})
		return err
	}
	r := &consentv1.RecordDecisionRequest{RequestId: id, SubjectRef: ref, Policy: policyID, DecidedAt: at, Evidence: evidence}
	for _, purpose := range purposes() {
		if s, ok := d.choices[purpose]; ok {
			r.Choices = append(r.Choices, &consentv1.Choice{Purpose: purpose, Decision: decisions()[s], Expression: consentv1.Expression_EXPRESSION_EXPLICIT})
		}
	}
	_, err := to.RecordDecision(ctx, r)
	return err
}

func decisions() map[person.Status]consentv1.Decision {
	return map[person.Status]consentv1.Decision{
		person.Given: consentv1.Decision_DECISION_GIVEN, person.Withdrawn: consentv1.Decision_DECISION_WITHDRAWN, person.Refused: consentv1.Decision_DECISION_REFUSED,
	}
}

// mayPass reports an error after which nobody knows whether a decision stands.
func mayPass(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.Canceled:
		return true
	}
	return false
}

// asks asks one replica about the seat's person, fully consistently, until the
// end.
func (s *seat) asks(ctx context.Context, client, number int, rng *rand.Rand) {
	for ctx.Err() == nil {
		l := s.enter()
		in := asked(purposes())
		if rng.IntN(2) == 0 {
			in = in[rng.IntN(len(in)):][:1]
		}
		called := s.c.clock()
		out, err := s.c.full(number, l.ref, in)
		if err == nil {
			l.note(porcupine.Operation{ClientId: client, Input: in, Output: out, Call: called, Return: s.c.clock()})
		}
		l.busy.Done()
		pause(ctx, time.Duration(10+rng.IntN(30))*time.Millisecond)
	}
}

// full asks fully consistently: one question, or all of a batch about one state.
func (c *campaign) full(number int, ref string, in asked) (out told, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), askPatience)
	defer cancel()
	began, came := c.phases.now(number), time.Now()
	defer func() {
		phase := c.phases.since(began, number)
		c.tally.count(whatFull, phase, causeOf(err))
		c.spans.note(whatFull, number, "", phase, came, err == nil)
	}()
	if len(in) == 1 {
		res, err := c.consents[number].Check(ctx, &consentv1.CheckRequest{Question: ask(ref, in[0]), Consistency: consentv1.Consistency_CONSISTENCY_FULL})
		return told{res.GetAnswer().GetReason()}, err
	}
	r := &consentv1.BatchCheckRequest{Consistency: consentv1.Consistency_CONSISTENCY_FULL}
	for _, purpose := range in {
		r.Questions = append(r.Questions, ask(ref, purpose))
	}
	res, err := c.consents[number].BatchCheck(ctx, r)
	for _, a := range res.GetAnswers() {
		out = append(out, a.GetReason())
	}
	return out, err
}

// causeOf is why there is no answer: the reason that came with it, or its code.
func causeOf(err error) string {
	if err == nil {
		return answered
	}
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return status.Code(err).String()
}

// pause lets time go by.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
