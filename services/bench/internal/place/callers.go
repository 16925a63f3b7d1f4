package place

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"os"
	"time"

	"habeas.internal/services/internal/daemon/telemetry"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/mtls"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// issueTokens makes the key that signs tokens, and the file with its public half.
func (p *Place) issueTokens() error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	p.signer = private
	set, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "k1", "x": base64.RawURLEncoding.EncodeToString(public),
	}}})
	if err != nil {
		return err
	}
	p.keySet, err = p.write("tokens.json", set)
	return err
}

// tokenLife is longer than any run.
const tokenLife = 4 * time.Hour

// bearer is a token, sent with each call over TLS.
type bearer string

// GetRequestMetadata is the header that carries the token.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity is true: a token does not travel in the open.
func (bearer) RequireTransportSecurity() bool { return true }

// token is one of a person with roles, who has just proven themselves anew.
func (p *Place) token(roles ...string) (bearer, error) {
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": "bench", "jti": "1", "tenant": Tenant, "roles": roles,
		"acr": "phr", "auth_time": now.Unix(), "nbf": now.Unix(), "exp": now.Add(tokenLife).Unix(),
	})
	token.Header["kid"] = "k1"
	text, err := token.SignedString(crypto.Signer(p.signer))
	return bearer(text), err
}

// DialAs connects to a service as a caller with roles, who has a token and no
// certificate.
func (p *Place) DialAs(addr string, roles ...string) (*grpc.ClientConn, error) {
	token, err := p.token(roles...)
	if err != nil {
		return nil, err
	}
	id, err := p.issue("caller") // for the authority's certificate
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(id.CAFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	conn, err := grpc.NewClient(addr, grpc.WithPerRPCCredentials(token), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13,
	})))
	if err != nil {
		return nil, err
	}
	p.section.Closing(conn.Close)
	return conn, nil
}

// DialBetween connects to a service's gRPC services as another service.
func (p *Place) DialBetween(as, addr, service string, grpcServices ...string) (*grpc.ClientConn, error) {
	id, err := p.issue(as)
	if err != nil {
		return nil, err
	}
	source, err := mtls.Load(mtls.Config{
		Cert: id.CertFile, Key: id.KeyFile, CA: id.CAFile, TrustDomain: domain, Namespace: namespace, Now: time.Now, Report: func(error) {},
	})
	if err != nil {
		return nil, err
	}
	p.section.Closing(func() error { source.Close(); return nil })
	off := telemetry.Off()
	cfg := rpc.Config{TLS: source, Tracers: off.Tracers, Meters: off.Meters, Propagator: off.Propagator}
	conn, err := client.Peer{Target: addr}.Dial(cfg, service, grpcServices...)
	if err != nil {
		return nil, err
	}
	p.section.Closing(conn.Close)
	return conn, nil
}
