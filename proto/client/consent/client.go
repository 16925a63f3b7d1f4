package consent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/grpc"
)

// Config says how a client behaves. The zero value is good.
type Config struct {
	// Bound is how old an answer from memory may be: what the service has
	// acknowledged longer ago counts. Zero: one second.
	Bound time.Duration
	// Answers is the most that are kept, at about half a kilobyte each. Zero:
	// 100,000.
	Answers int
	// Patience bounds a question to the service. Zero: two seconds.
	Patience time.Duration
	// Report hears why the client could not follow the service; it goes on
	// trying. Optional.
	Report func(error)
}

const (
	defaultBound    = time.Second
	defaultAnswers  = 100_000
	defaultPatience = 2 * time.Second
)

// ErrNoAnswer says that the service did not answer: nothing is allowed.
var ErrNoAnswer = errors.New("consent could not be asked")

// Answer is yes or no, and why.
type Answer struct {
	// Allowed is false unless everything says so.
	Allowed bool
	// Reason is a value of consentv1.Reason without its prefix.
	Reason string
	// Basis is a W3C DPV name; empty when denied.
	Basis string
	// Clause and Version of the policy decided.
	Clause  string
	Version uint32
	// Authorization is that by which content of an account elsewhere comes in.
	Authorization string
}

// Client answers questions. It is safe for concurrent use.
type Client struct {
	cfg     Config
	checks  consentv1.ConsentServiceClient
	watches consentv1.AnswerServiceClient
	began   time.Time
	fresh   atomic.Int64 // until when memory may be asked, in nanoseconds since began
	seed    maphash.Seed
	parts   [parts]part
}

// New makes a client of the service at the other end of a connection, whose
// calls carry the product's credentials. Until Run runs, nothing is kept.
func New(conn grpc.ClientConnInterface, cfg Config) *Client {
	cfg.Bound = cmp.Or(cfg.Bound, defaultBound)
	cfg.Answers = cmp.Or(cfg.Answers, defaultAnswers)
	cfg.Patience = cmp.Or(cfg.Patience, defaultPatience)
	c := &Client{
		cfg: cfg, checks: consentv1.NewConsentServiceClient(conn), watches: consentv1.NewAnswerServiceClient(conn),
		began: time.Now(), seed: maphash.MakeSeed(),
	}
	for i := range c.parts {
		c.parts[i].most = max(cfg.Answers/parts, 1)
	}
	return c
}

// now is the client's own clock, which nobody sets.
func (c *Client) now() time.Duration { return time.Since(c.began) }

// Check answers a question. After an error nothing is known, and nothing is
// allowed.
func (c *Client) Check(ctx context.Context, q *consentv1.Question) (Answer, error) {
	var room [keyRoom]byte
	now, key, keeps := c.now(), appendKey(room[:0], q), keepable(q)
	if keeps && int64(now) < c.fresh.Load() {
		if a, ok := c.part(q.GetSubjectRef()).find(q.GetSubjectRef(), key, now); ok {
			return a, nil
		}
	}
	return c.ask(ctx, q, string(key), keeps)
}

// ask asks the service, and keeps the answer if nothing has changed meanwhile.
func (c *Client) ask(ctx context.Context, q *consentv1.Question, key string, keeps bool) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Patience)
	defer cancel()
	p := c.part(q.GetSubjectRef())
	before, asked := p.changes(), c.now()
	res, err := c.checks.Check(ctx, &consentv1.CheckRequest{Question: q, Consistency: consentv1.Consistency_CONSISTENCY_FULL})
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	n := res.GetAnswer()
	a := Answer{
		Allowed: n.GetAllowed(), Reason: n.GetReason(), Basis: n.GetBasis(), Clause: n.GetClause(), Version: n.GetVersion(),
		Authorization: n.GetAuthorization(),
	}
	if keeps && !n.GetJoined() && n.GetAsOf() != nil {
		p.keep(before, q.GetSubjectRef(), key, kept{answer: a, until: end(n, asked)})
	}
	return a, nil
}

// end is until when an answer stays by itself, by the client's clock: it was
// asked for before the service looked at its own.
func end(n *consentv1.Answer, asked time.Duration) time.Duration {
	if n.GetValidUntil() == nil {
		return never
	}
	return asked + n.GetValidUntil().AsTime().Sub(n.GetAsOf().AsTime())
}

func (c *Client) part(subject string) *part {
	return &c.parts[maphash.String(c.seed, subject)%parts]
}
