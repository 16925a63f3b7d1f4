// Package jstest makes provisioned event logs for tests.
package jstest

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"

	"github.com/nats-io/nats.go"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// Installation is a provisioned installation and its keys.
type Installation struct {
	LogKey   es.Signer
	Service  es.Signer // may announce instances in every context
	Name     string    // under which the service key is announced
	Topology jetstream.Topology
}

// ServiceName is the Name of an installation that New made.
const ServiceName = "test"

// Signer makes a fresh signing key.
func Signer(t testing.TB) es.Signer {
	t.Helper()
	s, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// New makes the keys of an installation with the contexts.
func New(t testing.TB, shards, replicas int, contexts ...string) Installation {
	t.Helper()
	return Installation{
		LogKey: Signer(t), Service: Signer(t), Name: ServiceName,
		Topology: jetstream.Topology{Contexts: contexts, Shards: shards, Replicas: replicas},
	}
}

// Config is the configuration of a fresh instance.
func (in Installation) Config(t testing.TB, nc *nats.Conn) jetstream.Config {
	t.Helper()
	return jetstream.Config{
		Conn: nc, Topology: in.Topology, LogKey: in.LogKey.Public(), Signer: Signer(t),
		Tracer: tracenoop.NewTracerProvider().Tracer(""), Meter: metricnoop.NewMeterProvider().Meter(""),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// Provision makes the installation's streams.
func (in Installation) Provision(t testing.TB, nc *nats.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := jetstream.Provision(ctx, in.Config(t, nc), in.Setup())
	if err != nil {
		t.Fatalf("provision: %v", err)
	}
}

// Setup is what Provision is given.
func (in Installation) Setup() jetstream.Installation {
	return jetstream.Installation{
		LogSigner: in.LogKey, Random: rand.Reader, Now: time.Now().UTC(),
		Services: []jetstream.ServiceKey{{Service: in.Name, Contexts: in.Topology.Contexts, Public: in.Service.Public()}},
	}
}

// Open opens the log as a fresh instance that is announced everywhere.
func (in Installation) Open(t testing.TB, nc *nats.Conn) *jetstream.Log {
	t.Helper()
	return in.OpenWith(t, in.Config(t, nc))
}

// OpenWith opens the log with a configuration of the installation's.
func (in Installation) OpenWith(t testing.TB, cfg jetstream.Config) *jetstream.Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l, err := jetstream.Open(ctx, cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(l.Close)
	for _, c := range in.Topology.Contexts {
		if err := l.AnnounceInstance(ctx, rand.Reader, in.Service, in.Name, c, time.Now().UTC()); err != nil {
			t.Fatalf("announce: %v", err)
		}
	}
	return l
}
