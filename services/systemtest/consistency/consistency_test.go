package consistency_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	"github.com/anishathalye/porcupine"
)

func TestAnswersAreLinearizableAndNeverOlderThanTheirBoundUnderFaults(t *testing.T) {
	c := begin(t)
	c.run(func() {
		c.rest(0, time.Second)
		for _, kind := range []string{killConsent, killRedis, emptyRedis, freezeConsent, killLeader} {
			c.suffer(c.fault(kind), c.between(time.Second, 2*time.Second))
			c.rest(0, 300*time.Millisecond)
		}
		c.suffer(c.fault(freezeLeader), c.between(5*time.Second, 6*time.Second)) // for another one to be elected
	})
	t.Log(c.report())
}

// TestAnAnswerFromMemoryThatPassesForFullyConsistentIsFoundOut is the twin: a
// replica that is cut off from the log answers from memory, as the policy allows
// it for some seconds. Taken for a fully consistent answer, that is wrong, and
// the judges must say so; by its own bound it is right.
func TestAnAnswerFromMemoryThatPassesForFullyConsistentIsFoundOut(t *testing.T) {
	c := begin(t)
	link := testserver.Proxy(t, c.place.nats.Nodes()[0].URL())
	apart := consentv1.NewConsentServiceClient(c.place.reach(t, c.place.replica(t, replicas+1, link.URL()), "product"))
	c.consents = append(c.consents, apart)
	o := &observer{what: whatBounded, number: replicas, bound: outage}
	for round := 0; ; round++ {
		p := c.probe(plain, c.fork(uint64(round)))
		given := c.noted(p, person.Given, "CONSENT_GIVEN")
		testwait.For(t, time.Minute, func() error {
			if says, err := c.bounded(o, ask(p.ref, plain)); says != "CONSENT_GIVEN" {
				return fmt.Errorf("it says %q: %w", says, err)
			}
			return nil
		})
		link.Refuse()
		withdrawn := c.noted(p, person.Withdrawn, "CONSENT_WITHDRAWN")
		asks, called := time.Now(), c.clock()
		says, err := c.bounded(o, ask(p.ref, plain))
		question := porcupine.Operation{ClientId: 9, Input: asked{plain}, Output: told{says}, Call: called, Return: c.clock()}
		answers := time.Now()
		if _, full := c.full(replicas, p.ref, asked{plain}); full == nil {
			t.Fatal("a replica that is cut off answers fully consistently")
		}
		link.Restore()
		if err != nil { // the machine was so slow that the policy's bound was over
			if round == 20 {
				t.Fatal(errors.Join(errors.New("no answer from memory was ever got"), err))
			}
			continue
		}
		if got := judge([]porcupine.Operation{given, withdrawn, question}, time.Minute); says != "CONSENT_GIVEN" || got != porcupine.Illegal {
			t.Errorf("%s after a withdrawal was acknowledged: %s", says, got)
		}
		if p.truth.allows(says, asks, answers, 0) || !p.truth.allows(says, asks, answers, outage) {
			t.Errorf("%s, by how old it may be: without a bound %v, with the policy's %v", says,
				p.truth.allows(says, asks, answers, 0), p.truth.allows(says, asks, answers, outage))
		}
		return
	}
}

// noted records a decision by a probe at the first replica, and is its entry in a
// history.
func (c *campaign) noted(p *probe, s person.Status, says string) porcupine.Operation {
	d := decided{at: c.moment(), choices: map[string]person.Status{p.purpose: s}}
	called := c.clock()
	p.truth.sends(says)
	if !c.decide(0, p.ref, d, true) {
		c.t.Fatal("a decision was not recorded")
	}
	p.truth.acknowledged()
	return porcupine.Operation{ClientId: 1, Input: d, Call: called, Return: c.clock()}
}
