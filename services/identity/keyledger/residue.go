package keyledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/keyring"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"
)

var errNotEnded = errors.New("end of a key is not recorded")

// Residue is the latest moment at which a wrapped copy of one of these keys
// ends. Each of them must have ended already.
func (l *Ledger) Residue(ctx context.Context, keys []seal.KeyID) (time.Time, error) {
	var latest time.Time
	for _, id := range keys {
		end, err := l.residueOf(ctx, id)
		if err != nil {
			return latest, fmt.Errorf("read end of a key: %w", err)
		}
		if end.After(latest) {
			latest = end
		}
	}
	return latest, nil
}

func (l *Ledger) residueOf(ctx context.Context, id seal.KeyID) (time.Time, error) {
	e, found, err := l.end(ctx, id)
	if err == nil && !found {
		err = errNotEnded
	}
	return e.ResidueHorizon, err
}

// KeyEnded is the recorded end of a key, or nil. It is part of vault.Ledger.
func (l *Ledger) KeyEnded(ctx context.Context, id seal.KeyID) (*identityv1.KeyDestroyed, error) {
	e, found, err := l.end(ctx, id)
	if err != nil || !found {
		return nil, err
	}
	return wire.KeyDestroyed(id.Holder.String(), e)
}

// end folds what the leader has of a holder's keyring, signatures verified.
func (l *Ledger) end(ctx context.Context, id seal.KeyID) (end keyring.Destroyed, found bool, err error) {
	agg := aggregate(id.Tenant, keyring.AggregateType, id.Holder.String())
	class := seal.ClassName(id.Class)
	_, err = es.Fold(ctx, l.cfg.Verifier, es.Head{}, l.cfg.Log.Load(ctx, agg, 0, es.Leader), func(r es.Recorded) error {
		events, err := l.keyrings.Registry.DecodeAll(r.Commit)
		if err != nil {
			return err
		}
		for _, ev := range events {
			if e, ok := ev.(keyring.Destroyed); ok && e.Class == class && !found {
				end, found = e, true
			}
		}
		return nil
	})
	return end, found, err
}
