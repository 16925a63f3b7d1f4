package localca_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"habeas.internal/services/internal/localca"
)

const (
	domain   = "habeas.test"
	serverID = "spiffe://habeas.test/svc/log"
	clientID = "spiffe://habeas.test/svc/consent"
)

func TestBothSidesLearnWhoTheOtherIs(t *testing.T) {
	ca := open(t, t.TempDir())
	server := issue(t, ca, localca.Request{Name: "log", ID: serverID, Hosts: []string{"127.0.0.1", "localhost"}})
	client := issue(t, ca, localca.Request{Name: "consent", ID: clientID})
	seen, err := shake(t, server.ServerTLS(), client.ClientTLS(serverID))
	if err != nil || seen != clientID {
		t.Errorf("the server saw %q (%v), want %q", seen, err, clientID)
	}
}

func TestAHandshakeFailsWithAnyoneElse(t *testing.T) {
	ca, foreign := open(t, t.TempDir()), open(t, t.TempDir())
	hosts := []string{"127.0.0.1"}
	server := issue(t, ca, localca.Request{Name: "log", ID: serverID, Hosts: hosts})
	client := issue(t, ca, localca.Request{Name: "consent", ID: clientID})
	stranger := issue(t, foreign, localca.Request{Name: "log", ID: serverID, Hosts: hosts})
	nowhere := issue(t, ca, localca.Request{Name: "nowhere", ID: serverID})
	late := issue(t, ca, localca.Request{Name: "late", ID: clientID, Lifetime: -time.Minute})
	old := client.ClientTLS(serverID)
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	anonymous := client.ClientTLS(serverID)
	anonymous.Certificates = nil

	for name, pair := range map[string][2]*tls.Config{
		"a server of another identity":  {server.ServerTLS(), client.ClientTLS(clientID)},
		"a client that trusts nobody":   {server.ServerTLS(), client.ClientTLS()},
		"a server of another authority": {stranger.ServerTLS(), client.ClientTLS(serverID)},
		"a client of another authority": {server.ServerTLS(), stranger.ClientTLS(serverID)},
		"a server at another address":   {nowhere.ServerTLS(), client.ClientTLS(serverID)},
		"a client out of date":          {server.ServerTLS(), late.ClientTLS(serverID)},
		"an old protocol":               {server.ServerTLS(), old},
		"a client without certificate":  {server.ServerTLS(), anonymous},
	} {
		t.Run(name, func(t *testing.T) {
			if seen, err := shake(t, pair[0], pair[1]); err == nil {
				t.Errorf("the handshake succeeded with %q", seen)
			}
		})
	}
}

func TestAnAuthorityIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	server := issue(t, open(t, dir), localca.Request{Name: "log", ID: serverID, Hosts: []string{"127.0.0.1"}})
	client := issue(t, open(t, dir), localca.Request{Name: "consent", ID: clientID})
	if _, err := shake(t, server.ServerTLS(), client.ClientTLS(serverID)); err != nil {
		t.Errorf("certificates before and after a restart do not trust each other: %v", err)
	}
}

func TestFilesAreForTheirOwnerAndMatchTheIdentity(t *testing.T) {
	dir := t.TempDir()
	id := issue(t, open(t, dir), localca.Request{Name: "log", ID: serverID})
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 4 {
		t.Fatalf("%d files lie in the authority's directory, want 4 (%v)", len(files), err)
	}
	for _, file := range files {
		if info, err := file.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is not for its owner alone (%v)", file.Name(), err)
		}
	}
	pair, err := tls.LoadX509KeyPair(id.CertFile, id.KeyFile)
	if err != nil || !pair.Leaf.Equal(id.Certificate.Leaf) {
		t.Errorf("the files hold another certificate (%v)", err)
	}
}

func TestAnOpeningThatCannotBeTrustedIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string) string{
		"another trust domain": func(*testing.T, string) string { return "elsewhere.test" },
		"a key that others may read": func(t *testing.T, dir string) string {
			must(t, os.Chmod(filepath.Join(dir, "ca-key.pem"), 0o640))
			return domain
		},
		"the key of another authority": func(t *testing.T, dir string) string {
			must(t, os.Remove(filepath.Join(dir, "ca-key.pem")))
			return domain
		},
		"a damaged certificate": func(t *testing.T, dir string) string {
			must(t, os.Truncate(filepath.Join(dir, "ca.pem"), 100))
			return domain
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			open(t, dir)
			if _, err := localca.Open(dir, spoil(t, dir)); err == nil {
				t.Error("the authority opened")
			}
		})
	}
}

func TestARequestBeyondTheAuthorityIsRefused(t *testing.T) {
	ca := open(t, t.TempDir())
	for name, request := range map[string]localca.Request{
		"another trust domain":   {Name: "log", ID: "spiffe://elsewhere.test/svc/log"},
		"an id without a path":   {Name: "log", ID: "spiffe://habeas.test"},
		"an id of another kind":  {Name: "log", ID: "https://habeas.test/svc/log"},
		"a host elsewhere":       {Name: "log", ID: serverID, Hosts: []string{"example.com"}},
		"an address elsewhere":   {Name: "log", ID: serverID, Hosts: []string{"192.0.2.1"}},
		"a name with a path":     {Name: "../log", ID: serverID},
		"the authority's own":    {Name: "ca", ID: serverID},
		"a name of another file": {Name: "", ID: serverID},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ca.Issue(request); err == nil {
				t.Error("the certificate was issued")
			}
		})
	}
}

func open(t *testing.T, dir string) *localca.CA {
	t.Helper()
	ca, err := localca.Open(dir, domain)
	must(t, err)
	return ca
}

func issue(t *testing.T, ca *localca.CA, r localca.Request) *localca.Identity {
	t.Helper()
	id, err := ca.Issue(r)
	must(t, err)
	return id
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shake connects over TCP and returns the id that the server saw. One byte is
// passed, since in TLS 1.3 a client learns of its refusal only by reading.
func shake(t *testing.T, server, client *tls.Config) (string, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	seen := make(chan string, 1)
	go func() {
		defer close(seen)
		if id, err := greet(listener, server); err == nil {
			seen <- id
		}
	}()
	conn, err := tls.Dial("tcp", listener.Addr().String(), client)
	if err != nil {
		return "", err
	}
	defer conn.Close() //nolint:errcheck // the test is over
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return "", err
	}
	id, ok := <-seen
	if !ok {
		return "", errors.New("the server refused")
	}
	return id, nil
}

func greet(listener net.Listener, config *tls.Config) (string, error) {
	raw, err := listener.Accept()
	if err != nil {
		return "", err
	}
	conn := tls.Server(raw, config)
	defer conn.Close() //nolint:errcheck // the test is over
	if err := conn.Handshake(); err != nil {
		return "", err
	}
	id, err := localca.PeerID(conn.ConnectionState())
	if err != nil {
		return "", err
	}
	_, err = conn.Write([]byte{1})
	return id, err
}
