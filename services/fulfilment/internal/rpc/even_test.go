package rpc_test

import (
	"context"
	"iter"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/internal/rpc"
	"habeas.internal/services/internal/drp"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"

	"github.com/google/uuid"
	"google.golang.org/grpc"
)

const (
	// pairs is how many answers about each of the two are timed.
	pairs = 60
	// work is what somebody who is known costs more, here: as much as a service
	// far away and a log under load would need, so that it can be told on any
	// machine.
	work = 8 * time.Millisecond
	// floor is that of the answers, here.
	floor = 60 * time.Millisecond
)

// slow makes what is known cost more: the loading of their requests, the checking
// of their codes, the taking of their agents' messages.
type slow struct {
	es.Store
	identityv1.VerificationServiceClient
	identityv1.AgentServiceClient
	mu    sync.Mutex
	known map[string]bool // requests, verifications, messages
}

func (s *slow) toil(id string) {
	s.mu.Lock()
	known := s.known[id]
	s.mu.Unlock()
	if known {
		<-time.After(work)
	}
}

func (s *slow) note(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[id] = true
}

func (s *slow) Load(ctx context.Context, agg es.Aggregate, after uint64, from es.Source) iter.Seq2[es.Recorded, error] {
	s.toil(agg.ID)
	return s.Store.Load(ctx, agg, after, from)
}

// CheckCode finds every code wrong, and ends nothing.
func (s *slow) CheckCode(_ context.Context, r *identityv1.CheckCodeRequest, _ ...grpc.CallOption) (*identityv1.CheckCodeResponse, error) {
	s.toil(r.GetVerification())
	return &identityv1.CheckCodeResponse{State: identityv1.VerificationState_VERIFICATION_STATE_OPEN, AttemptsLeft: 4}, nil
}

func (s *slow) UseMandate(ctx context.Context, r *identityv1.UseMandateRequest, o ...grpc.CallOption) (*identityv1.UseMandateResponse, error) {
	s.toil(r.GetMessage())
	return s.AgentServiceClient.UseMandate(ctx, r, o...)
}

// ask asks once, about the known or about nobody.
type ask func(known bool) error

// asks are the ways to ask about somebody, each against a request of each.
func asks(t *testing.T, even kit.Even) map[string]ask {
	t.Helper()
	s := serveEven(t, even)
	toil := &slow{Store: s.impl.Requests.Store, VerificationServiceClient: s.Peers, AgentServiceClient: s.agents, known: map[string]bool{}}
	s.impl.Verifications, s.impl.Requests.Store = toil, toil
	s.front.Directory = toil
	c, agents := s.as(t, fake.Tenant, actor, "intake", "agent"), agentAPI(t, s)
	addresses := map[bool]string{true: fake.Jane, false: "nobody@example.com"}
	own, byAgent := map[bool]string{}, map[bool]string{}
	for known, address := range addresses {
		r := submission(uuid.NewString(), fulfilmentv1.Right_RIGHT_ERASURE)
		r.Identifier.Value = address
		got, err := c.SubmitRequest(deadline(t), r)
		if err != nil {
			t.Fatal(err)
		}
		own[known] = got.GetRequest()
		sent, err := agents.SubmitAgentRequest(deadline(t), handsIn(uuid.NewString(), message(uuid.NewString(), drp.Deletion, address)))
		if err != nil {
			t.Fatal(err)
		}
		byAgent[known] = sent.GetStatus().GetRequest()
	}
	s.Settle()
	toil.note(own[true])
	toil.note(byAgent[true])
	return map[string]ask{
		"a code": func(known bool) error {
			_, err := c.VerifyRequest(deadline(t), &fulfilmentv1.VerifyRequestRequest{RequestId: uuid.NewString(), Request: own[known], Code: "00000000"})
			return err
		},
		"how it stands": func(known bool) error {
			_, err := c.GetRequest(deadline(t), &fulfilmentv1.GetRequestRequest{Request: own[known]})
			return err
		},
		"why it stands so": func(known bool) error {
			_, err := c.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: own[known]})
			return err
		},
		"how it stands, by an agent": func(known bool) error {
			_, err := agents.GetAgentRequest(deadline(t), &fulfilmentv1.GetAgentRequestRequest{Request: byAgent[known], Agent: "ACME"})
			return err
		},
		"an agent's message": func(known bool) error {
			text := message(uuid.NewString(), drp.Deletion, addresses[known])
			if known {
				toil.note(text)
			}
			_, err := agents.SubmitAgentRequest(deadline(t), handsIn(uuid.NewString(), text))
			return err
		},
	}
}

