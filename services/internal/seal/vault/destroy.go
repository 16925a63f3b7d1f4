package vault

import (
	"context"
	"errors"
	"fmt"
	"iter"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/fence"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/proto"
)

// Order asks for the end of one key.
type Order struct {
	Key       seal.KeyID
	Reason    string // closed vocabulary
	CommandID string // of the command or request that asks
}

// Destroy ends a key, or the possibility of one where there is none. Running
// it again, for whatever reason, changes nothing of what was said the first
// time.
func (v *Vault) Destroy(ctx context.Context, o Order) error {
	if err := o.Key.Validate(); err != nil {
		return err
	}
	if o.Reason == "" || o.CommandID == "" {
		return fmt.Errorf("reason or command of a destruction: %w", seal.ErrInvalid)
	}
	if err := v.note(ctx, o); err != nil {
		return fmt.Errorf("note destruction: %w", err)
	}
	rec, row, err := v.begin(ctx, o)
	if err != nil {
		return fmt.Errorf("begin destruction: %w", err)
	}
	if rec.row.GetState() == sealv1.KeyState_KEY_STATE_DESTROYING {
		if err := v.complete(ctx, rec, row); err != nil {
			return err
		}
	}
	return v.unnote(ctx, o.Key)
}

// note writes the row by which Resume finds what a crash left half done.
func (v *Vault) note(ctx context.Context, o Order) error {
	value, err := proto.Marshal(&sealv1.PendingRow{
		Tenant: o.Key.Tenant, Holder: o.Key.Holder.String(), Class: o.Key.Class,
		Reason: o.Reason, CommandId: o.CommandID,
	})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, err = v.cfg.Rows.Put(ctx, rowSubject(pendingKind, o.Key), value, 0)
	if errors.Is(err, rows.ErrConflict) {
		return nil // it is noted already
	}
	return err
}

func (v *Vault) unnote(ctx context.Context, id seal.KeyID) error {
	row, err := v.cfg.Rows.Get(ctx, rowSubject(pendingKind, id))
	if errors.Is(err, rows.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = v.cfg.Rows.Delete(ctx, row.Subject, row.Rev)
	}
	if err != nil && !errors.Is(err, rows.ErrConflict) {
		return fmt.Errorf("end note of destruction: %w", err)
	}
	return nil
}

// begin takes the key out of its row. From here on nobody is given it.
func (v *Vault) begin(ctx context.Context, o Order) (*record, rows.Row, error) {
	for range tries {
		rec, row, err := v.find(ctx, o.Key)
		if err != nil || rec.row.GetState() != sealv1.KeyState_KEY_STATE_LIVE {
			return rec, row, err
		}
		// After the row was read and before it is written: see MarkDirty.
		horizon, err := v.cfg.Keeper.MarkDirty(ctx, partition(o.Key))
		if err != nil {
			return nil, row, err
		}
		rec.entomb(sealv1.KeyState_KEY_STATE_DESTROYING, destruction{
			reason: o.Reason, commandID: o.CommandID, at: v.cfg.Now(), horizon: horizon,
		})
		row, err = v.put(ctx, rec, row)
		if !errors.Is(err, rows.ErrConflict) {
			return rec, row, err
		}
	}
	return nil, rows.Row{}, ErrContended
}

// find reads a key's row. A key that never was is a live one without content,
// so that its end is written like any other's.
func (v *Vault) find(ctx context.Context, id seal.KeyID) (*record, rows.Row, error) {
	row, err := v.cfg.Rows.Get(ctx, subject(id))
	if errors.Is(err, rows.ErrNotFound) {
		rec := newRecord(id, v.cfg.Now())
		rec.row.Version, rec.row.CreatedAt = 0, nil
		return rec, rows.Row{Subject: subject(id)}, nil
	}
	if err != nil {
		return nil, row, fmt.Errorf("read key row: %w", err)
	}
	rec, err := decode(row)
	return rec, row, err
}

func (v *Vault) put(ctx context.Context, rec *record, row rows.Row) (rows.Row, error) {
	value, err := rec.Encode()
	if err != nil {
		return row, err
	}
	rev, err := v.cfg.Rows.Put(ctx, row.Subject, value, row.Rev)
	if err != nil {
		return row, fmt.Errorf("write key row: %w", err)
	}
	return rows.Row{Subject: row.Subject, Value: value, Rev: rev}, nil
}

// complete fences the key, records its end, and leaves a tombstone.
func (v *Vault) complete(ctx context.Context, rec *record, row rows.Row) error {
	report, err := v.cfg.Fence.Fence(ctx, rec.id)
	if err != nil {
		return fmt.Errorf("fence key: %w", err)
	}
	if err := v.cfg.Ledger.KeyDestroyed(ctx, rec.id.Tenant, ledgerID(rec.id), event(rec.row, report)); err != nil {
		return fmt.Errorf("record destruction: %w", err)
	}
	rec.row.State = sealv1.KeyState_KEY_STATE_DESTROYED
	_, err = v.put(ctx, rec, row)
	if errors.Is(err, rows.ErrConflict) {
		return nil // another call completed it: nothing else moves such a row
	}
	return err
}

