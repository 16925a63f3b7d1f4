// Package kek keeps secrets wrapped, and ends what is left of those that were
// destroyed: it owns the epochs of the key-encryption keys.
//
// The keys of a tenant are spread over 256 partitions. Each partition has a
// current epoch, whose KEK wraps what is new. Where a secret was destroyed in
// an epoch, Rotate later moves the live ones under the next epoch and destroys
// the old KEK; from then on no copy of the destroyed secret, in whatever file
// or backup, can be unwrapped.
//
// What a caller may rely on:
//
//   - A secret that Load or Save returned survives every rotation. It is
//     returned only after a look at the epoch row that came later than the
//     row's own write and still showed the epoch that wraps it: a rotation
//     that begins after that look lists the row.
//   - A row that was put too late, under an epoch that was already emptied,
//     was never returned by anyone; it is given a fresh secret.
//   - A KEK is destroyed only when a whole pass over its partition found no
//     live secret under it and opened every live one under the next,
//     commitments compared.
//   - Every step may be interrupted and run again, by this process or another.
//   - A KEK that was destroyed is made again by nobody, however late: the key
//     store refuses it, and the latecomer finds its rotation done.
package kek

import (
	"context"
	"errors"
	"fmt"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/rows"
)

var (
	// ErrLost means: the epoch row says that a KEK is in use and the key store does
	// not have it. What it wrapped is out of reach; nothing is replaced.
	ErrLost = errors.New("key-encryption key in use is missing")
	// ErrMismatch means: a row or a secret is not what its name or its commitment
	// says. Nothing is replaced.
	ErrMismatch = errors.New("wrapped secret does not match its row")
	// ErrContended means: others wrote first, again and again. Try later.
	ErrContended = errors.New("partition is contended")
)

// Partition is one tenant's share of the vault under one KEK.
type Partition struct {
	Tenant string
	Name   string // two lower-case hex digits
}

func (p Partition) ref(epoch uint64) kms.Ref {
	return kms.Ref{Tenant: p.Tenant, Partition: p.Name, Epoch: epoch}
}

// Slot is one wrapped secret inside a decoded row; writing through its
// pointers changes the row.
type Slot struct {
	Epoch   *uint64
	Wrapped *[]byte // empty: Save wraps the secret given for it
	Commit  *[]byte
	AAD     []byte                // binds the wrapped secret to its row
	Digest  func([]byte) [32]byte // of the secret: its commitment
}

// Record is a decoded row.
type Record interface {
	// Slots are the live secrets.
	Slots() []Slot
	// Ended is the epoch that had wrapped a secret which was destroyed since.
	Ended() (epoch uint64, ok bool)
	// Encode is the row's new value.
	Encode() ([]byte, error)
}

// Kind is a kind of rows that hold wrapped secrets.
type Kind struct {
	Name string // token of the subject: "key", "pepper"
	// Decode reads a row and checks that it belongs to its subject.
	Decode func(rows.Row) (Record, error)
}

// Ledger puts into the log that a KEK is gone. A second call with the same
// command id changes nothing, whatever the event's measurements say.
type Ledger interface {
	KekEpochDestroyed(ctx context.Context, tenant, commandID string, ev *identityv1.KekEpochDestroyed) error
}

// Config is what a Keeper needs. All of it is required.
type Config struct {
	Rows   rows.Store
	KMS    kms.Store
	Ledger Ledger
	Kinds  []Kind
	Now    func() time.Time
	// Epoch is how long a KEK may live on after a secret under it was
	// destroyed; a week in production.
	Epoch time.Duration
	// Window is what re-wrapping and the key store's own delay may add.
	Window time.Duration
}

// Keeper wraps and re-wraps. Its methods may be called from several
// goroutines and processes.
type Keeper struct{ cfg Config }

// New makes a Keeper.
func New(cfg Config) (*Keeper, error) {
	missing := cfg.Rows == nil || cfg.KMS == nil || cfg.Ledger == nil || cfg.Now == nil ||
		len(cfg.Kinds) == 0 || cfg.Epoch <= 0 || cfg.Window <= 0
	if missing {
		return nil, errors.New("keeper of key epochs: configuration is incomplete")
	}
	return &Keeper{cfg: cfg}, nil
}

// tries bounds how often a lost race is run again.
const tries = 64

// Held is a row whose secrets are open. Forget them with Clear.
type Held struct {
	Row     rows.Row
	Record  Record
	Secrets [][]byte // one for each slot, in order
}

// Clear zeroes the secrets.
func (h Held) Clear() {
	for _, s := range h.Secrets {
		clear(s)
	}
}

// Load reads a row and opens its secrets. rows.ErrNotFound: there is none.
func (k *Keeper) Load(ctx context.Context, p Partition, kind Kind, subject string) (Held, error) {
	row, err := k.cfg.Rows.Get(ctx, subject)
	if err != nil {
		return Held{}, fmt.Errorf("read %s row: %w", kind.Name, err)
	}
	return k.settle(ctx, p, kind, row)
}

