// Package vault keeps the data keys of every holder: it makes them, hands them
// out under leases, and ends them.
//
// What a caller may rely on:
//
//   - One key for a tenant, holder and class, whoever asks first.
//   - A key that was destroyed is never made again; asking for it is an Erased
//     error with the time and the reason.
//   - Destroy returns nil only when no process can use the key any more, the
//     log says that it is gone, and the row holds nothing of it. It may be
//     interrupted at any point and run again; Resume finishes what a crash
//     left.
//   - Nothing is handed out before ReplayDestructions has told the vault every
//     destruction that the log knows: a vault that was restored from a backup
//     holds keys that must not come back.
//   - The log is asked whether the key has ended, once for each revision of its
//     row: a row that somebody put back, or took the tombstone of, opens nothing.
//   - That a key was made is in the log before it is lent for the first time. One
//     that is in the log and has no row is lost: ErrLost, and never another key.
//   - Who got a key and why is recorded before the key leaves.
package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/fence"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/rows"
)

var (
	// ErrNoKey means: the holder has no key of this class.
	ErrNoKey = errors.New("holder has no such key")
	// ErrNotReady means: destructions have not been replayed yet.
	ErrNotReady = errors.New("vault has not replayed destructions yet")
	// ErrPurpose means: a reader must say who it is and what for.
	ErrPurpose = errors.New("purpose of reading a key is missing")
	// ErrContended means: others wrote first, again and again. Try later.
	ErrContended = errors.New("key is contended")
	// ErrLost means: the log tells of a key that the vault does not hold, or of
	// another one than it holds. None is made in its place: what it has sealed
	// could be opened by nobody, and nobody would notice. A backup of the vault
	// brings it back.
	ErrLost = errors.New("the vault has lost a key")
)

// Ledger puts into the log that a key is gone, and knows it from there.
type Ledger interface {
	// KeyDestroyed records the end. A second call with the same command id
	// changes nothing, whatever the event's measurements say.
	KeyDestroyed(ctx context.Context, tenant, commandID string, ev *identityv1.KeyDestroyed) error
	// KeyMade records that there is a key. A second call with the same command id
	// changes nothing.
	KeyMade(ctx context.Context, tenant, commandID string, ev *identityv1.KeyMade) error
	// KeyTold is what is recorded of a key; everything that was recorded before
	// the call is seen. Who can't tell returns an error.
	KeyTold(ctx context.Context, id seal.KeyID) (Told, error)
	// TenantEnded is when the destruction of a tenant's keys began; zero if it has
	// not. An end that was recorded before the call is seen.
	TenantEnded(ctx context.Context, tenant string) (time.Time, error)
}

// Told is what the log tells of a key.
type Told struct {
	Made  []byte                   // the commitment; nil if none is recorded
	Ended *identityv1.KeyDestroyed // nil if its end is not recorded
}

// Access says who reads keys and what for.
type Access struct {
	Reader  string // name of the process, as it joined the fence
	Purpose string // from the contract's vocabulary
}

// Recorder writes down that keys are about to be handed out. If it fails,
// nothing is.
type Recorder func(ctx context.Context, access Access, ids []seal.KeyID) error

// Config is what a Vault needs. All of it is required.
type Config struct {
	Rows   rows.Store
	Keeper *kek.Keeper // must know the kind that Rows returns
	Fence  *fence.Registry
	Ledger Ledger
	Record Recorder
	Now    func() time.Time
}

// Vault keeps keys. Its methods may be called from several goroutines, and
// several vaults may share one store.
type Vault struct {
	cfg   Config
	kind  kek.Kind
	ready atomic.Bool
	known known
}

// New makes a Vault that hands nothing out before ReplayDestructions.
func New(cfg Config) (*Vault, error) {
	missing := cfg.Rows == nil || cfg.Keeper == nil || cfg.Fence == nil || cfg.Ledger == nil ||
		cfg.Record == nil || cfg.Now == nil
	if missing {
		return nil, errors.New("vault: configuration is incomplete")
	}
	return &Vault{cfg: cfg, kind: Rows()}, nil
}

// tries bounds how often a lost race is run again.
const tries = 64

// readers is how many rows of one batch are read at a time.
const readers = 8

// Lease is a key that may be used for a while, counted from the moment at
// which it was asked for.
type Lease struct {
	Key *seal.Key
	For time.Duration
}

// Result is one answer of a batch.
type Result struct {
	Lease Lease
	Err   error // ErrNoKey, an Erased error, or what kept the key from being read
}

// GetOrCreate hands out a holder's key, made if there is none.
func (v *Vault) GetOrCreate(ctx context.Context, access Access, id seal.KeyID) (Lease, error) {
	if err := v.admit(ctx, access, []seal.KeyID{id}); err != nil {
		return Lease{}, err
	}
	for range tries {
		lease, err := v.read(ctx, id)
		if errors.Is(err, ErrNoKey) {
			lease, err = v.create(ctx, id)
		}
		if !errors.Is(err, rows.ErrConflict) {
			return lease, err
		}
	}
	return Lease{}, ErrContended
}

// GetMany hands out existing keys; the answers stand in the order of ids.
func (v *Vault) GetMany(ctx context.Context, access Access, ids []seal.KeyID) ([]Result, error) {
	if err := v.admit(ctx, access, ids); err != nil {
		return nil, err
	}
	out := make([]Result, len(ids))
	next := make(chan int)
	var all sync.WaitGroup
	for range min(readers, len(ids)) {
		all.Go(func() {
			for i := range next {
				out[i].Lease, out[i].Err = v.read(ctx, ids[i])
			}
		})
	}
	for i := range ids {
		next <- i
	}
	close(next)
	all.Wait()
	return out, nil
}

