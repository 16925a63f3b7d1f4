package keyledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/keyring"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/vault"
)

var errNotEnded = errors.New("end of a key is not recorded")

// Residue is the latest moment at which a wrapped copy of one of these keys
// ends, or of a pepper under which a command was digested before that. Each of
// the keys must have ended already.
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
	_, end, err := l.story(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	if end == nil {
		return time.Time{}, errNotEnded
	}
	if digests := end.At.Add(l.cfg.Digests); digests.After(end.ResidueHorizon) {
		return digests, nil
	}
	return end.ResidueHorizon, nil
}

// KeyTold is what is recorded of a key. It is part of vault.Ledger.
func (l *Ledger) KeyTold(ctx context.Context, id seal.KeyID) (told vault.Told, err error) {
	made, end, err := l.story(ctx, id)
	if err != nil {
		return told, err
	}
	if made != nil {
		told.Made = made.Commitment[:]
	}
	if end != nil {
		told.Ended, err = wire.KeyDestroyed(id.Holder.String(), *end)
	}
	return told, err
}

// story folds what the leader has of a holder's keyring, signatures verified.
func (l *Ledger) story(ctx context.Context, id seal.KeyID) (made *keyring.Made, end *keyring.Destroyed, err error) {
	agg := aggregate(id.Tenant, keyring.AggregateType, id.Holder.String())
	class := seal.ClassName(id.Class)
	_, err = es.Fold(ctx, l.cfg.Verifier, es.Head{}, l.cfg.Log.Load(ctx, agg, 0, es.Leader), func(r es.Recorded) error {
		events, err := l.keyrings.Registry.DecodeAll(r.Commit)
		if err != nil {
			return err
		}
		for _, ev := range events {
			switch e := ev.(type) {
			case keyring.Made:
				if e.Class == class && made == nil {
					made = &e
				}
			case keyring.Destroyed:
				if e.Class == class && end == nil {
					end = &e
				}
			}
		}
		return nil
	})
	return made, end, err
}
