// Package remote reaches the services of an installation as a person does: over
// TLS with a bearer token, by a client configuration. What a service answers
// that is no success becomes an [Error], with its reason, its fields and what to
// do about it.
package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"habeas.internal/services/habeas/internal/local"
	"habeas.internal/services/internal/wholefile"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// Conns are connections to services, made when they are needed.
type Conns struct {
	client  local.Client
	token   string
	timeout time.Duration
	conns   map[string]*grpc.ClientConn
}

// New makes connections by a client configuration. A token, if given, takes the
// place of the configuration's. timeout bounds a call that does not stream.
func New(c local.Client, token string, timeout time.Duration) (*Conns, error) {
	if token == "" {
		var err error
		if token, err = TokenOf(c); err != nil {
			return nil, err
		}
	}
	return &Conns{client: c, token: token, timeout: timeout, conns: map[string]*grpc.ClientConn{}}, nil
}

// TokenOf is the token that a client configuration has, or names.
func TokenOf(c local.Client) (string, error) {
	token := c.Token
	if token == "" && c.TokenFile != "" {
		text, err := wholefile.Read(c.TokenFile, wholefile.Usual)
		if err != nil {
			return "", fmt.Errorf("read token: %w", err)
		}
		token = strings.TrimSpace(string(text))
	}
	if token == "" {
		return "", errors.New("there is no token: neither in the client configuration nor in HABEAS_TOKEN")
	}
	return token, nil
}

// To is a connection to a service. It does not wait for the service; the first
// call does.
func (c *Conns) To(service string) (*grpc.ClientConn, error) {
	if conn := c.conns[service]; conn != nil {
		return conn, nil
	}
	target := c.client.Endpoints[service]
	if target == "" {
		return nil, fmt.Errorf("the client configuration has no endpoint of %s", service)
	}
	secure, err := c.tls(service)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(target,
		grpc.WithTransportCredentials(credentials.NewTLS(secure)), grpc.WithPerRPCCredentials(bearer(c.token)),
		grpc.WithUnaryInterceptor(c.call), grpc.WithDisableServiceConfig(),
	)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", service, err)
	}
	c.conns[service] = conn
	return conn, nil
}

// Close ends all connections.
func (c *Conns) Close() {
	for _, conn := range c.conns {
		_ = conn.Close() // nothing is lost with it
	}
}

// tls trusts the configuration's authorities, and where a trust domain is
// configured, only a server that is the service meant.
func (c *Conns) tls(service string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS13}
	if c.client.CA != "" {
		bundle, err := wholefile.Read(c.client.CA, wholefile.Usual)
		if err != nil {
			return nil, fmt.Errorf("read authorities: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(bundle) {
			return nil, fmt.Errorf("read authorities: no certificate in %s", c.client.CA)
		}
	}
	if c.client.TrustDomain != "" {
		want := "spiffe://" + c.client.TrustDomain + "/ns/" + c.client.Namespace + "/sa/" + service
		cfg.VerifyConnection = func(s tls.ConnectionState) error {
			if uris := s.PeerCertificates[0].URIs; len(uris) != 1 || uris[0].String() != want {
				return fmt.Errorf("the server is not %s", service)
			}
			return nil
		}
	}
	return cfg, nil
}

// tries bounds how often a call is made to a service that is away. Commands
// carry a request id, so that repeating one does no harm.
const tries = 4

// call gives every call a deadline and repeats it where that helps.
func (c *Conns) call(
	ctx context.Context, method string, request, answer any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for try := 0; ; try++ {
		err := invoke(ctx, method, request, answer, conn, options...)
		if status.Code(err) != codes.Unavailable || try == tries-1 || !pause(ctx, try) {
			return lacksRole(err, method)
		}
	}
}

// pause waits a little longer with each try.
func pause(ctx context.Context, try int) bool {
	timer := time.NewTimer(100 * time.Millisecond << try)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// bearer sends the token with each call.
type bearer string

// GetRequestMetadata returns the token as metadata.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity keeps the token inside TLS.
func (bearer) RequireTransportSecurity() bool { return true }
