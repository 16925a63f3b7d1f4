package rpc_test

import (
	"context"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/internal/rpc"
	"habeas.internal/services/internal/rpc/limit"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc/codes"
)

// limited is a service that counts, by Redis at an address or in the process.
func limited(t *testing.T, redisAddr string) *service {
	t.Helper()
	s := serve(t)
	cfg := limit.Config{Service: "fulfilment", Secret: make([]byte, 32), Now: s.Clock.Now}
	if redisAddr != "" {
		client := redis.NewClient(&redis.Options{Addr: redisAddr, MaxRetries: -1, DialTimeout: 50 * time.Millisecond})
		t.Cleanup(func() { _ = client.Close() })
		cfg.Client = client
	}
	l, err := limit.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.impl.Velocity = rpc.Velocity{Limiter: l, Starts: 3, AllStarts: 4, Attempts: 2, OfTenant: 3, OfNetwork: 1}
	return s
}

func asking(c *api, t *testing.T, address string) (string, error) {
	t.Helper()
	r := submission(uuid.NewString(), fulfilmentv1.Right_RIGHT_ERASURE)
	r.Identifier.Value = address
	got, err := c.SubmitRequest(deadline(t), r)
	return got.GetRequest(), err
}

// TestRequestsInOnePersonsNameAreBoundedAlikeForEverybody: the count is of what
// was claimed, so that it tells nothing of whether anybody is known.
func TestRequestsInOnePersonsNameAreBoundedAlikeForEverybody(t *testing.T) {
	s := limited(t, "")
	c := s.as(t, fake.Tenant, actor, "intake")
	for _, address := range []string{fake.Jane, "nobody@example.com"} {
		for n := range 4 {
			_, err := asking(c, t, address)
			if code, reason, _ := answer(err); (n < 3) != (code == codes.OK) || n == 3 && reason != "RATE_LIMITED" {
				t.Errorf("%s, request %d: %s %s", address, n+1, code, reason)
			}
		}
	}
	if _, err := asking(c, t, " NOBODY@example.com"); err == nil {
		t.Error("another spelling of the address counts apart")
	}
	s.Clock.To(s.Clock.Now().Add(24 * time.Hour))
	if _, err := asking(c, t, fake.Jane); err != nil {
		t.Errorf("a day later: %v", err)
	}
}

// TestNobodyIsShutOutByWhatOthersAskInTheirName: each caller uses up their own
// count, and all together one that withholds nobody's first request.
func TestNobodyIsShutOutByWhatOthersAskInTheirName(t *testing.T) {
	s := limited(t, "")
	for _, tc := range []struct {
		caller, role string
		taken        int // of four
	}{{"mallory", "subject", 3}, {"mallet", "subject", 3}, {"malice", "subject", 1}, {"jane", "subject", 1}, {"desk", "intake", 3}} {
		c := s.as(t, fake.Tenant, tc.caller, tc.role)
		for n := range 4 {
			_, err := asking(c, t, fake.Jane)
			if _, reason, _ := answer(err); (n < tc.taken) != (err == nil) || err != nil && reason != "RATE_LIMITED" {
				t.Errorf("%s, request %d: %v", tc.caller, n+1, err)
			}
		}
	}
}

// TestARepeatIsNotCounted: it is the request that was taken in.
func TestARepeatIsNotCounted(t *testing.T) {
	s := limited(t, "")
	c := s.as(t, fake.Tenant, "jane", "subject")
	for range 5 {
		submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE)
	}
}

func TestProofsAreBoundedByRequestAndTenant(t *testing.T) {
	s := limited(t, "")
	c := s.as(t, fake.Tenant, actor, "intake")
	one, err := asking(c, t, fake.Jane)
	if err != nil {
		t.Fatal(err)
	}
	two, err := asking(c, t, fake.Jane)
	if err != nil {
		t.Fatal(err)
	}
	s.Settle()
	for n, tc := range []struct{ request, reason string }{{one, ""}, {one, ""}, {one, "RATE_LIMITED"}, {two, ""}, {two, "RATE_LIMITED"}} {
		_, err := c.VerifyRequest(deadline(t), &fulfilmentv1.VerifyRequestRequest{RequestId: uuid.NewString(), Request: tc.request, Code: "00000000"})
		if _, reason, _ := answer(err); reason != tc.reason {
			t.Errorf("attempt %d: %q, want %q", n+1, reason, tc.reason)
		}
	}
}

// networked are two people's requests from one network, and what hands a proof in.
func networked(t *testing.T) (s *service, verify func(name, code string) string) {
	t.Helper()
	s = limited(t, "")
	s.impl.Velocity.Attempts, s.impl.Velocity.OfTenant = 20, 20
	people, requests := map[string]*api{"desk": s.as(t, fake.Tenant, actor, "intake")}, map[string]string{}
	for _, name := range []string{"mallory", "jane"} {
		people[name] = s.as(t, fake.Tenant, name, "subject")
		var err error
		if requests[name], err = asking(people[name], t, fake.Jane); err != nil {
			t.Fatal(err)
		}
	}
	requests["desk"] = requests["jane"]
	s.Settle()
	return s, func(name, code string) string {
		t.Helper()
		got, err := people[name].VerifyRequest(deadline(t), &fulfilmentv1.VerifyRequestRequest{RequestId: uuid.NewString(), Request: requests[name], Code: code})
		if _, reason, _ := answer(err); reason != "" || err != nil {
			return reason
		}
		return got.GetState().String()
	}
}