// Save wraps the given secrets into the record's slots whose Wrapped is empty,
// puts the row at revision expect and opens it. rows.ErrConflict: the row has
// moved on.
func (k *Keeper) Save(ctx context.Context, p Partition, kind Kind, row rows.Row, rec Record, secrets [][]byte) (Held, error) {
	ep, err := k.epoch(ctx, p)
	if err != nil {
		return Held{}, err
	}
	if err := k.wrapAll(ctx, p, ep, rec, secrets); err != nil {
		return Held{}, k.again(ctx, p, ep, err)
	}
	if row, err = k.put(ctx, row, rec); err != nil {
		return Held{}, err
	}
	return k.settle(ctx, p, kind, row)
}

// again is a conflict where the caller should try again: the epoch has moved,
// or was moved here, because a region that was added or replaced lacks its KEK.
func (k *Keeper) again(ctx context.Context, p Partition, ep epoch, cause error) error {
	if errors.Is(cause, kms.ErrHalf) {
		current := ep.row.GetCurrent()
		half := func(now epoch) bool { return now.row.GetCurrent() == current }
		if err := k.rotate(ctx, p, half); err != nil {
			return err
		}
		return fmt.Errorf("%w: %w", rows.ErrConflict, cause)
	}
	if err := k.explain(ctx, p, ep, cause); !errors.Is(err, errMoved) {
		return err
	}
	return fmt.Errorf("%w: %w", rows.ErrConflict, cause)
}

// wrapAll wraps the secrets of the slots that hold none yet.
func (k *Keeper) wrapAll(ctx context.Context, p Partition, ep epoch, rec Record, secrets [][]byte) error {
	aead, err := k.aead(ctx, p, ep.row.GetCurrent())
	if err != nil {
		return err
	}
	for i, slot := range rec.Slots() {
		if len(*slot.Wrapped) > 0 {
			continue
		}
		if err := wrap(ctx, aead, slot, ep.row.GetCurrent(), secrets[i]); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keeper) put(ctx context.Context, row rows.Row, rec Record) (rows.Row, error) {
	value, err := rec.Encode()
	if err != nil {
		return row, err
	}
	rev, err := k.cfg.Rows.Put(ctx, row.Subject, value, row.Rev)
	if err != nil {
		return row, fmt.Errorf("write row: %w", err)
	}
	return rows.Row{Subject: row.Subject, Value: value, Rev: rev}, nil
}

// settle opens a row that was read or written before. It looks at the epoch
// row only now, and returns only what the current epoch wraps.
func (k *Keeper) settle(ctx context.Context, p Partition, kind Kind, row rows.Row) (Held, error) {
	for range tries {
		held, settled, err := k.open(ctx, p, kind, row)
		if err == nil && settled {
			return held, nil
		}
		if err == nil {
			held.Clear()
			row, err = k.put(ctx, row, held.Record)
		}
		if errors.Is(err, rows.ErrConflict) || errors.Is(err, errMoved) {
			row, err = k.cfg.Rows.Get(ctx, row.Subject)
		}
		if err != nil {
			return Held{}, err
		}
	}
	return Held{}, ErrContended
}

// errMoved: an epoch moved between the look at it and its use.
var errMoved = errors.New("epoch has moved")

// open opens every slot, moving to the current epoch those that are not there.
// settled says that none had to be moved.
func (k *Keeper) open(ctx context.Context, p Partition, kind Kind, row rows.Row) (held Held, settled bool, err error) {
	rec, err := kind.Decode(row)
	if err != nil {
		return Held{}, false, err
	}
	held, settled = Held{Row: row, Record: rec}, true
	slots := rec.Slots()
	if len(slots) == 0 {
		return held, true, nil
	}
	ep, err := k.epoch(ctx, p)
	if err != nil {
		return Held{}, false, err
	}
	for _, slot := range slots {
		secret, moved, err := k.openSlot(ctx, p, ep, slot)
		if err != nil {
			held.Clear()
			return Held{}, false, err
		}
		held.Secrets = append(held.Secrets, secret)
		settled = settled && !moved
	}
	return held, settled, nil
}

func (k *Keeper) openSlot(ctx context.Context, p Partition, ep epoch, slot Slot) (secret []byte, moved bool, err error) {
	current := ep.row.GetCurrent()
	switch under := *slot.Epoch; {
	case under == current:
		secret, err = k.unwrap(ctx, p, slot)
		return secret, false, k.explain(ctx, p, ep, err)
	case ep.late(under):
		if secret, err = fresh(); err != nil {
			return nil, false, err
		}
	case under == ep.row.GetRetiring():
		if secret, err = k.unwrap(ctx, p, slot); err != nil {
			return nil, false, k.explain(ctx, p, ep, err)
		}
	default:
		return nil, false, fmt.Errorf("row under an epoch that has not begun: %w", ErrMismatch)
	}
	aead, err := k.aead(ctx, p, current)
	if err == nil {
		err = wrap(ctx, aead, slot, current, secret)
	}
	return secret, true, k.explain(ctx, p, ep, err)
}

// explain tells a KEK that was destroyed in the meantime from one that is
// lost: in the former case the epoch row has changed.
func (k *Keeper) explain(ctx context.Context, p Partition, seen epoch, cause error) error {
	if !errors.Is(cause, kms.ErrNoKEK) {
		return cause
	}
	now, err := k.epoch(ctx, p)
	if err != nil {
		return err
	}
	if now.rev != seen.rev {
		return errMoved
	}
	return fmt.Errorf("%w: %w", ErrLost, cause)
}
