package keyledger

import (
	"context"
	"fmt"
	"iter"

	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/keyring"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/vault"
)

// Destructions yields every destroyed key that the log tells of behind the
// positions of after, for a vault that is about to open: its ReplayAfter, or
// nil for all. Because the vault ends, for good, each key that it is told of,
// the signature of every such commit is verified first. An error ends the
// sequence.
func (l *Ledger) Destructions(ctx context.Context, after es.Token) iter.Seq2[vault.Destroyed, error] {
	return func(yield func(vault.Destroyed, error) bool) {
		for r, err := range l.cfg.Log.Scan(ctx, contextName, after) {
			if err == nil && r.Aggregate.Type != keyring.AggregateType {
				continue
			}
			var told []vault.Destroyed
			if err == nil {
				told, err = l.destroyed(ctx, r)
			}
			if err != nil {
				yield(vault.Destroyed{}, fmt.Errorf("read destroyed keys: %w", err))
				return
			}
			for _, d := range told {
				if !yield(d, nil) {
					return
				}
			}
		}
	}
}

func (l *Ledger) destroyed(ctx context.Context, r es.Recorded) ([]vault.Destroyed, error) {
	if err := l.cfg.Verifier.Verify(ctx, r); err != nil {
		return nil, err
	}
	events, err := l.keyrings.Registry.DecodeAll(r.Commit)
	if err != nil {
		return nil, err
	}
	var out []vault.Destroyed
	for _, ev := range events {
		switch e := ev.(type) {
		case keyring.Destroyed:
			w, err := wire.KeyDestroyed(r.Aggregate.ID, e)
			if err != nil {
				return nil, err
			}
			out = append(out, vault.Destroyed{Tenant: r.Aggregate.Tenant, Event: w})
		}
	}
	return out, nil
}
