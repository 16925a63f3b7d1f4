package auth_test

import (
	"errors"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	noopmetric "go.opentelemetry.io/otel/metric/noop"

	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/rpctest"
)

// TestATokenOfAProviderIsJudgedByItsWholeOrigin goes from discovery to the
// principal.
func TestATokenOfAProviderIsJudgedByItsWholeOrigin(t *testing.T) {
	p := newProvider(t)
	v, err := auth.NewVerifier(auth.Config{
		Issuer: p.Server.URL, Audience: rpctest.TokenAudience, Keys: mustKeys(t, p), Now: p.clock,
		MaxLife: 10 * time.Minute, Clients: []string{"habeas-cli"}, StepUp: []string{"phr"}, StepUpBy: []string{"hwk", "otp"},
		Meters: noopmetric.NewMeterProvider(),
	})
	if err != nil {
		t.Fatal(err)
	}
	now := p.clock().Truncate(time.Second)
	good := rpctest.With(rpctest.With(rpctest.With(rpctest.Claims(now, "dpo"), "iss", p.Server.URL), "iat", now.Unix()), "azp", "habeas-cli")
	good = rpctest.With(good, "auth_time", now.Add(-time.Minute).Unix())
	for name, test := range map[string]struct {
		claims jwt.MapClaims
		err    error
		stepUp bool
	}{
		"a good token":                     {good, nil, false},
		"of another issuer":                {rpctest.With(good, "iss", "https://issuer.habeas.test"), auth.ErrForeign, false},
		"for another audience":             {rpctest.With(good, "aud", "shop"), auth.ErrForeign, false},
		"of another client":                {rpctest.With(good, "azp", "shop"), auth.ErrClient, false},
		"of no client":                     {rpctest.With(good, "azp", nil), auth.ErrClient, false},
		"of no tenant":                     {rpctest.With(good, "tenant", nil), auth.ErrTenant, false},
		"without its issue":                {rpctest.With(good, "iat", nil), auth.ErrLife, false},
		"that counts for eleven minutes":   {rpctest.With(good, "exp", now.Add(11*time.Minute).Unix()), auth.ErrLife, false},
		"issued in the future":             {rpctest.With(good, "iat", now.Add(time.Minute).Unix()), auth.ErrInvalid, false},
		"that has ended":                   {rpctest.With(good, "exp", now.Add(-time.Second).Unix()), auth.ErrExpired, false},
		"after a step-up by class":         {rpctest.With(good, "acr", "phr"), nil, true},
		"after a step-up by a method":      {rpctest.With(good, "amr", []string{"pwd", "hwk"}), nil, true},
		"after a password":                 {rpctest.With(good, "amr", []string{"pwd"}), nil, false},
		"after a step-up at no known time": {rpctest.With(rpctest.With(good, "acr", "phr"), "auth_time", nil), nil, false},
	} {
		got, err := v.Verify(t.Context(), p.Sign(test.claims))
		if !errors.Is(err, test.err) || err == nil && got.StepUpAt.IsZero() == test.stepUp {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	bound := rpctest.With(good, "cnf", map[string]string{"x5t#S256": "digest"})
	if got, err := v.Verify(t.Context(), p.Sign(bound)); err != nil || got.Certificate != "digest" {
		t.Errorf("a bound token: got %+v, %v", got, err)
	}
}
