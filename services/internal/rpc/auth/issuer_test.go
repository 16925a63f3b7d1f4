package auth_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/rpctest"
)

// provider is an OpenID provider over TLS, with a clock of the test's.
type provider struct {
	*rpctest.Provider
	now     atomic.Int64
	reports atomic.Int64
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{Provider: rpctest.NewProvider(t)}
	p.now.Store(time.Now().UnixNano())
	return p
}

func (p *provider) clock() time.Time { return time.Unix(0, p.now.Load()) }

func (p *provider) pass(d time.Duration) { p.now.Add(int64(d)) }

func (p *provider) keys(t *testing.T) (auth.Keys, error) {
	t.Helper()
	return auth.IssuerKeys(t.Context(), auth.IssuerConfig{
		URL: p.Server.URL, Client: p.Server.Client(), Now: p.clock, Report: func(error) { p.reports.Add(1) },
	})
}

func mustKeys(t *testing.T, p *provider) auth.Keys {
	t.Helper()
	keys, err := p.keys(t)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestKeysOfAnIssuerAreFoundAndMadeUpIdsAreNotLookedForAgainAndAgain(t *testing.T) {
	p := newProvider(t)
	keys := mustKeys(t, p)
	first := keys("k1")
	if first == nil {
		t.Fatal("the issuer's key is not known")
	}
	for range 100 {
		if keys("made-up") != nil {
			t.Fatal("a key that nobody has")
		}
	}
	if n := p.Fetches.Load(); n != 1 {
		t.Errorf("fetched %d times within ten seconds, want once", n)
	}
	p.pass(11 * time.Second)
	p.AddKey("k2", "ES256")
	var waiting sync.WaitGroup
	for range 20 {
		waiting.Go(func() {
			if keys("k2") == nil {
				t.Error("a new key is not known to all who ask at once")
			}
		})
	}
	waiting.Wait()
	if n := p.Fetches.Load(); n != 2 {
		t.Errorf("fetched %d times, want 2", n)
	}
	if keys("k1") != first {
		t.Error("a key that has not changed is another")
	}
}

func TestTheLastGoodKeysCountForAnHourAndNoLonger(t *testing.T) {
	p := newProvider(t)
	keys := mustKeys(t, p)
	p.Down.Store(true)
	for range 5 {
		p.pass(11 * time.Minute)
		if keys("k1") == nil {
			t.Fatal("forgotten within the hour")
		}
	}
	p.pass(6 * time.Minute)
	if keys("k1") != nil {
		t.Error("a key of an issuer that was not reached for an hour")
	}
	if p.reports.Load() == 0 {
		t.Error("nobody was told")
	}
	p.Down.Store(false)
	p.pass(11 * time.Second)
	if keys("k1") == nil {
		t.Error("not known again when the issuer is back")
	}
}

func TestAKeyThatTheIssuerHasWithdrawnGoes(t *testing.T) {
	p := newProvider(t)
	p.AddKey("k2", "ES256")
	keys := mustKeys(t, p)
	p.RemoveKey("k1")
	p.pass(11 * time.Minute)
	_ = keys("made-up") // waits for the fetch
	if keys("k1") != nil || keys("k2") == nil {
		t.Error("the set is not the issuer's present one")
	}
}

func TestAnIssuerThatDescribesItselfWronglyIsRefused(t *testing.T) {
	for name, about := range map[string]func(url string) any{
		"another issuer": func(u string) any { return map[string]string{"issuer": u + "/", "jwks_uri": u + "/keys"} },
		"keys in clear": func(u string) any {
			return map[string]string{"issuer": u, "jwks_uri": "http" + strings.TrimPrefix(u, "https") + "/keys"}
		},
		"no keys":          func(u string) any { return map[string]string{"issuer": u} },
		"keys elsewhere":   func(u string) any { return map[string]string{"issuer": u, "jwks_uri": u + "/elsewhere"} },
		"a large document": func(u string) any { return map[string]string{"issuer": u, "jwks_uri": u + "/large"} },
		"not a document":   func(string) any { return "no" },
	} {
		p := newProvider(t)
		p.About = about
		if _, err := p.keys(t); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, address := range []string{"", "http://issuer.test", "https://", "https://a@issuer.test", "https://issuer.test?x=1", "https://issuer.test#x"} {
		_, err := auth.IssuerKeys(t.Context(), auth.IssuerConfig{URL: address, Client: http.DefaultClient, Now: time.Now, Report: func(error) {}})
		if !errors.Is(err, auth.ErrIssuer) {
			t.Errorf("%q: got %v, want ErrIssuer", address, err)
		}
	}
}
