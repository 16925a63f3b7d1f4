package identityd

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"habeas.internal/services/identity/agent"
	"habeas.internal/services/identity/internal/ages"
	"habeas.internal/services/identity/internal/checks"
	"habeas.internal/services/identity/internal/glass"
	"habeas.internal/services/identity/internal/mail"
	"habeas.internal/services/identity/internal/mandates"
	"habeas.internal/services/identity/internal/merging"
	"habeas.internal/services/identity/internal/offboard"
	"habeas.internal/services/identity/internal/otp"
	"habeas.internal/services/identity/internal/refusals"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/internal/rpc"
	"habeas.internal/services/identity/internal/signin"
	"habeas.internal/services/identity/internal/tenants"
	"habeas.internal/services/identity/internal/upkeep"
	"habeas.internal/services/identity/internal/waiting"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/mandate"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/member"
	"habeas.internal/services/internal/seal/lookup"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/smssend"
)

// core is what the handlers and processes work with.
type core struct {
	refused   rpc.Refused
	periods   rpc.Periods
	directory *tenants.Directory
	registry  *registry.Registry
	desk      *otp.Desk
	signIns   *signin.Desk
	table     *lookup.Table
	mail      *mail.Sender
	texts     *smssend.Sender
	page      otp.Page
	merging   merging.Desk
	checks    checks.Desk
	glass     *glass.Desk
	grants    func(ctx context.Context) error // looks after them
	limiter   otp.Limiter
	ages      ages.Desk
	mandates  *mandates.Desk
	offboard  *offboard.Desk
	waiting   *waiting.Desk
	platform  string

	staffClient tenant.Provider // whose tokens are the staff's
}

// handler makes a handler of one kind of aggregate.
func handler[S, C, E any](
	k *daemon.Kit, m *member.Member, s *keys, codec eventpb.Codec[E],
	decide func(S, C) ([]E, error), evolve func(S, E) S, refuse func(string) error,
) es.Handler[S, C, E] {
	return es.Handler[S, C, E]{
		Store: m.Log, Verifier: m.Log.Verifier(), Digester: s.digester, Tracer: k.Telemetry.Tracers.Tracer(Name), Random: rand.Reader,
		Registry: codec.Registry(), Encode: codec.Encode(s.cache), Decide: decide, Evolve: evolve, Refuse: refuse,
	}
}

func newCore(cfg Config, k *daemon.Kit, m *member.Member, s *keys, p *peers) (*core, error) {
	tenantCodec, err := wire.Tenant()
	if err != nil {
		return nil, err
	}
	subjectCodec, err := wire.Subject()
	if err != nil {
		return nil, err
	}
	verificationCodec, err := wire.Verification()
	if err != nil {
		return nil, err
	}
	subjects := handler(k, m, s, subjectCodec, subject.Decide, subject.Evolve,
		func(reason string) error { return subject.Refusal(reason) })
	c := &core{
		platform:    cfg.Platform,
		staffClient: tenant.Provider{Issuer: cfg.Token.Issuer, Client: cfg.Token.Audience},
		directory: &tenants.Directory{Memory: cfg.Offboard.Memory, Handler: handler(k, m, s, tenantCodec, tenant.Decide, tenant.Evolve,
			func(reason string) error { return tenant.Refusal(reason) })},
		desk: &otp.Desk{
			Verifications: handler(k, m, s, verificationCodec, verification.Decide, verification.Evolve,
				func(reason string) error { return verification.Refusal(reason) }),
			Opener: s.cache, Random: rand.Reader, Now: time.Now,
		},
	}
	if c.refused, err = rpc.NewRefused(k.Telemetry.Meters); err != nil {
		return nil, err
	}
	c.offboard = &offboard.Desk{
		Directory: c.directory, Rows: s.rows, Vault: s.vault, Peppers: s.peppers, Now: time.Now,
		Grace: cfg.Offboard.Grace, Settle: cfg.Offboard.Settle + cfg.Vault.Lease, Again: hourly,
		Standing: p.witnesses().Standing,
	}
	if err = c.proving(cfg, k, m, s); err != nil {
		return nil, err
	}
	c.waiting = &waiting.Desk{Directory: c.directory, Rows: s.rows, Mail: c.mail, Now: time.Now, Wait: cfg.Settings.Wait}
	if err := c.people(cfg, k, s, subjects); err != nil {
		return nil, err
	}
	c.ages = ages.Desk{
		Subjects: subjects, Registry: c.registry, Facts: p.facts(), Policies: p.policies(), Requests: p.requests(),
		Zone: c.directory.Zone, Opener: s.cache, Random: rand.Reader, Now: time.Now,
	}
	c.periods = p.periods()
	c.merging = merging.Desk{Subjects: subjects, Registry: c.registry, Facts: p.facts(), Now: time.Now}
	return c, c.further(cfg, k, m, s, p)
}