// admit checks that keys may be handed out and writes down that they are.
func (v *Vault) admit(ctx context.Context, access Access, ids []seal.KeyID) error {
	if !v.ready.Load() {
		return ErrNotReady
	}
	if access.Reader == "" || access.Purpose == "" {
		return ErrPurpose
	}
	for _, id := range ids {
		if err := id.Validate(); err != nil {
			return err
		}
	}
	if err := v.cfg.Record(ctx, access, ids); err != nil {
		return fmt.Errorf("record reading of keys: %w", err)
	}
	v.cfg.Fence.Leased(access.Reader)
	return nil
}

func (v *Vault) read(ctx context.Context, id seal.KeyID) (Lease, error) {
	held, err := v.cfg.Keeper.Load(ctx, partition(id), v.kind, subject(id))
	if errors.Is(err, rows.ErrNotFound) {
		if err := v.missing(ctx, id); !errors.Is(err, ErrLost) {
			return Lease{}, err
		}
		// Somebody may have made it between the two questions. A row that was
		// made is never deleted.
		held, err = v.cfg.Keeper.Load(ctx, partition(id), v.kind, subject(id))
	}
	if errors.Is(err, rows.ErrNotFound) {
		return Lease{}, fmt.Errorf("%w: %s", ErrLost, id.Holder)
	}
	if err != nil {
		return Lease{}, fmt.Errorf("load key: %w", err)
	}
	return v.lease(ctx, id, held)
}

// missing is why there is no row of a key: there never was one, or it has ended,
// or the row is lost.
func (v *Vault) missing(ctx context.Context, id seal.KeyID) error {
	made, err := v.told(ctx, id)
	switch {
	case err != nil:
		return err
	case made != nil:
		return ErrLost
	}
	return ErrNoKey
}

// create makes a key of which nothing is told.
func (v *Vault) create(ctx context.Context, id seal.KeyID) (Lease, error) {
	dek := make([]byte, seal.KeySize)
	defer clear(dek)
	if _, err := rand.Read(dek); err != nil {
		return Lease{}, fmt.Errorf("read randomness: %w", err)
	}
	rec := newRecord(id, v.cfg.Now())
	held, err := v.cfg.Keeper.Save(ctx, partition(id), v.kind, rows.Row{Subject: subject(id)}, rec, [][]byte{dek})
	if err != nil {
		return Lease{}, fmt.Errorf("save key: %w", err)
	}
	return v.lease(ctx, id, held)
}

// told asks the log, and returns the commitment of the key if it tells that it was
// made. Where a key has ended and its row does not say so, the row is made to say
// it.
func (v *Vault) told(ctx context.Context, id seal.KeyID) (made []byte, err error) {
	told, err := v.cfg.Ledger.KeyTold(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("ask for what is told of a key: %w", err)
	}
	ev := told.Ended
	if ev == nil {
		return told.Made, v.notGone(ctx, id)
	}
	if _, err := v.replay(ctx, Destroyed{Tenant: id.Tenant, Event: ev}); err != nil {
		return nil, fmt.Errorf("end a key again: %w", err)
	}
	return nil, &seal.Erased{ID: id, At: ev.GetDestroyedAt().AsTime(), Reason: ev.GetReason()}
}

// lives makes sure that a key has not ended, and that the log tells of it, and of
// no other.
func (v *Vault) lives(ctx context.Context, id seal.KeyID, rec *record) error {
	made, err := v.told(ctx, id)
	switch {
	case err != nil:
		return err
	case made == nil:
		err := v.cfg.Ledger.KeyMade(ctx, id.Tenant, es.DeriveID(id.Tenant, "key-made", id.Holder.String()+"/"+seal.ClassName(id.Class)),
			&identityv1.KeyMade{Holder: id.Holder.String(), Class: id.Class, KeyVersion: rec.row.GetVersion(), KeyCommit: rec.row.GetKeyCommit()})
		if err != nil {
			return fmt.Errorf("record made key: %w", err)
		}
	case !bytes.Equal(made, rec.row.GetKeyCommit()):
		return fmt.Errorf("%w: another one stands in its place: %s", ErrLost, id.Holder)
	}
	return nil
}

// notGone asks the log whether the tenant is gone: then no key of it is made or
// lent any more, whatever the rows say. A key is made, and then it is asked: one
// that was made too late is lent to nobody.
func (v *Vault) notGone(ctx context.Context, id seal.KeyID) error {
	at, err := v.cfg.Ledger.TenantEnded(ctx, id.Tenant)
	if err != nil {
		return fmt.Errorf("ask for the end of a tenant: %w", err)
	}
	if at.IsZero() {
		return nil
	}
	return &seal.Erased{ID: id, At: at, Reason: ReasonOffboarded}
}

func (v *Vault) lease(ctx context.Context, id seal.KeyID, held kek.Held) (Lease, error) {
	defer held.Clear()
	rec, ok := held.Record.(*record)
	if !ok {
		return Lease{}, fmt.Errorf("row is no key row: %w", kek.ErrMismatch)
	}
	if err := rec.belongs(id); err != nil {
		return Lease{}, err
	}
	if gone := rec.erased(id); gone != nil {
		return Lease{}, gone
	}
	if !v.known.live(id, held.Row.Rev, v.cfg.Now()) {
		if err := v.lives(ctx, id, rec); err != nil {
			return Lease{}, err
		}
		v.known.add(id, held.Row.Rev, v.cfg.Now())
	}
	key, err := seal.NewKey(id, rec.row.GetVersion(), held.Secrets[0])
	if err != nil {
		return Lease{}, err
	}
	return Lease{Key: key, For: v.cfg.Fence.Lease()}, nil
}
