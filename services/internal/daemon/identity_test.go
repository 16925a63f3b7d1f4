package daemon_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/rpctest"
)

// without leaves variables out of an environment.
func without(environ []string, prefix string) []string {
	var out []string
	for _, pair := range environ {
		if !strings.HasPrefix(pair, prefix) || strings.HasPrefix(pair, "HABEAS_TLS_TRUST_DOMAIN") {
			out = append(out, pair)
		}
	}
	return out
}

// sign makes one call on a connection of its own, so that each call shakes hands.
func sign(ctx context.Context, r *running, issuer *rpctest.Issuer) error {
	tel := r.kit.Telemetry
	conn, err := client.Dial(client.Config{
		Target: r.addr, Server: "bookd", TLS: r.kit.TLS,
		Token:   func(context.Context) (string, error) { return issuer.Sign(rpctest.Claims(time.Now(), "product")), nil },
		Tracers: tel.Tracers, Meters: tel.Meters, Propagator: tel.Propagator,
	})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_, err = samplev1.NewBookServiceClient(conn).Sign(ctx, &samplev1.SignRequest{
		RequestId: "0b7e4a52-6a0c-4c0f-9d2c-3f0f5c1d2e3f", Book: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Name: "Jane",
	})
	return err
}

// TestADaemonLivesFromAWorkloadAPI renews the daemon's certificate while it is
// called, and takes the socket away.
func TestADaemonLivesFromAWorkloadAPI(t *testing.T) {
	ca, err := localca.Open(t.TempDir(), "habeas.test")
	if err != nil {
		t.Fatal(err)
	}
	api := rpctest.NewWorkloadAPI(t)
	give := func() {
		t.Helper()
		id, err := ca.Issue(localca.Request{Name: "bookd", ID: "spiffe://habeas.test/ns/habeas/sa/bookd"})
		if err != nil {
			t.Fatal(err)
		}
		api.Give([]*localca.CA{ca}, id)
	}
	give()
	issuer := rpctest.NewIssuer(t)
	r := start(t, append(without(environment(t, issuer), "HABEAS_TLS_"), "HABEAS_TLS_WORKLOAD_API="+api.Address))
	r.waitFor(t, "/readyz", 200, "{}")
	renewed := make(chan struct{})
	var load sync.WaitGroup
	for range 2 {
		load.Go(func() {
			for {
				select {
				case <-renewed:
					return
				default:
				}
				if err := sign(t.Context(), r, issuer); err != nil {
					t.Errorf("a call failed while certificates were renewed: %v", err)
					return
				}
			}
		})
	}
	for range 10 {
		give()
	}
	close(renewed)
	load.Wait()
	api.Stop()
	r.waitFor(t, "/metrics", 200, `habeas_reload_failures_total{file="certificates"`)
	if err := sign(t.Context(), r, issuer); err != nil {
		t.Errorf("a call failed when the API had gone away: %v", err)
	}
	r.cancel()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

// TestCertificatesComeFromOnePlace refuses none, and two.
func TestCertificatesComeFromOnePlace(t *testing.T) {
	good := environment(t, rpctest.NewIssuer(t))
	for name, row := range map[string]struct {
		environ []string
		text    string
	}{
		"no place":   {without(good, "HABEAS_TLS_"), "HABEAS_TLS_KEY: must be set without HABEAS_TLS_WORKLOAD_API"},
		"half a one": {without(good, "HABEAS_TLS_CA"), "HABEAS_TLS_CA: must be set without HABEAS_TLS_WORKLOAD_API"},
		"two places": {append(good, "HABEAS_TLS_WORKLOAD_API=unix:///nowhere"), "HABEAS_TLS_CERT: must not be set with HABEAS_TLS_WORKLOAD_API"},
	} {
		var cfg bookdConfig
		if err := env.Load(row.environ, &cfg); err != nil {
			t.Fatal(err)
		}
		_, err := daemon.Start(t.Context(), daemon.Config{Service: "bookd", Common: cfg.Common, Out: io.Discard, Now: time.Now})
		var problem env.Problem
		if !errors.As(err, &problem) || !strings.Contains(err.Error(), row.text) || daemon.ExitCode(err) != daemon.ExitConfig {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