// further adds what works with the registry.
func (c *core) further(cfg Config, k *daemon.Kit, m *member.Member, s *keys, p *peers) (err error) {
	if c.signIns, err = newSignIns(cfg.Provider, k, s, c); err != nil {
		return err
	}
	if c.mandates, err = newMandates(k, m, s, p, c.registry); err != nil {
		return err
	}
	return c.openGlass(k, m, s, p)
}

// people makes the table of identifiers and the registry of subjects.
func (c *core) people(cfg Config, k *daemon.Kit, s *keys, subjects registry.Subjects) error {
	var err error
	c.table, err = lookup.New(lookup.Config{
		Rows: s.rows, Peppers: s.peppers, Now: time.Now, Grace: cfg.Vault.Grace, Lease: cfg.Vault.Lease,
		Log: registry.Holdings{Subjects: subjects, Opener: s.cache, Now: time.Now},
	})
	if err != nil {
		return err
	}
	c.registry, err = registry.New(registry.Config{
		Subjects: subjects, Table: c.table, Opener: s.cache, Destroy: s.vault.Destroy, Residue: s.ledger.Residue,
		Random: rand.Reader, Now: time.Now, Log: k.Log,
	})
	return err
}

// newMandates makes the desk of authorised agents.
func newMandates(k *daemon.Kit, m *member.Member, s *keys, p *peers, people *registry.Registry) (*mandates.Desk, error) {
	agentCodec, err := wire.Agent()
	if err != nil {
		return nil, err
	}
	mandateCodec, err := wire.Mandate()
	if err != nil {
		return nil, err
	}
	return &mandates.Desk{
		Agents: handler(k, m, s, agentCodec, agent.Decide, agent.Evolve, func(reason string) error { return agent.Refusal(reason) }),
		Mandates: handler(k, m, s, mandateCodec, mandate.Decide, mandate.Evolve,
			func(reason string) error { return mandate.Refusal(reason) }),
		Limiter: k.Limiter(), Registry: people, Consent: p.facts().Consent, Policies: p.policies(), Opener: s.cache,
		Destroy: s.vault.Destroy, Now: time.Now,
	}, nil
}

// delivery sends codes.
func (c *core) delivery() otp.Delivery {
	return otp.Delivery{
		Desk: c.desk, Registry: c.registry, Mail: c.mail, Texts: c.texts, Limiter: c.limiter, Page: c.page, Tenant: c.directory.Get,
	}
}

// reactions is the one process on identity's own commits: codes are sent, and
// rows of unlinked identifiers removed. It tries sooner than others do, because
// a person waits for the code.
func (c *core) reactions() jetstream.Process {
	delivery := c.delivery()
	return jetstream.Process{
		Name: "identity-reactions", Context: Context, CodeVersion: "1",
		Backoff: []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute},
		React: func(ctx context.Context, r es.Recorded) error {
			return errors.Join(delivery.React(ctx, r), c.registry.React(ctx, r), c.merging.React(ctx, r), c.ages.React(ctx, r), c.mandates.React(ctx, r),
				c.checks.React(ctx, r), c.glass.React(ctx, r), c.waiting.React(ctx, r))
		},
	}
}

func (c *core) services(s *keys, leaving <-chan struct{}) rpc.Services {
	kept := refusals.Desk{Set: s.refusals, Facts: c.merging.Facts}
	staffDesk := &rpc.Staff{Handler: c.glass.Staff, Glass: c.glass, Now: time.Now}
	return rpc.Services{
		Tenants:  &rpc.Tenants{Directory: c.directory, Leaving: c.offboard, Platform: c.platform, Now: time.Now},
		Settings: &rpc.Settings{Directory: c.directory, Waiting: c.waiting, Staff: c.staffClient, Now: time.Now},
		Subjects: &rpc.Subjects{
			Registry: c.registry, Directory: c.directory, Ages: c.ages, Suppression: s.suppression, Refusals: kept, Refused: c.refused, Now: time.Now,
		},
		Merges:        &rpc.Merges{Desk: c.merging, Now: time.Now},
		Ages:          &rpc.Ages{Desk: c.ages, Registry: c.registry, Now: time.Now},
		Verifications: &rpc.Verifications{Desk: c.desk, Delivery: c.delivery(), SignIns: c.signIns, Ages: c.ages, Now: time.Now},
		Keys:          &rpc.Keys{Vault: s.vault, Fence: s.fence, Peppers: s.peppers, Residue: s.ledger.Residue, Leaving: leaving, Periods: c.periods},
		Suppression:   &rpc.Suppression{Set: s.suppression, Refusals: kept, Directory: c.directory},
		BreakGlass:    &rpc.BreakGlass{Desk: c.glass, Now: time.Now},
		Agents:        &rpc.Agents{Desk: c.mandates, Now: time.Now},
		Staff:         staffDesk,
		Checks:        &rpc.Checks{Desk: c.checks, Codes: c.desk, Staff: staffDesk, Now: time.Now},
	}
}

