package testserver

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/natsd"
)

const (
	trustDomain = "habeas.test"
	serverID    = "spiffe://" + trustDomain + "/svc/nats"
	clientID    = "spiffe://" + trustDomain + "/svc/client"

	// reconnectWait is short, so that a test need not wait for the client after
	// the server is back.
	reconnectWait = 50 * time.Millisecond
)

// access is how clients get into a server or a cluster.
type access struct {
	keys map[string]natsd.UserKey
	// server, routes and client are nil without TLS.
	server, routes, client *localca.Identity
}

func newAccess(t testing.TB, dir string, p plan) *access {
	t.Helper()
	a := &access{keys: map[string]natsd.UserKey{}}
	for _, name := range append([]string{Admin, System}, p.names()...) {
		key, err := natsd.OpenUserKey(filepath.Join(dir, "users"), name)
		if err != nil {
			t.Fatal(err)
		}
		a.keys[name] = key
	}
	if p.tls {
		a.certify(t, dir)
	}
	return a
}

func (p plan) names() []string {
	var names []string
	for _, user := range p.users {
		names = append(names, user.name)
	}
	return names
}

// certify gives the routes an authority of their own, as production must.
func (a *access) certify(t testing.TB, dir string) {
	t.Helper()
	hosts := []string{"127.0.0.1", "localhost"}
	clients := authority(t, filepath.Join(dir, "ca"))
	a.server = issue(t, clients, localca.Request{Name: "nats", ID: serverID, Hosts: hosts})
	a.client = issue(t, clients, localca.Request{Name: "client", ID: clientID})
	routes := authority(t, filepath.Join(dir, "route-ca"))
	a.routes = issue(t, routes, localca.Request{Name: "nats", ID: serverID, Hosts: hosts})
}

func authority(t testing.TB, dir string) *localca.CA {
	t.Helper()
	ca, err := localca.Open(dir, trustDomain)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func issue(t testing.TB, ca *localca.CA, r localca.Request) *localca.Identity {
	t.Helper()
	id, err := ca.Issue(r)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// config is the part of the configuration that says who may do what.
func (a *access) config(p plan) natsd.Config {
	cfg := natsd.Config{
		Users:       []natsd.User{{PublicKey: a.keys[Admin].PublicKey, Unrestricted: true}},
		SystemUsers: []string{a.keys[System].PublicKey},
		TLS:         files(a.server, true),
	}
	for _, user := range p.users {
		cfg.Users = append(cfg.Users, natsd.User{
			Name:      user.name,
			PublicKey: a.keys[user.name].PublicKey,
			Publish:   user.publish,
			Subscribe: user.subscribe,
		})
	}
	return cfg
}

func files(id *localca.Identity, verify bool) *natsd.TLSFiles {
	if id == nil {
		return nil
	}
	return &natsd.TLSFiles{CertFile: id.CertFile, KeyFile: id.KeyFile, CAFile: id.CAFile, VerifyClients: verify}
}

// ConnectOptions are what a client needs to connect as the named user; it
// reconnects for ever. Options given after these take precedence.
func (a *access) ConnectOptions(user string) ([]nats.Option, error) {
	seed, err := nats.NkeyOptionFromSeed(a.keys[user].SeedFile)
	if err != nil {
		return nil, err
	}
	options := []nats.Option{seed, nats.Name(user), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait)}
	if a.client != nil {
		options = append(options, nats.Secure(a.client.ClientTLS(serverID)))
	}
	return options, nil
}

// SeedFile is the nkey file of the named user.
func (a *access) SeedFile(user string) string { return a.keys[user].SeedFile }

// ClientIdentity is the certificate that clients present; nil without TLS.
func (a *access) ClientIdentity() *localca.Identity { return a.client }

// ConnectTo connects as the named user to another address of the server, for
// example a proxy's. The connection is closed when the test ends.
func (a *access) ConnectTo(t testing.TB, url, user string, options ...nats.Option) *nats.Conn {
	t.Helper()
	conn, err := a.dial(url, user, options...)
	if err != nil {
		t.Fatalf("connect as %s: %v", user, err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func (a *access) dial(url, user string, options ...nats.Option) (*nats.Conn, error) {
	own, err := a.ConnectOptions(user)
	if err != nil {
		return nil, err
	}
	return nats.Connect(url, append(own, options...)...)
}
