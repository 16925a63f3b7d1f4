// Package localca is a certificate authority for one machine: it gives every
// process of an embedded installation, and every test, a certificate of its
// own, so that mutual TLS is exercised always. It is not for production, where
// the platform issues certificates.
//
// Its certificates hold for loopback names and addresses and for one SPIFFE
// trust domain only; the authority's own certificate says so, which makes a
// stolen key useless elsewhere. All files are readable by their owner only.
package localca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	authorityLifetime = 10 * 365 * 24 * time.Hour
	// backdate allows for clocks that were set back a little.
	backdate = 5 * time.Minute

	certFile = "ca.pem"
	keyFile  = "ca-key.pem"
)

// CA is an opened authority. It holds the private key in memory.
type CA struct {
	dir    string
	domain string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
}

// Open loads the authority of dir, or makes it. The trust domain of an
// existing one must be the same.
func Open(dir, trustDomain string) (*CA, error) {
	ca := &CA{dir: dir, domain: trustDomain}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make authority's directory: %w", err)
	}
	if err := ca.openKey(); err != nil {
		return nil, fmt.Errorf("open authority's key: %w", err)
	}
	if err := ca.openCert(); err != nil {
		return nil, fmt.Errorf("open authority's certificate: %w", err)
	}
	return ca, ca.check()
}

// CertFile is the authority's certificate, which clients and servers trust.
func (ca *CA) CertFile() string { return filepath.Join(ca.dir, certFile) }

// TrustDomain is the part of a SPIFFE id that all certificates share.
func (ca *CA) TrustDomain() string { return ca.domain }

// openKey makes the key before the certificate, so that an interrupted
// beginning is completed by the next one.
func (ca *CA) openKey() error {
	path := filepath.Join(ca.dir, keyFile)
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err == nil {
			err = writeKey(path, key)
		}
	}
	ca.key = key
	return err
}

func (ca *CA) openCert() error {
	cert, err := readCert(ca.CertFile())
	if errors.Is(err, fs.ErrNotExist) {
		cert, err = ca.selfSign()
	}
	ca.cert = cert
	return err
}

func (ca *CA) selfSign() (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	form := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "local authority of " + ca.domain},
		NotBefore:             time.Now().Add(-backdate),
		NotAfter:              time.Now().Add(authorityLifetime),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,

		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{"localhost"},
		PermittedIPRanges:           loopback(),
		PermittedURIDomains:         []string{ca.domain},
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, ca.key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	if err := writeCert(ca.CertFile(), der); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// check makes sure that the files belong together and are of use.
func (ca *CA) check() error {
	if !ca.key.PublicKey.Equal(ca.cert.PublicKey) {
		return errors.New("the authority's key and certificate do not belong together")
	}
	if time.Now().After(ca.cert.NotAfter) {
		return fmt.Errorf("the authority's certificate ended on %s", ca.cert.NotAfter.Format(time.DateOnly))
	}
	domains := ca.cert.PermittedURIDomains
	if len(domains) != 1 || domains[0] != ca.domain {
		return fmt.Errorf("the authority is not one of trust domain %s", ca.domain)
	}
	return nil
}

func loopback() []*net.IPNet {
	return []*net.IPNet{
		{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
		{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}
