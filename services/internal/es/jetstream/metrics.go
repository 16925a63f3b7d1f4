package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

type metrics struct {
	appends metric.Float64Histogram
	lag     metric.Int64Gauge
	parked  metric.Int64Counter
	halts   metric.Int64Counter
}

func newMetrics(m metric.Meter) (*metrics, error) {
	var out metrics
	var errs [4]error
	out.appends, errs[0] = m.Float64Histogram("habeas.log.append.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from publish to a known outcome"))
	out.lag, errs[1] = m.Int64Gauge("habeas.log.projection.lag", metric.WithUnit("{message}"),
		metric.WithDescription("Messages that a reader has not applied yet"))
	out.parked, errs[2] = m.Int64Counter("habeas.log.parked", metric.WithUnit("{message}"),
		metric.WithDescription("Messages set aside because they could not be handled"))
	out.halts, errs[3] = m.Int64Counter("habeas.log.halts", metric.WithUnit("{halt}"),
		metric.WithDescription("Readers that stopped because history is not what was written"))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("create instruments: %w", err)
	}
	return &out, nil
}

func (m *metrics) appended(ctx context.Context, domain string, d time.Duration, err error) {
	outcome := "ok"
	switch {
	case errors.Is(err, es.ErrConflict):
		outcome = "conflict"
	case errors.Is(err, es.ErrUnknownOutcome):
		outcome = "unknown"
	case err != nil:
		outcome = "error"
	}
	m.appends.Record(ctx, d.Seconds(), metric.WithAttributes(
		attribute.String("habeas.context", domain), attribute.String("outcome", outcome)))
}

func newAPIError(code, errCode int) error {
	return &jetstream.APIError{Code: code, ErrorCode: jetstream.ErrorCode(errCode)}
}
