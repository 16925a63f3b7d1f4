package kek

import (
	"context"
	"errors"
	"fmt"

	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/rows"
)

// regional is a key store of several regions.
type regional interface {
	// Whole reports whether every region has the KEK.
	Whole(ctx context.Context, ref kms.Ref) (bool, error)
	// Covered reports whether what the KEK wrapped opens in every region.
	Covered(ctx context.Context, ref kms.Ref, wrapped, associatedData []byte) (bool, error)
}

// Mend rotates every partition of which a region lacks the KEK, or does not
// open a secret: after a region was added, or was lost and replaced by an empty
// one. It opens every secret in every region. When it returns without an error,
// any region may be lost. With a key store of one place there is nothing to
// mend.
func (k *Keeper) Mend(ctx context.Context) (rotated int, err error) {
	regions, ok := k.cfg.KMS.(regional)
	if !ok {
		return 0, nil
	}
	var failed []error
	for row, err := range k.cfg.Rows.List(ctx, rows.VaultSubject("*", epochKind, "*"), 0) {
		if err != nil {
			return rotated, errors.Join(append(failed, fmt.Errorf("list epochs: %w", err))...)
		}
		mended, err := k.mend(ctx, regions, row)
		if err != nil {
			failed = append(failed, err)
		}
		if mended {
			rotated++
		}
	}
	return rotated, errors.Join(failed...)
}

func (k *Keeper) mend(ctx context.Context, regions regional, row rows.Row) (rotated bool, err error) {
	ep, err := decodeEpoch(row)
	if err != nil {
		return false, err
	}
	p := Partition{Tenant: ep.row.GetTenant(), Name: ep.row.GetPartition()}
	current := ep.row.GetCurrent()
	sound, err := regions.Whole(ctx, p.ref(current))
	if err == nil && sound {
		sound, err = k.covered(ctx, regions, p, ep)
	}
	if err != nil || sound {
		return false, err
	}
	if ep.row.GetRetiring() != 0 { // it is finished first, for which every region needs the KEK
		if err := k.cfg.KMS.Create(ctx, p.ref(current)); err != nil {
			return false, fmt.Errorf("create key-encryption key: %w", err)
		}
		if err := k.finish(ctx, p, ep); err != nil {
			return false, err
		}
	}
	err = k.rotate(ctx, p, func(now epoch) bool { return now.row.GetCurrent() == current })
	return err == nil, err
}

// covered looks at every live secret of a partition.
func (k *Keeper) covered(ctx context.Context, regions regional, p Partition, ep epoch) (bool, error) {
	for _, kind := range k.cfg.Kinds {
		for row, err := range k.cfg.Rows.List(ctx, rows.VaultSubject(p.Name, kind.Name, p.Tenant, ">"), 0) {
			if err != nil {
				return false, fmt.Errorf("list %s rows: %w", kind.Name, err)
			}
			rec, err := kind.Decode(row)
			if err != nil {
				return false, err
			}
			for _, slot := range rec.Slots() {
				if ep.late(*slot.Epoch) {
					continue // nobody's
				}
				covered, err := regions.Covered(ctx, p.ref(*slot.Epoch), *slot.Wrapped, slot.AAD)
				if err != nil || !covered {
					return false, err
				}
			}
		}
	}
	return true, nil
}
