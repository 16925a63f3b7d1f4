package consentd_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// write is one decision: what answers say after it, when it was sent and when it
// was acknowledged.
type write struct {
	says        string
	sent, acked time.Time
}

// truth is what was written of one person, in order, by one writer.
type truth struct {
	mu     sync.Mutex
	writes []write
}

func (h *truth) sends(says string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes = append(h.writes, write{says: says, sent: time.Now()})
}

func (h *truth) acknowledged() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes[len(h.writes)-1].acked = time.Now()
}

// allows reports whether an answer to a question that was asked and answered at
// these moments may say this, if it may be as old as a bound: whether it was the
// state at some moment between. A state may hold from when it was sent, and does
// until the next is acknowledged.
func (h *truth) allows(says string, asked, answered time.Time, bound time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	oldest := asked.Add(-bound)
	for i, w := range h.writes {
		over := time.Time{}
		if i+1 < len(h.writes) {
			over = h.writes[i+1].acked
		}
		if w.says == says && !w.sent.After(answered) && (over.IsZero() || !over.Before(oldest)) {
			return true
		}
	}
	return false
}

func TestTheJudgeOfAnswersKnowsAWrongOne(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(1_000_000, 0).Add(time.Duration(n) * time.Second) }
	h := &truth{writes: []write{
		{says: "none"},
		{says: "given", sent: at(10), acked: at(11)},
		{says: "withdrawn", sent: at(20), acked: at(21)},
		{says: "expired", sent: at(30)},
	}}
	for _, tc := range []struct {
		name            string
		says            string
		asked, answered int
		bound           time.Duration
		want            bool
	}{
		{"what stands", "given", 12, 13, 0, true},
		{"what stood before", "none", 12, 13, 0, false},
		{"what stood before, within the bound", "none", 12, 13, time.Second, true},
		{"a yes after its withdrawal", "given", 22, 23, 0, false},
		{"a yes while it is withdrawn", "given", 19, 22, 0, true},
		{"a withdrawal while it is recorded", "withdrawn", 19, 20, 0, true},
		{"what nobody has sent yet", "withdrawn", 12, 13, time.Minute, false},
		{"a yes older than the bound", "given", 25, 26, 3 * time.Second, false},
		{"what is sent and not acknowledged", "expired", 31, 32, 0, true},
		{"what stood when that was sent", "withdrawn", 31, 32, 0, true},
		{"what was never said", "denied", 12, 13, time.Minute, false},
	} {
		if got := h.allows(tc.says, at(tc.asked), at(tc.answered), tc.bound); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// flushed empties a Redis, as an operator's FLUSHALL does.
func flushed(t *testing.T, r *testserver.RedisServer) {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := fmt.Fprint(c, "FLUSHALL\r\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || strings.TrimSpace(line) != "+OK" {
		t.Fatalf("FLUSHALL: %q, %v", line, err)
	}
}

// load is people who decide, and replicas that are asked about them.
type load struct {
	t        *testing.T
	people   map[string]*truth
	replicas []consentv1.ConsentServiceClient
	answers  []atomic.Int64 // right ones, by replica
	none     atomic.Int64   // questions that got no answer
}

// staleness is how old a bounded answer may be under the policy of the test:
// the bound of one second while freshness is proven, two while it can't be.
const staleness = 2 * time.Second

// unanswered are the ways in which a replica says that it has no answer.
func unanswered() []string {
	return []string{"FRESHNESS_UNPROVEN", "LOG_UNAVAILABLE", "READ_MODEL_BEHIND", "DeadlineExceeded", "Unavailable", "Canceled", "CANCELLED", "DEADLINE_EXCEEDED"}
}

// writes lets one person give and withdraw, one after the other, until the end.
func (l *load) writes(ctx context.Context, person string, from int) {
	to := l.replicas[from%len(l.replicas)]
	for n := 0; ctx.Err() == nil; n++ {
		d, says := consentv1.Decision_DECISION_GIVEN, "CONSENT_GIVEN"
		if n%2 == 1 {
			d, says = consentv1.Decision_DECISION_WITHDRAWN, "CONSENT_WITHDRAWN"
		}
		l.people[person].sends(says)
		r := &consentv1.RecordDecisionRequest{
			RequestId: request(from*100_000 + n), SubjectRef: person, Policy: "qcera", DecidedAt: timestamppb.Now(), Evidence: "sha256:abc",
			Choices: []*consentv1.Choice{{Purpose: "mail.periodic", Decision: d, Expression: consentv1.Expression_EXPRESSION_EXPLICIT}},
		}
		sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		_, err := to.RecordDecision(sending, r)
		cancel()
		if err != nil {
			l.t.Errorf("decision %d of %s: %v", n, person, err)
			return
		}
		l.people[person].acknowledged()
	}
}

// asks asks one replica about everybody, until the end.
func (l *load) asks(ctx context.Context, replica int, want consentv1.Consistency, bound time.Duration) {
	for ctx.Err() == nil {
		for person, h := range l.people {
			q := proto.CloneOf(mail())
			q.Question.SubjectRef = person
			asked := time.Now()
			got := says(ctx, l.replicas[replica], want, q)
			switch {
			case h.allows(got, asked, time.Now(), bound):
				l.answers[replica].Add(1)
			case ctx.Err() != nil || slices.Contains(unanswered(), got):
				l.none.Add(1)
			default:
				l.t.Errorf("replica %d, %s: %s", replica, want, got)
				return
			}
		}
	}
}

// goesOn waits until every replica has given some more right answers.
func (l *load) goesOn(what string, more int64) {
	l.t.Helper()
	before := make([]int64, len(l.answers))
	for i := range l.answers {
		before[i] = l.answers[i].Load()
	}
	testwait.For(l.t, 3*time.Minute, func() error {
		for i := range l.answers {
			if n := l.answers[i].Load() - before[i]; n < more && !l.t.Failed() {
				return fmt.Errorf("%s: replica %d has given %d answers", what, i, n)
			}
		}
		return nil
	})
}

func TestNoAnswerIsWrongWhileRedisIsEmptiedAndBuiltAnew(t *testing.T) {
	w := newWorld(t)
	l := &load{t: t, people: map[string]*truth{}, answers: make([]atomic.Int64, 3)}
	var policies consentv1.PolicyServiceClient
	for i := range l.answers {
		r, _ := w.start(t)
		if i == 0 {
			patient(t, w.dial(t, r, "dpo"))
			policies = consentv1.NewPolicyServiceClient(w.dial(t, r, "dpo"))
		}
		l.replicas = append(l.replicas, consentv1.NewConsentServiceClient(w.dial(t, r, "product")))
	}
	var people []string
	for _, letter := range []string{"c", "d", "e"} {
		person := strings.Repeat(letter, 25) + "a"
		people = append(people, person)
		l.people[person] = &truth{writes: []write{{says: "CONSENT_MISSING"}}}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	for i, person := range people {
		running.Go(func() { l.writes(ctx, person, i+1) })
	}
	for i := range l.replicas {
		running.Go(func() { l.asks(ctx, i, full, 0) })
		running.Go(func() { l.asks(ctx, i, bounded, staleness) })
	}
	l.goesOn("before", 100)
	for n := range 5 {
		flushed(t, w.redis)
		l.goesOn(fmt.Sprintf("after flush %d", n), 50)
		builtAnew(t, policies)
	}
	w.redis.Kill()
	l.goesOn("without Redis", 50)
	if err := w.redis.Start(); err != nil {
		t.Fatal(err)
	}
	l.goesOn("with an empty one", 50)
	builtAnew(t, policies)
	stop()
	running.Wait()
	l.toldByTheLog()
	t.Logf("right answers %d, %d, %d; without an answer %d", l.answers[0].Load(), l.answers[1].Load(), l.answers[2].Load(), l.none.Load())
}

// builtAnew waits until the read model tells of the policy again.
func builtAnew(t *testing.T, c consentv1.PolicyServiceClient) {
	t.Helper()
	testwait.For(t, 2*time.Minute, func() error {
		res, err := c.ListPolicies(deadline(t), &consentv1.ListPoliciesRequest{})
		if err == nil && len(res.GetVersions()) != 1 {
			err = fmt.Errorf("%d versions in the read model", len(res.GetVersions()))
		}
		return err
	})
}

// toldByTheLog holds what was written against the log, and the last answer of
// each replica against both.
func (l *load) toldByTheLog() {
	l.t.Helper()
	for person, h := range l.people {
		var told []string
		for token := ""; ; {
			res, err := l.replicas[0].ListDecisions(deadline(l.t), &consentv1.ListDecisionsRequest{SubjectRef: person, PageSize: 1000, PageToken: token})
			if err != nil {
				l.t.Fatal(err)
			}
			for _, d := range res.GetDecisions() {
				told = append(told, strings.Replace(d.GetDecision().String(), "DECISION_", "CONSENT_", 1))
			}
			if token = res.GetNextPageToken(); token == "" {
				break
			}
		}
		var done []string
		for _, w := range h.writes[1:] {
			done = append(done, w.says)
		}
		if !slices.Equal(told, done) {
			l.t.Errorf("%s: %d decisions were acknowledged, the log tells of %d", person, len(done), len(told))
		}
		for i, replica := range l.replicas {
			q := proto.CloneOf(mail())
			q.Question.SubjectRef = person
			if got := says(l.t.Context(), replica, full, q); got != done[len(done)-1] {
				l.t.Errorf("replica %d, at the end: %s, want %s", i, got, done[len(done)-1])
			}
		}
	}
}
