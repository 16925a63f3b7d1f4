package eventlog

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"habeas.internal/services/bench/internal/servers"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"

	"github.com/nats-io/nats.go"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// domain is the context of all commits here, service the name of the one
// service that writes them.
const (
	domain  = "consent"
	service = "bench"
	tenant  = "t0"
)

// installation is a provisioned event log with one instance on each of a few
// connections.
type installation struct {
	server   *servers.NATS
	topology jetstream.Topology
	logKey   es.Signer
	service  es.Signer
	logs     []*jetstream.Log
	conns    []*nats.Conn
}

// install provisions an empty server and opens the log on each connection.
func (s *Section) install(ctx context.Context, server *servers.NATS, shards int, more ...string) (*installation, error) {
	in := &installation{topology: jetstream.Topology{Contexts: append([]string{domain}, more...), Shards: shards, Replicas: 1}}
	var err error
	if in.logKey, err = es.GenerateSigner(rand.Reader); err != nil {
		return nil, err
	}
	if in.service, err = es.GenerateSigner(rand.Reader); err != nil {
		return nil, err
	}
	nc, err := s.connect(server)
	if err != nil {
		return nil, err
	}
	if err := in.provision(ctx, nc); err != nil {
		return nil, err
	}
	return in, in.open(ctx, s, server)
}

// open opens the log as a new instance on each of a few connections.
func (in *installation) open(ctx context.Context, s *Section, server *servers.NATS) error {
	in.server, in.conns, in.logs = server, nil, nil
	for range connections {
		nc, err := s.connect(server)
		if err != nil {
			return err
		}
		in.conns = append(in.conns, nc)
		if err := in.openOn(ctx, s, nc); err != nil {
			return err
		}
	}
	return nil
}

func (s *Section) connect(server *servers.NATS) (*nats.Conn, error) {
	nc, err := server.Connect()
	if err != nil {
		return nil, err
	}
	s.closing(func() error { nc.Close(); return nil })
	return nc, nil
}

func (in *installation) config(nc *nats.Conn, signer es.Signer) jetstream.Config {
	return jetstream.Config{
		Conn: nc, Topology: in.topology, LogKey: in.logKey.Public(), Signer: signer,
		Tracer: tracenoop.NewTracerProvider().Tracer(""), Meter: metricnoop.NewMeterProvider().Meter(""),
		Logger: slog.New(slog.DiscardHandler),
	}
}

func (in *installation) provision(ctx context.Context, nc *nats.Conn) error {
	l, err := jetstream.Provision(ctx, in.config(nc, in.logKey), jetstream.Installation{
		LogSigner: in.logKey, Random: rand.Reader, Now: time.Now().UTC(),
		Services: []jetstream.ServiceKey{{Service: service, Contexts: in.topology.Contexts, Public: in.service.Public()}},
	})
	if err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	l.Close()
	return nil
}

func (in *installation) openOn(ctx context.Context, s *Section, nc *nats.Conn) error {
	signer, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		return err
	}
	l, err := jetstream.Open(ctx, in.config(nc, signer))
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	s.closing(func() error { l.Close(); return nil })
	in.logs = append(in.logs, l)
	return l.AnnounceInstance(ctx, rand.Reader, in.service, service, domain, time.Now().UTC())
}

// log is the log that a caller uses.
func (in *installation) log(caller int) *jetstream.Log { return in.logs[caller%len(in.logs)] }

// eventBytes is the size of an event's own data.
const eventBytes = 300

// newAggregate names an aggregate with a random id, as a subject_ref is.
func newAggregate() (es.Aggregate, error) {
	id, err := es.NewID(rand.Reader)
	return aggregate(id), err
}

func aggregate(id string) es.Aggregate {
	return es.Aggregate{Context: domain, Tenant: tenant, Type: "person", ID: id}
}

// newCommit is a client command's commit with one event.
func newCommit(agg es.Aggregate) (es.Commit, error) {
	var ids [4]string
	for i := range ids {
		var err error
		if ids[i], err = es.NewID(rand.Reader); err != nil {
			return es.Commit{}, err
		}
	}
	data := make([]byte, eventBytes)
	_, _ = rand.Read(data) // never fails
	return es.Commit{
		ID: ids[0], CommandID: ids[1], Digest: data[:32], Client: true, Aggregate: agg, Time: time.Now().UTC(),
		Events: []es.Event{{Type: "decision.given", Schema: 1, Data: data}},
		Meta:   es.Meta{Correlation: ids[2], Causation: ids[3]},
	}, nil
}
