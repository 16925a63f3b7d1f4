package identityd

import (
	"context"
	"iter"
	"time"

	"habeas.internal/services/identity/internal/inforce"
	"habeas.internal/services/identity/internal/sweep"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/seal/rows"
)

// Sweep says when what a reaction has left undone is done again.
type Sweep struct {
	Every time.Duration `env:"EVERY" default:"30s" min:"100ms" help:"how often identity looks in its log for what was begun and not ended"`
	After time.Duration `env:"AFTER" default:"1m" min:"100ms" help:"how long what was begun may take until it is done again; each failure doubles the wait"`
}

// sweepMemory is for work whose end no event tells.
const sweepMemory = 48 * time.Hour

// sweeper does again what the reactions were to do.
func (c *core) sweeper(cfg Sweep, log *jetstream.Log, kept rows.Store) *sweep.Sweeper {
	policies := &inforce.Reader{Policies: c.ages.Policies, Now: time.Now}
	terms := func(ctx context.Context, tenant string) (string, error) {
		return c.ages.Terms(ctx, tenant, policies.Posted)
	}
	return &sweep.Sweeper{
		Scan: func(ctx context.Context, after es.Token) iter.Seq2[es.Recorded, error] {
			return log.Scan(ctx, Context, after)
		},
		Verify: log.Verifier().Verify, React: c.reactions().React, Works: works(), Now: time.Now, After: cfg.After, Memory: sweepMemory,
		Standing: &sweep.Standing{Terms: terms, Kept: sweep.KeptRows{Rows: kept, Kind: "ages"}, Work: sweep.Work{ // a policy that comes into force later judges ages that are known
			Begins: []string{"subject.age_stated"}, Ends: []string{"subject.forgetting_begun", "subject.forgotten"},
		}},
	}
}

// works are all that the reactions take up. Off-boardings, break-glass grants whose
// time is over, claims and destructions have sweeps of their own, by rows.
func works() []sweep.Work {
	return []sweep.Work{
		{ // a code to send, or to withhold when its time is over
			Begins: []string{"verification.started", "verification.code_dispatched"},
			Ends:   []string{"verification.code_sent", "verification.code_not_sent"},
		},
		{Begins: []string{"subject.merge_begun"}, Ends: []string{"subject.merge_completed", "subject.merge_abandoned"}},
		{ // a minor's erasure to ask for; that one policy serves them does not end it for another
			Begins: []string{"subject.minor_blocked"}, Ends: []string{"subject.forgetting_begun", "subject.forgotten"},
		},
		{Begins: []string{"evidence.kept"}, Ends: []string{"evidence.destroyed"}}, // its timer
		{Begins: []string{
			"subject.separated", "subject.merge_undone", "subject.identifier_unlinked",
			"subject.age_stated", "subject.mandate_recorded", "subject.mandate_ended", "subject.parental_consent_recorded",
			"subject.parental_consent_withdrawn", "subject.minor_unblocked",
			"mandate.used", "mandate.applied", "breakglass.granted", "breakglass.reviewed", "keyring.key_destroyed",
		}},
	}
}
