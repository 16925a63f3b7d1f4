// Package lookup finds a person by a value that is stored nowhere: an address,
// a number, an account. A value's row is named by its keyed hash and holds the
// random reference of the one subject that owns it.
//
// What a caller may rely on:
//
//   - A value has one owner at any time, across crashes, across concurrent
//     claims, and while the pepper moves from one epoch to the next. A claim
//     is made under every live epoch, oldest first, so that all claimants of a
//     value meet at the same row; and it succeeds only after a look at the
//     live epochs that came later than its rows and found no further one.
//   - A claim whose command never reached the log is released, and one whose
//     command did is completed, a grace period after it was made.
//   - A claim names its command: the same command may be sent again, and gets
//     the owner that it made the first time.
//   - A value that was erased from the log and then here has no row under any
//     epoch, whatever ran beside.
//
// The order of work for a caller is: Claim, append the event, Confirm. If the
// event can never be appended: Release. To erase: append, then Erase.
package lookup

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/proto"
)

var (
	// ErrOwned means: another command owns the value; the error is an *Owned.
	ErrOwned = errors.New("value is owned already")
	// ErrBusy means: another command is claiming the value and has not been settled.
	// Try again within the grace period.
	ErrBusy = errors.New("value is being claimed")
	// ErrNotFound means: nobody owns the value.
	ErrNotFound = errors.New("value is owned by nobody")
	// ErrGone means: the claim does not stand any more: it was released or erased.
	ErrGone = errors.New("claim does not stand")
	// ErrTwoOwners means: one value has rows of two subjects. It can't happen; if it
	// does, stop and look.
	ErrTwoOwners = errors.New("value has two owners")
	// ErrUnsettled means: claims have to be settled before the pepper can move on.
	// Run the rotation again after the grace period.
	ErrUnsettled = errors.New("claims are not settled yet")
	// ErrContended means: others wrote first, again and again. Try later.
	ErrContended = errors.New("value is contended")
)

// Value is a normalised value of one kind in one tenant. It prints as
// [redacted].
type Value struct {
	Tenant string
	Kind   string // a code, such as "email"
	Text   string // normalised, so that two spellings are one value
}

// String hides the value.
func (Value) String() string { return "[redacted]" }

// GoString hides the value from %#v.
func (Value) GoString() string { return "[redacted]" }

// LogValue hides the value from slog.
func (Value) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Owner is who owns a value.
type Owner struct {
	SubjectRef string
	CommandID  string // that claimed it
	Confirmed  bool   // the event is known to be in the log
}

// Owned says who owns a value that was claimed in vain. It matches ErrOwned.
type Owned struct{ Owner Owner }

// Error names nobody.
func (o *Owned) Error() string { return ErrOwned.Error() }

// Is matches ErrOwned.
func (o *Owned) Is(target error) bool { return target == ErrOwned }

// Log is what the table asks of the log.
type Log interface {
	// Holds returns the normalised values of a kind that a subject holds now.
	// If the command's event is not in the log, Holds first makes sure that it
	// never will be: an append that is under way fails.
	Holds(ctx context.Context, tenant, subjectRef, kind, commandID string) ([]string, error)
}

// Config is what a Table needs. All of it is required.
type Config struct {
	Rows    rows.Store
	Peppers *pepper.Keeper
	Log     Log
	Now     func() time.Time
	// Grace is how long a claim may wait for its event; a minute in
	// production.
	Grace time.Duration
	// Lease is how long a process may go on using a pepper that was retired.
	Lease time.Duration
}

// Table is the lookup rows of all tenants. Its methods may be called from
// several goroutines and processes.
type Table struct {
	cfg     Config
	peppers *pepper.Cache
	swept   *progress
}

// New makes a Table.
func New(cfg Config) (*Table, error) {
	missing := cfg.Rows == nil || cfg.Peppers == nil || cfg.Log == nil || cfg.Now == nil ||
		cfg.Grace <= 0 || cfg.Lease <= 0
	if missing {
		return nil, errors.New("lookup table: configuration is incomplete")
	}
	return &Table{
		cfg: cfg, peppers: pepper.NewCache(cfg.Peppers, pepper.Lookup, cfg.Now, cfg.Lease), swept: newProgress(),
	}, nil
}