// timed asks about both by turns, and returns how long each answer took.
func timed(how ask) (known, unknown []time.Duration, err error) {
	const warmUp = 5
	for n := range 2 * (pairs + warmUp) {
		whom := n%2 == 0
		if n/2%2 == 0 { // neither of them is always first
			whom = !whom
		}
		began := time.Now()
		if err := how(whom); err != nil {
			return nil, nil, err
		}
		took := time.Since(began)
		switch {
		case n < 2*warmUp:
		case whom:
			known = append(known, took)
		default:
			unknown = append(unknown, took)
		}
	}
	return known, unknown, nil
}

func median(of []time.Duration) time.Duration {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// apart is the median of what the answers of a pair differ by, and how much of it
// may be chance: four times its standard error by the median of the deviations,
// or two milliseconds.
func apart(known, unknown []time.Duration) (difference, chance time.Duration) {
	differences, away := make([]time.Duration, len(known)), make([]time.Duration, len(known))
	for i := range known {
		differences[i] = known[i] - unknown[i]
	}
	difference = median(differences)
	for i, d := range differences {
		away[i] = (d - difference).Abs()
	}
	deviation := 1.4826 * float64(median(away)) // of a normal distribution
	standard := deviation * math.Sqrt(math.Pi/2/float64(len(known)))
	return difference.Abs(), max(2*time.Millisecond, time.Duration(4*standard))
}

// shows times one way to ask, and reports whether whom it is about shows.
func shows(t *testing.T, name string, how ask) bool {
	known, unknown, err := timed(how)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return false
	}
	difference, chance := apart(known, unknown)
	t.Logf("%s: medians %s and %s, pairs apart by %s; chance up to %s", name, median(known), median(unknown), difference, chance)
	return difference > chance
}

// showed reports whether it shows in any of some rounds, or in all of them.
func showed(t *testing.T, name string, how ask, rounds int, all bool) bool {
	for range rounds {
		if shows(t, name, how) != all {
			return !all
		}
	}
	return all
}

// TestNoAnswersTimeTellsWhetherSomebodyIsKnown: the twin has no floor, and its
// answers tell.
func TestNoAnswersTimeTellsWhetherSomebodyIsKnown(t *testing.T) {
	for _, tc := range []struct {
		name  string
		even  kit.Even
		tells bool
	}{
		{"answers leave at even times", kit.Even{Floor: floor, Methods: rpc.Even()}, false},
		{"without, they tell", kit.Even{Methods: rpc.Even()}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all := asks(t, tc.even)
			if tc.tells { // one after the other, or the noise of each would hide the others
				for name, how := range all {
					if !showed(t, name, how, 3, false) {
						t.Errorf("%s: three times it did not show", name)
					}
				}
				return
			}
			var wait sync.WaitGroup
			for name, how := range all { // at the same time: they wait, most of it
				wait.Go(func() {
					if showed(t, name, how, 2, true) { // a machine's hiccup does not come twice
						t.Errorf("%s: it shows", name)
					}
				})
			}
			wait.Wait()
		})
	}
}

// TestAnUnverifiedRequestsTimesAreCoarse: between its steps lies the work of
// finding somebody.
func TestAnUnverifiedRequestsTimesAreCoarse(t *testing.T) {
	s := serve(t)
	s.Clock.To(s.Clock.Now().Add(123456789))
	c := s.as(t, fake.Tenant, actor, "intake", "agent")
	id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE)
	s.Settle()
	got, err := c.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: id})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.GetHistory()) < 2 || got.GetSince() == nil || got.GetSince().GetNanos() != 0 {
		t.Errorf("got since %v with %d steps", got.GetSince(), len(got.GetHistory()))
	}
	for _, step := range got.GetHistory() {
		if step.GetAt().GetNanos() != 0 {
			t.Errorf("%s at %v", step.GetEvent(), step.GetAt().AsTime())
		}
	}
}
