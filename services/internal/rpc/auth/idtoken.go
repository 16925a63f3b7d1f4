package auth

import (
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var (
	// ErrNonce is a good ID token that was asked for by something else.
	ErrNonce = errors.New("ID token is not for this purpose")
	// ErrStale is a good ID token of somebody who has signed in too long ago, or
	// one that does not say when.
	ErrStale = errors.New("ID token is of an old sign-in")
)

// Expected is what an ID token has to be. All of it is required.
type Expected struct {
	// Issuer is what iss must be. Client is what aud must contain and, where a
	// token names one, azp must be.
	Issuer, Client string
	// Nonce is what the token was asked for by; an empty one is never met.
	Nonce string
	// MaxAge is how long ago the person may have signed in (auth_time), and the
	// token may have been issued (iat).
	MaxAge time.Duration
	Keys   Keys
	Now    func() time.Time
}

// IDToken is what an OpenID provider says of somebody's sign-in (OpenID Connect
// Core 1.0, section 2).
type IDToken struct {
	Issuer, Subject, ID string
	IssuedAt            time.Time
	ACR                 string
	AMR                 []string
}

// idClaims is the part of an ID token that is used.
type idClaims struct {
	jwt.RegisteredClaims
	Nonce    string           `json:"nonce"`
	Client   string           `json:"azp"`
	ACR      string           `json:"acr"`
	AMR      []string         `json:"amr"`
	AuthTime *jwt.NumericDate `json:"auth_time"`
}

// CheckIDToken returns what an ID token says, or one of this package's errors.
// It is meant to be asked once per token and remembers none.
func CheckIDToken(token string, want Expected) (IDToken, error) {
	if len(token) > maxToken || want.Issuer == "" || want.Client == "" || want.Keys == nil || want.Now == nil {
		return IDToken{}, ErrInvalid
	}
	var c idClaims
	_, err := signed(newParser(want.Issuer, want.Client, want.Now), want.Keys, token, &c)
	if err := refused(err); err != nil {
		return IDToken{}, err
	}
	if err := want.judge(&c); err != nil {
		return IDToken{}, err
	}
	return IDToken{Issuer: c.Issuer, Subject: c.Subject, ID: c.ID, IssuedAt: c.IssuedAt.Time, ACR: c.ACR, AMR: c.AMR}, nil
}

// judge adds the rules that the parser does not know.
func (want Expected) judge(c *idClaims) error {
	now := want.Now()
	switch {
	case !now.Before(c.ExpiresAt.Time):
		return ErrExpired
	case c.Subject == "":
		return ErrSubject
	case len(c.Audience) > 1 && c.Client == "", c.Client != "" && c.Client != want.Client,
		slices.Contains(c.Audience, ""):
		return ErrClient
	case want.Nonce == "" || subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(want.Nonce)) != 1:
		return ErrNonce
	case !recent(c.IssuedAt, now, want.MaxAge), !recent(c.AuthTime, now, want.MaxAge):
		return ErrStale
	}
	return nil
}

// recent reports whether a moment is stated, has come, and is not long ago.
func recent(at *jwt.NumericDate, now time.Time, most time.Duration) bool {
	return at != nil && !at.After(now.Add(skew)) && now.Sub(at.Time) <= most
}
