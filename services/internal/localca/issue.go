package localca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"time"
)

// defaultLifetime outlasts any run of an embedded installation, which asks for
// fresh certificates at each start.
const defaultLifetime = 90 * 24 * time.Hour

// Request describes one certificate.
type Request struct {
	// Name names the files: <Name>.pem and <Name>-key.pem.
	Name string
	// ID is the SPIFFE id, spiffe://<trust domain>/<path>.
	ID string
	// Hosts are the names and addresses that a server is reached by, loopback
	// only; a client needs none.
	Hosts []string
	// Lifetime is how long the certificate holds; default 90 days.
	Lifetime time.Duration
}

// Identity is a certificate with its key, as files and in memory. It serves as
// a server's as well as a client's.
type Identity struct {
	// ID is the SPIFFE id.
	ID string
	// Certificate is ready for a tls.Config.
	Certificate tls.Certificate
	// CertFile, KeyFile and CAFile are PEM files for servers that read files.
	CertFile, KeyFile, CAFile string

	roots *x509.CertPool
}

// Issue makes a new key and certificate, in place of any of the same name.
func (ca *CA) Issue(r Request) (*Identity, error) {
	form, err := ca.form(r)
	if err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	id := &Identity{
		ID:       r.ID,
		CertFile: filepath.Join(ca.dir, r.Name+".pem"),
		KeyFile:  filepath.Join(ca.dir, r.Name+"-key.pem"),
		CAFile:   ca.CertFile(),
		roots:    x509.NewCertPool(),
	}
	id.roots.AddCert(ca.cert)
	if err := ca.sign(form, id); err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	return id, nil
}

func (ca *CA) form(r Request) (*x509.Certificate, error) {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`).MatchString(r.Name) || r.Name == "ca" {
		return nil, errors.New("the name is not made of small letters, digits and hyphens, or is the authority's")
	}
	id, err := url.Parse(r.ID)
	if err != nil {
		return nil, fmt.Errorf("read SPIFFE id: %w", err)
	}
	if id.Scheme != "spiffe" || id.Host != ca.domain || id.Path == "" || id.String() != r.ID {
		return nil, fmt.Errorf("the id is not spiffe://%s/ and a path", ca.domain)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	lifetime := r.Lifetime
	if lifetime == 0 {
		lifetime = defaultLifetime
	}
	form := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: r.Name},
		NotBefore:             time.Now().Add(-backdate),
		NotAfter:              time.Now().Add(lifetime),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs:                  []*url.URL{id},
	}
	return form, addHosts(form, r.Hosts)
}

// addHosts refuses at once what the authority's constraints would let fail at
// the first handshake.
func addHosts(form *x509.Certificate, hosts []string) error {
	for _, host := range hosts {
		ip := net.ParseIP(host)
		switch {
		case ip != nil && ip.IsLoopback():
			form.IPAddresses = append(form.IPAddresses, ip)
		case host == "localhost":
			form.DNSNames = append(form.DNSNames, host)
		default:
			return fmt.Errorf("%s is not this machine", host)
		}
	}
	return nil
}

func (ca *CA) sign(form *x509.Certificate, id *Identity) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, form, ca.cert, key.Public(), ca.key)
	if err != nil {
		return err
	}
	if err := writeKey(id.KeyFile, key); err != nil {
		return err
	}
	if err := writeCert(id.CertFile, der); err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(der)
	id.Certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return err
}
