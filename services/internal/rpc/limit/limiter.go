package limit

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc/codes"

	"habeas.internal/services/internal/rpc/fault"
)

// ErrUnavailable is the answer when nobody can say how much a caller had.
var ErrUnavailable = fault.New(codes.Unavailable, "LIMITER_UNAVAILABLE", "the limits can't be checked now")

// ReasonExceeded is the reason of a call beyond a limit.
const ReasonExceeded = "RATE_LIMITED"

// ExceededError says that a limit is reached. It answers a call with
// RESOURCE_EXHAUSTED and the time after which to come back.
type ExceededError struct {
	// Kind is the kind of the key whose limit it is.
	Kind string
	// Retry is when the call would be allowed, if nothing else is.
	Retry time.Duration

	answer *fault.Fault
}

func exceeded(kind string, retry time.Duration) *ExceededError {
	return &ExceededError{kind, retry, fault.Later(codes.ResourceExhausted, ReasonExceeded, "too many calls; come back later", retry)}
}

// Error returns the constant text.
func (e *ExceededError) Error() string { return e.answer.Error() }

// Unwrap returns what goes to the caller.
func (e *ExceededError) Unwrap() error { return e.answer }

// Config is what a Limiter needs.
type Config struct {
	// Client reaches Redis. Without one, all counting is in this process, which
	// is right for a service of one replica only.
	Client redis.UniversalClient
	// Service keeps services apart that share a Redis.
	Service string
	// Secret is what the day's pepper is derived from: the same in all replicas
	// of the service, at least 32 bytes, and known to nobody else.
	Secret []byte
	// Patience is the longest wait for Redis; zero means 250 ms.
	Patience time.Duration
	// Now is the clock of the day, and of counting in this process.
	Now func() time.Time
}

const (
	defaultPatience = 250 * time.Millisecond
	minSecret       = 32
)

// Limiter counts. It is safe for concurrent use.
type Limiter struct {
	cfg    Config
	local  local
	pepper atomic.Pointer[pepper]
	script *redis.Script
}

// New refuses a configuration whose names could be guessed.
func New(cfg Config) (*Limiter, error) {
	if len(cfg.Secret) < minSecret || cfg.Service == "" || cfg.Now == nil {
		return nil, errors.New("make limiter: service, clock and a secret of 32 bytes are all needed")
	}
	if cfg.Patience <= 0 {
		cfg.Patience = defaultPatience
	}
	return &Limiter{cfg: cfg, script: redis.NewScript(gcra)}, nil
}

// Allow charges one of each key, or none and returns an error: an ExceededError
// when a limit is reached, ErrUnavailable when Redis does not answer. Keys count
// within the tenant. Errors go to callers as they are, through any error table.
func (l *Limiter) Allow(ctx context.Context, tenant string, keys ...Key) error {
	if err := check(keys); err != nil {
		return err
	}
	if l.cfg.Client == nil {
		return l.local.allow(l.cfg.Now(), tenant, keys)
	}
	return l.ask(ctx, tenant, keys)
}

// AllowOpen is Allow for what may never be withheld because Redis is away: it
// counts in this process then.
func (l *Limiter) AllowOpen(ctx context.Context, tenant string, keys ...Key) error {
	err := l.Allow(ctx, tenant, keys...)
	if errors.Is(err, ErrUnavailable) && ctx.Err() == nil {
		return l.local.allow(l.cfg.Now(), tenant, keys)
	}
	return err
}

// AllowHere counts in this process alone: for calls so frequent that asking
// Redis would cost more than answering them.
func (l *Limiter) AllowHere(tenant string, keys ...Key) error {
	if err := check(keys); err != nil {
		return err
	}
	return l.local.allow(l.cfg.Now(), tenant, keys)
}

func check(keys []Key) error {
	for _, k := range keys {
		if err := k.Rate.Check(); err != nil {
			return fmt.Errorf("limit of a %s: %w", k.Kind, err)
		}
	}
	return nil
}

// gcra takes each key's interval and span in microseconds, and whether it is
// charged. It returns the
// number of the key that refuses longest, and for how many microseconds.
const gcra = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local which, wait, moved = 0, 0, {}
for i, key in ipairs(KEYS) do
  local every, span = tonumber(ARGV[3*i-2]), tonumber(ARGV[3*i-1])
  local tat = tonumber(redis.call('GET', key) or now)
  tat = math.min(math.max(tat, now), now + span)
  moved[i] = tat + every
  if moved[i] - span - now > wait then which, wait = i, moved[i] - span - now end
end
if which > 0 then return {which, wait} end
for i, key in ipairs(KEYS) do
  if ARGV[3*i] == '1' then
    redis.call('SET', key, string.format('%.0f', moved[i]), 'PX', math.ceil((moved[i] - now) / 1000))
  end
end
return {0, 0}`

func (l *Limiter) ask(ctx context.Context, tenant string, keys []Key) error {
	if len(keys) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Patience)
	defer cancel()
	p, err := l.peppered()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	names, rates := make([]string, len(keys)), make([]any, 0, 3*len(keys))
	for i, k := range keys {
		names[i] = p.name(l.cfg.Service, tenant, k)
		rates = append(rates, k.Rate.Every.Microseconds(), k.Rate.span().Microseconds(), !k.Look)
	}
	answer, err := l.script.Run(ctx, l.cfg.Client, names, rates...).Int64Slice()
	if err != nil || len(answer) != 2 || answer[0] < 0 || int(answer[0]) > len(keys) {
		return fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(err, ctx.Err()))
	}
	if answer[0] == 0 {
		return nil
	}
	return exceeded(keys[answer[0]-1].Kind, time.Duration(answer[1])*time.Microsecond)
}

// pepper makes the names of one day.
type pepper struct {
	day string
	key []byte
}

// peppered returns today's pepper.
func (l *Limiter) peppered() (*pepper, error) {
	day := l.cfg.Now().UTC().Format(time.DateOnly)
	if p := l.pepper.Load(); p != nil && p.day == day {
		return p, nil
	}
	key, err := hkdf.Key(sha256.New, l.cfg.Secret, nil, "habeas-limit-v1 "+day, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the day's pepper: %w", err)
	}
	p := &pepper{day, key}
	l.pepper.Store(p)
	return p, nil
}

// name is a key's name in Redis. All of a tenant's names share a hash tag, so
// that one script may use them together in a cluster.
func (p *pepper) name(service, tenant string, k Key) string {
	return "habeas:limit:" + service + ":{" + p.digest("tenant", tenant) + "}:" + p.digest(tenant, k.Kind, k.ID)
}

// digest is an HMAC of the parts, each with its length before it.
func (p *pepper) digest(parts ...string) string {
	mac := hmac.New(sha256.New, p.key)
	for _, part := range parts {
		mac.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}
