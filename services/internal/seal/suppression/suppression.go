// Package suppression remembers that a value was erased from a system's
// column, so that a restore, an import or a new registration does not bring it
// back unnoticed. It knows neither the value nor the person: a row is named by
// a keyed hash and holds a random reference of the erasure.
//
// The set is written before the first destructive leaf, kept until the longest
// backup horizon of the system has passed, and backed up apart from the log
// and the vault.
//
// Peppers of this purpose can't carry rows over, because nobody knows the
// values any more. An old epoch stays live, and is asked, until its last row
// has expired.
package suppression

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

var (
	// ErrContended means: others wrote first, again and again. Try later.
	ErrContended = errors.New("suppression row is contended")
	// ErrIncomplete means: an entry lacks a part.
	ErrIncomplete = errors.New("suppression entry is incomplete")
)

// Entry is a value in a system's column. It prints as [redacted].
type Entry struct {
	Tenant string
	System string
	Column string
	Value  string // as the system stores it, normalised the same way each time
}

// String hides the value.
func (Entry) String() string { return "[redacted]" }

// GoString hides the value from %#v.
func (Entry) GoString() string { return "[redacted]" }

// LogValue hides the value from slog.
func (Entry) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Config is what a Set needs. All of it is required.
type Config struct {
	Rows    rows.Store
	Peppers *pepper.Keeper
	Now     func() time.Time
	// Lease is how long a process may go on using a pepper that was retired.
	Lease time.Duration
}

// Set is the suppression set of all tenants. Its methods may be called from
// several goroutines and processes.
type Set struct {
	cfg     Config
	purpose pepper.Purpose
	peppers *pepper.Cache
}

// New makes a Set.
func New(cfg Config) (*Set, error) { return open(cfg, pepper.Suppression) }

func open(cfg Config, purpose pepper.Purpose) (*Set, error) {
	if cfg.Rows == nil || cfg.Peppers == nil || cfg.Now == nil || cfg.Lease <= 0 {
		return nil, errors.New("suppression set: configuration is incomplete")
	}
	return &Set{cfg: cfg, purpose: purpose, peppers: pepper.NewCache(cfg.Peppers, purpose, cfg.Now, cfg.Lease)}, nil
}

const (
	macLabel = "habeas-suppression/v1\n"
	root     = "habeas.suppression"
	tries    = 64
)

func name(p pepper.Pepper, e Entry) string {
	mac := p.MAC(macLabel, []byte(e.System), []byte(e.Column), []byte(e.Value))
	id := hex.EncodeToString(mac[:])
	return strings.Join([]string{root, es.Partition(e.Tenant, id), e.Tenant, id}, ".")
}

// Add remembers that an erasure removed the entry's value, until a moment.
// Where several erasures removed it, the one that lasts longest stands.
func (s *Set) Add(ctx context.Context, e Entry, erasureRef string, until time.Time) error {
	if e.Tenant == "" || e.System == "" || e.Column == "" || e.Value == "" || erasureRef == "" {
		return ErrIncomplete
	}
	set, err := s.peppers.Fresh(ctx, e.Tenant)
	for range tries {
		if err != nil {
			return err
		}
		if err := s.put(ctx, e, set.Newest(), erasureRef, until); err != nil {
			return fmt.Errorf("add to suppression set: %w", err)
		}
		now, err := s.peppers.Epochs(ctx, e.Tenant)
		if err != nil {
			return err
		}
		if now[len(now)-1] == set.Newest().Epoch { // a later epoch has not begun, so this one is not retired
			return nil
		}
		if set, err = s.peppers.Fresh(ctx, e.Tenant); err != nil {
			return err
		}
	}
	return ErrContended
}

func (s *Set) put(ctx context.Context, e Entry, p pepper.Pepper, erasureRef string, until time.Time) error {
	want := &sealv1.SuppressionRow{ErasureRef: erasureRef, Until: timestamppb.New(until), PepperEpoch: p.Epoch}
	value, err := proto.Marshal(want)
	if err != nil {
		return fmt.Errorf("encode suppression row: %w", err)
	}
	subject := name(p, e)
	for range tries {
		have, row, err := s.get(ctx, subject)
		if err != nil && !errors.Is(err, rows.ErrNotFound) {
			return err
		}
		if err == nil && !have.GetUntil().AsTime().Before(until) {
			return nil
		}
		if _, err = s.cfg.Rows.Put(ctx, subject, value, row.Rev); !errors.Is(err, rows.ErrConflict) {
			return err
		}
	}
	return ErrContended
}

func (s *Set) get(ctx context.Context, subject string) (*sealv1.SuppressionRow, rows.Row, error) {
	row, err := s.cfg.Rows.Get(ctx, subject)
	if err != nil {
		return nil, rows.Row{}, err
	}
	have, err := decode(row)
	return have, row, err
}

