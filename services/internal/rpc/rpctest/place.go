package rpctest

import (
	"cmp"
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc/health"

	"habeas.internal/services/internal/daemon/logs"
	"habeas.internal/services/internal/daemon/telemetry"
	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/mtls"
)

// The names that all certificates of a Place share.
const (
	TrustDomain = "habeas.test"
	Namespace   = "habeas"
)

// Place is where services meet in a test: one certificate authority and one
// token issuer, on loopback.
type Place struct {
	Issuer *Issuer
	ca     *localca.CA
}

// NewPlace makes an authority and an issuer of the test's own.
func NewPlace(t testing.TB) *Place {
	t.Helper()
	ca, err := localca.Open(t.TempDir(), TrustDomain)
	if err != nil {
		t.Fatal(err)
	}
	return &Place{NewIssuer(t), ca}
}

// TLS gives a service a fresh certificate.
func (p *Place) TLS(t testing.TB, service string) *mtls.Source {
	t.Helper()
	id := p.Identity(t, service)
	s, err := mtls.Load(mtls.Config{
		Cert: id.CertFile, Key: id.KeyFile, CA: id.CAFile, TrustDomain: TrustDomain, Namespace: Namespace,
		Now: time.Now, Report: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Identity is a fresh certificate of a service, as files.
func (p *Place) Identity(t testing.TB, service string) *localca.Identity {
	t.Helper()
	id, err := p.ca.Issue(localca.Request{
		Name: service, ID: "spiffe://" + TrustDomain + "/ns/" + Namespace + "/sa/" + service,
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Tokens makes a verifier of the issuer's tokens; acr "phr" is a step-up.
func (p *Place) Tokens(t testing.TB, tel *telemetry.Telemetry) *auth.Verifier {
	t.Helper()
	keys, err := auth.KeyFile(auth.FileConfig{Path: p.Issuer.Path, Now: time.Now, Report: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.NewVerifier(auth.Config{
		Issuer: TokenIssuer, Audience: TokenAudience, Keys: keys, StepUp: []string{"phr"}, Now: time.Now, Meters: tel.Meters,
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Config completes a server's configuration: what is not set is set so that
// the server works here and observes nothing.
func (p *Place) Config(t testing.TB, service string, cfg rpc.Config) rpc.Config {
	t.Helper()
	off := telemetry.Off()
	if cfg.Tracers == nil {
		cfg.Tracers, cfg.Meters, cfg.Propagator = off.Tracers, off.Meters, off.Propagator
	}
	if cfg.Tokens == nil {
		cfg.Tokens = p.Tokens(t, off)
	}
	if cfg.TLS == nil {
		cfg.TLS = p.TLS(t, service)
	}
	if cfg.Health == nil {
		cfg.Health = health.NewServer()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Reads == nil {
		cfg.Reads = &Reads{}
	}
	if cfg.Staff == nil {
		cfg.Staff = Everybody{}
	}
	cfg.Log = cmp.Or(cfg.Log, logs.Discard())
	return cfg
}

// Serve starts a server on a free port, and stops it with the test.
func (p *Place) Serve(t testing.TB, service string, cfg rpc.Config) (server *rpc.Server, address string) {
	t.Helper()
	server, err := rpc.NewServer(p.Config(t, service, cfg))
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(lis) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Errorf("stop %s: %v", service, err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve %s: %v", service, err)
		}
	})
	return server, lis.Addr().String()
}
