// Package member makes a daemon a member of an installation: it opens the event
// log with the daemon's own user and key, announces the key of this instance,
// and runs readers so that a halt of theirs ends the daemon.
package member

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"time"

	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/keyfile"
	"habeas.internal/services/internal/readlog"

	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"
)

// Config says which log is trusted and with whose key this service signs. A
// daemon's own Config holds it under the name EVENTLOG.
type Config struct {
	Key      string   `env:"KEY" help:"public key of the log, base64"`
	Service  env.File `env:"SERVICE_KEY" help:"private key of the service, base64"`
	Shards   int      `env:"SHARDS" default:"4" help:"shards of each context, as provisioned"`
	Replicas int      `env:"REPLICAS" default:"1" help:"replicas of each stream, as provisioned"`
}

// Member is a daemon's part in an installation.
type Member struct {
	Log      *jetstream.Log
	Topology jetstream.Topology // of what this daemon reads and writes

	conn     *nats.Conn
	name     string
	instance es.Signer
	service  es.Signer
}

// Join opens the log. name is the service's; owns is the context that it
// appends to, reads are further ones that it follows. The caller closes the
// member.
func Join(ctx context.Context, cfg Config, k *daemon.Kit, common daemon.Common, name, owns string, reads ...string) (*Member, error) {
	logKey, err := keyfile.ParsePublic(cfg.Key)
	if err != nil {
		return nil, env.Problem{Variable: "HABEAS_EVENTLOG_KEY", Text: "is no public key"}
	}
	service, err := keyfile.Read(string(cfg.Service))
	if err != nil {
		return nil, err
	}
	instance, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		return nil, err
	}
	if err := k.Limit(ctx, service.Private().Seed()); err != nil {
		return nil, err
	}
	m := &Member{name: name, instance: instance, service: service, Topology: jetstream.Topology{
		Contexts: append([]string{owns}, reads...), Shards: cfg.Shards, Replicas: cfg.Replicas,
	}}
	access := jetstream.Access{URL: common.NATS.URL, User: name, Seed: string(common.NATS.Seed), Logger: k.Log}
	if access.TLS, err = serverTLS(common); err != nil {
		return nil, err
	}
	if m.conn, err = jetstream.Connect(access); err != nil {
		return nil, err
	}
	m.Log, err = jetstream.Open(ctx, jetstream.Config{
		Conn: m.conn, LogKey: logKey, Signer: instance, Logger: k.Log, Topology: m.Topology,
		Tracer: k.Telemetry.Tracers.Tracer(name), Meter: k.Telemetry.Meters.Meter(name),
	})
	if err != nil {
		m.conn.Close()
		return nil, err
	}
	if err := m.Log.AnnounceInstance(ctx, rand.Reader, service, name, owns, time.Now()); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// serverTLS says whose certificates the log's servers may have. Only an address
// that asks for no TLS, as tests have, gets none.
func serverTLS(c daemon.Common) (*tls.Config, error) {
	if !strings.Contains(c.NATS.URL, "tls://") {
		return nil, nil //nolint:nilnil // no TLS is what was asked for
	}
	file := cmp.Or(c.NATS.CA, c.TLS.CA)
	if file == "" { // a Workload API vouches for services, and not for the log's servers
		return nil, env.Problem{Variable: "HABEAS_NATS_CA", Text: "must be set without HABEAS_TLS_CA"}
	}
	pem, err := os.ReadFile(string(file))
	if err != nil {
		return nil, fmt.Errorf("read authorities of the log's servers: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, env.Problem{Variable: "HABEAS_NATS_CA", Text: "holds no certificate"}
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, nil
}

// Rows opens the mutable streams: keys, lookup rows, suppression set. Identity
// alone has the right.
func (m *Member) Rows(ctx context.Context) (*jetstream.Rows, error) {
	return jetstream.OpenRows(ctx, jetstream.RowsConfig{Conn: m.conn, Topology: m.Topology})
}

// ReadLog opens the read log, which this service may write and not read.
func (m *Member) ReadLog(ctx context.Context) (*readlog.Log, error) {
	w, err := jetstream.OpenWriter(ctx, jetstream.WriterConfig{
		Conn: m.conn, Context: jetstream.ContextAccess, Shards: m.Topology.Shards, Signer: m.instance,
		Service: m.name, Key: m.service, Random: rand.Reader, Now: time.Now(),
	})
	if err != nil {
		return nil, fmt.Errorf("open the read log: %w", err)
	}
	return readlog.New(readlog.Config{Store: w, Service: m.name, Random: rand.Reader})
}

// Key is the service's own, which the log has announced as that.
func (m *Member) Key() es.Signer { return m.service }

// Close lets go of the log.
func (m *Member) Close() {
	m.Log.Close()
	m.conn.Close()
}

// Reader is a part that reads the log. Its halt is one of the daemon: a
// restart would not mend it.
func Reader(name string, run func(ctx context.Context) error) daemon.Part {
	return daemon.Part{Name: name, Run: func(ctx context.Context) error {
		err := run(ctx)
		if reason, ok := es.HaltReason(err); ok {
			return daemon.Halt(reason, err)
		}
		return err
	}}
}

// Shards are aggregates of a context, one in each shard, by which a sweep finds
// a read model's parts.
func (m *Member) Shards(context string) []es.Aggregate {
	out := make([]es.Aggregate, m.Topology.Shards)
	for k := range out {
		out[k] = es.Control{Context: context, Partition: es.ShardPartitions(k, m.Topology.Shards)[0]}.Stream()
	}
	return out
}

// Redis connects to where read models are kept. The caller closes the client.
func Redis(common daemon.Common) (redis.UniversalClient, error) {
	options, err := redis.ParseURL(common.Redis.URL.Reveal())
	if err != nil {
		return nil, env.Problem{Variable: "HABEAS_REDIS_URL", Text: "is malformed"} // the cause may hold the password
	}
	return redis.NewClient(options), nil
}
