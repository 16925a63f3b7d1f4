package keyledger

import (
	"context"
	"iter"
	"time"

	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es"
)

// TenantEnded is when the destruction of a tenant's keys began, as the leader
// has it; zero if it has not. It is part of vault.Ledger and pepper.Ledger.
func (l *Ledger) TenantEnded(ctx context.Context, id string) (at time.Time, err error) {
	agg := aggregate(id, tenant.AggregateType, id)
	_, err = es.Fold(ctx, l.cfg.Verifier, es.Head{}, l.cfg.Log.Load(ctx, agg, 0, es.Leader), func(r es.Recorded) error {
		events, err := l.tenants.DecodeAll(r.Commit)
		if err != nil {
			return err
		}
		for _, ev := range events {
			if e, ok := ev.(tenant.DestructionBegun); ok && at.IsZero() {
				at = e.At
			}
		}
		return nil
	})
	return at, err
}

// LeavingTenants yields every tenant of whose off-boarding the log tells behind
// the positions of after, signatures verified.
func (l *Ledger) LeavingTenants(ctx context.Context, after es.Token) iter.Seq2[string, error] {
	return scan(ctx, l, after, tenant.AggregateType, l.leaving)
}

func (l *Ledger) leaving(ctx context.Context, r es.Recorded) ([]string, error) {
	if err := l.cfg.Verifier.Verify(ctx, r); err != nil {
		return nil, err
	}
	events, err := l.tenants.DecodeAll(r.Commit)
	if err != nil {
		return nil, err
	}
	for _, ev := range events {
		if _, ok := ev.(tenant.OffboardingBegun); ok {
			return []string{r.Aggregate.Tenant}, nil
		}
	}
	return nil, nil
}
