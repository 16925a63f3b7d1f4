package lookup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"
)

// Rotate moves a tenant's rows to a new pepper and destroys the old one. It
// may be interrupted and run again, and claims go on meanwhile. ErrUnsettled:
// run it again after the grace period.
func (t *Table) Rotate(ctx context.Context, tenant string) error {
	retired, err := t.cfg.Peppers.Retired(ctx, tenant, pepper.Lookup)
	if err != nil {
		return fmt.Errorf("rotate pepper: %w", err)
	}
	if retired == 0 {
		if retired, err = t.carry(ctx, tenant); err != nil {
			return fmt.Errorf("carry rows to the next pepper: %w", err)
		}
	}
	if err := t.bury(ctx, tenant, retired); err != nil {
		return fmt.Errorf("bury pepper: %w", err)
	}
	return nil
}

// carry gives every row of the oldest epoch its counterpart under the others,
// until one whole pass has nothing to do, and then retires the epoch.
func (t *Table) carry(ctx context.Context, tenant string) (retired uint64, err error) {
	set, err := t.cfg.Peppers.Begin(ctx, tenant, pepper.Lookup)
	if err != nil {
		return 0, err
	}
	old := set[0]
	for range tries {
		done, changed, err := t.carryPass(ctx, tenant, old)
		if err != nil {
			return 0, err
		}
		if !changed {
			return old.Epoch, t.cfg.Peppers.Retire(ctx, tenant, pepper.Lookup, old.Epoch, done)
		}
	}
	return 0, ErrContended
}

func (t *Table) carryPass(ctx context.Context, tenant string, old pepper.Pepper) (done uint32, changed bool, err error) {
	unsettled := false
	for row, err := range t.cfg.Rows.List(ctx, rows.VaultSubject("*", lookupKind, tenant, "*"), 0) {
		if err != nil {
			return done, changed, fmt.Errorf("list lookup rows: %w", err)
		}
		c, err := decode(row)
		if err != nil {
			return done, changed, err
		}
		if c.row.GetPepperEpoch() != old.Epoch {
			continue
		}
		kept, moved, err := t.carryRow(ctx, tenant, old, c)
		if errors.Is(err, ErrBusy) {
			unsettled, err = true, nil
		}
		if err != nil {
			return done, changed, err
		}
		changed = changed || moved
		if kept {
			done++
		}
	}
	if unsettled {
		return done, changed, ErrUnsettled
	}
	return done, changed, nil
}

// carryRow makes sure that a row of the old epoch has its counterparts. moved
// says that something had to be done. ErrBusy: a claim is in the way.
func (t *Table) carryRow(ctx context.Context, tenant string, old pepper.Pepper, c claim) (kept, moved bool, err error) {
	if !c.owner().Confirmed {
		return t.carryClaim(ctx, tenant, old, c)
	}
	v, held, err := t.valueOf(ctx, tenant, old, c)
	if err != nil {
		return false, false, err
	}
	if !held { // an erasure has reached the log and not this row
		return false, true, ignoreConflict(t.remove(ctx, c))
	}
	err = t.underLive(ctx, tenant, func(set pepper.Set) error {
		changed, err := t.ensure(ctx, v, set, c.owner())
		moved = moved || changed
		return err
	})
	if errors.Is(err, ErrGone) {
		return false, true, nil
	}
	return true, moved, err
}

// carryClaim: a claimant that knew of a newer epoch claims under that one too
// before it succeeds, so its row need not be carried. Another's must be settled
// first, because only the claimant knows the value.
func (t *Table) carryClaim(ctx context.Context, tenant string, old pepper.Pepper, c claim) (kept, moved bool, err error) {
	if c.row.GetNewestEpoch() > old.Epoch {
		return false, false, nil
	}
	if !t.overdue(c) {
		return false, false, ErrBusy
	}
	kept, err = t.settle(ctx, tenant, c)
	return kept, true, err
}

// bury waits until nobody uses the retired pepper, deletes its rows and
// records that it is gone.
func (t *Table) bury(ctx context.Context, tenant string, retired uint64) error {
	if err := t.peppers.Wait(ctx); err != nil {
		return err
	}
	for row, err := range t.cfg.Rows.List(ctx, rows.VaultSubject("*", lookupKind, tenant, "*"), 0) {
		if err != nil {
			return fmt.Errorf("list lookup rows: %w", err)
		}
		c, err := decode(row)
		if err != nil {
			return err
		}
		if c.row.GetPepperEpoch() > retired {
			continue
		}
		if err := ignoreConflict(t.remove(ctx, c)); err != nil {
			return err
		}
	}
	return t.cfg.Peppers.Bury(ctx, tenant, pepper.Lookup, retired)
}

// Owners lists who owns a value under each live epoch, oldest first; empty
// where there is no row. It is for checks: they must all be the same.
func (t *Table) Owners(ctx context.Context, v Value) ([]Owner, error) {
	var out []Owner
	err := t.underLive(ctx, v.Tenant, func(set pepper.Set) error {
		out = slices.Grow(out[:0], len(set))
		for _, p := range set {
			c, err := t.get(ctx, name(p, v))
			if err != nil && !errors.Is(err, rows.ErrNotFound) {
				return err
			}
			out = append(out, c.ownerIf(err))
		}
		return nil
	})
	return out, err
}
