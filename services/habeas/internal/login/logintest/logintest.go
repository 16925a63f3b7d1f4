// Package logintest is an OpenID provider for tests of logging in: it lets
// everybody in at once, checks what a provider has to check, and can be told to
// answer wrongly.
package logintest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"habeas.internal/services/internal/rpc/rpctest"
)

// Client is the id of the client that the provider knows.
const Client = "habeas-cli"

// Provider is a running provider.
type Provider struct {
	*rpctest.Issuer

	// URL is its address, CA the file of its authority.
	URL, CA string
	// HTTP is a person's browser: it trusts the provider, follows redirects and
	// keeps cookies.
	HTTP *http.Client

	t  testing.TB
	mu sync.Mutex
	// These change what is about to be answered, if they are set.
	about  func(map[string]any)
	back   func(url.Values)
	claims func(jwt.MapClaims)
	life   time.Duration

	codes     map[string]grant
	refresh   map[string]bool
	refreshes int
	down      bool
	asked     url.Values
}

type grant struct{ challenge, nonce, redirect string }

// New starts a provider. It ends with the test.
func New(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{Issuer: rpctest.NewIssuer(t), t: t, codes: map[string]grant{}, refresh: map[string]bool{}, life: 5 * time.Minute}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, p.Path) })
	mux.HandleFunc("/authorize", p.authorize)
	mux.HandleFunc("/token", p.token)
	mux.HandleFunc("/revoke", p.revoke)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.URL, p.HTTP, p.CA = server.URL, server.Client(), filepath.Join(t.TempDir(), "issuer-ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(p.CA, text, 0o600); err != nil {
		t.Fatal(err)
	}
	p.HTTP.Jar = jar(t)
	return p
}

func jar(t testing.TB) http.CookieJar {
	t.Helper()
	j, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// Stranger is another browser.
func (p *Provider) Stranger() *http.Client {
	return &http.Client{Transport: p.HTTP.Transport, Jar: jar(p.t)}
}

// Asked is what the provider was last asked for.
func (p *Provider) Asked() (q url.Values) {
	p.change(func() { q = p.asked })
	return q
}

func (p *Provider) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
}

// SpoilMetadata changes what the provider says about itself.
func (p *Provider) SpoilMetadata(do func(map[string]any)) { p.change(func() { p.about = do }) }

// SpoilReturn changes the query with which the browser is sent back.
func (p *Provider) SpoilReturn(do func(url.Values)) { p.change(func() { p.back = do }) }

// SpoilIDToken changes the claims of ID tokens.
func (p *Provider) SpoilIDToken(do func(jwt.MapClaims)) { p.change(func() { p.claims = do }) }

// Life sets how long access tokens live.
func (p *Provider) Life(d time.Duration) { p.change(func() { p.life = d }) }

// Down makes every answer one of a server that is not well, or not.
func (p *Provider) Down(down bool) { p.change(func() { p.down = down }) }

// End ends all sessions.
func (p *Provider) End() { p.change(func() { clear(p.refresh) }) }

// Sessions counts those that can be renewed.
func (p *Provider) Sessions() (n int) {
	p.change(func() { n = len(p.refresh) })
	return n
}

// Renewals counts how often a session was renewed.
func (p *Provider) Renewals() (n int) {
	p.change(func() { n = p.refreshes })
	return n
}

// Visit is what a person's browser does with the address that a command shows.
func (p *Provider) Visit(address string) (status int, err error) {
	answer, err := p.HTTP.Get(address)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

func random() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	about := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"revocation_endpoint": p.URL + "/revoke", "scopes_supported": []string{"openid", "offline_access"},
		"id_token_signing_alg_values_supported": []string{"EdDSA"}, "authorization_response_iss_parameter_supported": true,
	}
	if p.about != nil {
		p.about(about)
	}
	p.write(w, http.StatusOK, about)
}

func (p *Provider) write(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.asked = q
	back, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case err != nil, back.Scheme != "http", back.Hostname() != "127.0.0.1", q.Get("client_id") != Client, q.Get("response_type") != "code",
		q.Get("code_challenge_method") != "S256", q.Get("nonce") == "", q.Get("state") == "", !strings.Contains(q.Get("scope"), "openid"):
		http.Error(w, "no such request", http.StatusBadRequest)
		return
	}
	code := random()
	p.codes[code] = grant{q.Get("code_challenge"), q.Get("nonce"), q.Get("redirect_uri")}
	answer := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}
	if p.back != nil {
		p.back(answer)
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	var nonce string
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		g, ok := p.codes[r.PostFormValue("code")]
		delete(p.codes, r.PostFormValue("code"))
		digest := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if !ok || g.redirect != r.PostFormValue("redirect_uri") || g.challenge != base64.RawURLEncoding.EncodeToString(digest[:]) {
			p.write(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "secret-detail"})
			return
		}
		nonce = g.nonce
	case "refresh_token":
		if !p.refresh[r.PostFormValue("refresh_token")] {
			p.write(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "secret-detail"})
			return
		}
		delete(p.refresh, r.PostFormValue("refresh_token")) // each is good once
		p.refreshes++
	}
	p.issue(w, nonce)
}

func (p *Provider) issue(w http.ResponseWriter, nonce string) {
	now := time.Now()
	access := rpctest.With(rpctest.With(rpctest.Claims(now, "dpo", "auditor"), "iss", p.URL), "jti", random())
	access["exp"], access["iat"], access["azp"] = now.Add(p.life).Unix(), now.Unix(), Client
	id := jwt.MapClaims{"iss": p.URL, "aud": Client, "sub": "actor-1", "iat": now.Unix(), "exp": now.Add(p.life).Unix()}
	if nonce != "" {
		id["nonce"] = nonce
	}
	if p.claims != nil {
		p.claims(id)
	}
	refresh := random()
	p.refresh[refresh] = true
	p.write(w, http.StatusOK, map[string]any{
		"access_token": p.Sign(access), "token_type": "Bearer", "expires_in": int(p.life / time.Second), "refresh_token": refresh, "id_token": p.Sign(id),
	})
}

func (p *Provider) revoke(w http.ResponseWriter, r *http.Request) {
	delete(p.refresh, r.PostFormValue("token"))
	w.WriteHeader(http.StatusOK)
}
