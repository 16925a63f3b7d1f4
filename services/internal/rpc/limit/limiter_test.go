package limit_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/rpc/limit"
	"habeas.internal/services/internal/testserver"
)

const secret = "0123456789abcdef0123456789abcdef"

// clocked is a limiter whose Redis and process share a clock of the test's.
type clocked struct {
	*limit.Limiter
	server *miniredis.Miniredis
	now    time.Time
}

func newClocked(t *testing.T) *clocked {
	t.Helper()
	c := &clocked{server: miniredis.RunT(t), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	c.server.SetTime(c.now)
	c.Limiter = newLimiter(t, c.server.Addr(), func() time.Time { return c.now })
	return c
}

func newLimiter(t testing.TB, addr string, now func() time.Time) *limit.Limiter {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	l, err := limit.New(limit.Config{Client: client, Service: "bookd", Secret: []byte(secret), Now: now, Patience: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (c *clocked) pass(d time.Duration) {
	c.now = c.now.Add(d)
	c.server.SetTime(c.now)
	c.server.FastForward(d)
}

func caller(id string, r limit.Rate) limit.Key { return limit.Key{Kind: "caller", ID: id, Rate: r} }

func wantRetry(t *testing.T, err error, kind string, retry time.Duration) {
	t.Helper()
	var over *limit.ExceededError
	if !errors.As(err, &over) || over.Kind != kind || over.Retry != retry {
		t.Fatalf("got %v (%+v), want %s refused for %s", err, over, kind, retry)
	}
}

func TestABurstIsAllowedAndThenOneEveryInterval(t *testing.T) {
	for name, allow := range map[string]func(*clocked, ...limit.Key) error{
		"in Redis":        func(c *clocked, k ...limit.Key) error { return c.Allow(t.Context(), "acme", k...) },
		"in this process": func(c *clocked, k ...limit.Key) error { return c.AllowHere("acme", k...) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newClocked(t)
			key := caller("a", limit.Per(3, 3*time.Second))
			for i := range 3 {
				if err := allow(c, key); err != nil {
					t.Fatalf("call %d: %v", i, err)
				}
			}
			wantRetry(t, allow(c, key), "caller", time.Second)
			c.pass(400 * time.Millisecond)
			wantRetry(t, allow(c, key), "caller", 600*time.Millisecond)
			c.pass(600 * time.Millisecond)
			if err := allow(c, key); err != nil {
				t.Fatalf("after the time that was stated: %v", err)
			}
			wantRetry(t, allow(c, key), "caller", time.Second)
			c.pass(time.Hour)
			for i := range 3 {
				if err := allow(c, key); err != nil {
					t.Fatalf("call %d after a long silence: %v", i, err)
				}
			}
			wantRetry(t, allow(c, key), "caller", time.Second)
		})
	}
}

func TestARefusedCallChargesNothing(t *testing.T) {
	c := newClocked(t)
	tight, wide := caller("a", limit.Per(1, time.Minute)), limit.Key{Kind: "tenant", ID: "acme", Rate: limit.Per(2, time.Minute)}
	if err := c.Allow(t.Context(), "acme", tight, wide); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		wantRetry(t, c.Allow(t.Context(), "acme", tight, wide), "caller", time.Minute)
	}
	if err := c.Allow(t.Context(), "acme", caller("b", tight.Rate), wide); err != nil {
		t.Errorf("another caller pays for refused calls: %v", err)
	}
	wantRetry(t, c.Allow(t.Context(), "acme", caller("c", tight.Rate), wide), "tenant", 30*time.Second)
}

func TestTenantsAndKindsAreCountedApart(t *testing.T) {
	c := newClocked(t)
	one := limit.Per(1, time.Minute)
	for _, tenant := range []string{"acme", "globex"} {
		for _, kind := range []string{"caller", "subject"} {
			if err := c.Allow(t.Context(), tenant, limit.Key{Kind: kind, ID: "a", Rate: one}); err != nil {
				t.Errorf("%s of %s: %v", kind, tenant, err)
			}
		}
	}
}

func TestNamesInRedisTellNothingAndEnd(t *testing.T) {
	const planted = "jane@example.org"
	c := newClocked(t)
	key := limit.Key{Kind: "subject", ID: planted, Rate: limit.Per(4, 20*time.Hour)}
	names := map[string]bool{}
	for range 2 {
		if err := c.Allow(t.Context(), "acme", key); err != nil {
			t.Fatal(err)
		}
		for _, name := range c.server.Keys() {
			names[name] = true
			value, _ := c.server.Get(name)
			if strings.Contains(name+value, planted) || strings.Contains(name, "acme") {
				t.Errorf("%s tells whose it is", name)
			}
			if ttl := c.server.TTL(name); ttl <= 0 || ttl > 24*time.Hour {
				t.Errorf("%s lives for %s", name, ttl)
			}
		}
		c.pass(24 * time.Hour)
	}
	if len(names) != 2 {
		t.Errorf("%d names on two days, want another every day: %v", len(names), names)
	}
	if left := c.server.Keys(); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

func TestAMomentFarAheadCountsAsAFullBurstOnly(t *testing.T) {
	c := newClocked(t)
	key := caller("a", limit.Per(2, 2*time.Second))
	if err := c.Allow(t.Context(), "acme", key); err != nil {
		t.Fatal(err)
	}
	c.now = c.now.Add(-time.Hour) // a Redis with another clock took over
	c.server.SetTime(c.now)
	wantRetry(t, c.Allow(t.Context(), "acme", key), "caller", time.Second)
}

func TestARateThatCannotBeKeptIsRefused(t *testing.T) {
	c := newClocked(t)
	for _, rate := range []limit.Rate{{}, limit.Per(0, time.Second), limit.Per(1, 25*time.Hour), {Every: time.Nanosecond, Burst: 1}, {Every: time.Second}} {
		if err := c.Allow(t.Context(), "acme", caller("a", rate)); !errors.Is(err, limit.ErrRate) {
			t.Errorf("%+v: got %v, want ErrRate", rate, err)
		}
	}
}

func TestASecretThatCouldBeGuessedIsRefused(t *testing.T) {
	if _, err := limit.New(limit.Config{Service: "bookd", Secret: []byte("short"), Now: time.Now}); err == nil {
		t.Error("five bytes were accepted")
	}
}

func TestReplicasShareALimitToTheLastCall(t *testing.T) {
	server := testserver.Redis(t)
	const replicas, each, burst = 3, 200, 100
	key := caller("a", limit.Rate{Every: time.Hour / burst, Burst: burst})
	var allowed, refused atomic.Int64
	var running sync.WaitGroup
	for range replicas {
		l := newLimiter(t, server.Addr(), time.Now)
		for range 4 {
			running.Go(func() {
				for range each / 4 {
					var over *limit.ExceededError
					switch err := l.Allow(context.Background(), "acme", key); {
					case err == nil:
						allowed.Add(1)
					case errors.As(err, &over):
						refused.Add(1)
					default:
						t.Error(err)
					}
				}
			})
		}
	}
	running.Wait()
	if allowed.Load() != burst || refused.Load() != replicas*each-burst {
		t.Errorf("%d allowed and %d refused, want %d and %d", allowed.Load(), refused.Load(), burst, replicas*each-burst)
	}
}

func TestWithoutRedisNothingIsAllowedButWhatMustStayOpen(t *testing.T) {
	server := testserver.Redis(t)
	l := newLimiter(t, server.Addr(), time.Now)
	key := caller("a", limit.Per(2, time.Hour))
	if err := l.Allow(t.Context(), "acme", key); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if err := l.Allow(t.Context(), "acme", key); !errors.Is(err, limit.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	for i := range 2 {
		if err := l.AllowOpen(t.Context(), "acme", key); err != nil {
			t.Errorf("open call %d: %v", i, err)
		}
	}
	var over *limit.ExceededError
	if err := l.AllowOpen(t.Context(), "acme", key); !errors.As(err, &over) {
		t.Errorf("beyond the limit of this process: got %v", err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if err := l.Allow(t.Context(), "acme", key); err != nil {
		t.Errorf("with Redis back: %v", err)
	}
}

func TestARedisThatHangsIsWaitedForBriefly(t *testing.T) {
	server := testserver.Redis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	l, err := limit.New(limit.Config{Client: client, Service: "bookd", Secret: []byte(secret), Now: time.Now, Patience: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	defer func() {
		if err := server.Resume(); err != nil {
			t.Error(err)
		}
	}()
	if err := l.Allow(t.Context(), "acme", caller("a", limit.PerSecond(1, 1))); !errors.Is(err, limit.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %s of 50 ms", took)
	}
}

func TestACallerLearnsWhenToComeBack(t *testing.T) {
	c := newClocked(t)
	key := caller("a", limit.Per(1, time.Minute))
	if err := c.Allow(t.Context(), "acme", key); err != nil {
		t.Fatal(err)
	}
	var answer *fault.Fault
	if !errors.As(c.Allow(t.Context(), "acme", key), &answer) {
		t.Fatal("no answer for the caller")
	}
	if answer.Code() != codes.ResourceExhausted || answer.Reason() != limit.ReasonExceeded || retryOf(answer.Status()) != time.Minute {
		t.Errorf("got %s %s, come back after %s", answer.Code(), answer.Reason(), retryOf(answer.Status()))
	}
}

func retryOf(s *status.Status) time.Duration {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}
