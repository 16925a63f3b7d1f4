package telemetry

import (
	"context"
	"fmt"
	"net/url"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func spanExporters(ctx context.Context, cfg Config) ([]sdktrace.SpanExporter, error) {
	var clients []otlptrace.Client
	if cfg.Endpoint != nil {
		clients = append(clients, otlptracegrpc.NewClient(
			otlptracegrpc.WithEndpointURL(target(cfg.Endpoint)), otlptracegrpc.WithTimeout(cfg.Timeout)))
	}
	if cfg.File != "" {
		clients = append(clients, &spanFile{path: cfg.File})
	}
	var exporters []sdktrace.SpanExporter
	for _, c := range clients {
		e, err := otlptrace.New(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("start span exporter: %w", err)
		}
		exporters = append(exporters, e)
	}
	return exporters, nil
}

func metricReaders(ctx context.Context, cfg Config, registry *prometheus.Registry) ([]sdkmetric.Reader, error) {
	scrape, err := promexporter.New(promexporter.WithRegisterer(registry), promexporter.WithoutScopeInfo())
	if err != nil {
		return nil, fmt.Errorf("start Prometheus exporter: %w", err)
	}
	readers := []sdkmetric.Reader{scrape}
	if cfg.Endpoint == nil {
		return readers, nil
	}
	push, err := otlpmetricgrpc.New(ctx,
		otlpmetricgrpc.WithEndpointURL(target(cfg.Endpoint)), otlpmetricgrpc.WithTimeout(cfg.Timeout))
	if err != nil {
		return nil, fmt.Errorf("start metric exporter: %w", err)
	}
	return append(readers, sdkmetric.NewPeriodicReader(&metricExporter{push, cfg.Report})), nil
}

// target leaves of the endpoint what a gRPC exporter understands.
func target(endpoint *url.URL) string {
	return (&url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host}).String()
}

// metricExporter reports failures to its owner instead of to a global handler.
type metricExporter struct {
	sdkmetric.Exporter
	report func(context.Context, error)
}

// Export delivers one collection, or reports that it could not.
func (e *metricExporter) Export(ctx context.Context, data *metricdata.ResourceMetrics) error {
	if err := e.Exporter.Export(ctx, data); err != nil {
		e.report(ctx, fmt.Errorf("export metrics: %w", err))
	}
	return nil
}
