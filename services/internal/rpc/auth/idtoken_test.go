package auth_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/rpctest"

	"github.com/golang-jwt/jwt/v5"
)

func TestAnIDTokenCountsForWhatItWasAskedForAndNothingElse(t *testing.T) {
	p := newProvider(t)
	staff := rpctest.NewIssuer(t)
	p.AddKey("e1", "ES256")
	keys := mustKeys(t, p)
	now := p.clock()
	good := p.SignedIn(now, "portal", "jane", "n-1")
	with := func(name string, value any) string { return p.Sign(rpctest.With(good, name, value)) }
	ago := func(d time.Duration) int64 { return now.Add(-d).Unix() }
	none, err := rpctest.Unsigned(good)
	if err != nil {
		t.Fatal(err)
	}
	crossed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"e1"}`)) + "." + strings.Split(p.Sign(good), ".")[1]
	for _, tc := range []struct {
		name, token string
		want        error
	}{
		{"a fresh sign-in counts", p.Sign(good), nil},
		{"also with another key of the provider", p.SignWith("e1", good), nil},
		{"also for several clients, issued to this one", p.Sign(rpctest.With(rpctest.With(good, "aud", []string{"portal", "shop"}), "azp", "portal")), nil},
		{"another nonce does not", with("nonce", "n-2"), auth.ErrNonce},
		{"nor none", with("nonce", nil), auth.ErrNonce},
		{"another client's does not", with("aud", "shop"), auth.ErrForeign},
		{"nor one for several that was issued to nobody", with("aud", []string{"portal", "shop"}), auth.ErrClient},
		{"nor one that was issued to another", with("azp", "shop"), auth.ErrClient},
		{"another issuer's does not", with("iss", "https://other.example"), auth.ErrForeign},
		{"nor an issuer's that is spelled otherwise", with("iss", p.Server.URL+"/"), auth.ErrForeign},
		{"one that has ended does not", with("exp", ago(time.Second)), auth.ErrExpired},
		{"nor one without an end", with("exp", nil), auth.ErrInvalid},
		{"an old sign-in does not", with("auth_time", ago(11*time.Minute)), auth.ErrStale},
		{"nor one that is not dated", with("auth_time", nil), auth.ErrStale},
		{"nor one that is yet to come", with("auth_time", now.Add(time.Hour).Unix()), auth.ErrStale},
		{"an old token does not", with("iat", ago(11*time.Minute)), auth.ErrStale},
		{"nor one that is not dated itself", with("iat", nil), auth.ErrStale},
		{"nobody's does not", with("sub", ""), auth.ErrSubject},
		{"one that needs no signature does not", none, auth.ErrInvalid},
		{"nor one signed by the public key", p.SignShared("k1", good), auth.ErrInvalid},
		{"nor one signed by somebody else", staff.Sign(good), auth.ErrInvalid},
		{"nor one whose key is for another algorithm", p.SignRaw("k1", crossed), auth.ErrInvalid},
		{"nor one that is too long", p.Sign(rpctest.With(good, "more", strings.Repeat("x", 9<<10))), auth.ErrInvalid},
		{"nor none at all", "", auth.ErrInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := auth.CheckIDToken(tc.token, auth.Expected{
				Issuer: p.Server.URL, Client: "portal", Nonce: "n-1", MaxAge: 10 * time.Minute, Keys: keys, Now: p.clock,
			})
			if !errors.Is(err, tc.want) {
				t.Fatalf("error %v, want %v", err, tc.want)
			}
			if err == nil && (got.Subject != "jane" || got.Issuer != p.Server.URL || got.ID != "id-n-1") {
				t.Errorf("got %+v", got)
			}
		})
	}
	unasked := auth.Expected{Issuer: p.Server.URL, Client: "portal", MaxAge: time.Minute, Keys: keys, Now: p.clock}
	if _, err := auth.CheckIDToken(with("nonce", ""), unasked); !errors.Is(err, auth.ErrNonce) {
		t.Errorf("without a nonce: %v", err)
	}
}

func TestAnIDTokenSaysHowSomebodySignedIn(t *testing.T) {
	p := newProvider(t)
	keys := mustKeys(t, p)
	c := jwt.MapClaims(rpctest.With(rpctest.With(p.SignedIn(p.clock(), "portal", "jane", "n-1"), "acr", "phr"), "amr", []string{"pwd", "otp"}))
	got, err := auth.CheckIDToken(p.Sign(c), auth.Expected{
		Issuer: p.Server.URL, Client: "portal", Nonce: "n-1", MaxAge: 10 * time.Minute, Keys: keys, Now: p.clock,
	})
	if err != nil || got.ACR != "phr" || len(got.AMR) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}
