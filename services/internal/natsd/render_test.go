package natsd_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"habeas.internal/services/internal/natsd"
)

func TestARenderedNodeIsWhatTheServerReads(t *testing.T) {
	t.Setenv("JETSTREAM_KEY", string(testKey("k")))
	node := member(t)
	opts := parse(t, node)

	for what, ok := range map[string]bool{
		"listens where it was told":        opts.Host == "127.0.0.1" && opts.Port == 14222,
		"is called as it was told":         opts.ServerName == "n1",
		"syncs every message":              opts.SyncAlways,
		"keeps its files in the directory": opts.JetStream && opts.StoreDir == node.Dir,
		"bounds its files":                 opts.JetStreamMaxStore == 1<<30,
		"encrypts with the variable":       opts.JetStreamKey == string(testKey("k")) && opts.JetStreamCipher == server.ChaCha,
		"takes messages up to 1 MiB":       opts.MaxPayload == 1<<20,
		"opens no monitoring port":         opts.HTTPPort == 0 && opts.HTTPSPort == 0,
		"speaks TLS 1.3 with clients":      opts.TLSConfig != nil && opts.TLSConfig.MinVersion == tls.VersionTLS13,
		"verifies clients":                 opts.TLSConfig != nil && opts.TLSConfig.ClientAuth == tls.RequireAndVerifyClientCert,
		"verifies members":                 opts.Cluster.TLSConfig != nil && opts.Cluster.TLSConfig.ClientAuth == tls.RequireAndVerifyClientCert,
		"knows the cluster":                opts.Cluster.Name == "log" && opts.Cluster.Port == 16222 && len(opts.Routes) == 2,
		"does not advertise addresses":     opts.Cluster.NoAdvertise,
		"has one system user":              systemUsers(opts) == 1,
	} {
		if !ok {
			t.Errorf("it is not so that the server %s", what)
		}
	}
	expectPermissions(t, opts, node.Users)
}

func TestANodeThatWouldBeUnsafeOrUselessIsNotRendered(t *testing.T) {
	for name, spoil := range map[string]func(*natsd.Node){
		"a key in the file":      func(n *natsd.Node) { n.Key = testKey("k") },
		"a port at random":       func(n *natsd.Node) { n.Port = 0 },
		"a variable with a hole": func(n *natsd.Node) { n.KeyVariable = "KEY } jetstream {" },
		"a route without port":   func(n *natsd.Node) { n.Cluster.Routes = []string{"n1"} },
		"a cluster without name": func(n *natsd.Node) { n.Cluster.Name = "" },
		"no port for the others": func(n *natsd.Node) { n.Cluster.Port = 0 },
		"an open port in clear":  func(n *natsd.Node) { n.Host, n.TLS = "0.0.0.0", nil },
		"no user":                func(n *natsd.Node) { n.Users = nil },
	} {
		t.Run(name, func(t *testing.T) {
			node := member(t)
			spoil(&node)
			if text, err := node.Render(); err == nil {
				t.Errorf("it was rendered as\n%s", text)
			}
		})
	}
}

// member is a node of a cluster in which everything is set.
func member(t *testing.T) natsd.Node {
	t.Helper()
	id := identity(t, "spiffe://habeas.test/svc/nats")
	files := &natsd.TLSFiles{CertFile: id.CertFile, KeyFile: id.KeyFile, CAFile: id.CAFile, VerifyClients: true}
	return natsd.Node{
		KeyVariable: "JETSTREAM_KEY",
		Config: natsd.Config{
			Dir: filepath.Join(t.TempDir(), "data"), ServerName: "n1", Port: 14222, TLS: files, MaxStore: 1 << 30,
			SystemUsers: []string{userKey(t, "operator").PublicKey},
			Users: []natsd.User{
				{PublicKey: userKey(t, "admin").PublicKey, Unrestricted: true},
				{Name: "consent", PublicKey: userKey(t, "consent").PublicKey, Publish: []string{"log.consent.>", "$JS.API.STREAM.INFO.LOG"}},
			},
		},
		Cluster: &natsd.Cluster{
			Name: "log", Host: "127.0.0.1", Port: 16222, TLS: files,
			Routes: []string{"127.0.0.1:16222", "127.0.0.1:16223"},
		},
	}
}

func parse(t *testing.T, node natsd.Node) *server.Options {
	t.Helper()
	text, err := node.Render()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := new(server.Options)
	if err := opts.ProcessConfigFile(path); err != nil {
		t.Fatalf("the server does not understand the configuration: %v\n%s", err, text)
	}
	return opts
}

func systemUsers(opts *server.Options) int {
	return len(slices.DeleteFunc(slices.Clone(opts.Nkeys), func(u *server.NkeyUser) bool {
		return u.Account.Name != natsd.SystemAccount
	}))
}

// expectPermissions wants each user to be held to its lists, and one with an
// empty list to nothing.
func expectPermissions(t *testing.T, opts *server.Options, users []natsd.User) {
	t.Helper()
	for _, want := range users {
		at := slices.IndexFunc(opts.Nkeys, func(u *server.NkeyUser) bool { return u.Nkey == want.PublicKey })
		if at < 0 {
			t.Fatalf("user %s is missing", want.PublicKey)
		}
		got := opts.Nkeys[at].Permissions
		if want.Unrestricted {
			if got != nil {
				t.Errorf("the unrestricted user is restricted: %v", got)
			}
			continue
		}
		if !slices.Equal(got.Publish.Allow, want.Publish) || !slices.Equal(got.Subscribe.Deny, []string{">"}) {
			t.Errorf("the user may publish to %v and not subscribe to %v", got.Publish.Allow, got.Subscribe.Deny)
		}
	}
}
