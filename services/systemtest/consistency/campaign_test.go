package consistency_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientconsent "habeas.internal/proto/client/consent"
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/testwait"
)

const (
	campaignPrefix  = "HABEAS_CHAOS_"
	seedVariable    = campaignPrefix + "SEED"
	secondsVariable = campaignPrefix + "SECONDS"

	seats = 3 // persons who are decided about at the same time
	acts  = 2 // callers who decide about each
)

// campaign is one run of faults, and everybody who calls meanwhile. What happens
// follows from its seed.
type campaign struct {
	t     *testing.T
	place *place
	seed  uint64
	rng   *rand.Rand // of the test's own goroutine
	began time.Time
	load  string // of the machine, then

	consents []consentv1.ConsentServiceClient
	policies []consentv1.PolicyServiceClient
	clients  []*clientconsent.Client
	last     atomic.Int64 // when something was last decided

	phases    phases
	tally     tally
	spans     spans
	latencies latencies
	recovered recoveries
	judges    sync.WaitGroup
	judged    judged
	seats     []*seat
}

// begin starts a campaign. The seed is printed, and can be set from outside.
func begin(t *testing.T) *campaign {
	t.Helper()
	c := &campaign{t: t, seed: fromEnv(t, seedVariable, rand.Uint64N(1<<32)), began: time.Now(), load: load()}
	t.Logf("%s=%d", seedVariable, c.seed)
	c.rng, c.place = c.fork(0), newPlace(t)
	for i := range replicas {
		product := c.place.dial(t, i, "product")
		c.consents = append(c.consents, consentv1.NewConsentServiceClient(product))
		c.policies = append(c.policies, consentv1.NewPolicyServiceClient(c.place.dial(t, i, "dpo")))
		c.clients = append(c.clients, clientconsent.New(c.place.dial(t, i, "product"), clientconsent.Config{}))
	}
	return c
}

func fromEnv(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// fork is the chance of one more goroutine.
func (c *campaign) fork(n uint64) *rand.Rand { return rand.New(rand.NewPCG(c.seed, n)) }

// clock is the time of histories.
func (c *campaign) clock() int64 { return int64(time.Since(c.began)) }

// between draws a duration.
func (c *campaign) between(least, most time.Duration) time.Duration {
	return least + time.Duration(c.rng.Int64N(int64(most-least)))
}

// run lets everybody call while faults does its work, and judges what they heard.
func (c *campaign) run(faults func()) {
	c.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var callers sync.WaitGroup
	for _, client := range c.clients {
		callers.Go(func() { client.Run(ctx) })
	}
	chance := uint64(0)
	next := func() *rand.Rand { chance++; return c.fork(chance) }
	for range seats {
		s := &seat{c: c, rng: next()}
		c.seats = append(c.seats, s)
		for i := range acts {
			rng := next()
			callers.Go(func() { s.decides(ctx, i, rng) })
		}
		for i := range replicas {
			rng := next()
			callers.Go(func() { s.asks(ctx, acts+i, i, rng) })
		}
	}
	for _, purpose := range []string{plain, sensitive} {
		p := c.probe(purpose, next())
		callers.Go(func() { p.decides(ctx) })
		for _, o := range p.observers {
			callers.Go(func() { p.watches(ctx, o) })
		}
	}
	faults()
	stop()
	callers.Wait()
	for _, s := range c.seats {
		s.retire()
	}
	c.judges.Wait()
	if c.judged.lives.Load() == 0 {
		c.t.Error("nothing was judged")
	}
}

// well waits until every replica answers fully consistently, about sensitive data
// as well, and the read model is there.
func (c *campaign) well(model bool) {
	c.t.Helper()
	ref := reference(c.rng)
	testwait.For(c.t, 3*time.Minute, func() error {
		for i := range replicas {
			if _, err := c.full(i, ref, asked{sensitive}); err != nil {
				return fmt.Errorf("replica %d: %w", i+1, err)
			}
		}
		return nil
	})
	if !model {
		return
	}
	testwait.For(c.t, 3*time.Minute, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for i, policies := range c.policies {
			res, err := policies.ListPolicies(ctx, &consentv1.ListPoliciesRequest{})
			if err == nil && len(res.GetVersions()) != 1 {
				err = fmt.Errorf("%d versions in the read model", len(res.GetVersions()))
			}
			if err != nil {
				return fmt.Errorf("replica %d: %w", i+1, err)
			}
		}
		return nil
	})
}

// suffer makes one fault, heals it, and waits until all is well.
func (c *campaign) suffer(f fault, length time.Duration) {
	c.t.Helper()
	c.t.Logf("%6.1fs %s%s for %s", time.Since(c.began).Seconds(), f.name, f.whom, length.Round(time.Millisecond))
	c.phases.begin(f)
	if err := f.begin(); err != nil {
		c.t.Fatalf("%s: %v", f.name, err)
	}
	pause(c.t.Context(), length)
	if err := f.heal(); err != nil {
		c.t.Fatalf("heal %s: %v", f.name, err)
	}
	healed := time.Now()
	c.phases.healed()
	c.well(f.model)
	c.recovered.add(f.name, time.Since(healed))
}

// rest lets the fault's effects end, and then some time pass in quiet.
func (c *campaign) rest(after, quietly time.Duration) {
	pause(c.t.Context(), after)
	c.phases.calm()
	pause(c.t.Context(), quietly)
}

// phase is what happens at a moment.
type phase struct {
	name  string
	count int // of phases before it
	own   bool
}

const (
	quiet = "quiet"
	after = "after a fault"
)

// phases are what happens, one after the other.
type phases struct {
	mu    sync.Mutex
	fault fault // that is there or was just healed; none in quiet
	name  string
	count int
}

func (p *phases) set(name string, f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.fault = name, f
	p.count++
}

func (p *phases) begin(f fault) { p.set(f.name, f) }
func (p *phases) healed()       { p.set(after, p.fault) }
func (p *phases) calm()         { p.set(quiet, fault{}) }

// now is the phase, as a replica lives it.
func (p *phases) now(number int) phase {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := phase{name: p.name, count: p.count, own: p.fault.hits && p.fault.replica == number}
	if out.name == "" {
		out.name = quiet
	}
	return out
}

// since is the phase that a call counts for which began in one: the first of those
// it saw that was not quiet.
func (p *phases) since(began phase, number int) string {
	now := p.now(number)
	if began.name == quiet {
		began = now
	}
	if began.own || now.own {
		return ownReplica
	}
	return began.name
}
