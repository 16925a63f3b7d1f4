package mtls_test

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/rpc/mtls"
)

const domain = "habeas.test"

// clock can be moved by a test while handshakes read it.
type clock chan time.Time

func newClock() clock {
	c := make(clock, 1)
	c <- time.Now()
	return c
}

func (c clock) now() time.Time {
	t := <-c
	c <- t
	return t
}

func (c clock) add(d time.Duration) { c <- (<-c).Add(d) }

func authority(t *testing.T, trustDomain string) *localca.CA {
	t.Helper()
	ca, err := localca.Open(t.TempDir(), trustDomain)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func issue(t *testing.T, ca *localca.CA, name, path string) *localca.Identity {
	t.Helper()
	id, err := ca.Issue(localca.Request{Name: name, ID: "spiffe://" + ca.TrustDomain() + path})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func load(t *testing.T, id *localca.Identity, c clock) *mtls.Source {
	t.Helper()
	s, err := mtls.Load(mtls.Config{
		Cert: id.CertFile, Key: id.KeyFile, CA: id.CAFile, TrustDomain: domain, Namespace: "habeas",
		Now: c.now, Report: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// outcome is what both ends of a handshake have to say.
type outcome struct {
	peer   string
	server error
	client error
}

func handshake(t *testing.T, server *mtls.Source, client *tls.Config) outcome {
	t.Helper()
	lis, err := tls.Listen("tcp", "127.0.0.1:0", server.ServerTLS())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lis.Close() }()
	done := make(chan outcome, 1)
	go func() { done <- accept(lis, server) }()
	conn, clientErr := tls.Dial("tcp", lis.Addr().String(), client)
	if clientErr == nil {
		// With TLS 1.3 a client learns of its refusal on the first read.
		_, clientErr = conn.Read(make([]byte, 1))
		_ = conn.Close()
	}
	got := <-done
	got.client = clientErr
	return got
}

func accept(lis net.Listener, server *mtls.Source) outcome {
	conn, err := lis.Accept()
	if err != nil {
		return outcome{server: err}
	}
	defer func() { _ = conn.Close() }()
	secure := conn.(*tls.Conn)
	if err := secure.Handshake(); err != nil {
		return outcome{server: err}
	}
	peer, err := server.Peer(secure.ConnectionState())
	if err == nil {
		_, err = conn.Write([]byte{1})
	}
	return outcome{peer: peer, server: err}
}

func TestServicesKnowEachOtherByTheirCertificates(t *testing.T) {
	ca, c := authority(t, domain), newClock()
	server := load(t, issue(t, ca, "identityd", "/ns/habeas/sa/identityd"), c)
	client := load(t, issue(t, ca, "consentd", "/ns/habeas/sa/consentd"), c)
	got := handshake(t, server, client.ClientTLS("identityd"))
	if got.peer != "consentd" || got.server != nil || got.client != nil {
		t.Errorf("got %+v, want consentd and no error", got)
	}
}

func TestAPersonNeedsNoCertificate(t *testing.T) {
	ca, c := authority(t, domain), newClock()
	server := load(t, issue(t, ca, "identityd", "/ns/habeas/sa/identityd"), c)
	config := server.ClientTLS("identityd")
	config.GetClientCertificate = nil
	got := handshake(t, server, config)
	if got.peer != "" || got.server != nil || got.client != nil {
		t.Errorf("got %+v, want no peer and no error", got)
	}
}

func TestAClientRefusesTheWrongServer(t *testing.T) {
	ca, c := authority(t, domain), newClock()
	server := load(t, issue(t, ca, "auditd", "/ns/habeas/sa/auditd"), c)
	client := load(t, issue(t, ca, "consentd", "/ns/habeas/sa/consentd"), c)
	if got := handshake(t, server, client.ClientTLS("identityd")); !errors.Is(got.client, mtls.ErrPeer) {
		t.Errorf("client says %v, want ErrPeer", got.client)
	}
	stranger := load(t, issue(t, authority(t, domain), "identityd", "/ns/habeas/sa/identityd"), c)
	got := handshake(t, stranger, client.ClientTLS("identityd"))
	if got.client == nil || !strings.Contains(got.client.Error(), "unknown authority") {
		t.Errorf("client says %v, want unknown authority", got.client)
	}
}

func TestAServerRefusesForeignCertificates(t *testing.T) {
	ca, c := authority(t, domain), newClock()
	id := issue(t, ca, "identityd", "/ns/habeas/sa/identityd")
	server := load(t, id, c)
	foreign := issue(t, authority(t, "other.test"), "consentd", "/ns/habeas/sa/consentd")
	for name, own := range map[string]tls.Certificate{
		"of another namespace":        issue(t, ca, "a", "/ns/other/sa/consentd").Certificate,
		"of a deeper path":            issue(t, ca, "b", "/ns/habeas/sa/x/consentd").Certificate,
		"without a service":           issue(t, ca, "c", "/ns/habeas").Certificate,
		"of a foreign trust domain":   foreign.Certificate,
		"that has come to its end":    expired(t, ca),
		"of an authority of our name": issue(t, authority(t, domain), "d", "/ns/habeas/sa/consentd").Certificate,
	} {
		t.Run("a certificate "+name, func(t *testing.T) {
			config := server.ClientTLS("identityd")
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
			if got := handshake(t, server, config); got.server == nil || got.client == nil {
				t.Errorf("got %+v, want refusals at both ends", got)
			}
		})
	}
}

func expired(t *testing.T, ca *localca.CA) tls.Certificate {
	t.Helper()
	id, err := ca.Issue(localca.Request{
		Name: "old", ID: "spiffe://" + domain + "/ns/habeas/sa/consentd", Lifetime: time.Nanosecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return id.Certificate
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	ca, c := authority(t, domain), newClock()
	server := load(t, issue(t, ca, "identityd", "/ns/habeas/sa/identityd"), c)
	config := server.ClientTLS("identityd")
	config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if got := handshake(t, server, config); got.server == nil || got.client == nil {
		t.Errorf("got %+v, want refusals at both ends", got)
	}
}

func TestARenewedCertificateIsTakenUpWithoutARestart(t *testing.T) {
	ca, c := authority(t, domain), newClock()
	server := load(t, issue(t, ca, "identityd", "/ns/habeas/sa/identityd"), c)
	client := load(t, issue(t, ca, "consentd", "/ns/habeas/sa/consentd"), c)
	first := serial(t, server, client)
	issue(t, ca, "identityd", "/ns/habeas/sa/identityd")
	if serial(t, server, client) != first {
		t.Error("the files were read again at once; a handshake must not cost that")
	}
	c.add(time.Minute)
	if serial(t, server, client) == first {
		t.Error("the renewed certificate is not in use after a minute")
	}
}

func TestWithAnEndedCertificateNoConnectionBegins(t *testing.T) {
	ca, c := authority(t, domain), newClock()
	server := load(t, issue(t, ca, "identityd", "/ns/habeas/sa/identityd"), c)
	client := load(t, issue(t, ca, "consentd", "/ns/habeas/sa/consentd"), newClock())
	c.add(91 * 24 * time.Hour) // at the server alone: the client would go on
	if got := handshake(t, server, client.ClientTLS("identityd")); !errors.Is(got.server, mtls.ErrEnded) || got.client == nil {
		t.Errorf("got %+v, want the server to refuse", got)
	}
}

func serial(t *testing.T, server, client *mtls.Source) string {
	t.Helper()
	var seen string
	config := client.ClientTLS("identityd")
	verify := config.VerifyConnection
	config.VerifyConnection = func(state tls.ConnectionState) error {
		seen = state.PeerCertificates[0].SerialNumber.String()
		return verify(state)
	}
	if got := handshake(t, server, config); got.server != nil || got.client != nil {
		t.Fatalf("got %+v, want no error", got)
	}
	return seen
}

func TestFilesMustBeGoodAtTheStart(t *testing.T) {
	ca, c := authority(t, domain), newClock()
	one, two := issue(t, ca, "one", "/ns/habeas/sa/one"), issue(t, ca, "two", "/ns/habeas/sa/two")
	empty := t.TempDir() + "/empty"
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]mtls.Config{
		"another key":      {Cert: one.CertFile, Key: two.KeyFile, CA: one.CAFile, Now: c.now},
		"no authority":     {Cert: one.CertFile, Key: one.KeyFile, CA: empty, Now: c.now},
		"no file of a key": {Cert: one.CertFile, Key: empty + "x", CA: one.CAFile, Now: c.now},
	} {
		if _, err := mtls.Load(cfg); err == nil {
			t.Errorf("%s: started", name)
		}
	}
}