const (
	lookupKind = "lookup"
	macLabel   = "habeas-lookup/v1\n"
	tries      = 64
)

// name is a value's row under one pepper.
func name(p pepper.Pepper, v Value) string {
	mac := p.MAC(macLabel, []byte(v.Kind), []byte(v.Text))
	id := hex.EncodeToString(mac[:])
	return rows.VaultSubject(es.Partition(v.Tenant, id), lookupKind, v.Tenant, id)
}

// claim is a lookup row as it was read.
type claim struct {
	row *sealv1.LookupRow
	at  rows.Row
}

func (c claim) owner() Owner {
	return Owner{
		SubjectRef: c.row.GetSubjectRef(), CommandID: c.row.GetCommandId(),
		Confirmed: c.row.GetState() == sealv1.LookupState_LOOKUP_STATE_CONFIRMED,
	}
}

func decode(row rows.Row) (claim, error) {
	l := new(sealv1.LookupRow)
	if err := proto.Unmarshal(row.Value, l); err != nil {
		return claim{}, fmt.Errorf("decode lookup row: %w", kek.ErrMismatch)
	}
	return claim{row: l, at: row}, nil
}

func (t *Table) get(ctx context.Context, subject string) (claim, error) {
	row, err := t.cfg.Rows.Get(ctx, subject)
	if err != nil {
		return claim{}, fmt.Errorf("read lookup row: %w", err)
	}
	return decode(row)
}

func (t *Table) put(ctx context.Context, c claim) (claim, error) {
	value, err := proto.Marshal(c.row)
	if err != nil {
		return c, fmt.Errorf("encode lookup row: %w", err)
	}
	rev, err := t.cfg.Rows.Put(ctx, c.at.Subject, value, c.at.Rev)
	if err != nil {
		return c, fmt.Errorf("write lookup row: %w", err)
	}
	c.at.Value, c.at.Rev = value, rev
	return c, nil
}

// remove deletes a row that has not moved since it was read.
func (t *Table) remove(ctx context.Context, c claim) error {
	err := t.cfg.Rows.Delete(ctx, c.at.Subject, c.at.Rev)
	if err != nil && !errors.Is(err, rows.ErrConflict) {
		return fmt.Errorf("delete lookup row: %w", err)
	}
	return err
}

// Resolve returns the owner of a value, as the leader has it. An owner that is
// not confirmed may still turn out to have claimed in vain.
func (t *Table) Resolve(ctx context.Context, v Value) (Owner, error) {
	var owner Owner
	err := t.underLive(ctx, v.Tenant, func(set pepper.Set) error {
		c, err := t.get(ctx, name(set[0], v)) // whoever owns a value has a row under the oldest
		if errors.Is(err, rows.ErrNotFound) {
			err = ErrNotFound
		}
		owner = c.ownerIf(err)
		return err
	})
	return owner, err
}

func (c claim) ownerIf(err error) Owner {
	if err != nil {
		return Owner{}
	}
	return c.owner()
}

// underLive runs do with the live peppers, and again with fresh ones until a
// look that came after do still shows the same epochs.
func (t *Table) underLive(ctx context.Context, tenant string, do func(pepper.Set) error) error {
	set, err := t.peppers.Set(ctx, tenant)
	if err != nil {
		return err
	}
	for range tries {
		done := do(set)
		now, err := t.peppers.Epochs(ctx, tenant)
		if err != nil {
			return errors.Join(done, err)
		}
		if sameEpochs(set, now) {
			return done
		}
		if set, err = t.peppers.Fresh(ctx, tenant); err != nil {
			return errors.Join(done, err)
		}
	}
	return ErrContended
}

func sameEpochs(set pepper.Set, epochs []uint64) bool {
	if len(set) != len(epochs) {
		return false
	}
	for i, p := range set {
		if p.Epoch != epochs[i] {
			return false
		}
	}
	return true
}