// ledgerID is the same for every attempt to destroy one key.
func ledgerID(id seal.KeyID) string {
	return es.DeriveID(id.Tenant, "key-destroyed", id.Holder.String()+"/"+seal.ClassName(id.Class))
}

func event(row *sealv1.KeyRow, fenced fence.Report) *identityv1.KeyDestroyed {
	return &identityv1.KeyDestroyed{
		Holder:          row.GetHolder(),
		Class:           row.GetClass(),
		KeyVersion:      row.GetVersion(),
		KeyCommit:       row.GetKeyCommit(),
		Reason:          row.GetDestroyReason(),
		RequestedBy:     row.GetDestroyCommandId(),
		DestroyedAt:     row.GetDestroyedAt(),
		KekEpoch:        row.GetKekEpoch(),
		ResidueHorizon:  row.GetResidueHorizon(),
		ReplicasAcked:   uint32(fenced.Acked),
		ReplicasExpired: uint32(fenced.Expired),
		FenceMs:         uint32(fenced.Took.Milliseconds()),
	}
}

// Resume finishes every destruction that was begun and not seen to end. One
// that fails does not keep the others from it.
func (v *Vault) Resume(ctx context.Context) (finished int, err error) {
	var failed []error
	for row, err := range v.cfg.Rows.List(ctx, rows.VaultSubject("*", pendingKind, "*", ">"), 0) {
		if err != nil {
			return finished, errors.Join(append(failed, fmt.Errorf("list destructions: %w", err))...)
		}
		order, err := pending(row)
		if err == nil {
			err = v.Destroy(ctx, order)
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		finished++
	}
	return finished, errors.Join(failed...)
}

func pending(row rows.Row) (Order, error) {
	p := new(sealv1.PendingRow)
	if err := proto.Unmarshal(row.Value, p); err != nil {
		return Order{}, fmt.Errorf("decode note of destruction: %w", kek.ErrMismatch)
	}
	holder, err := seal.ParseHolder(p.GetHolder())
	id := seal.KeyID{Tenant: p.GetTenant(), Holder: holder, Class: p.GetClass()}
	if err != nil || id.Validate() != nil || rowSubject(pendingKind, id) != row.Subject {
		return Order{}, fmt.Errorf("note of destruction stands elsewhere: %w", kek.ErrMismatch)
	}
	return Order{Key: id, Reason: p.GetReason(), CommandID: p.GetCommandId()}, nil
}

// Destroyed is one destruction as the log tells it.
type Destroyed struct {
	Tenant string
	Event  *identityv1.KeyDestroyed
}

// ReplayDestructions ends, without a new event, every key whose destruction
// the log tells and that the vault still or again holds, and then opens the
// vault. Give it every KeyDestroyed event after the positions of ReplayAfter;
// more do no harm. An error leaves the vault closed.
func (v *Vault) ReplayDestructions(ctx context.Context, events iter.Seq2[Destroyed, error]) (ended int, err error) {
	for d, err := range events {
		if err != nil {
			return ended, fmt.Errorf("read destructions: %w", err)
		}
		again, err := v.replay(ctx, d)
		if err != nil {
			return ended, fmt.Errorf("replay destruction: %w", err)
		}
		if again {
			ended++
		}
	}
	v.ready.Store(true)
	return ended, nil
}

func (v *Vault) replay(ctx context.Context, d Destroyed) (again bool, err error) {
	holder, err := seal.ParseHolder(d.Event.GetHolder())
	if err != nil {
		return false, err
	}
	id := seal.KeyID{Tenant: d.Tenant, Holder: holder, Class: d.Event.GetClass()}
	if err := id.Validate(); err != nil {
		return false, err
	}
	for range tries {
		rec, row, err := v.find(ctx, id)
		if err != nil || !rec.live() {
			return false, err
		}
		if err = v.entombAgain(ctx, rec, row, d.Event); !errors.Is(err, rows.ErrConflict) {
			return err == nil, err
		}
	}
	return false, ErrContended
}

// entombAgain leaves the tombstone that a restore took away.
func (v *Vault) entombAgain(ctx context.Context, rec *record, row rows.Row, ev *identityv1.KeyDestroyed) error {
	horizon, err := v.cfg.Keeper.MarkDirty(ctx, partition(rec.id))
	if err != nil {
		return err
	}
	rec.entomb(sealv1.KeyState_KEY_STATE_DESTROYED, destruction{
		reason: ev.GetReason(), commandID: ev.GetRequestedBy(), at: ev.GetDestroyedAt().AsTime(), horizon: horizon,
	})
	if row.Rev == 0 {
		rec.row.Version, rec.row.KeyCommit, rec.row.KekEpoch = ev.GetKeyVersion(), ev.GetKeyCommit(), ev.GetKekEpoch()
	}
	_, err = v.put(ctx, rec, row)
	return err
}
