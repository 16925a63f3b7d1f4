package keyledger

import (
	"context"
	"fmt"
	"iter"

	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/kek"
	"habeas.internal/services/identity/keyring"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/vault"
)

// Destructions yields every destroyed key that the log tells of behind the
// positions of after, for a vault that is about to open: its ReplayAfter, or
// nil for all. Because the vault ends, for good, each key that it is told of,
// the signature of every such commit is verified first. An error ends the
// sequence.
func (l *Ledger) Destructions(ctx context.Context, after es.Token) iter.Seq2[vault.Destroyed, error] {
	return scan(ctx, l, after, keyring.AggregateType, l.destroyed)
}

// EndedEpochs yields every key-encryption key whose end the log tells of behind
// the positions of after, signatures verified, for key stores that keep them
// beside the vault's rows and so get them back with those from a backup.
func (l *Ledger) EndedEpochs(ctx context.Context, after es.Token) iter.Seq2[kms.Ref, error] {
	return scan(ctx, l, after, kek.AggregateType, l.ended)
}

// scan yields what the commits of one kind of aggregate tell.
func scan[T any](ctx context.Context, l *Ledger, after es.Token, kind string, read func(context.Context, es.Recorded) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for r, err := range l.cfg.Log.Scan(ctx, contextName, after) {
			if err == nil && r.Aggregate.Type != kind {
				continue
			}
			var told []T
			if err == nil {
				told, err = read(ctx, r)
			}
			if err != nil {
				var none T
				yield(none, fmt.Errorf("read destroyed keys: %w", err))
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

func (l *Ledger) ended(ctx context.Context, r es.Recorded) ([]kms.Ref, error) {
	if err := l.cfg.Verifier.Verify(ctx, r); err != nil {
		return nil, err
	}
	events, err := l.keks.Registry.DecodeAll(r.Commit)
	if err != nil {
		return nil, err
	}
	var out []kms.Ref
	for _, ev := range events {
		switch e := ev.(type) {
		case kek.Destroyed:
			out = append(out, kms.Ref{Tenant: r.Aggregate.Tenant, Partition: kek.Partition(r.Aggregate.ID), Epoch: e.Epoch})
		}
	}
	return out, nil
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
		case keyring.Made: // nothing has ended by it
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
