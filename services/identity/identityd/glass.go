package identityd

import (
	"crypto/rand"
	"time"

	"habeas.internal/services/identity/breakglass"
	"habeas.internal/services/identity/internal/glass"
	"habeas.internal/services/identity/internal/inforce"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/staff"
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
		Tenant: c.directory.Get, Rows: s.rows, Random: rand.Reader, Now: time.Now,
	}
	c.grants, err = c.glass.LookAfter(k.Telemetry.Meters)
	return err
}
