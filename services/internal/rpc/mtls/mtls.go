// Package mtls gives daemons their TLS configurations: TLS 1.3 only, with
// certificates from files that may be renewed at any time ([Load]), or from a
// SPIFFE Workload API that renews them itself ([Watch]).
//
// A service is known by the one URI in its certificate,
//
//	spiffe://<trust domain>/ns/<namespace>/sa/<service>
//
// A server asks for a client certificate but also talks to people, who have
// none and show a token instead. A certificate that is shown must be good: one
// of a foreign trust domain or namespace ends the handshake. A client verifies
// the server's chain and that it is the service it means to call; names and
// addresses in certificates do not matter between services.
package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"habeas.internal/services/internal/rpc/reload"
)

var (
	// ErrPeer says that the other side's certificate does not name a service of
	// this installation, or another one than was meant.
	ErrPeer = errors.New("certificate of another identity")
	// ErrEnded says that this service's own certificate has come to its end and
	// none took its place. No connection begins then.
	ErrEnded = errors.New("own certificate has ended")
)

// lookEvery bounds how long a renewed certificate waits to be used.
const lookEvery = 10 * time.Second

// Config says where the certificates are and whose identities count.
type Config struct {
	// Cert and Key are this service's PEM files, CA the bundle of authorities
	// that clients and servers are verified against.
	Cert, Key, CA string
	// TrustDomain and Namespace are what every identity here shares.
	TrustDomain, Namespace string
	// Now is the clock.
	Now func() time.Time
	// Report is told when renewed files could not be read.
	Report func(error)
}

// Source holds the present certificates. It is safe for concurrent use.
type Source struct {
	prefix  string
	now     func() time.Time
	present func() material
	stop    func() // nil, if nothing runs
}

type material struct {
	own   tls.Certificate
	roots *x509.CertPool
	// server is built once per material, because session tickets belong to it.
	server *tls.Config
}

// Load reads the files for the first time.
func Load(cfg Config) (*Source, error) {
	s := &Source{prefix: prefix(cfg.TrustDomain, cfg.Namespace), now: cfg.Now}
	value, err := reload.New(reload.Config[material]{
		Files: []string{cfg.Cert, cfg.Key, cfg.CA}, Every: lookEvery, Now: cfg.Now,
		Read: func() (material, error) { return s.read(cfg) }, Report: cfg.Report,
	})
	if err != nil {
		return nil, fmt.Errorf("load certificates: %w", err)
	}
	s.present = value.Get
	return s, nil
}

// prefix is what the ids of all services of an installation begin with.
func prefix(trustDomain, namespace string) string {
	return (&url.URL{Scheme: "spiffe", Host: trustDomain}).String() + "/ns/" + namespace + "/sa/"
}

// Close ends what runs in the background. What the source holds stays in force.
func (s *Source) Close() {
	if s != nil && s.stop != nil {
		s.stop()
	}
}

// material is what counts now. Certificates that can't be renewed count to
// their end and not beyond.
func (s *Source) material() (material, error) {
	m := s.present()
	if end := m.own.Leaf; end != nil && s.now().After(end.NotAfter) {
		return material{}, ErrEnded
	}
	return m, nil
}

func (s *Source) read(cfg Config) (material, error) {
	own, err := tls.LoadX509KeyPair(cfg.Cert, cfg.Key)
	if err != nil {
		return material{}, fmt.Errorf("load own certificate: %w", err)
	}
	bundle, err := os.ReadFile(cfg.CA)
	if err != nil {
		return material{}, fmt.Errorf("read authorities: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return material{}, errors.New("read authorities: no certificate in the file")
	}
	m := material{own: own, roots: roots}
	m.server = s.serverTLS(m)
	return m, nil
}

// ServerTLS returns a configuration for a server. Clients may show no
// certificate, or a good one.
func (s *Source) ServerTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"h2"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			m, err := s.material()
			return m.server, err
		},
	}
}

func (s *Source) serverTLS(m material) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{"h2"},
		Certificates: []tls.Certificate{m.own},
		ClientCAs:    m.roots,
		ClientAuth:   tls.VerifyClientCertIfGiven,
		Time:         s.now,
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := s.Peer(state)
			return err
		},
	}
}

// ClientTLS returns a configuration for calling one service.
func (s *Source) ClientTLS(service string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"h2"},
		Time:       s.now,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			m, err := s.material()
			return &m.own, err
		},
		// The standard check wants a host name; VerifyConnection below does all
		// of its work with the service's identity in the name's place.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			return s.verifyServer(state, service)
		},
	}
}

func (s *Source) verifyServer(state tls.ConnectionState, service string) error {
	if len(state.PeerCertificates) == 0 {
		return fmt.Errorf("verify server: no certificate: %w", ErrPeer)
	}
	m, err := s.material()
	if err != nil {
		return fmt.Errorf("verify server: %w", err)
	}
	between := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		between.AddCert(cert)
	}
	_, err = state.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: m.roots, Intermediates: between, CurrentTime: s.now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return fmt.Errorf("verify server's chain: %w", err)
	}
	if name, err := s.service(state.PeerCertificates[0]); err != nil || name != service {
		return fmt.Errorf("verify server: want service %s: %w", service, ErrPeer)
	}
	return nil
}

// Peer returns the name of the service at the other end of a connection whose
// handshake verified its certificate, or "" if it showed none.
func (s *Source) Peer(state tls.ConnectionState) (string, error) {
	if len(state.PeerCertificates) == 0 {
		return "", nil
	}
	if len(state.VerifiedChains) == 0 {
		return "", fmt.Errorf("identify peer: certificate not verified: %w", ErrPeer)
	}
	return s.service(state.PeerCertificates[0])
}

func (s *Source) service(cert *x509.Certificate) (string, error) {
	if cert.IsCA {
		return "", fmt.Errorf("identify peer: an authority and no service: %w", ErrPeer)
	}
	if len(cert.URIs) != 1 {
		return "", fmt.Errorf("identify peer: %d URIs in its certificate, want 1: %w", len(cert.URIs), ErrPeer)
	}
	name, ok := strings.CutPrefix(cert.URIs[0].String(), s.prefix)
	if !ok || name == "" || strings.ContainsAny(name, "/?#%") {
		return "", fmt.Errorf("identify peer: no identity of this installation: %w", ErrPeer)
	}
	return name, nil
}
