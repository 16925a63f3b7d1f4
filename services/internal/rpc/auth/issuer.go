package auth

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// IssuerConfig says where an OpenID provider is.
type IssuerConfig struct {
	// URL is the issuer, an https address as tokens name it. Its discovery
	// document lies under it (OpenID Connect Discovery 1.0, section 4).
	URL string
	// Client fetches. It must verify the other side's certificate; its redirects
	// are not followed.
	Client *http.Client
	// Refresh is how old keys may get before they are fetched anew; zero means
	// ten minutes. Keep is how long the last good ones count when that fails;
	// zero means an hour.
	Refresh, Keep time.Duration
	// Now is the clock.
	Now func() time.Time
	// Report is told when keys could not be fetched.
	Report func(error)
}

const (
	defaultRefresh = 10 * time.Minute
	defaultKeep    = time.Hour
	// fetchEvery is the least time between two fetches, whatever ids of keys
	// callers make up.
	fetchEvery = 10 * time.Second
	// fetchPatience bounds a fetch, and so what a caller with a new key waits.
	fetchPatience = 3 * time.Second
	// maxDocument is the largest document that is read.
	maxDocument = 256 << 10
)

var (
	// ErrIssuer says that an address can't be an issuer's.
	ErrIssuer = errors.New("issuer is no plain https address")
	// ErrDiscovery says that an issuer describes itself wrongly.
	ErrDiscovery = errors.New("discovery document of another issuer, or without a key set over https")
	errAnswer    = errors.New("answer is no document of a fair size")
)

// Issuer keeps the keys of an OpenID provider.
type Issuer struct {
	cfg  IssuerConfig
	keys atomic.Pointer[fetched]
	next atomic.Int64 // Unix nanoseconds before which nothing is fetched
	mu   sync.Mutex   // held during a fetch
}

type fetched struct {
	keys map[string]*Key
	at   time.Time
}

// IssuerKeys fetches the keys of an OpenID provider, which must succeed once,
// and keeps them fresh. A key that is not known is looked for anew, at most
// every ten seconds.
func IssuerKeys(ctx context.Context, cfg IssuerConfig) (Keys, error) {
	i, err := OpenIssuer(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return i.Find, nil
}

// OpenIssuer is IssuerKeys for who wants to know whether the issuer is reached.
func OpenIssuer(ctx context.Context, cfg IssuerConfig) (*Issuer, error) {
	if !IsIssuer(cfg.URL) || cfg.Client == nil || cfg.Now == nil || cfg.Report == nil {
		return nil, ErrIssuer
	}
	client := *cfg.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	cfg.Client = &client
	if cfg.Refresh <= 0 {
		cfg.Refresh = defaultRefresh
	}
	if cfg.Keep <= 0 {
		cfg.Keep = defaultKeep
	}
	i := &Issuer{cfg: cfg}
	if err := i.fetch(ctx); err != nil {
		return nil, fmt.Errorf("fetch issuer's keys: %w", err)
	}
	return i, nil
}

// IsIssuer reports whether an address is one that OpenID Connect allows an issuer
// to have.
func IsIssuer(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// Current reports whether the issuer was reached lately enough for its keys to
// count. Until it is reached again, Find finds none.
func (i *Issuer) Current() bool { return i.cfg.Now().Sub(i.keys.Load().at) < i.cfg.Keep }

// Find is the Keys of the issuer.
func (i *Issuer) Find(id string) *Key {
	now, known := i.cfg.Now(), i.keys.Load()
	if now.Sub(known.at) >= i.cfg.Refresh && now.UnixNano() >= i.next.Load() && i.mu.TryLock() {
		go func() {
			defer i.mu.Unlock()
			i.refresh()
		}()
	}
	if now.Sub(known.at) >= i.cfg.Keep {
		known = i.await(known)
		if i.cfg.Now().Sub(known.at) >= i.cfg.Keep {
			return nil
		}
	}
	if key := known.keys[id]; key != nil {
		return key
	}
	return i.await(known).keys[id]
}

// await fetches, or waits for who does, unless that was done a moment ago.
func (i *Issuer) await(known *fetched) *fetched {
	i.mu.Lock()
	defer i.mu.Unlock()
	if now := i.keys.Load(); now != known {
		return now
	}
	i.refresh()
	return i.keys.Load()
}

// refresh fetches, if that is due; the caller holds the lock.
func (i *Issuer) refresh() {
	if i.cfg.Now().UnixNano() < i.next.Load() {
		return
	}
	if err := i.fetch(context.Background()); err != nil {
		i.cfg.Report(fmt.Errorf("fetch issuer's keys: %w", err))
	}
}

func (i *Issuer) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	now := i.cfg.Now()
	i.next.Store(now.Add(fetchEvery).UnixNano())
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	text, err := i.get(ctx, strings.TrimSuffix(i.cfg.URL, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return fmt.Errorf("%w: not JSON", ErrDiscovery)
	}
	keysAt, err := url.Parse(about.Keys)
	if err != nil || about.Issuer != i.cfg.URL || keysAt.Scheme != "https" || keysAt.Host == "" {
		return ErrDiscovery
	}
	if text, err = i.get(ctx, about.Keys); err != nil {
		return err
	}
	keys, err := ParseKeys(text)
	if err != nil {
		return err
	}
	if known := i.keys.Load(); known != nil {
		keepSame(keys, known.keys)
	}
	i.keys.Store(&fetched{keys, now})
	return nil
}

// keepSame leaves the pointers of keys that have not changed, by which tokens
// are remembered.
func keepSame(keys, known map[string]*Key) {
	for id, key := range keys {
		was := known[id]
		if was == nil || was.Algorithm != key.Algorithm {
			continue
		}
		if public, ok := was.Public.(interface{ Equal(crypto.PublicKey) bool }); ok && public.Equal(key.Public) {
			keys[id] = was
		}
	}
}

func (i *Issuer) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask issuer: %w", err)
	}
	resp, err := i.cfg.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask issuer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // read as far as it matters
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask issuer: status %d: %w", resp.StatusCode, errAnswer)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil || len(text) > maxDocument {
		return nil, fmt.Errorf("ask issuer: %w", errors.Join(errAnswer, err))
	}
	return text, nil
}
