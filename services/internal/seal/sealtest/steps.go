package sealtest

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/vault"
)

// ErrCrash is what a process sees of the world after it has crashed: nothing.
var ErrCrash = errors.New("process has crashed")

// Op is one call of the outside world.
type Op struct {
	Name    string // "get", "put", "delete", "list", "create", "use", "destroy", "record"
	Subject string // of the row, or the reference of the key
	After   bool   // the call has had its effect
}

// Step is called before and after the effect of every call. An error keeps the
// effect from happening, or the caller from learning of it.
type Step func(ctx context.Context, op Op) error

// Crash lets n steps pass and fails at every later one.
func Crash(n int) Step {
	var mu sync.Mutex
	return func(context.Context, Op) error {
		mu.Lock()
		defer mu.Unlock()
		if n--; n < 0 {
			return ErrCrash
		}
		return nil
	}
}

// around runs do between two steps.
func (s Step) around(ctx context.Context, op Op, do func() error) error {
	if err := s(ctx, op); err != nil {
		return err
	}
	err := do()
	op.After = true
	return errors.Join(err, s(ctx, op))
}

// Rows is a store of rows whose calls are steps.
type Rows struct {
	Store rows.Store
	Step  Step
}

// Get is part of rows.Store.
func (r Rows) Get(ctx context.Context, subject string) (row rows.Row, err error) {
	err = r.Step.around(ctx, Op{Name: "get", Subject: subject}, func() (err error) {
		row, err = r.Store.Get(ctx, subject)
		return err
	})
	return row, err
}

// Put is part of rows.Store.
func (r Rows) Put(ctx context.Context, subject string, value []byte, expect uint64) (rev uint64, err error) {
	err = r.Step.around(ctx, Op{Name: "put", Subject: subject}, func() (err error) {
		rev, err = r.Store.Put(ctx, subject, value, expect)
		return err
	})
	return rev, err
}

// Delete is part of rows.Store.
func (r Rows) Delete(ctx context.Context, subject string, rev uint64) error {
	return r.Step.around(ctx, Op{Name: "delete", Subject: subject}, func() error {
		return r.Store.Delete(ctx, subject, rev)
	})
}

// List is part of rows.Store. Every row is a step.
func (r Rows) List(ctx context.Context, filter string, after uint64) iter.Seq2[rows.Row, error] {
	return func(yield func(rows.Row, error) bool) {
		for row, err := range r.Store.List(ctx, filter, after) {
			if err == nil {
				err = r.Step(ctx, Op{Name: "list", Subject: row.Subject})
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// SteppedKMS is a key store whose calls are steps.
type SteppedKMS struct {
	kms.Store
	Step Step
}

// Create is part of kms.Store.
func (k SteppedKMS) Create(ctx context.Context, ref kms.Ref) error {
	return k.Step.around(ctx, Op{Name: "create", Subject: ref.String()}, func() error {
		return k.Store.Create(ctx, ref)
	})
}

// AEAD is part of kms.Store.
func (k SteppedKMS) AEAD(ctx context.Context, ref kms.Ref) (a kms.AEAD, err error) {
	err = k.Step.around(ctx, Op{Name: "use", Subject: ref.String()}, func() (err error) {
		a, err = k.Store.AEAD(ctx, ref)
		return err
	})
	return a, err
}

// Destroy is part of kms.Store.
func (k SteppedKMS) Destroy(ctx context.Context, ref kms.Ref) (reference string, err error) {
	err = k.Step.around(ctx, Op{Name: "destroy", Subject: ref.String()}, func() (err error) {
		reference, err = k.Store.Destroy(ctx, ref)
		return err
	})
	return reference, err
}

// SteppedLedger is a ledger whose calls are steps.
type SteppedLedger struct {
	Ledger *Ledger
	Step   Step
}

// KeyDestroyed is part of vault.Ledger.
func (l SteppedLedger) KeyDestroyed(ctx context.Context, tenant, commandID string, ev *identityv1.KeyDestroyed) error {
	return l.Step.around(ctx, Op{Name: "record", Subject: commandID}, func() error {
		return l.Ledger.KeyDestroyed(ctx, tenant, commandID, ev)
	})
}

// KeyMade is part of vault.Ledger.
func (l SteppedLedger) KeyMade(ctx context.Context, tenant, commandID string, ev *identityv1.KeyMade) error {
	return l.Step.around(ctx, Op{Name: "record", Subject: commandID}, func() error {
		return l.Ledger.KeyMade(ctx, tenant, commandID, ev)
	})
}

// KeyTold is part of vault.Ledger. It is no step: it has no effect.
func (l SteppedLedger) KeyTold(ctx context.Context, id seal.KeyID) (vault.Told, error) {
	return l.Ledger.KeyTold(ctx, id)
}

// PepperMade is part of pepper.Ledger.
func (l SteppedLedger) PepperMade(ctx context.Context, tenant, commandID, purpose string) error {
	return l.Step.around(ctx, Op{Name: "record", Subject: commandID}, func() error {
		return l.Ledger.PepperMade(ctx, tenant, commandID, purpose)
	})
}

// PepperKnown is part of pepper.Ledger.
func (l SteppedLedger) PepperKnown(ctx context.Context, tenant, purpose string) (bool, error) {
	return l.Ledger.PepperKnown(ctx, tenant, purpose)
}

// KekEpochDestroyed is part of kek.Ledger.
func (l SteppedLedger) KekEpochDestroyed(ctx context.Context, tenant, commandID string, ev *identityv1.KekEpochDestroyed) error {
	return l.Step.around(ctx, Op{Name: "record", Subject: commandID}, func() error {
		return l.Ledger.KekEpochDestroyed(ctx, tenant, commandID, ev)
	})
}

// PepperEpochDestroyed is part of pepper.Ledger.
func (l SteppedLedger) PepperEpochDestroyed(ctx context.Context, tenant, commandID string, ev *identityv1.PepperEpochDestroyed) error {
	return l.Step.around(ctx, Op{Name: "record", Subject: commandID}, func() error {
		return l.Ledger.PepperEpochDestroyed(ctx, tenant, commandID, ev)
	})
}

// TenantEnded is part of vault.Ledger and pepper.Ledger.
func (l SteppedLedger) TenantEnded(ctx context.Context, tenant string) (time.Time, error) {
	return l.Ledger.TenantEnded(ctx, tenant)
}
