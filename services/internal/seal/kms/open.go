package kms

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"habeas.internal/services/internal/seal/rows"
)

// ErrAddress means: the address of a key store is not understood. The error
// says what is wrong with it, and shows no part of it.
var ErrAddress = errors.New("address of the key store")

// Opener makes the use of a root key in a cloud's key store, by its address.
type Opener func(ctx context.Context, address string) (AEAD, error)

// Opening says which key store to open.
type Opening struct {
	// Address names it:
	//
	//	file:///folder
	//	hcvault://host:8200/mount?token_file=…&lingers=…
	//	aws-kms://arn:aws:kms:…?lingers=…&name=…
	//	gcp-kms://projects/…/cryptoKeys/…?lingers=…&name=…
	//
	// lingers is how long a destroyed key may live on in that store and its
	// backups: snapshots of a Vault's storage, the life that is left to a root
	// key and a cloud's delay of destruction. It has to be stated.
	Address string
	// Former are root keys that may still wrap something, as addresses without
	// parameters.
	Former []string
	// Rows holds what root keys wrap.
	Rows rows.Store
	// Roots are the openers by scheme that this build has.
	Roots map[string]Opener
}

// Opened is a key store that is ready.
type Opened struct {
	Store
	// Lingers is how long a destroyed key may live on there.
	Lingers time.Duration
	// Regions is how many stores there are.
	Regions int
	// Settle moves keys away from former root keys.
	Settle func(context.Context) (moved int, err error)
}

// address is one that was taken apart.
type address struct {
	scheme, place string
	params        url.Values
}

func parseAddress(text string) (address, error) {
	rest, query, _ := strings.Cut(text, "?")
	scheme, place, ok := strings.Cut(rest, "://")
	if !ok || place == "" {
		return address{}, fmt.Errorf("%w: must be a scheme, ://, and a place", ErrAddress)
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		return address{}, fmt.Errorf("%w: has malformed parameters", ErrAddress)
	}
	return address{scheme: scheme, place: place, params: params}, nil
}

// only refuses parameters that nobody reads: they are spelt wrong.
func (a address) only(known ...string) error {
	for name, values := range a.params {
		if !slices.Contains(known, name) || len(values) != 1 {
			return fmt.Errorf("%w: %s:// knows the parameters %s, each once", ErrAddress, a.scheme, strings.Join(known, ", "))
		}
	}
	return nil
}

func (a address) duration(name string) (time.Duration, error) {
	d, err := time.ParseDuration(a.params.Get(name))
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%w: %s:// needs the parameter %s, a duration such as 720h", ErrAddress, a.scheme, name)
	}
	return d, nil
}

// name is that of a store of root keys.
func (a address) name() string { return cmp.Or(a.params.Get("name"), "main") }

// OpenAll opens the key stores at several addresses as regions of one. What o
// says besides an address holds for each.
func OpenAll(ctx context.Context, addresses []string, o Opening) (Opened, error) {
	var stores []Store
	var settle []func(context.Context) (int, error)
	taken := map[string]bool{}
	out := Opened{}
	for _, text := range addresses {
		a, err := parseAddress(text)
		if err != nil {
			return Opened{}, err
		}
		place := a.scheme + "://" + a.place + a.params.Get("prefix")
		if rooted := o.Roots[a.scheme] != nil; rooted {
			place = a.name()
		}
		if taken[place] {
			return Opened{}, fmt.Errorf("%w: two regions are one and the same, or have one name", ErrAddress)
		}
		taken[place], o.Address = true, text
		one, err := Open(ctx, o)
		if err != nil {
			return Opened{}, err
		}
		stores, out.Lingers = append(stores, one.Store), max(out.Lingers, one.Lingers)
		if one.Settle != nil {
			settle = append(settle, one.Settle)
		}
	}
	out.Settle = func(ctx context.Context) (moved int, err error) {
		for _, s := range settle {
			n, e := s(ctx)
			moved, err = moved+n, errors.Join(err, e)
		}
		return moved, err
	}
	var err error
	out.Regions = len(stores)
	out.Store, err = NewRegions(stores...)
	return out, err
}

