package rpc

import (
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/grpc/codes"
)

// metrics counts calls by method and outcome. Labels come from closed sets:
// methods, codes and reasons; never from a request.
type metrics struct {
	duration metric.Float64Histogram
	refusals metric.Int64Counter
	panics   metric.Int64Counter
}

// numCodes is the number of gRPC codes, OK to Unauthenticated.
const numCodes = int(codes.Unauthenticated) + 1

// methodMetrics holds a method's attributes, made before the first call.
type methodMetrics [numCodes][]metric.RecordOption

func newMetrics(provider metric.MeterProvider, methods methodSet) (*metrics, error) {
	meter := provider.Meter("habeas.internal/services/internal/rpc")
	duration, err := meter.Float64Histogram("rpc.server.call.duration",
		metric.WithUnit("s"), metric.WithDescription("Duration of calls, by method and status."),
		metric.WithExplicitBucketBoundaries(.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	if err != nil {
		return nil, fmt.Errorf("make metrics: %w", err)
	}
	refusals, err := meter.Int64Counter("habeas.rpc.refusals",
		metric.WithDescription("Calls that were not answered, by method and reason."))
	if err != nil {
		return nil, fmt.Errorf("make metrics: %w", err)
	}
	panics, err := meter.Int64Counter("habeas.rpc.panics", metric.WithDescription("Handlers that panicked, by method."))
	if err != nil {
		return nil, fmt.Errorf("make metrics: %w", err)
	}
	for _, m := range methods {
		m.metrics = newMethodMetrics(m.name)
	}
	return &metrics{duration, refusals, panics}, nil
}

func newMethodMetrics(name string) methodMetrics {
	var all methodMetrics
	for code := range all {
		all[code] = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(
			attribute.String("rpc.system.name", "grpc"), methodAttribute(name),
			attribute.String("rpc.response.status_code", codes.Code(code).String()),
		))}
	}
	return all
}

func methodAttribute(name string) attribute.KeyValue {
	return attribute.String("rpc.method", strings.TrimPrefix(name, "/"))
}

func (m *metrics) byMethod(of *method) metric.MeasurementOption {
	return metric.WithAttributes(methodAttribute(of.name))
}

// record notes that a call has ended.
func (m *metrics) record(c *call, code codes.Code) {
	if int(code) < numCodes {
		m.duration.Record(c, time.Since(c.began).Seconds(), c.method.metrics[code]...)
	}
}

// refuse notes why a call was not answered.
func (m *metrics) refuse(c *call, reason string) {
	m.refusals.Add(c, 1, metric.WithAttributes(methodAttribute(c.method.name), attribute.String("habeas.reason", reason)))
}
