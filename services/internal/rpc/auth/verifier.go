package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
)

// What can be wrong with a token. The texts hold nothing of the token.
var (
	// ErrInvalid is a token that is malformed, signed by an unknown key or in
	// an unacceptable way, or not yet valid.
	ErrInvalid = errors.New("token is not valid")
	// ErrExpired is a token that was good once.
	ErrExpired = errors.New("token has expired")
	// ErrForeign is a good token of another issuer or for another audience.
	ErrForeign = errors.New("token is for another audience or of another issuer")
	// ErrTenant is a good token that names no possible tenant.
	ErrTenant = errors.New("token names no tenant")
	// ErrSubject is a good token whose subject is missing or no pseudonym.
	ErrSubject = errors.New("token's subject is not a pseudonym")
	// ErrClient is a good token that was issued to another client.
	ErrClient = errors.New("token was issued to another client")
	// ErrLife is a good token that counts for longer than is allowed, or does not
	// say since when.
	ErrLife = errors.New("token counts for too long")
)

const (
	// skew is how much earlier than ours an issuer's clock may be set to a
	// token's beginning. A token's end is exact.
	skew = 30 * time.Second
	// maxToken is the longest token that is looked at.
	maxToken = 8 << 10
	// defaultCache is how many tokens are remembered unless stated.
	defaultCache = 16384
)

// Config says which tokens are good.
type Config struct {
	// Issuer and Audience are what iss must be and aud must contain.
	Issuer, Audience string
	// Keys finds the issuer's keys.
	Keys Keys
	// StepUp lists the values of acr that count as a step-up, StepUpBy those of
	// amr, any of which suffices.
	StepUp, StepUpBy []string
	// MaxLife is the longest that a token may count from its issue, which it must
	// then state. Zero sets no bound.
	MaxLife time.Duration
	// Clients lists the clients that tokens may have been issued to (azp), and
	// then one of them must be named. Empty asks for none.
	Clients []string
	// Now is the clock.
	Now func() time.Time
	// Remember is how many good tokens are remembered; zero means 16384.
	Remember int
	// Meters counts verifications.
	Meters metric.MeterProvider
}

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	cfg    Config
	parser *jwt.Parser
	roles  map[string]optionsv1.Role
	cache  *cache
	checks metric.Int64Counter
	good   metric.MeasurementOption
	bad    metric.MeasurementOption
}

// NewVerifier refuses a configuration that would accept anyone's tokens.
func NewVerifier(cfg Config) (*Verifier, error) {
	if cfg.Issuer == "" || cfg.Audience == "" || cfg.Keys == nil || cfg.Now == nil {
		return nil, errors.New("make token verifier: issuer, audience, keys and clock are all needed")
	}
	checks, err := cfg.Meters.Meter("habeas.internal/services/internal/rpc/auth").Int64Counter(
		"habeas.auth.token.checks", metric.WithDescription("Signatures of tokens that were checked, by outcome."))
	if err != nil {
		return nil, fmt.Errorf("make token verifier: %w", err)
	}
	return &Verifier{
		cfg:    cfg,
		parser: newParser(cfg.Issuer, cfg.Audience, cfg.Now),
		roles:  roleNames(),
		cache:  newCache(cmp.Or(cfg.Remember, defaultCache)),
		checks: checks,
		good:   metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "good"))),
		bad:    metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "refused"))),
	}, nil
}

// Verify returns who the token says is calling, or one of this package's
// errors. The principal has no Service: a token cannot make one.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	if len(token) > maxToken {
		return Principal{}, ErrInvalid
	}
	var buffer [1 << 10]byte // room for a usual token, so that the digest allocates nothing
	digest := sha256.Sum256(append(buffer[:0], token...))
	if e := v.cache.get(&digest); e != nil {
		return v.recall(ctx, &digest, e, token)
	}
	return v.check(ctx, &digest, token)
}

// recall answers from memory, unless the token has ended or its key is gone.
func (v *Verifier) recall(ctx context.Context, digest *[sha256.Size]byte, e *entry, token string) (Principal, error) {
	if !v.cfg.Now().Before(e.expires) {
		v.cache.remove(digest)
		return Principal{}, ErrExpired
	}
	if v.cfg.Keys(e.key.ID) != e.key {
		v.cache.remove(digest)
		return v.check(ctx, digest, token)
	}
	return e.principal, nil
}

// check does the expensive work, once per token.
func (v *Verifier) check(ctx context.Context, digest *[sha256.Size]byte, token string) (Principal, error) {
	e, err := v.parse(token)
	if err != nil {
		v.checks.Add(ctx, 1, v.bad)
		return Principal{}, err
	}
	v.checks.Add(ctx, 1, v.good)
	v.cache.put(digest, e, v.cfg.Now())
	return e.principal, nil
}

// claims is the part of a token that is used.
type claims struct {
	jwt.RegisteredClaims
	Tenant string   `json:"tenant"`
	Roles  []string `json:"roles"`
	ACR    string   `json:"acr"`
	AMR    []string `json:"amr"`
	Client string   `json:"azp"`
	Bound  struct {
		Certificate string `json:"x5t#S256"`
	} `json:"cnf"`
	AuthTime *jwt.NumericDate `json:"auth_time"`
}

func (v *Verifier) parse(token string) (*entry, error) {
	var c claims
	key, err := signed(v.parser, v.cfg.Keys, token, &c)
	if err := v.judge(err, &c); err != nil {
		return nil, err
	}
	return &entry{v.principal(&c), key, c.ExpiresAt.Time}, nil
}

// judge adds the rules that the parser does not know.
func (v *Verifier) judge(err error, c *claims) error {
	if err := refused(err); err != nil {
		return err
	}
	switch {
	case !v.cfg.Now().Before(c.ExpiresAt.Time):
		return ErrExpired
	case !ValidTenant(c.Tenant):
		return ErrTenant
	case !validSubject(c.Subject):
		return ErrSubject
	case !v.knownClient(c):
		return ErrClient
	case v.tooLong(c):
		return ErrLife
	default:
		return nil
	}
}

// knownClient says whether the token was issued to a client that counts.
func (v *Verifier) knownClient(c *claims) bool {
	if len(v.cfg.Clients) == 0 {
		return true
	}
	return slices.Contains(v.cfg.Clients, c.Client)
}

func (v *Verifier) tooLong(c *claims) bool {
	return v.cfg.MaxLife > 0 && (c.IssuedAt == nil || c.ExpiresAt.Sub(c.IssuedAt.Time) > v.cfg.MaxLife)
}

func (v *Verifier) stepUp(c *claims) bool {
	return c.ACR != "" && slices.Contains(v.cfg.StepUp, c.ACR) ||
		slices.ContainsFunc(c.AMR, func(method string) bool { return slices.Contains(v.cfg.StepUpBy, method) })
}

func (v *Verifier) principal(c *claims) Principal {
	p := Principal{Tenant: c.Tenant, Subject: c.Subject, TokenID: c.ID, Expires: c.ExpiresAt.Time, Certificate: c.Bound.Certificate}
	for _, name := range c.Roles {
		p.Roles |= RolesOf(v.roles[name]) // words of other systems add nothing
	}
	if c.AuthTime != nil && v.stepUp(c) {
		p.StepUpAt = c.AuthTime.Time
	}
	return p
}