// Open opens a key store and looks whether it answers.
func Open(ctx context.Context, o Opening) (Opened, error) {
	a, err := parseAddress(o.Address)
	if err != nil {
		return Opened{}, err
	}
	if a.scheme != "file" && a.scheme != "hcvault" {
		return openRooted(ctx, o, a)
	}
	if a.scheme == "hcvault" {
		return openTransit(ctx, a)
	}
	if err := a.only(); err != nil {
		return Opened{}, err
	}
	if !strings.HasPrefix(a.place, "/") {
		return Opened{}, fmt.Errorf("%w: file:// must be followed by an absolute path", ErrAddress)
	}
	f, err := OpenFile(a.place)
	return Opened{Store: f}, err
}

func openRooted(ctx context.Context, o Opening, a address) (Opened, error) {
	if err := a.only("lingers", "name"); err != nil {
		return Opened{}, err
	}
	if o.Rows == nil {
		return Opened{}, errors.New("key store under a root key: configuration is incomplete")
	}
	lingers, err := a.duration("lingers")
	if err != nil {
		return Opened{}, err
	}
	var roots []Root
	for _, text := range append([]string{a.scheme + "://" + a.place}, o.Former...) {
		scheme, _, _ := strings.Cut(text, "://")
		open := o.Roots[scheme]
		if open == nil {
			return Opened{}, fmt.Errorf("%w: this build has no adapter for %s://; it has file://, hcvault://%s", ErrAddress, scheme, others(o.Roots))
		}
		aead, err := open(ctx, text)
		if err != nil {
			return Opened{}, fmt.Errorf("open root key: %w: %w", ErrUnavailable, err)
		}
		roots = append(roots, Root{Name: text, AEAD: aead})
	}
	s, err := NewRooted(o.Rows, a.name(), roots...)
	if err != nil {
		return Opened{}, fmt.Errorf("%w: name must be a few letters, digits and dashes", ErrAddress)
	}
	return Opened{Store: s, Lingers: lingers, Settle: s.Settle}, nil
}

func others(roots map[string]Opener) string {
	var out strings.Builder
	for _, scheme := range slices.Sorted(maps.Keys(roots)) {
		out.WriteString(", " + scheme + "://")
	}
	return out.String()
}

const transitPatience = 5 * time.Second

func openTransit(ctx context.Context, a address) (Opened, error) {
	if err := a.only("token_file", "lingers", "prefix", "namespace", "ca_file", "timeout"); err != nil {
		return Opened{}, err
	}
	lingers, err := a.duration("lingers")
	if err != nil {
		return Opened{}, err
	}
	host, mount, _ := strings.Cut(a.place, "/")
	if _, _, err := net.SplitHostPort(host); err != nil || mount == "" {
		return Opened{}, fmt.Errorf("%w: hcvault:// must be followed by host:port/mount", ErrAddress)
	}
	patience := transitPatience
	if a.params.Has("timeout") {
		if patience, err = a.duration("timeout"); err != nil {
			return Opened{}, err
		}
	}
	token := a.params.Get("token_file")
	if token == "" {
		return Opened{}, fmt.Errorf("%w: hcvault:// needs the parameter token_file", ErrAddress)
	}
	transport, err := transitTransport(a.params.Get("ca_file"))
	if err != nil {
		return Opened{}, err
	}
	prefix := a.params.Get("prefix")
	if prefix == "" {
		prefix = "habeas"
	}
	s, err := NewTransit(TransitConfig{
		Addr: "https://" + host, Mount: mount, Prefix: prefix, Namespace: a.params.Get("namespace"),
		Token: func() (string, error) { return readToken(token) }, HTTP: &http.Client{Transport: transport, Timeout: patience},
	})
	if err != nil {
		return Opened{}, err
	}
	return Opened{Store: s, Lingers: lingers}, s.Check(ctx)
}

// readToken reads the token anew at each call: an agent beside this process
// renews it.
func readToken(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", errors.New("token file can't be read")
	}
	return strings.TrimSpace(string(content)), nil
}

// connections is how many there are at most; a handshake costs more than a wait.
const connections = 32

func transitTransport(caFile string) (*http.Transport, error) {
	t := &http.Transport{
		MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if caFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(caFile)
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	if err != nil || !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%w: ca_file must name a file of PEM certificates", ErrAddress)
	}
	return t, nil
}
