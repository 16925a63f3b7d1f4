package consistency_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	clientconsent "habeas.internal/proto/client/consent"
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/person"
)

// probe is a person who gives consent and withdraws it, again and again, while
// all replicas and all clients are asked about it all the time.
type probe struct {
	c         *campaign
	ref       string
	purpose   string
	truth     truth
	observers []*observer

	mu    sync.Mutex
	acked time.Time // of this round's withdrawal; zero before
}

// observer asks in one way.
type observer struct {
	what   string // whatBounded or whatClient
	number int    // of the replica
	bound  time.Duration

	sawYes bool          // in this round
	denied time.Duration // since the withdrawal was acknowledged
	done   bool          // it has denied
}

// seen is what became of a round: by observer, how long each took.
type seen struct {
	what string
	took time.Duration
}

const (
	secondBound = time.Second
	// allSee bounds how long a probe waits for all to say yes: some may be away.
	allSee = 2 * time.Second
	// allDeny bounds how long it waits for those that said yes to say no.
	allDeny = 20 * time.Second
)

func (c *campaign) probe(purpose string, rng *rand.Rand) *probe {
	p := &probe{c: c, ref: reference(rng), purpose: purpose}
	p.truth.writes = []write{{says: "CONSENT_MISSING"}}
	bound := outage
	if purpose == sensitive {
		bound = secondBound
	}
	for i := range replicas {
		p.observers = append(p.observers, &observer{what: whatBounded, number: i, bound: bound}, &observer{what: whatClient, number: i, bound: secondBound})
	}
	return p
}

// decides gives and withdraws until the end.
func (p *probe) decides(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		if !p.record(n, person.Given, "CONSENT_GIVEN") {
			return
		}
		p.begin()
		p.until(ctx, allSee, func(o *observer) bool { return o.sawYes })
		began := p.c.phases.now(-1)
		if !p.record(n, person.Withdrawn, "CONSENT_WITHDRAWN") {
			return
		}
		p.until(ctx, allDeny, func(o *observer) bool { return !o.sawYes || o.done })
		if ctx.Err() == nil {
			p.c.latencies.add(p.c.phases.since(began, -1) == quiet, p.end())
		}
	}
}

func (p *probe) record(n int, s person.Status, says string) bool {
	d := decided{at: p.c.moment(), choices: map[string]person.Status{p.purpose: s}}
	p.truth.sends(says)
	if !p.c.decide(n%replicas, p.ref, d, true) {
		p.c.t.Errorf("nobody knows whether %s has decided", p.ref)
		return false
	}
	acked := p.truth.acknowledged()
	if s == person.Withdrawn {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.acked = acked
	}
	return true
}

// begin begins a round.
func (p *probe) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acked = time.Time{}
	for _, o := range p.observers {
		o.sawYes, o.done, o.denied = false, false, 0
	}
}

func (p *probe) until(ctx context.Context, limit time.Duration, is func(*observer) bool) {
	for end := time.Now().Add(limit); ctx.Err() == nil && time.Now().Before(end); pause(ctx, 5*time.Millisecond) {
		p.mu.Lock()
		all := true
		for _, o := range p.observers {
			all = all && is(o)
		}
		p.mu.Unlock()
		if all {
			return
		}
	}
}

// end is how long those who had said yes took to say no, and how long all did.
func (p *probe) end() (out []seen) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var longest time.Duration
	for _, o := range p.observers {
		if o.sawYes && o.done {
			out, longest = append(out, seen{o.what, o.denied}), max(longest, o.denied)
		}
	}
	return append(out, seen{everywhere, longest})
}

// hears files an answer.
func (p *probe) hears(o *observer, says string, came, went time.Time) {
	if !p.truth.allows(says, came, went, o.bound) {
		p.c.t.Errorf("%s of replica %d said %s about %s, older than %s", o.what, o.number+1, says, p.purpose, o.bound)
	}
	if o.bound > secondBound && !p.truth.allows(says, came, went, secondBound) {
		p.c.tally.count(whatOld, p.c.phases.now(o.number).name, says)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch says {
	case "CONSENT_GIVEN":
		o.sawYes = true
		if o.done { // a yes after a no, within the bound
			o.done = false
		}
	case "CONSENT_WITHDRAWN":
		if o.sawYes && !o.done && !p.acked.IsZero() {
			o.done, o.denied = true, max(went.Sub(p.acked), 0)
		}
	}
}

// watches asks in one way until the end.
func (p *probe) watches(ctx context.Context, o *observer) {
	q, gap := ask(p.ref, p.purpose), 8*time.Millisecond
	if o.what == whatClient {
		gap = 2 * time.Millisecond
	}
	for ctx.Err() == nil {
		began, came := p.c.phases.now(o.number), time.Now()
		says, err := p.c.bounded(o, q)
		if ctx.Err() != nil {
			return
		}
		phase := p.c.phases.since(began, o.number)
		p.c.tally.count(o.what, phase, causeOf(err))
		p.c.spans.note(o.what, o.number, p.purpose, phase, came, err == nil)
		if err == nil {
			p.hears(o, says, came, time.Now())
		}
		pause(ctx, gap)
	}
}

// bounded asks for an answer that may be old.
func (c *campaign) bounded(o *observer, q *consentv1.Question) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askPatience)
	defer cancel()
	if o.what == whatClient {
		a, err := c.clients[o.number].Check(ctx, q)
		if err != nil && (a.Allowed || !errors.Is(err, clientconsent.ErrNoAnswer)) {
			c.t.Errorf("a client without an answer: %+v, %v", a, err)
		}
		return a.Reason, err
	}
	res, err := c.consents[o.number].Check(ctx, &consentv1.CheckRequest{Question: q, Consistency: consentv1.Consistency_CONSISTENCY_BOUNDED})
	if err == nil && res.GetAnswer() == nil {
		return "", errors.New("no answer")
	}
	return res.GetAnswer().GetReason(), err
}