func decode(row rows.Row) (*sealv1.SuppressionRow, error) {
	out := new(sealv1.SuppressionRow)
	if err := proto.Unmarshal(row.Value, out); err != nil {
		return nil, fmt.Errorf("decode suppression row: %w", kek.ErrMismatch)
	}
	return out, nil
}

// Contains returns the reference of the erasure that removed the entry's
// value, and whether there is one that has not expired.
func (s *Set) Contains(ctx context.Context, e Entry) (erasureRef string, found bool, err error) {
	set, err := s.peppers.Set(ctx, e.Tenant)
	for range tries {
		if err != nil {
			return "", false, err
		}
		if erasureRef, found, err = s.look(ctx, e, set); err != nil || found {
			return erasureRef, found, err
		}
		now, err := s.peppers.Epochs(ctx, e.Tenant)
		if err != nil {
			return "", false, err
		}
		if now[len(now)-1] == set.Newest().Epoch { // no epoch has begun that was not asked
			return "", false, nil
		}
		if set, err = s.peppers.Fresh(ctx, e.Tenant); err != nil {
			return "", false, err
		}
	}
	return "", false, ErrContended
}

func (s *Set) look(ctx context.Context, e Entry, set pepper.Set) (string, bool, error) {
	for _, p := range set {
		row, _, err := s.get(ctx, name(p, e))
		if errors.Is(err, rows.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", false, fmt.Errorf("look into suppression set: %w", err)
		}
		if s.cfg.Now().Before(row.GetUntil().AsTime()) {
			return row.GetErasureRef(), true, nil
		}
	}
	return "", false, nil
}

// Expire removes what has lasted long enough, bytes included, refusals too.
func (s *Set) Expire(ctx context.Context) (removed int, err error) {
	for row, err := range s.cfg.Rows.List(ctx, root+".>", 0) {
		if err != nil {
			return removed, fmt.Errorf("list suppression set: %w", err)
		}
		have, err := decode(row)
		if err != nil {
			return removed, err
		}
		if s.cfg.Now().Before(have.GetUntil().AsTime()) {
			continue
		}
		err = s.cfg.Rows.Delete(ctx, row.Subject, row.Rev)
		if err != nil && !errors.Is(err, rows.ErrConflict) {
			return removed, fmt.Errorf("expire suppression row: %w", err)
		}
		if err == nil {
			removed++
		}
	}
	return removed, nil
}

// Rotate begins a new pepper epoch for what is added from now on, unless an
// old one is still waited for, and destroys an old one whose last row has
// expired. Run it each quarter or more often.
func (s *Set) Rotate(ctx context.Context, tenant string) error {
	retired, err := s.cfg.Peppers.Retired(ctx, tenant, s.purpose)
	if err != nil {
		return fmt.Errorf("rotate suppression pepper: %w", err)
	}
	if retired != 0 {
		return s.bury(ctx, tenant, retired)
	}
	set, err := s.cfg.Peppers.Begin(ctx, tenant, s.purpose)
	if err != nil {
		return fmt.Errorf("begin suppression pepper: %w", err)
	}
	old := set[0].Epoch
	needed, err := s.holds(ctx, tenant, old)
	if err != nil || needed {
		return err
	}
	if err := s.cfg.Peppers.Retire(ctx, tenant, s.purpose, old, 0); err != nil {
		return fmt.Errorf("retire suppression pepper: %w", err)
	}
	return s.bury(ctx, tenant, old)
}

// bury waits until nobody uses the retired pepper and records that it is gone.
func (s *Set) bury(ctx context.Context, tenant string, retired uint64) error {
	if err := s.peppers.Wait(ctx); err != nil {
		return fmt.Errorf("wait for users of a retired pepper: %w", err)
	}
	if err := s.cfg.Peppers.Bury(ctx, tenant, s.purpose, retired); err != nil {
		return fmt.Errorf("bury suppression pepper: %w", err)
	}
	return nil
}

// holds reports whether a tenant has rows of an epoch of the set's peppers.
func (s *Set) holds(ctx context.Context, tenant string, epoch uint64) (bool, error) {
	for row, err := range s.cfg.Rows.List(ctx, strings.Join([]string{root, "*", tenant, "*"}, "."), 0) {
		if err != nil {
			return false, fmt.Errorf("list suppression set: %w", err)
		}
		have, err := decode(row)
		mine := (len(have.GetRefusals()) > 0) == (s.purpose == pepper.Refusals)
		if err != nil || mine && have.GetPepperEpoch() == epoch {
			return true, err
		}
	}
	return false, nil
}
