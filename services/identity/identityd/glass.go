package identityd

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"habeas.internal/services/identity/breakglass"
	"habeas.internal/services/identity/internal/glass"
	"habeas.internal/services/identity/internal/inforce"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/staff"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/es/jetstream/member"

	"go.opentelemetry.io/otel/metric"
)

// openGlass makes the desk of break-glass grants, and of staff.
func (c *core) openGlass(k *daemon.Kit, m *member.Member, s *keys, p *peers) error {
	grants, err := wire.BreakGlass()
	if err != nil {
		return err
	}
	people, err := wire.Staff()
	if err != nil {
		return err
	}
	c.glass = &glass.Desk{
		Grants:   handler(k, m, s, grants, breakglass.Decide, breakglass.Evolve, func(reason string) error { return breakglass.Refusal(reason) }),
		Staff:    handler(k, m, s, people, staff.Decide, staff.Evolve, func(reason string) error { return staff.Refusal(reason) }),
		Policies: &inforce.Reader{Policies: p.policies(), Now: time.Now}, Consent: p.decisions(),
		Tenant: c.directory.Get, Rows: s.rows, Random: rand.Reader, Now: time.Now,
	}
	c.grants, err = lookAfter(c.glass, k.Telemetry.Meters)
	return err
}

// lookAfter ends grants that have run out, and exposes how many reviews are
// overdue: what an alarm is set on.
func lookAfter(desk *glass.Desk, meters metric.MeterProvider) (func(ctx context.Context) error, error) {
	overdue, err := meters.Meter("habeas.internal/services/identity").Int64Gauge("habeas.breakglass.reviews.overdue",
		metric.WithDescription("Break-glass grants that nobody has reviewed in time."))
	if err != nil {
		return nil, fmt.Errorf("make gauge: %w", err)
	}
	return func(ctx context.Context) error {
		n, err := desk.Sweep(ctx)
		if err == nil { // else it stays as it was: an alarm is not put off by a failure
			overdue.Record(ctx, n)
		}
		return err
	}, nil
}
