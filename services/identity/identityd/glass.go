package identityd

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"habeas.internal/services/identity/breakglass"
	"habeas.internal/services/identity/internal/glass"
	"habeas.internal/services/identity/internal/inforce"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/staff"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/es/jetstream/member"
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
		Registered: c.registeredUnder,
		Tenant:     c.directory.Get, Rows: s.rows, Random: rand.Reader, Now: time.Now,
	}
	c.grants, err = c.glass.LookAfter(k.Telemetry.Meters)
	return err
}

// registeredUnder is the policy that somebody is registered under. Of one who was
// merged with others it is not the only one.
func (c *core) registeredUnder(ctx context.Context, tenant, ref string) (string, error) {
	root, s, err := c.registry.Root(ctx, tenant, ref)
	if errors.Is(err, subject.ErrNotFound) {
		return "", nil
	}
	if err != nil || root != ref || len(s.Merges) > 0 {
		return "", err
	}
	return s.Policy, nil
}
