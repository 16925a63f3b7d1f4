package suppression

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Refusals remembers which messages whoever had an identifier had refused before
// they were erased, so that nobody writes there again because they are forgotten.
// Its peppers are its own: they stay live as long as the refusals do, and those of
// erased values turn meanwhile. Set.Expire removes what has ended of both.
type Refusals struct{ set *Set }

// NewRefusals makes the Refusals of all tenants.
func NewRefusals(cfg Config) (*Refusals, error) {
	set, err := open(cfg, pepper.Refusals)
	return &Refusals{set: set}, err
}

func refused(tenant, kind, value string) Entry {
	return Entry{Tenant: tenant, System: "habeas", Column: "refusal." + kind, Value: value}
}

// Keep remembers refusals under an identifier until a moment, in place of what was
// remembered under it; none forgets it.
func (r *Refusals) Keep(ctx context.Context, tenant, kind, value string, refusals []*sealv1.KeptRefusal, until time.Time) error {
	if tenant == "" || kind == "" || value == "" {
		return ErrIncomplete
	}
	e := refused(tenant, kind, value)
	set, err := r.set.peppers.Fresh(ctx, tenant)
	for range tries {
		if err != nil {
			return err
		}
		for _, p := range set {
			var row *sealv1.SuppressionRow
			if p.Epoch == set.Newest().Epoch && len(refusals) > 0 {
				row = &sealv1.SuppressionRow{Until: timestamppb.New(until), PepperEpoch: p.Epoch, Refusals: refusals}
			}
			if err := r.replace(ctx, name(p, e), row); err != nil {
				return fmt.Errorf("keep refusals: %w", err)
			}
		}
		now, err := r.set.peppers.Epochs(ctx, tenant)
		if err != nil {
			return err
		}
		if now[len(now)-1] == set.Newest().Epoch { // see Set.Add
			return nil
		}
		if set, err = r.set.peppers.Fresh(ctx, tenant); err != nil {
			return err
		}
	}
	return ErrContended
}

// replace puts a row in place of whatever stands there; nil for none.
func (r *Refusals) replace(ctx context.Context, subject string, row *sealv1.SuppressionRow) error {
	value, err := proto.Marshal(row)
	if err != nil {
		return fmt.Errorf("encode suppression row: %w", err)
	}
	for range tries {
		_, have, err := r.set.get(ctx, subject)
		if err != nil && !errors.Is(err, rows.ErrNotFound) {
			return err
		}
		switch {
		case row != nil:
			_, err = r.set.cfg.Rows.Put(ctx, subject, value, have.Rev)
		case err == nil:
			err = r.set.cfg.Rows.Delete(ctx, subject, have.Rev)
		default:
			return nil
		}
		if !errors.Is(err, rows.ErrConflict) {
			return err
		}
	}
	return ErrContended
}

// Kept returns what is remembered under an identifier and has not ended.
func (r *Refusals) Kept(ctx context.Context, tenant, kind, value string) ([]*sealv1.KeptRefusal, error) {
	e := refused(tenant, kind, value)
	set, err := r.set.peppers.Set(ctx, tenant)
	for range tries {
		if err != nil {
			return nil, err
		}
		for _, p := range slices.Backward(set) {
			row, _, err := r.set.get(ctx, name(p, e))
			switch {
			case errors.Is(err, rows.ErrNotFound):
			case err != nil:
				return nil, fmt.Errorf("look for refusals: %w", err)
			case r.set.cfg.Now().Before(row.GetUntil().AsTime()):
				return row.GetRefusals(), nil
			}
		}
		now, err := r.set.peppers.Epochs(ctx, tenant)
		if err != nil {
			return nil, err
		}
		if now[len(now)-1] == set.Newest().Epoch { // see Set.Contains
			return nil, nil
		}
		if set, err = r.set.peppers.Fresh(ctx, tenant); err != nil {
			return nil, err
		}
	}
	return nil, ErrContended
}

// Rotate does what Set.Rotate does, for the peppers of refusals.
func (r *Refusals) Rotate(ctx context.Context, tenant string) error { return r.set.Rotate(ctx, tenant) }
