package pepper

import (
	"context"
	"errors"
	"fmt"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// ErrEnded means: the tenant is gone, and its peppers with it.
var ErrEnded = errors.New("peppers of the tenant have ended")

// Purposes are all purposes of peppers.
func Purposes() []Purpose { return append([]Purpose{Lookup, Suppression, Refusals}, Digests()...) }

// Strip destroys all peppers of a purpose of a tenant that is gone, and returns
// when their residue ends at the latest; zero if there were none. Whoever has
// one may use it for the length of a lease; BuryAll then.
func (k *Keeper) Strip(ctx context.Context, tenant string, purpose Purpose) (horizon time.Time, err error) {
	for range tries {
		rec, row, err := k.read(ctx, tenant, purpose)
		if errors.Is(err, rows.ErrNotFound) {
			return time.Time{}, nil
		}
		if err != nil {
			return time.Time{}, err
		}
		if len(rec.row.GetLive()) == 0 {
			return k.cfg.Keeper.Latest(), nil // marked by whoever stripped it
		}
		// After the row was read and before it is written: see MarkDirty.
		horizon, err := k.cfg.Keeper.MarkDirty(ctx, rec.partition())
		if err != nil {
			return time.Time{}, fmt.Errorf("mark partition: %w", err)
		}
		rec.row.Live = nil
		if err = k.put(ctx, rec, row); !errors.Is(err, rows.ErrConflict) {
			return horizon, err
		}
	}
	return time.Time{}, ErrContended
}

// BuryAll records that all peppers of a purpose are destroyed, and counts them.
func (k *Keeper) BuryAll(ctx context.Context, tenant string, purpose Purpose) (ended uint32, err error) {
	rec, _, err := k.read(ctx, tenant, purpose)
	if errors.Is(err, rows.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if len(rec.row.GetLive()) > 0 {
		return 0, ErrNotLive
	}
	for epoch := uint64(1); epoch <= rec.row.GetLast(); epoch++ {
		id := es.DeriveID(tenant, "pepper-epoch-destroyed", fmt.Sprintf("%s/%d", purpose, epoch))
		err := k.cfg.Ledger.PepperEpochDestroyed(ctx, tenant, id, &identityv1.PepperEpochDestroyed{
			Purpose: string(purpose), Epoch: epoch, DestroyedAt: timestamppb.New(k.cfg.Now()),
		})
		if err != nil {
			return ended, fmt.Errorf("record destroyed pepper: %w", err)
		}
		ended++
	}
	return ended, nil
}

// alive is an error for a tenant that is gone, whatever its rows say.
func (k *Keeper) alive(ctx context.Context, tenant string) error {
	gone, err := k.cfg.Ledger.TenantEnded(ctx, tenant)
	if err != nil {
		return fmt.Errorf("ask for the end of a tenant: %w", err)
	}
	if !gone.IsZero() {
		return ErrEnded
	}
	return nil
}
