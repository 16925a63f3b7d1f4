package identityd

import (
	"time"

	"habeas.internal/services/identity/evidence"
	"habeas.internal/services/identity/internal/checks"
	"habeas.internal/services/identity/internal/mail"
	"habeas.internal/services/identity/internal/otp"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/es/jetstream/member"
	"habeas.internal/services/internal/smssend"
)

// proving makes what codes are sent by and counted with, and the desk of checks.
func (c *core) proving(cfg Config, k *daemon.Kit, m *member.Member, s *keys) (err error) {
	c.limiter = k.Limiter()
	if c.mail, err = mail.New(cfg.SMTP); err != nil {
		return err
	}
	if c.texts, err = smssend.New(cfg.SMS, time.Now); err != nil {
		return err
	}
	if c.page, err = otp.NewPage(cfg.Page); err != nil {
		return err
	}
	c.checks, err = newChecks(cfg, k, m, s, c.desk.Verifications)
	return err
}

// newChecks makes the desk that keeps what staff find out.
func newChecks(cfg Config, k *daemon.Kit, m *member.Member, s *keys, verifications otp.Verifications) (checks.Desk, error) {
	codec, err := wire.Evidence()
	return checks.Desk{
		Verifications: verifications, Destroy: s.vault.Destroy, Timers: m.Log, Life: cfg.Verify.Evidence, Now: time.Now,
		Evidence: handler(k, m, s, codec, evidence.Decide, evidence.Evolve, func(reason string) error { return evidence.Refusal(reason) }),
	}, err
}
