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
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/member"
	"habeas.internal/services/internal/es/readmodel"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/systemtest/sample/internal/closing"
	"habeas.internal/services/systemtest/sample/internal/rpc"
	"habeas.internal/services/systemtest/sample/internal/view"
)

// Config is the daemon's configuration, from the environment.
type Config struct {
	daemon.Common
	EventLog member.Config `env:"EVENTLOG"`
	Vault    Vault         `env:"VAULT"`
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
	m, err := member.Join(ctx, cfg.EventLog, k, cfg.Common, Name, Context)
	if err != nil {
		return err
	}
	defer m.Close()
	log := m.Log
	keys, err := openKeys(ctx, cfg, k, m)
	if err != nil {
		return err
	}
	defer keys.close()
	client, err := member.Redis(cfg.Common)
	if err != nil {
		return err
	}
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
	reads, err := m.ReadLog(ctx)
	if err != nil {
		return err
	}
	server, lis, err := serve(ctx, k, reads, &rpc.Server{
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
		member.Reader("projection", func(ctx context.Context) error {
			return log.Project(ctx, jetstream.Projection{Name: model.Name, Context: Context, Sink: readmodel.NewSink(client, model)})
		}),
		member.Reader("announce", func(ctx context.Context) error { return log.RunProcess(ctx, process) }),
		daemon.Part{Name: "alarm", Run: func(ctx context.Context) error { return log.RunAlarm(ctx, alarm) }},
		daemon.Part{Name: "sweep", Run: func(ctx context.Context) error {
			return log.RunSweep(ctx, view.OpenTimers(reader, m.Shards(Context)))
		}},
		daemon.ServeGRPC(server, lis),
	)
}

// hosts are whoever has the role: a book of guests has no staff of its own.
type hosts struct{}

// Check allows it.
func (hosts) Check(context.Context, kit.Look) (kit.Permission, error) { return kit.Permission{}, nil }

// Agreed finds that all guests have: they signed.
func (hosts) Agreed(context.Context, kit.Look, kit.Shown) (string, error) { return "", nil }

func serve(ctx context.Context, k *daemon.Kit, reads kit.ReadLog, s *rpc.Server) (*kit.Server, net.Listener, error) {
	cfg := k.RPC()
	cfg.Services = []kit.Service{{Desc: &samplev1.BookService_ServiceDesc, Impl: s}}
	cfg.Errors, cfg.Reads, cfg.Staff = rpc.Errors(), reads, hosts{}
	server, err := kit.NewServer(cfg)
	if err != nil {
		return nil, nil, err
	}
	lis, err := k.Listen(ctx)
	return server, lis, err
}
