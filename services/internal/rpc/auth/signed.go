package auth

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// newParser takes tokens of one issuer for one audience, with an end, signed by
// one of the pinned algorithms.
func newParser(issuer, audience string, now func() time.Time) *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods([]string{EdDSA, ES256, RS256}), jwt.WithExpirationRequired(),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithTimeFunc(now), jwt.WithLeeway(skew), jwt.WithStrictDecoding(), jwt.WithIssuedAt(),
	)
}

// signed reads a token's claims and returns the key that has signed it.
func signed(p *jwt.Parser, keys Keys, token string, c jwt.Claims) (*Key, error) {
	var key *Key
	_, err := p.ParseWithClaims(token, c, func(t *jwt.Token) (any, error) {
		if key = keyFor(keys, t.Header); key == nil || key.Algorithm != t.Method.Alg() {
			return nil, ErrInvalid
		}
		return key.Public, nil
	})
	return key, err
}

// keyFor returns the key that the header names, or nil. A header that demands
// extensions (crit) is refused, because none is understood here.
func keyFor(keys Keys, header map[string]any) *Key {
	if _, demands := header["crit"]; demands {
		return nil
	}
	id, ok := header["kid"].(string)
	if !ok || id == "" {
		return nil
	}
	return keys(id)
}

// refused replaces the parser's error, which may quote the token, by one of ours.
func refused(err error) error {
	switch {
	case errors.Is(err, jwt.ErrTokenInvalidAudience), errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return ErrForeign
	case errors.Is(err, jwt.ErrTokenExpired):
		return ErrExpired
	case err != nil:
		return ErrInvalid
	}
	return nil
}
