package rpc

import (
	"context"
	"errors"
	"fmt"

	"habeas.internal/services/identity/subject"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Refused counts, for each tenant, registrations that were refused for somebody's
// age. That is all that is kept of a child: no event, no reference, no time.
type Refused struct{ counter metric.Int64Counter }

// NewRefused makes the counter.
func NewRefused(provider metric.MeterProvider) (Refused, error) {
	counter, err := provider.Meter("habeas.internal/services/identity").Int64Counter("habeas.identity.age.refusals",
		metric.WithDescription("Registrations that were refused for somebody's age, by tenant and reason."))
	if err != nil {
		return Refused{}, fmt.Errorf("make metrics: %w", err)
	}
	return Refused{counter}, nil
}

// note counts a refusal for age; other errors are nothing to it.
func (r Refused) note(ctx context.Context, tenant string, err error) {
	var why subject.Refusal
	if r.counter == nil || !errors.As(err, &why) {
		return
	}
	r.counter.Add(ctx, 1, metric.WithAttributes(attribute.String("habeas.tenant", tenant), attribute.String("habeas.reason", why.Reason())))
}
