package signin

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"time"

	"habeas.internal/services/internal/daemon/env"
)

// Config says which providers are reached.
type Config struct {
	CA       env.File `env:"CA" default:"" help:"authorities for the certificates of tenants' identity providers, PEM; the system's if empty"`
	Private  bool     `env:"PRIVATE" default:"false" help:"tenants' identity providers may be at private addresses"`
	Loopback bool     `env:"LOOPBACK" default:"false" help:"and on this machine: for development"`
}

// errAddress says that a provider is where none may be.
var errAddress = errors.New("identity provider is at an address that is not asked")

// Client fetches from providers, whose addresses tenants choose: over TLS, from
// no address that only this machine or its network can reach, unless that is
// allowed, and past any proxy.
func (c Config) Client() (*http.Client, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(string(c.CA))
		if err != nil {
			return nil, fmt.Errorf("read authorities of identity providers: %w", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, env.Problem{Variable: "HABEAS_PROVIDER_CA", Text: "holds no certificate"}
		}
	}
	dialer := &net.Dialer{Timeout: dialTimeout, Control: c.control}
	return &http.Client{Transport: &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: secure, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxHeader,
	}}, nil
}

const (
	dialTimeout = 3 * time.Second
	maxHeader   = 16 << 10
)

// control is asked with the address that a name stands for, so that a name which
// changes changes nothing.
func (c Config) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !c.mayAsk(at.Addr().Unmap()) {
		return errAddress
	}
	return nil
}

func (c Config) mayAsk(ip netip.Addr) bool {
	inside, special := carried(ip)
	if inside.IsValid() {
		return c.mayAsk(inside)
	}
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10) // RFC 6598
	switch {
	case ip.IsLoopback():
		return c.Loopback
	case ip.IsPrivate(), shared.Contains(ip):
		return c.Private
	}
	return ip.IsGlobalUnicast() && !special // and no link-local, multicast or unspecified one
}

// carried is the IPv4 address to which one that carries it leads, if it does, and
// whether the address is of a range that is nobody's on the internet.
func carried(ip netip.Addr) (inside netip.Addr, special bool) {
	for _, p := range specials() {
		if p.Contains(ip) {
			return netip.Addr{}, true
		}
	}
	b := ip.As16()
	for prefix, at := range map[string]int{"64:ff9b::/96": 12, "2002::/16": 2, "::/96": 12} { // NAT64, 6to4, IPv4-compatible
		if ip.Is6() && !ip.IsLoopback() && !ip.IsUnspecified() && netip.MustParsePrefix(prefix).Contains(ip) {
			return netip.AddrFrom4([4]byte(b[at : at+4])), false
		}
	}
	return netip.Addr{}, false
}

// specials are the ranges of RFC 6890 and its successors that net/netip takes for
// ordinary ones; those for documentation lead nowhere and are left to routers.
func specials() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4",
		"64:ff9b:1::/48", "100::/64", "2001::/23", "5f00::/16", "fec0::/10",
	} {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}
