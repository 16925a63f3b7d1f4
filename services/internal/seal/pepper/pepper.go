// Package pepper keeps the secrets under which values are hashed, so that a
// person can be found by a value that is stored nowhere.
//
// Each tenant has peppers for each purpose, so that two tables of hashes can't
// be joined. A purpose has one live epoch, and two while it moves to the next.
// A pepper that is destroyed makes every hash under it unlinkable, to anyone.
package pepper

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Purpose is what values are hashed for.
type Purpose string

// The purposes of peppers.
const (
	Lookup      Purpose = "lookup"
	Suppression Purpose = "suppression"
	Refusals    Purpose = "refusal"     // that outlive an erasure
	Idempotency Purpose = "idempotency" // of identity's own commands; see DigestOf
)

var (
	// ErrContended means: others wrote first, again and again. Try later.
	ErrContended = errors.New("pepper is contended")
	// ErrLost means: the log tells of a pepper that the vault does not hold. None
	// is made in its place: nobody would be found any more.
	ErrLost = errors.New("the vault has lost a pepper")
	// ErrNotLive means: the epoch is not live, or is the only one that is.
	ErrNotLive = errors.New("pepper epoch can't be retired")
	// ErrUnburied means: an earlier epoch was retired and not buried yet.
	ErrUnburied = errors.New("an earlier pepper epoch is not buried yet")
)

// Ledger puts into the log that a pepper is there or gone. A second call with the same
// command id changes nothing.
type Ledger interface {
	PepperEpochDestroyed(ctx context.Context, tenant, commandID string, ev *identityv1.PepperEpochDestroyed) error
	// PepperMade records that a purpose has a pepper, and PepperKnown reports
	// whether that is recorded; what was recorded before the call is seen.
	PepperMade(ctx context.Context, tenant, commandID, purpose string) error
	PepperKnown(ctx context.Context, tenant, purpose string) (bool, error)
	// TenantEnded is when the destruction of a tenant's keys began; zero if it has
	// not. An end that was recorded before the call is seen.
	TenantEnded(ctx context.Context, tenant string) (time.Time, error)
}

// Config is what a Keeper needs. All of it is required.
type Config struct {
	Rows   rows.Store
	Keeper *kek.Keeper // must know the kind that Rows returns
	Ledger Ledger
	Now    func() time.Time
}

// Keeper keeps peppers. Its methods may be called from several goroutines and
// processes.
type Keeper struct {
	cfg  Config
	kind kek.Kind
	told sync.Map // of [2]string, tenant and purpose: the log tells of it
}

// New makes a Keeper.
func New(cfg Config) (*Keeper, error) {
	if cfg.Rows == nil || cfg.Keeper == nil || cfg.Ledger == nil || cfg.Now == nil {
		return nil, errors.New("keeper of peppers: configuration is incomplete")
	}
	return &Keeper{cfg: cfg, kind: Rows()}, nil
}

const (
	secretSize = 32
	tries      = 64
)

// Pepper is one live pepper in clear. It prints as [redacted].
type Pepper struct {
	Epoch  uint64
	secret []byte
}

// MAC is HMAC-SHA256 over the label and the parts, each preceded by its
// length, so that no two lists of parts have the same bytes.
func (p Pepper) MAC(label string, parts ...[]byte) [sha256.Size]byte {
	mac := hmac.New(sha256.New, p.secret)
	_, _ = io.WriteString(mac, label)
	for _, part := range parts {
		_, _ = mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		_, _ = mac.Write(part)
	}
	var out [sha256.Size]byte
	mac.Sum(out[:0])
	return out
}

// NewPepper makes a pepper of its bytes, which it copies.
func NewPepper(epoch uint64, secret []byte) (Pepper, error) {
	if epoch == 0 || len(secret) != secretSize {
		return Pepper{}, fmt.Errorf("epoch or length of a pepper: %w", kek.ErrMismatch)
	}
	return Pepper{Epoch: epoch, secret: append([]byte(nil), secret...)}, nil
}

// Material is a copy of the pepper's bytes, for handing it to a service over an
// authenticated channel.
func (p Pepper) Material() []byte { return append([]byte(nil), p.secret...) }

// String hides the pepper.
func (p Pepper) String() string { return fmt.Sprintf("pepper %d [redacted]", p.Epoch) }

// GoString hides the pepper from %#v.
func (p Pepper) GoString() string { return p.String() }

// LogValue hides the pepper from slog.
func (p Pepper) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Set is the live peppers, oldest first, as the leader had them.
type Set []Pepper

