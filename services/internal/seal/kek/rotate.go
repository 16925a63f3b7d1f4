package kek

import (
	"context"
	"errors"
	"fmt"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Rotate moves the partition's live secrets under a new epoch, destroys the
// old epoch's KEK and records that. A rotation that was interrupted is
// finished instead of beginning another.
func (k *Keeper) Rotate(ctx context.Context, p Partition) error {
	return k.rotate(ctx, p, func(epoch) bool { return true })
}

// rotate begins a rotation only if the partition as it stands now wants one:
// another process may have rotated it since the caller looked.
func (k *Keeper) rotate(ctx context.Context, p Partition, wanted func(epoch) bool) error {
	ep, err := k.epoch(ctx, p)
	if err != nil {
		return err
	}
	if ep.row.GetRetiring() != 0 {
		return k.finish(ctx, p, ep)
	}
	if !wanted(ep) {
		return nil
	}
	if ep, err = k.begin(ctx, p, ep); err != nil {
		return fmt.Errorf("begin epoch: %w", err)
	}
	return k.finish(ctx, p, ep)
}

// RotateDirty rotates every partition in which a secret was destroyed longer
// than an epoch ago, and finishes what was interrupted. A partition that can't
// be rotated does not keep the others from it.
func (k *Keeper) RotateDirty(ctx context.Context) (rotated int, err error) {
	var failed []error
	for row, err := range k.cfg.Rows.List(ctx, rows.VaultSubject("*", epochKind, "*"), 0) {
		if err != nil {
			return rotated, errors.Join(append(failed, fmt.Errorf("list epochs: %w", err))...)
		}
		ep, err := decodeEpoch(row)
		if err == nil && !k.due(ep) {
			continue
		}
		if err == nil {
			err = k.rotate(ctx, Partition{Tenant: ep.row.GetTenant(), Name: ep.row.GetPartition()}, k.due)
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		rotated++
	}
	return rotated, errors.Join(failed...)
}

func (k *Keeper) due(ep epoch) bool {
	dirty := ep.row.GetDirtySince()
	return ep.row.GetRetiring() != 0 || dirty != nil && !k.cfg.Now().Before(dirty.AsTime().Add(k.cfg.Epoch))
}

// begin makes the next KEK and turns the epoch row to it. Losing that race to
// another rotation is as good as winning it.
func (k *Keeper) begin(ctx context.Context, p Partition, ep epoch) (epoch, error) {
	old := ep.row.GetCurrent()
	if err := k.cfg.KMS.Create(ctx, p.ref(old+1)); err != nil {
		return k.late(ctx, p, ep, fmt.Errorf("create key-encryption key: %w", err))
	}
	for ep.row.GetCurrent() == old {
		ep.row.Current, ep.row.Retiring = old+1, old
		ep.row.CurrentSince, ep.row.DirtySince = timestamppb.New(k.cfg.Now()), nil
		ep.row.Emptied, ep.row.LiveRewrapped, ep.row.DestroyedInEpoch = false, 0, 0
		next, err := k.writeEpoch(ctx, p, ep)
		if !errors.Is(err, rows.ErrConflict) {
			return next, err
		}
		if ep, err = k.readEpoch(ctx, p); err != nil {
			return epoch{}, err
		}
	}
	return ep, nil
}

// late tells a rotation that comes after others have ended the very epoch that
// it wanted to begin, and so is done, from rows that are older than the key
// store: what their current KEK wrapped is out of reach.
func (k *Keeper) late(ctx context.Context, p Partition, seen epoch, cause error) (epoch, error) {
	if !errors.Is(cause, kms.ErrDestroyed) {
		return epoch{}, cause
	}
	now, err := k.readEpoch(ctx, p)
	if err == nil && now.row.GetCurrent() == seen.row.GetCurrent() {
		err = fmt.Errorf("%w: %w", ErrLost, cause)
	}
	return now, err
}

// finish empties the retiring epoch, destroys its KEK and records it. Every
// step looks at the epoch row again, so that two may run at once.
func (k *Keeper) finish(ctx context.Context, p Partition, ep epoch) error {
	old := ep.row.GetRetiring()
	for range tries {
		if ep.row.GetRetiring() != old || old == 0 {
			return nil // another rotation finished it
		}
		next, err := k.step(ctx, p, ep)
		if errors.Is(err, rows.ErrConflict) || errors.Is(err, errMoved) {
			next, err = k.readEpoch(ctx, p)
		}
		if err != nil {
			return fmt.Errorf("end epoch %d of partition %s: %w", old, p.Name, err)
		}
		ep = next
	}
	return ErrContended
}

func (k *Keeper) step(ctx context.Context, p Partition, ep epoch) (epoch, error) {
	if !ep.row.GetEmptied() {
		return k.empty(ctx, p, ep)
	}
	old := ep.row.GetRetiring()
	reference, err := k.cfg.KMS.Destroy(ctx, p.ref(old))
	if err != nil {
		return epoch{}, fmt.Errorf("destroy key-encryption key: %w", err)
	}
	err = k.cfg.Ledger.KekEpochDestroyed(ctx, p.Tenant, es.DeriveID(p.Tenant, "kek-epoch-destroyed", p.ref(old).String()),
		&identityv1.KekEpochDestroyed{
			Partition: p.Name, Epoch: old, KmsReference: reference, DestroyedAt: timestamppb.New(k.cfg.Now()),
			LiveRewrapped: ep.row.GetLiveRewrapped(), DestroyedInEpoch: ep.row.GetDestroyedInEpoch(),
		})
	if err != nil {
		return epoch{}, fmt.Errorf("record destroyed key-encryption key: %w", err)
	}
	ep.row.Destroyed, ep.row.Retiring, ep.row.Emptied = old, 0, false
	return k.writeEpoch(ctx, p, ep)
}

// empty passes over the partition until one whole pass finds nothing to move,
// and writes down what that pass counted.
func (k *Keeper) empty(ctx context.Context, p Partition, ep epoch) (epoch, error) {
	moved := map[string]bool{}
	for range tries {
		c, err := k.pass(ctx, p, ep, moved)
		if err != nil {
			return epoch{}, err
		}
		if c.moved > 0 {
			continue
		}
		for subject := range moved {
			if !c.seen[subject] {
				return epoch{}, fmt.Errorf("a row that was re-wrapped has vanished: %w", ErrMismatch)
			}
		}
		ep.row.Emptied, ep.row.LiveRewrapped, ep.row.DestroyedInEpoch = true, c.live, c.ended
		return k.writeEpoch(ctx, p, ep)
	}
	return epoch{}, ErrContended
}

// count is what one pass over a partition found.
type count struct {
	seen  map[string]bool // subjects, since a listing may yield one twice
	moved int
	live  uint32
	ended uint32
}

func (k *Keeper) pass(ctx context.Context, p Partition, ep epoch, moved map[string]bool) (count, error) {
	c := count{seen: map[string]bool{}}
	w := worker{old: ep.row.GetRetiring(), current: ep.row.GetCurrent()}
	var err error
	if w.next, err = k.aead(ctx, p, w.current); err != nil {
		return c, k.explain(ctx, p, ep, err)
	}
	if w.prev, err = k.aead(ctx, p, w.old); err != nil {
		return c, k.explain(ctx, p, ep, err)
	}
	for _, kind := range k.cfg.Kinds {
		for row, err := range k.cfg.Rows.List(ctx, rows.VaultSubject(p.Name, kind.Name, p.Tenant, ">"), 0) {
			if err != nil {
				return c, fmt.Errorf("list %s rows: %w", kind.Name, err)
			}
			if err := k.visit(ctx, w, kind, row, &c, moved); err != nil {
				return c, k.explain(ctx, p, ep, err)
			}
		}
	}
	return c, nil
}

// worker moves secrets from one epoch to the next.
type worker struct {
	old, current uint64
	prev, next   kms.AEAD
}

func (k *Keeper) visit(ctx context.Context, w worker, kind Kind, row rows.Row, c *count, moved map[string]bool) error {
	rec, err := kind.Decode(row)
	if err != nil {
		return err
	}
	var live, changed uint32
	for _, slot := range rec.Slots() {
		was := *slot.Epoch
		if err := w.move(ctx, slot); err != nil {
			return err
		}
		if was == w.old {
			changed++
		}
		if *slot.Epoch == w.current {
			live++
		}
	}
	if changed > 0 {
		c.moved++
		if _, err := k.put(ctx, row, rec); err != nil && !errors.Is(err, rows.ErrConflict) {
			return err
		} else if err == nil {
			moved[row.Subject] = true
		}
		return nil // it comes again in this pass or the next
	}
	if c.seen[row.Subject] {
		return nil
	}
	c.seen[row.Subject] = true
	c.live += live
	if under, ok := rec.Ended(); ok && under == w.old {
		c.ended++
	}
	return nil
}

// move re-wraps a secret of the old epoch and proves one of the current. One
// of an earlier epoch was put too late and is nobody's.
func (w worker) move(ctx context.Context, slot Slot) error {
	from := w.next
	switch *slot.Epoch {
	case w.old:
		from = w.prev
	case w.current:
	default:
		return nil
	}
	secret, err := unwrap(ctx, from, slot)
	if err != nil {
		return err
	}
	defer clear(secret)
	if *slot.Epoch == w.current {
		return nil
	}
	return wrap(ctx, w.next, slot, w.current, secret)
}
