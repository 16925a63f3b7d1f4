package auth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/rpctest"
)

// bench is a verifier with its issuer, its clock, and a count of its work.
type bench struct {
	*auth.Verifier
	issuer *rpctest.Issuer
	clock  atomic.Int64 // Unix seconds
	reader *sdkmetric.ManualReader
}

func (b *bench) now() time.Time          { return time.Unix(b.clock.Load(), 0) }
func (b *bench) advance(d time.Duration) { b.clock.Add(int64(d / time.Second)) }

func newBench(t testing.TB, remember int) *bench {
	t.Helper()
	b := &bench{issuer: rpctest.NewIssuer(t), reader: sdkmetric.NewManualReader()}
	b.clock.Store(1_800_000_000)
	keys, err := auth.KeyFile(auth.FileConfig{Path: b.issuer.Path, Now: b.now, Report: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	b.Verifier, err = auth.NewVerifier(auth.Config{
		Issuer: rpctest.TokenIssuer, Audience: rpctest.TokenAudience, Keys: keys, StepUp: []string{"phr"},
		Now: b.now, Remember: remember, Meters: sdkmetric.NewMeterProvider(sdkmetric.WithReader(b.reader)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// checks returns how many signatures were checked.
func (b *bench) checks(t testing.TB) int64 {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := b.reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, scope := range data.ScopeMetrics {
		for _, point := range scope.Metrics[0].Data.(metricdata.Sum[int64]).DataPoints {
			n += point.Value
		}
	}
	return n
}

func TestATokenSaysWhoCalls(t *testing.T) {
	b := newBench(t, 0)
	c := rpctest.Claims(b.now(), "agent", "key_admin", "service", "unspecified", "other_word")
	c["acr"], c["auth_time"] = "phr", b.now().Add(-time.Minute).Unix()
	got, err := b.Verify(t.Context(), b.issuer.Sign(c))
	if err != nil {
		t.Fatal(err)
	}
	want := auth.Principal{
		Tenant: "acme", Subject: "actor-1", TokenID: "token-1",
		Roles:    auth.RolesOf(optionsv1.Role_ROLE_AGENT, optionsv1.Role_ROLE_KEY_ADMIN),
		StepUpAt: b.now().Add(-time.Minute), Expires: b.now().Add(5 * time.Minute),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAStepUpOfAnotherKindDoesNotCount(t *testing.T) {
	b := newBench(t, 0)
	c := rpctest.With(rpctest.With(rpctest.Claims(b.now(), "agent"), "acr", "pwd"), "auth_time", b.now().Unix())
	got, err := b.Verify(t.Context(), b.issuer.Sign(c))
	if err != nil || !got.StepUpAt.IsZero() {
		t.Errorf("got step-up %s and %v, want none", got.StepUpAt, err)
	}
}

func TestEveryPinnedAlgorithmWorks(t *testing.T) {
	b := newBench(t, 0)
	for _, algorithm := range []string{auth.EdDSA, auth.ES256, auth.RS256} {
		b.issuer.AddKey(algorithm, algorithm)
		b.advance(10 * time.Second)
		if _, err := b.Verify(t.Context(), b.issuer.SignWith(algorithm, rpctest.Claims(b.now()))); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

func TestATokenIsCheckedOnce(t *testing.T) {
	b := newBench(t, 0)
	token := b.issuer.Sign(rpctest.Claims(b.now(), "product"))
	for range 100 {
		if _, err := b.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.checks(t); n != 1 {
		t.Errorf("%d signatures checked for one token, want 1", n)
	}
}

func TestARememberedTokenEndsWhenItSaysSo(t *testing.T) {
	b := newBench(t, 0)
	token := b.issuer.Sign(rpctest.Claims(b.now(), "product"))
	b.advance(5*time.Minute - time.Second)
	if _, err := b.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	b.advance(time.Second)
	for range 2 { // from memory, and after it was forgotten
		if _, err := b.Verify(t.Context(), token); !errors.Is(err, auth.ErrExpired) {
			t.Errorf("got %v, want ErrExpired", err)
		}
	}
}

func TestARememberedTokenGoesWithItsKey(t *testing.T) {
	b := newBench(t, 0)
	b.issuer.AddKey("k2", auth.ES256)
	b.advance(10 * time.Second)
	first, second := b.issuer.Sign(rpctest.Claims(b.now())), b.issuer.SignWith("k2", rpctest.Claims(b.now()))
	verify := func(token string, want error) {
		t.Helper()
		if _, err := b.Verify(t.Context(), token); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	verify(first, nil)
	verify(second, nil)
	b.issuer.RemoveKey("k1")
	b.advance(10 * time.Second)
	verify(first, auth.ErrInvalid)
	verify(second, nil)
}

func TestTokensThatAreNotGoodAreRefused(t *testing.T) {
	b := newBench(t, 0)
	good := rpctest.Claims(b.now(), "product")
	other := rpctest.NewIssuer(t) // same key id, another key
	parts := strings.Split(b.issuer.Sign(good), ".")
	for name, row := range map[string]struct {
		token string
		want  error
	}{
		"nothing":                     {"", auth.ErrInvalid},
		"no token at all":             {"a.b.c", auth.ErrInvalid},
		"a token that is too long":    {strings.Repeat("a", 9000), auth.ErrInvalid},
		"a foreign signature":         {other.Sign(good), auth.ErrInvalid},
		"a signature cut off":         {parts[0] + "." + parts[1] + ".", auth.ErrInvalid},
		"algorithm none":              {unsigned(t, "none", good), auth.ErrInvalid},
		"algorithm None":              {unsigned(t, "None", good), auth.ErrInvalid},
		"HS256 with the public key":   {symmetric(t, b.issuer, good), auth.ErrInvalid},
		"another algorithm's name":    {unsigned(t, "RS256", good), auth.ErrInvalid},
		"a demand for extensions":     {header(t, b.issuer, "crit", []string{"x"}, good), auth.ErrInvalid},
		"no key id":                   {header(t, b.issuer, "kid", nil, good), auth.ErrInvalid},
		"an unknown key id":           {header(t, b.issuer, "kid", "k9", good), auth.ErrInvalid},
		"a key id that is no text":    {header(t, b.issuer, "kid", 1, good), auth.ErrInvalid},
		"no end":                      {b.issuer.Sign(rpctest.With(good, "exp", nil)), auth.ErrInvalid},
		"an end that has passed":      {b.issuer.Sign(rpctest.With(good, "exp", b.now().Unix())), auth.ErrExpired},
		"a beginning far ahead":       {b.issuer.Sign(rpctest.With(good, "nbf", b.now().Add(time.Minute).Unix())), auth.ErrInvalid},
		"another issuer":              {b.issuer.Sign(rpctest.With(good, "iss", "https://x")), auth.ErrForeign},
		"no issuer":                   {b.issuer.Sign(rpctest.With(good, "iss", nil)), auth.ErrInvalid},
		"another audience":            {b.issuer.Sign(rpctest.With(good, "aud", []string{"x", "y"})), auth.ErrForeign},
		"no audience":                 {b.issuer.Sign(rpctest.With(good, "aud", nil)), auth.ErrInvalid},
		"no tenant":                   {b.issuer.Sign(rpctest.With(good, "tenant", nil)), auth.ErrTenant},
		"a tenant of the system":      {b.issuer.Sign(rpctest.With(good, "tenant", "_system")), auth.ErrTenant},
		"a tenant with a dot":         {b.issuer.Sign(rpctest.With(good, "tenant", "a.b")), auth.ErrTenant},
		"a tenant with a wildcard":    {b.issuer.Sign(rpctest.With(good, "tenant", "*")), auth.ErrTenant},
		"a tenant in capitals":        {b.issuer.Sign(rpctest.With(good, "tenant", "ACME")), auth.ErrTenant},
		"a tenant that is too long":   {b.issuer.Sign(rpctest.With(good, "tenant", strings.Repeat("a", 65))), auth.ErrTenant},
		"no subject":                  {b.issuer.Sign(rpctest.With(good, "sub", nil)), auth.ErrSubject},
		"an e-mail address":           {b.issuer.Sign(rpctest.With(good, "sub", "jane@example.com")), auth.ErrSubject},
		"a name":                      {b.issuer.Sign(rpctest.With(good, "sub", "Jane Doe")), auth.ErrSubject},
		"roles that are not a list":   {b.issuer.Sign(rpctest.With(good, "roles", 7)), auth.ErrInvalid},
		"a token with something more": {b.issuer.Sign(good) + "x", auth.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // a refusal is not remembered as something better
				if p, err := b.Verify(t.Context(), row.token); !errors.Is(err, row.want) || p != (auth.Principal{}) {
					t.Errorf("got %v, want %v and nobody", err, row.want)
				}
			}
		})
	}
}

func TestNoErrorQuotesItsToken(t *testing.T) {
	b := newBench(t, 0)
	token := b.issuer.Sign(rpctest.With(rpctest.Claims(b.now()), "sub", "jane@example.com"))
	for _, text := range []string{token, token + "x", "jane@example.com"} {
		_, err := b.Verify(t.Context(), text)
		if err == nil || strings.Contains(fmt.Sprintf("%+v", err), "jane") || strings.Contains(err.Error(), token[:20]) {
			t.Errorf("error quotes what it refuses: %v", err)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	const limit = 64
	b := newBench(t, limit)
	for i := range 4 * limit {
		c := rpctest.With(rpctest.Claims(b.now(), "product"), "jti", fmt.Sprint(i))
		if _, err := b.Verify(t.Context(), b.issuer.Sign(c)); err != nil {
			t.Fatal(err)
		}
	}
	if n := auth.Remembered(b.Verifier); n > limit || n < limit/2 {
		t.Errorf("%d tokens remembered, want about %d and no more", n, limit)
	}
}

func TestAnIncompleteConfigurationIsRefused(t *testing.T) {
	full := auth.Config{
		Issuer: "i", Audience: "a", Keys: func(string) *auth.Key { return nil }, Now: time.Now, Meters: noopmetric.NewMeterProvider(),
	}
	for name, spoil := range map[string]func(*auth.Config){
		"issuer": func(c *auth.Config) { c.Issuer = "" }, "audience": func(c *auth.Config) { c.Audience = "" },
		"keys": func(c *auth.Config) { c.Keys = nil }, "clock": func(c *auth.Config) { c.Now = nil },
	} {
		cfg := full
		spoil(&cfg)
		if _, err := auth.NewVerifier(cfg); err == nil {
			t.Errorf("accepted without %s", name)
		}
	}
	if _, err := auth.NewVerifier(full); err != nil {
		t.Error(err)
	}
}

func TestKeySets(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	x := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	good := map[string]string{"kid": "a", "kty": "OKP", "crv": "Ed25519", "x": x}
	for name, row := range map[string]struct {
		keys []map[string]string
		want int // keys, or 0 for an error
	}{
		"one key":                {[]map[string]string{good}, 1},
		"other kinds beside it":  {[]map[string]string{good, {"kid": "b", "kty": "oct", "k": "x"}, {"kty": "EC", "crv": "P-521"}}, 1},
		"an encryption key":      {[]map[string]string{good, {"kid": "b", "kty": "RSA", "use": "enc"}}, 1},
		"no key":                 {nil, 0},
		"only other kinds":       {[]map[string]string{{"kid": "b", "kty": "oct", "k": "x"}}, 0},
		"two keys of one id":     {[]map[string]string{good, good}, 0},
		"a key without an id":    {[]map[string]string{{"kty": "OKP", "crv": "Ed25519", "x": x}}, 0},
		"a short key":            {[]map[string]string{{"kid": "a", "kty": "OKP", "crv": "Ed25519", "x": "AA"}}, 0},
		"a weak RSA key":         {[]map[string]string{rpctest.JWK("a", &weak.PublicKey)}, 0},
		"a point off the curve":  {[]map[string]string{{"kid": "a", "kty": "EC", "crv": "P-256", "x": x, "y": x}}, 0},
		"an RSA key without end": {[]map[string]string{{"kid": "a", "kty": "RSA", "n": x}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(map[string]any{"keys": row.keys})
			if err != nil {
				t.Fatal(err)
			}
			got, err := auth.ParseKeys(text)
			if len(got) != row.want || (err == nil) != (row.want > 0) {
				t.Errorf("got %d keys and %v, want %d", len(got), err, row.want)
			}
		})
	}
	if _, err := auth.ParseKeys([]byte("no JSON")); err == nil {
		t.Error("accepted what is no JSON")
	}
}

func TestAMissingKeyFileStopsTheStart(t *testing.T) {
	if _, err := auth.KeyFile(auth.FileConfig{Path: t.TempDir() + "/none", Now: time.Now}); err == nil {
		t.Error("started without keys")
	}
}

func BenchmarkVerify(b *testing.B) {
	v := newBench(b, 0)
	token := v.issuer.Sign(rpctest.Claims(v.now(), "product"))
	b.Run("remembered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			auth.Forget(v.Verifier, token)
			b.StartTimer()
			if _, err := v.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func unsigned(t *testing.T, algorithm string, c jwt.MapClaims) string {
	t.Helper()
	token := encode(t, map[string]any{"alg": algorithm, "kid": "k1"}) + "." + encode(t, c)
	return token + "."
}

// symmetric signs with the public key as if it were a shared secret.
func symmetric(t *testing.T, i *rpctest.Issuer, c jwt.MapClaims) string {
	t.Helper()
	set, err := os.ReadFile(i.Path)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := auth.ParseKeys(set)
	if err != nil {
		t.Fatal(err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, c)
	token.Header["kid"] = "k1"
	text, err := token.SignedString([]byte(fmt.Sprint(keys["k1"].Public)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// header signs a good token and swaps a header field; nil removes it.
func header(t *testing.T, i *rpctest.Issuer, name string, value any, c jwt.MapClaims) string {
	t.Helper()
	h := map[string]any{"alg": "EdDSA", "kid": "k1", name: value}
	if value == nil {
		delete(h, name)
	}
	return i.SignRaw("k1", encode(t, h)+"."+encode(t, c))
}

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}
