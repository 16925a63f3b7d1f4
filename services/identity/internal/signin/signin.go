// Package signin proves people by a sign-in at their tenant's own identity
// provider: an OpenID Connect ID token that was asked for by the verification's
// nonce, for the tenant's client, from a sign-in of the last ten minutes, of an
// issuer and subject that are an identifier of the person.
//
// A token is neither stored nor logged. The event that it causes has a keyed
// digest of what names it. That it counts once follows from the nonce: it is
// random, of one verification, and a verification passes once.
package signin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"habeas.internal/services/identity/internal/otp"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/identifier"
	"habeas.internal/services/internal/rpc/auth"
)

// MaxAge is how long ago a sign-in may be.
const MaxAge = 10 * time.Minute

// ErrNoProvider says that the tenant's people sign in nowhere.
var ErrNoProvider = errors.New("tenant has no identity provider")

// Desk checks sign-ins. All of its fields are required.
type Desk struct {
	Codes    *otp.Desk
	Registry *registry.Registry
	// Provider and ChannelAge are the tenant's settings.
	Provider   func(ctx context.Context, tenant string) (tenant.Provider, error)
	ChannelAge func(ctx context.Context, tenant string) (time.Duration, error)
	// Keys are those of an issuer, or ErrAway.
	Keys     func(ctx context.Context, issuer string) (auth.Keys, error)
	Digester es.Digester
	Now      func() time.Time
}

// Check takes one attempt by an ID token. What is wrong with a token, whether the
// person is known and whether the token is theirs, is one answer: a wrong attempt.
func (d *Desk) Check(ctx context.Context, in, id string, cmd otp.Command, token string) (otp.Result, error) {
	s, err := d.Codes.Load(ctx, in, id)
	if err != nil {
		return otp.Result{}, err
	}
	p, err := d.Provider(ctx, in)
	if err != nil {
		return otp.Result{}, err
	}
	if !p.Set() {
		return otp.Result{}, ErrNoProvider
	}
	keys, err := d.Keys(ctx, p.Issuer)
	if err != nil {
		return otp.Result{}, err
	}
	try := verification.Assert{At: cmd.At}
	got, err := auth.CheckIDToken(token, auth.Expected{
		Issuer: p.Issuer, Client: p.Client, Nonce: s.Nonce, MaxAge: MaxAge, Keys: keys, Now: d.Now,
	})
	if err == nil {
		if try, err = d.weigh(ctx, in, s, p, got, try); err != nil {
			return otp.Result{}, err
		}
	}
	cmd.Data = try
	return d.Codes.Verifications.Handle(ctx, otp.Aggregate(in, id), cmd)
}

// weigh says whose sign-in it is, and what it proves. What came to the person by
// a merge is not of long standing with them.
func (d *Desk) weigh(
	ctx context.Context, in string, s verification.Verification, p tenant.Provider, got auth.IDToken, try verification.Assert,
) (verification.Assert, error) {
	text, problem := identifier.Normal(identifier.KindSSO, got.Issuer+" "+got.Subject)
	if problem != nil {
		return try, nil
	}
	holder, err := d.Registry.Holder(ctx, in, registry.Value{Kind: identifier.KindSSO, Text: text})
	if errors.Is(err, subject.ErrNotFound) {
		return try, nil
	}
	if err != nil {
		return try, err
	}
	age, err := d.ChannelAge(ctx, in)
	if err != nil {
		return try, fmt.Errorf("read safeguards: %w", err)
	}
	merged := holder.Subject.Into.Done
	try.Right = holder.Ref == s.Subject && !merged || merged && holder.Subject.Into.Subject == s.Subject
	try.Settled = !merged && holder.Subject.Settled(holder.Number, age, d.Now())
	try.Level = p.Level(got.ACR, got.AMR)
	try.Digest, err = d.Digester.Digest(ctx, in, named(got))
	if err != nil {
		return try, fmt.Errorf("digest assertion: %w", err)
	}
	return try, nil
}

// named is what tells a token from every other.
func named(t auth.IDToken) []byte {
	return []byte(strings.Join([]string{"habeas-assertion/v1", t.Issuer, t.Subject, t.ID, t.IssuedAt.UTC().Format(time.RFC3339Nano)}, "\n"))
}
