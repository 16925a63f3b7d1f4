package rpctest

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Provider is an OpenID provider over TLS on loopback: discovery, a key set, and
// what an Issuer signs.
type Provider struct {
	*Issuer
	// Server answers; its URL is the issuer.
	Server *httptest.Server
	// CA is a file with the authority of its certificate.
	CA string
	// Fetches counts who asked for its description.
	Fetches atomic.Int64
	// Down makes it fail.
	Down atomic.Bool
	// About is its description of itself; nil for the truth.
	About func(url string) any
}

// NewProvider starts a provider that ends with the test.
func NewProvider(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{Issuer: NewIssuer(t), CA: filepath.Join(t.TempDir(), "provider.pem")}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.Fetches.Add(1)
		if p.Down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		about := any(map[string]string{"issuer": p.Server.URL, "jwks_uri": p.Server.URL + "/keys"})
		if p.About != nil {
			about = p.About(p.Server.URL)
		}
		_ = json.NewEncoder(w).Encode(about)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		text, err := os.ReadFile(p.Path)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(text)
	})
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 300<<10)) })
	p.Server = httptest.NewTLSServer(mux)
	t.Cleanup(p.Server.Close)
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Server.Certificate().Raw})
	if err := os.WriteFile(p.CA, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// SignedIn are the claims of a good ID token of this provider's: of somebody who
// has signed in a minute ago, for a client, asked for by a nonce.
func (p *Provider) SignedIn(now time.Time, client, sub, nonce string) jwt.MapClaims {
	return jwt.MapClaims{
		"iss": p.Server.URL, "aud": client, "sub": sub, "nonce": nonce, "jti": "id-" + nonce,
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "auth_time": now.Add(-time.Minute).Unix(),
	}
}

// Unsigned is a token that says of itself that it needs no signature.
func Unsigned(c jwt.MapClaims) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodNone, c).SignedString(jwt.UnsafeAllowNoneSignatureType)
}

// SignShared makes a token with the issuer's public key taken for a secret, as an
// attacker does who hopes that it is.
func (i *Issuer) SignShared(id string, c jwt.MapClaims) string {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	public, err := jsonBytes(JWK(id, i.keys[id].Public())["x"])
	if err != nil {
		i.t.Fatal(err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, c)
	token.Header["kid"] = id
	text, err := token.SignedString(public)
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}
