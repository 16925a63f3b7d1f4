// Package sampled wires the guest book by hand: configuration, equipment,
// log, keys, read model, handlers, parts.
package sampled

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"time"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/keyfile"
	"habeas.internal/services/internal/es/readmodel"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/systemtest/sample/internal/closing"
	"habeas.internal/services/systemtest/sample/internal/rpc"
	"habeas.internal/services/systemtest/sample/internal/view"

	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"
)

// Config is the daemon's configuration, from the environment.
type Config struct {
	daemon.Common
	EventLog EventLog `env:"EVENTLOG"`
	Vault    Vault    `env:"VAULT"`
}

// EventLog says which log is trusted and with whose key this service signs.
type EventLog struct {
	Key      string   `env:"KEY" help:"public key of the log, base64"`
	Service  env.File `env:"SERVICE_KEY" help:"private key of the service, base64"`
	Shards   int      `env:"SHARDS" default:"4" help:"shards of each context, as provisioned"`
	Replicas int      `env:"REPLICAS" default:"1" help:"replicas of each stream, as provisioned"`
}

// Vault says where the keys that wrap data keys are.
type Vault struct {
	Keys string `env:"KEYS" help:"folder of the key-encryption keys"`
}

// Name is the service's name: in certificates, as user of the log, and in the
// announcements of its keys.
const Name = "sample"

// Context is where books live: the sample has no context of its own.
const Context = "identity"

// World is what lies outside and differs between tests.
type World struct {
	Announce closing.Announce
	Out      io.Writer // log lines
	// Started is told what runs, once it can be reached.
	Started func(Running)
}

// Running is what a started daemon shows to a test.
type Running struct {
	Addr net.Addr // for gRPC
	Ops  string   // for metrics and health
	Keys *Keys
}

// Run runs the daemon until ctx ends.
func Run(ctx context.Context, cfg Config, w World) error {
	k, err := daemon.Start(ctx, daemon.Config{
		Service: Name, Version: "test", Common: cfg.Common, Out: w.Out, Now: time.Now,
	})
	if err != nil {
		return err
	}
	defer k.Close()
	nc, log, err := openLog(ctx, cfg, k)
	if err != nil {
		return err
	}
	defer nc.Close()
	defer log.Close()
	keys, err := openKeys(ctx, cfg, k, nc, log)
	if err != nil {
		return err
	}
	defer keys.close()
	options, err := redis.ParseURL(cfg.Redis.URL.Reveal())
	if err != nil {
		return env.Problem{Variable: "HABEAS_REDIS_URL", Text: "is malformed"} // the cause may hold the password
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	h, err := rpc.NewHandler(rpc.Handler{
		Store: log, Verifier: log.Verifier(), Digester: keys.digester, Tracer: k.Telemetry.Tracers.Tracer(Name), Random: rand.Reader,
	}, keys.cache)
	if err != nil {
		return err
	}
	model := view.Model(h.Registry)
	reader, err := readmodel.NewReader(ctx, client, model, log, Context)
	if err != nil {
		return err
	}
	server, lis, err := serve(ctx, k, &rpc.Server{
		Context: Context, Handler: h, Reader: reader, Opener: keys.cache, Timers: log, Random: rand.Reader, Now: time.Now,
	})
	if err != nil {
		return err
	}
	w.Started(Running{Addr: lis.Addr(), Ops: k.OpsAddr, Keys: keys})
	process := closing.Process(h, w.Announce)
	process.Context = Context
	alarm := closing.Alarm(h)
	alarm.Context = Context
	return k.Run(ctx,
		daemon.Part{Name: "projection", Run: halting(func(ctx context.Context) error {
			return log.Project(ctx, jetstream.Projection{Name: model.Name, Context: Context, Sink: readmodel.NewSink(client, model)})
		})},
		daemon.Part{Name: "announce", Run: halting(func(ctx context.Context) error { return log.RunProcess(ctx, process) })},
		daemon.Part{Name: "alarm", Run: func(ctx context.Context) error { return log.RunAlarm(ctx, alarm) }},
		daemon.Part{Name: "sweep", Run: func(ctx context.Context) error {
			return log.RunSweep(ctx, view.OpenTimers(reader, shards(cfg.EventLog.Shards)))
		}},
		daemon.ServeGRPC(server, lis),
	)
}

// halting makes a reader's halt one of the daemon: a restart would not mend
// it.
func halting(run func(ctx context.Context) error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		err := run(ctx)
		if reason, ok := es.HaltReason(err); ok {
			return daemon.Halt(reason, err)
		}
		return err
	}
}

func serve(ctx context.Context, k *daemon.Kit, s *rpc.Server) (*kit.Server, net.Listener, error) {
	cfg := k.RPC()
	cfg.Services = []kit.Service{{Desc: &samplev1.BookService_ServiceDesc, Impl: s}}
	cfg.Errors = rpc.Errors()
	server, err := kit.NewServer(cfg)
	if err != nil {
		return nil, nil, err
	}
	lis, err := k.Listen(ctx)
	return server, lis, err
}

func openLog(ctx context.Context, cfg Config, k *daemon.Kit) (*nats.Conn, *jetstream.Log, error) {
	logKey, err := keyfile.ParsePublic(cfg.EventLog.Key)
	if err != nil {
		return nil, nil, env.Problem{Variable: "HABEAS_EVENTLOG_KEY", Text: "is no public key"}
	}
	service, err := keyfile.Read(string(cfg.EventLog.Service))
	if err != nil {
		return nil, nil, err
	}
	instance, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	nc, err := jetstream.Connect(jetstream.Access{URL: cfg.NATS.URL, User: Name, Seed: string(cfg.NATS.Seed), Logger: k.Log})
	if err != nil {
		return nil, nil, err
	}
	log, err := jetstream.Open(ctx, jetstream.Config{
		Conn: nc, LogKey: logKey, Signer: instance, Logger: k.Log,
		Topology: jetstream.Topology{Contexts: []string{Context}, Shards: cfg.EventLog.Shards, Replicas: cfg.EventLog.Replicas},
		Tracer:   k.Telemetry.Tracers.Tracer(Name), Meter: k.Telemetry.Meters.Meter(Name),
	})
	if err == nil {
		err = log.AnnounceInstance(ctx, rand.Reader, service, Name, Context, time.Now())
	}
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return nc, log, nil
}

// shards are aggregates, one in each shard, by which the sweep finds the read
// model's parts.
func shards(n int) []es.Aggregate {
	out := make([]es.Aggregate, n)
	for k := range out {
		out[k] = es.Control{Context: Context, Partition: es.ShardPartitions(k, n)[0]}.Stream()
	}
	return out
}