// Clear zeroes the peppers.
func (s Set) Clear() {
	for _, p := range s {
		clear(p.secret)
	}
}

// Newest is the pepper of the highest epoch.
func (s Set) Newest() Pepper { return s[len(s)-1] }

// Epoch finds a live pepper.
func (s Set) Epoch(n uint64) (Pepper, bool) {
	for _, p := range s {
		if p.Epoch == n {
			return p, true
		}
	}
	return Pepper{}, false
}

// Live returns the live peppers; the first caller makes the first one. There
// is at least one. In a tenant that is gone there is none: ErrEnded.
func (k *Keeper) Live(ctx context.Context, tenant string, purpose Purpose) (Set, error) {
	for range tries {
		held, err := k.load(ctx, tenant, purpose)
		if errors.Is(err, rows.ErrNotFound) {
			if err = k.never(ctx, tenant, purpose); err == nil {
				held, err = k.add(ctx, kek.Held{
					Row: rows.Row{Subject: subject(tenant, purpose)}, Record: newRecord(tenant, purpose),
				})
			}
		}
		if err == nil { // asked after the row was read or written: what comes later strips it
			if err = k.alive(ctx, tenant); err == nil {
				err = k.tell(ctx, tenant, purpose)
			}
			if err != nil {
				held.Clear()
				return nil, err
			}
			return open(held)
		}
		if !errors.Is(err, rows.ErrConflict) {
			return nil, err
		}
	}
	return nil, ErrContended
}

// never makes sure that there never was a pepper of the purpose.
func (k *Keeper) never(ctx context.Context, tenant string, purpose Purpose) error {
	if err := k.alive(ctx, tenant); err != nil {
		return err
	}
	known, err := k.cfg.Ledger.PepperKnown(ctx, tenant, string(purpose))
	if err != nil {
		return fmt.Errorf("ask for what is told of a pepper: %w", err)
	}
	if !known {
		return nil
	}
	// Somebody may have made it between the two questions.
	if _, _, err := k.read(ctx, tenant, purpose); !errors.Is(err, rows.ErrNotFound) {
		return cmp.Or(err, rows.ErrConflict)
	}
	return fmt.Errorf("%w: %s", ErrLost, purpose)
}

// tell has the log tell that there is one, before it is used.
func (k *Keeper) tell(ctx context.Context, tenant string, purpose Purpose) error {
	key := [2]string{tenant, string(purpose)}
	if _, told := k.told.Load(key); told {
		return nil
	}
	err := k.cfg.Ledger.PepperMade(ctx, tenant, es.DeriveID(tenant, "pepper-made", string(purpose)), string(purpose))
	if err != nil {
		return fmt.Errorf("record made pepper: %w", err)
	}
	k.told.Store(key, true)
	return nil
}

// Epochs lists the live epochs as the leader has them now, oldest first.
func (k *Keeper) Epochs(ctx context.Context, tenant string, purpose Purpose) ([]uint64, error) {
	rec, _, err := k.read(ctx, tenant, purpose)
	if err != nil {
		return nil, err
	}
	var out []uint64
	for _, p := range rec.row.GetLive() {
		out = append(out, p.GetEpoch())
	}
	if len(out) == 0 {
		return nil, ErrEnded
	}
	return out, nil
}

// Begin adds the next epoch beside the live one and returns both. Where two
// are live already, it changes nothing.
func (k *Keeper) Begin(ctx context.Context, tenant string, purpose Purpose) (Set, error) {
	if _, err := k.Live(ctx, tenant, purpose); err != nil {
		return nil, err
	}
	for range tries {
		held, err := k.load(ctx, tenant, purpose)
		if err != nil {
			return nil, err
		}
		rec, err := recordOf(held)
		if err != nil {
			return nil, err
		}
		if len(rec.row.GetLive()) > 1 {
			return open(held)
		}
		if rec.row.GetRetired() != 0 {
			return nil, ErrUnburied
		}
		held, err = k.add(ctx, held)
		if err == nil {
			return open(held)
		}
		if !errors.Is(err, rows.ErrConflict) {
			return nil, err
		}
	}
	return nil, ErrContended
}