const (
	stillOpen = "VERIFICATION_STATE_OPEN"
	passed    = "VERIFICATION_STATE_PASSED"
)

// TestProofsAreBoundedByNetwork: wrong ones of whoever calls for themselves, for
// whichever request. A desk has many people behind its network.
func TestProofsAreBoundedByNetwork(t *testing.T) {
	_, verify := networked(t)
	for n, tc := range []struct{ who, want string }{{"mallory", stillOpen}, {"jane", "RATE_LIMITED"}, {"desk", stillOpen}, {"desk", stillOpen}} {
		if got := verify(tc.who, "00000000"); got != tc.want {
			t.Errorf("wrong proof %d, of %s: %q, want %q", n+1, tc.who, got, tc.want)
		}
	}
}

// TestARightProofIsNotKeptOutByWrongOnesOfItsNetwork: many people are behind a portal
// or a carrier, and one of them guesses.
func TestARightProofIsNotKeptOutByWrongOnesOfItsNetwork(t *testing.T) {
	s, verify := networked(t)
	s.impl.Velocity.OfTenant = 2 // what goes beyond the network's share does not use it up
	for n, want := range []string{stillOpen, "RATE_LIMITED", "RATE_LIMITED"} {
		if got := verify("mallory", "00000000"); got != want {
			t.Errorf("guess %d: %q, want %q", n+1, got, want)
		}
	}
	if got := verify("jane", s.Peers.Code); got != passed {
		t.Errorf("the right code of another from the network: %q", got)
	}
}

// TestRightProofsAreNotCounted: neither for their network nor for their tenant.
func TestRightProofsAreNotCounted(t *testing.T) {
	s, verify := networked(t)
	s.impl.Velocity.OfTenant = 1
	for n, tc := range []struct{ who, code, want string }{
		{"jane", s.Peers.Code, passed},
		{"mallory", "00000000", stillOpen},
		{"mallory", "00000000", "RATE_LIMITED"},
	} {
		if got := verify(tc.who, tc.code); got != tc.want {
			t.Errorf("proof %d: %q, want %q", n+1, got, tc.want)
		}
	}
}

// TestCodesThatCancelAreBoundedByNetworkAlikeForEverybody: wrong ones are counted,
// whether or not there is such a request; who withdraws is never withheld.
func TestCodesThatCancelAreBoundedByNetworkAlikeForEverybody(t *testing.T) {
	for _, there := range []bool{true, false} {
		s := limited(t, "")
		jane := s.as(t, fake.Tenant, "jane", "subject")
		id, err := asking(jane, t, fake.Jane)
		if err != nil {
			t.Fatal(err)
		}
		s.Settle()
		about := id
		if !there {
			about = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
		}
		mallory := s.as(t, fake.Tenant, "mallory", "subject")
		for n, want := range []string{"CANCEL_CODE_WRONG", "RATE_LIMITED"} {
			_, err := mallory.CancelRequest(deadline(t), &fulfilmentv1.CancelRequestRequest{
				RequestId: uuid.NewString(), Request: about, Code: "wrong", Reason: fulfilmentv1.CancelReason_CANCEL_REASON_NOT_ME,
			})
			if _, reason, _ := answer(err); reason != want {
				t.Errorf("there %t, code %d: %q, want %q", there, n+1, reason, want)
			}
		}
		if _, err := jane.WithdrawRequest(deadline(t), &fulfilmentv1.WithdrawRequestRequest{RequestId: uuid.NewString(), Request: id}); err != nil {
			t.Errorf("a withdrawal from the same network: %v", err)
		}
	}
}

// TestWithoutRedisNobodyIsPutToTheProofAndEverybodyMayStop: the one fails closed,
// the other is never withheld.
func TestWithoutRedisNobodyIsPutToTheProofAndEverybodyMayStop(t *testing.T) {
	s := limited(t, "")
	c := s.as(t, fake.Tenant, actor, "intake")
	id, err := asking(c, t, fake.Jane)
	if err != nil {
		t.Fatal(err)
	}
	s.Settle()
	away := limited(t, "127.0.0.1:1").impl.Velocity
	s.impl.Velocity = away
	for name, call := range map[string]func(context.Context) error{
		"a request": func(context.Context) error { _, err := asking(c, t, fake.Jane); return err },
		"a proof": func(ctx context.Context) error {
			_, err := c.VerifyRequest(ctx, &fulfilmentv1.VerifyRequestRequest{RequestId: uuid.NewString(), Request: id, Code: "00000000"})
			return err
		},
	} {
		if code, reason, _ := answer(call(deadline(t))); code != codes.Unavailable || reason != "LIMITER_UNAVAILABLE" {
			t.Errorf("%s: %s %s", name, code, reason)
		}
	}
	_, err = c.CancelRequest(deadline(t), &fulfilmentv1.CancelRequestRequest{
		RequestId: uuid.NewString(), Request: id, Code: "wrong", Reason: fulfilmentv1.CancelReason_CANCEL_REASON_NOT_ME,
	})
	if _, reason, _ := answer(err); reason != "CANCEL_CODE_WRONG" { // it was looked at
		t.Errorf("a cancellation: %s", reason)
	}
	if _, err := c.WithdrawRequest(deadline(t), &fulfilmentv1.WithdrawRequestRequest{RequestId: uuid.NewString(), Request: id}); err != nil {
		t.Errorf("a withdrawal: %v", err)
	}
}
