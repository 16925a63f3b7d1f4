package kek

import (
	"context"
	"errors"
	"fmt"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const epochKind = "epoch"

// epoch is a partition's epoch row as it was read.
type epoch struct {
	row *sealv1.EpochRow
	rev uint64
}

// late reports whether a secret under an epoch was put after that epoch had
// been emptied.
func (e epoch) late(under uint64) bool {
	return under <= e.row.GetDestroyed() || under == e.row.GetRetiring() && e.row.GetEmptied()
}

func (p Partition) epochSubject() string { return rows.VaultSubject(p.Name, epochKind, p.Tenant) }

// epoch reads the partition's epoch row from the leader. The first caller
// makes it, and the KEK before it.
func (k *Keeper) epoch(ctx context.Context, p Partition) (epoch, error) {
	for range tries {
		ep, err := k.readEpoch(ctx, p)
		if !errors.Is(err, rows.ErrNotFound) {
			return ep, err
		}
		first, err := k.first(ctx, p)
		if err != nil {
			return epoch{}, fmt.Errorf("create key-encryption key: %w", err)
		}
		_, err = k.writeEpoch(ctx, p, epoch{row: first})
		if err != nil && !errors.Is(err, rows.ErrConflict) {
			return epoch{}, err
		}
	}
	return epoch{}, ErrContended
}

// first is the row with which a partition begins, its KEK made. Where the key
// store has destroyed KEKs of a partition without a row, the rows came from a
// backup that is older than the partition: it begins behind them.
func (k *Keeper) first(ctx context.Context, p Partition) (*sealv1.EpochRow, error) {
	begin, ended := uint64(1), uint64(0)
	err := k.cfg.KMS.Create(ctx, p.ref(begin))
	var gone *kms.Destroyed
	if errors.As(err, &gone) {
		begin, ended = gone.Through+1, gone.Through
		err = k.cfg.KMS.Create(ctx, p.ref(begin))
	}
	return &sealv1.EpochRow{
		Current: begin, Destroyed: ended, CurrentSince: timestamppb.New(k.cfg.Now()), Tenant: p.Tenant, Partition: p.Name,
	}, err
}

func (k *Keeper) readEpoch(ctx context.Context, p Partition) (epoch, error) {
	row, err := k.cfg.Rows.Get(ctx, p.epochSubject())
	if err != nil {
		return epoch{}, fmt.Errorf("read epoch row: %w", err)
	}
	ep, err := decodeEpoch(row)
	if err != nil {
		return epoch{}, err
	}
	if ep.row.GetTenant() != p.Tenant || ep.row.GetPartition() != p.Name {
		return epoch{}, fmt.Errorf("epoch row stands elsewhere: %w", ErrMismatch)
	}
	return ep, nil
}

func decodeEpoch(row rows.Row) (epoch, error) {
	e := new(sealv1.EpochRow)
	if err := proto.Unmarshal(row.Value, e); err != nil {
		return epoch{}, fmt.Errorf("decode epoch row: %w", ErrMismatch)
	}
	return epoch{row: e, rev: row.Rev}, nil
}

func (k *Keeper) writeEpoch(ctx context.Context, p Partition, e epoch) (epoch, error) {
	value, err := proto.Marshal(e.row)
	if err != nil {
		return epoch{}, fmt.Errorf("encode epoch row: %w", err)
	}
	rev, err := k.cfg.Rows.Put(ctx, p.epochSubject(), value, e.rev)
	if err != nil {
		return epoch{}, fmt.Errorf("write epoch row: %w", err)
	}
	return epoch{row: e.row, rev: rev}, nil
}

// MarkDirty notes that a secret of the partition is about to be destroyed, so
// that its epoch ends in time, and returns the latest moment of that end. Call
// it after reading the secret's row and before writing it.
func (k *Keeper) MarkDirty(ctx context.Context, p Partition) (horizon time.Time, err error) {
	for range tries {
		ep, err := k.epoch(ctx, p)
		if err != nil {
			return time.Time{}, err
		}
		if since := ep.row.GetDirtySince(); since != nil {
			return k.horizon(since.AsTime()), nil
		}
		now := k.cfg.Now()
		ep.row.DirtySince = timestamppb.New(now)
		_, err = k.writeEpoch(ctx, p, ep)
		if err == nil {
			return k.horizon(now), nil
		}
		if !errors.Is(err, rows.ErrConflict) {
			return time.Time{}, err
		}
	}
	return time.Time{}, ErrContended
}

// Latest is when every epoch that was marked dirty before now has ended, at the
// latest.
func (k *Keeper) Latest() time.Time { return k.horizon(k.cfg.Now()) }

// horizon: an epoch that should have ended already is still given the window.
func (k *Keeper) horizon(dirty time.Time) time.Time {
	end := dirty.Add(k.cfg.Epoch)
	if now := k.cfg.Now(); now.After(end) {
		end = now
	}
	return end.Add(k.cfg.Window)
}
