package kek

import (
	"context"
	"errors"
	"fmt"

	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/rows"
)

// Unusable is a KEK that rows need and that does not serve them.
type Unusable struct {
	Ref kms.Ref
	// Err is ErrLost where the key store does not have it, kms.ErrDamaged where it
	// is not what was stored, and ErrMismatch where it opens nothing: it is
	// another key of the same name.
	Err error
}

// Examination is what Examine found.
type Examination struct {
	Needed   int // KEKs in use
	Opened   int // secrets that were opened to see that they do
	Unusable []Unusable
}

// Examine looks whether the key store has every KEK that the epoch rows name,
// and opens secrets under each: one of each kind of row, or with all every one.
// It makes no key. A rotation that goes on meanwhile is not mistaken for a loss.
func Examine(ctx context.Context, store rows.Store, keys kms.Store, kinds []Kind, all bool) (Examination, error) {
	k := &Keeper{cfg: Config{Rows: store, KMS: keys, Kinds: kinds}}
	var out Examination
	for row, err := range store.List(ctx, rows.VaultSubject("*", epochKind, "*"), 0) {
		if err != nil {
			return out, fmt.Errorf("list epochs: %w", err)
		}
		ep, err := decodeEpoch(row)
		if err != nil {
			return out, err
		}
		p := Partition{Tenant: ep.row.GetTenant(), Name: ep.row.GetPartition()}
		if err := k.examine(ctx, p, all, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// examine looks at one partition, again where it was rotated meanwhile.
func (k *Keeper) examine(ctx context.Context, p Partition, all bool, out *Examination) error {
	for range tries {
		ep, err := k.readEpoch(ctx, p)
		if err != nil {
			return err
		}
		found := Examination{}
		if err := k.look(ctx, p, ep, all, &found); err != nil {
			return err
		}
		now, err := k.readEpoch(ctx, p)
		if err != nil {
			return err
		}
		if len(found.Unusable) > 0 && now.rev != ep.rev {
			continue
		}
		out.Needed, out.Opened = out.Needed+found.Needed, out.Opened+found.Opened
		out.Unusable = append(out.Unusable, found.Unusable...)
		return nil
	}
	return ErrContended
}

// look tries the KEKs of a partition's epochs that are in use.
func (k *Keeper) look(ctx context.Context, p Partition, ep epoch, all bool, out *Examination) error {
	tried := map[uint64]bool{}
	inUse := []uint64{ep.row.GetCurrent()}
	if retiring := ep.row.GetRetiring(); retiring != 0 && !ep.row.GetEmptied() {
		inUse = append(inUse, retiring)
	}
	for _, n := range inUse {
		out.Needed++
		_, err := k.aead(ctx, p, n)
		if tried[n] = err == nil; tried[n] {
			continue
		}
		finding := unusable(err)
		if finding == nil {
			return err
		}
		out.Unusable = append(out.Unusable, Unusable{p.ref(n), finding})
	}
	for _, kind := range k.cfg.Kinds {
		if err := k.openSome(ctx, p, kind, tried, all, out); err != nil {
			return err
		}
	}
	return nil
}

// openSome opens secrets under the KEKs that are there; one that opens nothing
// is named once.
func (k *Keeper) openSome(ctx context.Context, p Partition, kind Kind, there map[uint64]bool, all bool, out *Examination) error {
	for row, err := range k.cfg.Rows.List(ctx, rows.VaultSubject(p.Name, kind.Name, p.Tenant, ">"), 0) {
		if err != nil {
			return fmt.Errorf("list %s rows: %w", kind.Name, err)
		}
		rec, err := kind.Decode(row)
		if err != nil {
			return fmt.Errorf("read %s row: %w", kind.Name, err)
		}
		opened := false
		for _, slot := range rec.Slots() {
			if !there[*slot.Epoch] {
				continue
			}
			secret, err := k.unwrap(ctx, p, slot)
			clear(secret)
			if opened = err == nil; opened {
				out.Opened++
				continue
			}
			finding := unusable(err)
			if finding == nil {
				return err
			}
			there[*slot.Epoch] = false
			out.Unusable = append(out.Unusable, Unusable{p.ref(*slot.Epoch), finding})
		}
		if opened && !all {
			return nil
		}
	}
	return nil
}

// unusable is the finding that an error of the key store is; nil where it is
// none, such as that nobody could be asked.
func unusable(err error) error {
	switch {
	case errors.Is(err, kms.ErrNoKEK):
		return ErrLost
	case errors.Is(err, kms.ErrDamaged):
		return kms.ErrDamaged
	case errors.Is(err, ErrMismatch):
		return ErrMismatch
	}
	return nil
}
