package daemon

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"habeas.internal/services/internal/daemon/health"
	"habeas.internal/services/internal/daemon/logs"
	"habeas.internal/services/internal/daemon/telemetry"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/mtls"
)

// Config is what Start needs.
type Config struct {
	// Service is the daemon's name: in certificates, logs, traces and metrics.
	Service string
	// Version is the build's version.
	Version string
	// Common is the shared configuration, already checked.
	Common Common
	// Out takes log lines.
	Out io.Writer
	// LogKeys are attribute keys of the daemon's own. Optional.
	LogKeys []string
	// Unobserved makes no traces and no metrics, whatever the configuration says.
	Unobserved bool
	// Now is the clock of everything that judges time: certificates, tokens.
	Now func() time.Time
}

// Kit is a daemon's equipment. Its fields are for the daemon's parts to use,
// not to change.
type Kit struct {
	Log       *slog.Logger
	Telemetry *telemetry.Telemetry
	Health    *health.Health
	TLS       *mtls.Source
	Tokens    *auth.Verifier
	// OpsAddr is where /livez, /readyz and /metrics answer once Run runs.
	OpsAddr string

	cfg     Config
	limits  *limits
	ops     net.Listener
	reloads metric.Int64Counter
}

// Start makes the equipment. Nothing answers yet and nothing runs in the
// background but the delivery of telemetry. The caller closes the kit.
func Start(ctx context.Context, cfg Config) (*Kit, error) {
	cfg.Common.Instance = cmp.Or(cfg.Common.Instance, hostname())
	k := &Kit{cfg: cfg}
	logger := k.logger()
	k.Log = logger.Logger
	for _, step := range []func(context.Context) error{
		k.startTelemetry, k.count(logger), k.startHealth, k.startIdentity, k.startTokens, k.startOps,
	} {
		if err := step(ctx); err != nil {
			k.Close()
			return nil, fmt.Errorf("start %s: %w", cfg.Service, err)
		}
	}
	return k, nil
}

// Close delivers what telemetry is waiting and frees what Start took, whether
// or not Run was called. It takes at most the configured grace.
func (k *Kit) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), max(k.cfg.Common.Shutdown.Grace, time.Second))
	defer cancel()
	if k.ops != nil {
		_ = k.ops.Close() // closed already, if Run ran
	}
	k.limits.close()
	k.TLS.Close()
	if k.Telemetry == nil {
		return
	}
	if err := k.Telemetry.Shutdown(ctx); err != nil {
		k.Log.ErrorContext(ctx, "telemetry was not delivered", slog.Any("error", err))
	}
}

// RPC returns a server's configuration with everything but the services, who
// may call them, and their errors.
func (k *Kit) RPC() rpc.Config {
	cfg := rpc.Config{
		Health: k.Health.GRPC(), TLS: k.TLS, Tokens: k.Tokens, Reflection: k.cfg.Common.GRPC.Reflection,
		Tracers: k.Telemetry.Tracers, Meters: k.Telemetry.Meters, Propagator: k.Telemetry.Propagator,
		Log: k.Log, Now: k.cfg.Now,
	}
	if k.limits != nil {
		cfg.Rates = k.limits.guard
	}
	return cfg
}

// Listen opens the address for gRPC.
func (k *Kit) Listen(ctx context.Context) (net.Listener, error) {
	return listen(ctx, k.cfg.Common.GRPC.Listen)
}

// ServeGRPC makes a part of a server.
func ServeGRPC(server *rpc.Server, lis net.Listener) Part {
	return Part{
		Name: "grpc",
		Run:  func(context.Context) error { return server.Serve(lis) },
		Stop: server.Stop,
	}
}

// Run runs the parts until ctx ends or one of them fails, and stops them. It
// returns nil only if everything went well.
func (k *Kit) Run(ctx context.Context, parts ...Part) error {
	var checks []health.Check
	for _, p := range parts {
		if p.Ready != nil {
			checks = append(checks, health.Check{Name: p.Name, Probe: p.Ready})
		}
	}
	own := []Part{k.opsPart(), {
		Name: "health", Run: func(ctx context.Context) error { return k.Health.Run(ctx, checks) },
	}}
	k.Log.InfoContext(ctx, "started", slog.String("addr", k.OpsAddr))
	g := group{log: k.Log, grace: k.cfg.Common.Shutdown.Grace, leave: func(reason string) { k.leave(ctx, reason) }}
	err := g.run(ctx, append(own, parts...))
	if err != nil {
		k.Log.ErrorContext(ctx, "stopped", slog.Any("error", err))
		return fmt.Errorf("%s: %w", k.cfg.Service, err)
	}
	k.Log.InfoContext(ctx, "stopped")
	return nil
}

// leave makes the daemon not ready, and waits until the world has noticed. It
// does not wait when a part has failed: what does not work need not be spared.
func (k *Kit) leave(ctx context.Context, reason string) {
	k.Health.Stop(reason)
	k.Log.InfoContext(ctx, "stopping", slog.String("reason", reason))
	if ctx.Err() == nil {
		return
	}
	pause := time.NewTimer(k.cfg.Common.Shutdown.Drain)
	defer pause.Stop()
	<-pause.C
}

func (k *Kit) logger() logs.Logger {
	return logs.New(logs.Config{
		Out: k.cfg.Out, Level: k.cfg.Common.Log.Level, Text: k.cfg.Common.Log.Format == "text", Keys: k.cfg.LogKeys,
		Attrs: []slog.Attr{slog.String("service", k.cfg.Service), slog.String("instance", k.cfg.Common.Instance)},
	})
}

func (k *Kit) startTelemetry(ctx context.Context) error {
	if k.cfg.Unobserved {
		k.Telemetry = telemetry.Off()
		return nil
	}
	t := k.cfg.Common.Telemetry
	tel, err := telemetry.New(ctx, telemetry.Config{
		Service: k.cfg.Service, Instance: k.cfg.Common.Instance, Version: k.cfg.Version,
		Endpoint: t.Endpoint, File: t.File, Ratio: t.Ratio,
		Report: func(ctx context.Context, err error) {
			k.Log.WarnContext(ctx, "telemetry was not delivered", slog.Any("error", err))
		},
	})
	k.Telemetry = tel
	return err
}

// count makes the metrics of the kit itself.
func (k *Kit) count(logger logs.Logger) func(context.Context) error {
	return func(context.Context) error {
		meter := k.Telemetry.Meters.Meter("habeas.internal/services/internal/daemon")
		var err error
		k.reloads, err = meter.Int64Counter("habeas.reload.failures",
			metric.WithDescription("Renewed files that could not be read; the former ones stay in force."))
		if err != nil {
			return fmt.Errorf("make metrics: %w", err)
		}
		_, err = meter.Int64ObservableCounter("habeas.log.dropped",
			metric.WithDescription("Log attributes that were kept out of the lines."),
			metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
				o.Observe(logger.Dropped())
				return nil
			}))
		if err != nil {
			return fmt.Errorf("make metrics: %w", err)
		}
		return nil
	}
}

func (k *Kit) startHealth(context.Context) (err error) {
	k.Health, err = health.New(health.Config{Log: k.Log, Meters: k.Telemetry.Meters})
	return err
}

// report makes what is told of renewed files that could not be read.
func (k *Kit) report(what string) func(error) {
	return func(err error) {
		ctx := context.Background()
		k.reloads.Add(ctx, 1, metric.WithAttributes(attribute.String("file", what)))
		k.Log.ErrorContext(ctx, "renewed files could not be read", slog.String("file", what), slog.Any("error", err))
	}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unnamed"
	}
	return name
}