// add puts the row with one pepper more.
func (k *Keeper) add(ctx context.Context, held kek.Held) (kek.Held, error) {
	defer held.Clear()
	rec, err := recordOf(held)
	if err != nil {
		return kek.Held{}, err
	}
	secret := make([]byte, secretSize)
	defer clear(secret)
	if _, err := rand.Read(secret); err != nil {
		return kek.Held{}, fmt.Errorf("read randomness: %w", err)
	}
	rec.row.Last++
	rec.row.Live = append(rec.row.Live, &sealv1.Pepper{Epoch: rec.row.GetLast()})
	return k.cfg.Keeper.Save(ctx, rec.partition(), k.kind, held.Row, rec, append(held.Secrets, secret))
}

// Retire takes an epoch out of the live ones and destroys its pepper in the
// row; carried is the number of rows that moved to the next epoch. An epoch
// that is retired already is a success.
func (k *Keeper) Retire(ctx context.Context, tenant string, purpose Purpose, epoch uint64, carried uint32) error {
	for range tries {
		rec, row, err := k.read(ctx, tenant, purpose)
		if err != nil {
			return err
		}
		if rec.row.GetRetired() == epoch {
			return nil
		}
		if !rec.retire(epoch, carried) {
			return ErrNotLive
		}
		// After the row was read and before it is written: see MarkDirty.
		if _, err := k.cfg.Keeper.MarkDirty(ctx, rec.partition()); err != nil {
			return fmt.Errorf("mark partition: %w", err)
		}
		err = k.put(ctx, rec, row)
		if !errors.Is(err, rows.ErrConflict) {
			return err
		}
	}
	return ErrContended
}

// Retired is the epoch that was retired and not buried yet; 0 if there is
// none.
func (k *Keeper) Retired(ctx context.Context, tenant string, purpose Purpose) (uint64, error) {
	rec, _, err := k.read(ctx, tenant, purpose)
	if errors.Is(err, rows.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return rec.row.GetRetired(), nil
}

// Bury records that a retired epoch's pepper is destroyed. Call it when the
// rows of that epoch are deleted.
func (k *Keeper) Bury(ctx context.Context, tenant string, purpose Purpose, epoch uint64) error {
	for range tries {
		rec, row, err := k.read(ctx, tenant, purpose)
		if err != nil {
			return err
		}
		if rec.row.GetRetired() != epoch {
			return nil // another call buried it
		}
		id := es.DeriveID(tenant, "pepper-epoch-destroyed", fmt.Sprintf("%s/%d", purpose, epoch))
		err = k.cfg.Ledger.PepperEpochDestroyed(ctx, tenant, id, &identityv1.PepperEpochDestroyed{
			Purpose: string(purpose), Epoch: epoch, RowsCarried: rec.row.GetRowsCarried(), DestroyedAt: timestamppb.New(k.cfg.Now()),
		})
		if err != nil {
			return fmt.Errorf("record destroyed pepper: %w", err)
		}
		rec.row.Retired, rec.row.RowsCarried = 0, 0
		if err = k.put(ctx, rec, row); !errors.Is(err, rows.ErrConflict) {
			return err
		}
	}
	return ErrContended
}

func (k *Keeper) load(ctx context.Context, tenant string, purpose Purpose) (kek.Held, error) {
	return k.cfg.Keeper.Load(ctx, partition(tenant, purpose), k.kind, subject(tenant, purpose))
}

func (k *Keeper) read(ctx context.Context, tenant string, purpose Purpose) (*record, rows.Row, error) {
	row, err := k.cfg.Rows.Get(ctx, subject(tenant, purpose))
	if err != nil {
		return nil, row, fmt.Errorf("read pepper row: %w", err)
	}
	rec, err := decode(row)
	return rec, row, err
}

func (k *Keeper) put(ctx context.Context, rec *record, row rows.Row) error {
	value, err := rec.Encode()
	if err != nil {
		return err
	}
	if _, err := k.cfg.Rows.Put(ctx, row.Subject, value, row.Rev); err != nil {
		return fmt.Errorf("write pepper row: %w", err)
	}
	return nil
}

// open takes the peppers out of a row that was just loaded.
func open(held kek.Held) (Set, error) {
	rec, err := recordOf(held)
	if err != nil {
		return nil, err
	}
	var out Set
	for i, p := range rec.row.GetLive() {
		out = append(out, Pepper{Epoch: p.GetEpoch(), secret: held.Secrets[i]})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("pepper row without a pepper: %w", kek.ErrMismatch)
	}
	return out, nil
}

func recordOf(held kek.Held) (*record, error) {
	rec, ok := held.Record.(*record)
	if !ok {
		return nil, fmt.Errorf("row is no pepper row: %w", kek.ErrMismatch)
	}
	return rec, nil
}
