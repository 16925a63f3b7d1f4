package keyledger

import (
	"context"
	"fmt"
	"time"

	"habeas.internal/services/identity/pepper"
	"habeas.internal/services/internal/es"
)

// PepperEnded is when the last epoch of a purpose's peppers ended; the zero
// time if none has.
func (l *Ledger) PepperEnded(ctx context.Context, tenant, purpose string) (last time.Time, err error) {
	agg := aggregate(tenant, pepper.AggregateType, purpose)
	_, err = es.Fold(ctx, l.cfg.Verifier, es.Head{}, l.cfg.Log.Load(ctx, agg, 0, es.Leader), func(r es.Recorded) error {
		events, err := l.peppers.Registry.DecodeAll(r.Commit)
		if err != nil {
			return err
		}
		for _, ev := range events {
			switch e := ev.(type) {
			case pepper.Made: // nothing has ended by it
			case pepper.Destroyed:
				last = e.At
			}
		}
		return nil
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("read ends of peppers: %w", err)
	}
	return last, nil
}
