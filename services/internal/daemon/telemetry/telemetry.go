// Package telemetry gives a daemon its own tracer and meter providers. It never
// reads or sets OpenTelemetry's global ones, so several daemons in one process
// stay apart.
//
// Traces go out over OTLP/gRPC when an endpoint is set, to a local file of
// OTLP/JSON lines when one is named, and nowhere otherwise. Metrics are always
// there for Prometheus to scrape and go out over OTLP as well when an endpoint
// is set.
//
// Sampling is decided at the head, by the first service of a trace: a share of
// new traces, and every trace whose caller already samples it. A span's failure
// is known only at its end, when it is too late to begin recording; whoever
// wants every failed trace must record all of them (ratio 1) and choose in a
// collector. Failures are never lost for that: metrics count all of them, and
// logs carry the trace's id whether it was recorded or not.
//
// Personal data stays out: span and event attributes pass an allow-list of key
// prefixes before they leave, long values are cut, and status descriptions,
// which may quote an error, are removed.
package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
)

// Config says who is observed and where the observations go.
type Config struct {
	// Service, Instance and Version name the daemon in every trace and metric.
	Service, Instance, Version string
	// Endpoint takes OTLP/gRPC: http for plain text, https for TLS with the
	// system's roots. Nil sends nothing.
	Endpoint *url.URL
	// Timeout bounds one delivery over OTLP with its retries; zero means 5 s.
	Timeout time.Duration
	// File takes finished spans as OTLP/JSON lines. Empty writes none.
	File string
	// Ratio is the share of new traces that are recorded, 0 to 1.
	Ratio float64
	// Report is told when observations could not be delivered. It is called
	// from background goroutines and must not block.
	Report func(ctx context.Context, err error)
}

// Telemetry is passed to whoever observes; nothing finds it by itself.
type Telemetry struct {
	// Tracers makes tracers.
	Tracers trace.TracerProvider
	// Meters makes meters.
	Meters metric.MeterProvider
	// Propagator carries the W3C trace context over calls and events. Baggage
	// is not carried: nobody can say what is in it.
	Propagator propagation.TextMapPropagator
	// Metrics answers Prometheus.
	Metrics http.Handler

	once     sync.Once
	shutdown []func(context.Context) error
}

// New starts the providers. Without an endpoint it cannot fail for reasons of
// the network, and with one it does not wait for it.
func New(ctx context.Context, cfg Config) (*Telemetry, error) {
	cfg.Timeout = cmp.Or(cfg.Timeout, 5*time.Second)
	about := resource.NewSchemaless(
		attribute.String("service.namespace", "habeas"),
		attribute.String("service.name", cfg.Service),
		attribute.String("service.instance.id", cfg.Instance),
		attribute.String("service.version", cfg.Version),
	)
	tracers, err := newTracers(ctx, cfg, about)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	meters, err := newMeters(ctx, cfg, about, registry)
	if err != nil {
		return nil, errors.Join(err, tracers.Shutdown(ctx))
	}
	return &Telemetry{
		Tracers:    tracers,
		Meters:     meters,
		Propagator: propagation.TraceContext{},
		Metrics:    promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		shutdown:   []func(context.Context) error{tracers.Shutdown, meters.Shutdown},
	}, nil
}

// Off returns telemetry that observes nothing, for tools, tests and the
// comparison of costs.
func Off() *Telemetry {
	return &Telemetry{
		Tracers:    nooptrace.NewTracerProvider(),
		Meters:     noopmetric.NewMeterProvider(),
		Propagator: propagation.TraceContext{},
		Metrics:    http.NotFoundHandler(),
	}
}

// Shutdown delivers what is waiting and stops the providers. Spans that end
// later are lost. Only the first call does anything.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var failed []error
	t.once.Do(func() {
		for _, stop := range t.shutdown {
			failed = append(failed, stop(ctx))
		}
	})
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("flush telemetry: %w", err)
	}
	return nil
}

func newTracers(ctx context.Context, cfg Config, about *resource.Resource) (*sdktrace.TracerProvider, error) {
	exporters, err := spanExporters(ctx, cfg)
	if err != nil {
		return nil, err
	}
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.Ratio))),
		sdktrace.WithRawSpanLimits(spanLimits()),
	}
	for _, e := range exporters {
		options = append(options, sdktrace.WithBatcher(&cleanExporter{e, cfg.Report}, sdktrace.WithBatchTimeout(time.Second)))
	}
	return sdktrace.NewTracerProvider(options...), nil
}

func spanLimits() sdktrace.SpanLimits {
	limits := sdktrace.NewSpanLimits()
	limits.AttributeValueLengthLimit = maxValue
	limits.AttributeCountLimit = 64
	limits.EventCountLimit = 32
	limits.LinkCountLimit = 32
	return limits
}

func newMeters(
	ctx context.Context, cfg Config, about *resource.Resource, registry *prometheus.Registry,
) (*sdkmetric.MeterProvider, error) {
	err := errors.Join(
		registry.Register(collectors.NewGoCollector()),
		registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})),
	)
	if err != nil {
		return nil, fmt.Errorf("register process metrics: %w", err)
	}
	readers, err := metricReaders(ctx, cfg, registry)
	if err != nil {
		return nil, err
	}
	options := []sdkmetric.Option{sdkmetric.WithResource(about)}
	for _, r := range readers {
		options = append(options, sdkmetric.WithReader(r))
	}
	return sdkmetric.NewMeterProvider(options...), nil
}
