package otp_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/identity/internal/otp"
	"habeas.internal/services/internal/rpc/limit"

	"github.com/redis/go-redis/v9"
)

func TestNobodyIsSentMoreCodesThanAPersonNeeds(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	l, err := limit.New(limit.Config{Service: "identity", Secret: make([]byte, 32), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	sent := func(tenant, subject string) (n int) {
		for range 15 {
			if err := l.Allow(t.Context(), tenant, otp.Sendings(subject)...); err == nil {
				n++
			} else if !errors.As(err, new(*limit.ExceededError)) {
				t.Fatal(err)
			}
		}
		return n
	}
	for _, tc := range []struct {
		name            string
		tenant, subject string
		later           time.Duration
		want            int
	}{
		{"ten go out", "a", "jane", 0, 10},
		{"and no more", "a", "jane", 0, 0},
		{"but to somebody else", "a", "john", 0, 10},
		{"and in another tenant", "b", "jane", 0, 10},
		{"one more after six minutes", "a", "jane", 6 * time.Minute, 1},
		{"ten more after an hour", "a", "jane", time.Hour, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now = now.Add(tc.later)
			if got := sent(tc.tenant, tc.subject); got != tc.want {
				t.Errorf("%d went out, want %d", got, tc.want)
			}
		})
	}
}

func TestNoCodeGoesOutWhileNobodyKnowsHowManyDid(t *testing.T) {
	away := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialTimeout: 50 * time.Millisecond})
	defer func() { _ = away.Close() }()
	l, err := limit.New(limit.Config{Client: away, Service: "identity", Secret: make([]byte, 32), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Allow(t.Context(), "a", otp.Sendings("jane")...); !errors.Is(err, limit.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
