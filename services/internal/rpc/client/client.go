// Package client connects one Habeas service to another: mutual TLS to a
// service that must prove its name, traces, a deadline on every call, and
// retries where repeating a call cannot do harm.
//
// Whether it can do harm, the contract says. A method is repeated, when the
// server was away, only if it is marked NO_SIDE_EFFECTS or IDEMPOTENT, or if its
// request carries a request_id, which makes a command of ours harmless to
// repeat.
package client

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"habeas.internal/services/internal/rpc/mtls"
)

// Config says whom to call and as whom.
type Config struct {
	// Target is the address in gRPC's naming: "host:port", or
	// "dns:///host:port" to spread calls over all addresses of a name.
	Target string
	// Server is the name that the server's certificate must prove.
	Server string
	// Services are the full names of the gRPC services to be called; their
	// methods in the contract decide what is retried.
	Services []string
	// TLS is this service's own identity.
	TLS *mtls.Source
	// Token returns the token to send with calls that do not carry one
	// already. Optional: a service calls as itself without one.
	Token func(ctx context.Context) (string, error)
	// Timeout bounds unary calls that come without a deadline; zero means 5 s.
	Timeout time.Duration

	Tracers    trace.TracerProvider
	Meters     metric.MeterProvider
	Propagator propagation.TextMapPropagator
}

const (
	defaultTimeout = 5 * time.Second
	// pingEvery is twice what servers allow, so that they never take offence.
	pingEvery   = 60 * time.Second
	pingTimeout = 20 * time.Second
)

// Dial makes a connection. It does not wait for the server; the first call
// does. The caller closes it.
func Dial(cfg Config) (*grpc.ClientConn, error) {
	serviceConfig, err := serviceConfig(cfg.Services)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", cfg.Server, err)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(cfg.TLS.ClientTLS(cfg.Server))),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingEvery, Timeout: pingTimeout}),
		grpc.WithDisableServiceConfig(), // a name server does not decide about retries
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithUnaryInterceptor(deadline(cmp.Or(cfg.Timeout, defaultTimeout))),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler(
			otelgrpc.WithTracerProvider(cfg.Tracers), otelgrpc.WithMeterProvider(cfg.Meters),
			otelgrpc.WithPropagators(cfg.Propagator),
		)),
	}
	if cfg.Token != nil {
		options = append(options, grpc.WithPerRPCCredentials(bearer(cfg.Token)))
	}
	conn, err := grpc.NewClient(cfg.Target, options...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", cfg.Server, err)
	}
	return conn, nil
}

// deadline gives one to unary calls that have none; a server refuses those.
func deadline(timeout time.Duration) grpc.UnaryClientInterceptor {
	return func(
		ctx context.Context, method string, request, answer any, conn *grpc.ClientConn,
		invoke grpc.UnaryInvoker, options ...grpc.CallOption,
	) error {
		if _, ok := ctx.Deadline(); !ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		return invoke(ctx, method, request, answer, conn, options...)
	}
}