// How often things are looked after.
const (
	often   = 30 * time.Second
	hourly  = time.Hour
	daily   = 24 * time.Hour
	markGap = 10 * time.Minute
	quarter = 90 * 24 * time.Hour // how old a pepper may become
)

// turning turns the peppers of a purpose.
func (c *core) turning(s *keys, purpose pepper.Purpose, age time.Duration, rotate func(ctx context.Context, tenant string) error) upkeep.Peppers {
	return upkeep.Peppers{
		Tenants: func(ctx context.Context, do func(context.Context, string) error) error {
			return s.each(ctx, purpose, do)
		},
		Ended: func(ctx context.Context, tenant string) (time.Time, error) {
			return s.ledger.PepperEnded(ctx, tenant, string(purpose))
		},
		Created: c.directory.Created, Rotate: living(rotate), Age: age, Now: time.Now,
	}
}

// turnDigests turns the peppers of commands' digests, all that are due at once:
// no row depends on one, and each turn waits for leases.
func (c *core) turnDigests(ctx context.Context, s *keys) error {
	var due []pepper.Owned
	var failed []error
	for _, purpose := range pepper.Digests() {
		tenants, err := c.turning(s, purpose, s.digestLife.age, nil).Due(ctx)
		failed = append(failed, err)
		for _, tenant := range tenants {
			due = append(due, pepper.Owned{Tenant: tenant, Purpose: purpose})
		}
	}
	return errors.Join(append(failed, s.peppers.Turn(ctx, due, s.digests.Wait))...)
}

// living lets the peppers of a tenant that is gone be.
func living(rotate func(ctx context.Context, tenant string) error) func(ctx context.Context, tenant string) error {
	return func(ctx context.Context, tenant string) error {
		err := rotate(ctx, tenant)
		if errors.Is(err, pepper.ErrEnded) {
			return nil
		}
		return err
	}
}

// upkeepParts are the scheduled works.
func upkeepParts(cfg Config, k *daemon.Kit, m *member.Member, s *keys, c *core) []daemon.Part {
	tasks := []upkeep.Task{
		{Name: "sweep", Every: cfg.Sweep.Every, Do: c.sweeper(cfg.Sweep, m.Log, s.rows).Sweep},
		{Name: "finish-destructions", Every: often, Do: func(ctx context.Context) error { _, err := s.vault.Resume(ctx); return err }},
		{Name: "settle-claims", Every: often, Do: func(ctx context.Context) error { _, _, err := c.table.Sweep(ctx); return err }},
		{Name: "break-glass", Every: often, Do: c.grants},
		{Name: "off-board", Every: min(often, c.offboard.Settle), Do: c.offboard.Run},
		{Name: "settings", Every: min(often, c.waiting.Wait), Do: c.waiting.Run},
		{Name: "mark-vault", Every: markGap, Do: func(ctx context.Context) error { return s.mark(ctx, m) }},
		{Name: "end-epochs", Every: hourly, Do: func(ctx context.Context) error { _, err := s.keks.RotateDirty(ctx); return err }},
		{Name: "settle-key-store", Every: often, Do: s.settle},
		{Name: "expire-suppressions", Every: hourly, Do: func(ctx context.Context) error { _, err := s.suppression.Expire(ctx); return err }},
		{Name: "turn-lookup-peppers", Every: daily, Do: c.turning(s, pepper.Lookup, quarter, c.table.Rotate).Turn},
		{Name: "turn-suppression-peppers", Every: daily, Do: c.turning(s, pepper.Suppression, quarter, s.suppression.Rotate).Turn},
		{Name: "turn-refusal-peppers", Every: daily, Do: c.turning(s, pepper.Refusals, quarter, s.refusals.Rotate).Turn},
		{Name: "turn-digest-peppers", Every: s.digestLife.look, Do: func(ctx context.Context) error { return c.turnDigests(ctx, s) }},
	}
	var parts []daemon.Part
	for _, t := range tasks {
		parts = append(parts, daemon.Part{Name: t.Name, Run: func(ctx context.Context) error { return t.Run(ctx, k.Log) }})
	}
	return parts
}
