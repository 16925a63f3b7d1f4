package sealtest

import (
	"context"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/fence"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/vault"
)

// World is what outlives a process: rows, key-encryption keys and the log.
type World struct {
	Rows   rows.Store
	KMS    kms.Store
	Ledger *Ledger
	Clock  *Clock
	Now    func() time.Time // the wall clock; Clock's, unless changed
	Lease  time.Duration    // of keys; Lease, unless changed
}

// NewWorld is a world in memory, but for the rows, if given.
func NewWorld(store rows.Store) *World {
	if store == nil {
		store = new(rows.Memory)
	}
	clock := NewClock()
	return &World{Rows: store, KMS: new(KMS), Ledger: new(Ledger), Clock: clock, Now: clock.Now, Lease: Lease}
}

// Clock is a wall clock that a test moves by hand.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock stands at the same moment in every test.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// How long things last in a Process.
const (
	Epoch  = 7 * 24 * time.Hour
	Window = 24 * time.Hour
	Lease  = time.Millisecond
)

// Process is one process of the vault, with everything wired.
type Process struct {
	Keeper  *kek.Keeper
	Peppers *pepper.Keeper
	Vault   *vault.Vault
	Fence   *fence.Registry
	Reads   *Reads
}

// Reads remembers who read keys.
type Reads struct {
	mu   sync.Mutex
	seen []vault.Access
}

// Record is a vault.Recorder.
func (r *Reads) Record(_ context.Context, access vault.Access, _ []seal.KeyID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, access)
	return nil
}

// All is what was recorded, in order.
func (r *Reads) All() []vault.Access {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]vault.Access(nil), r.seen...)
}

// Start starts a process in the world; every call that it makes is a step. A
// nil step lets all pass. The vault is closed until destructions are replayed.
func (w *World) Start(t testing.TB, step Step) *Process {
	t.Helper()
	if step == nil {
		step = func(context.Context, Op) error { return nil }
	}
	store, ledger := Rows{Store: w.Rows, Step: step}, SteppedLedger{Ledger: w.Ledger, Step: step}
	p := &Process{Reads: new(Reads)}
	var err error
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Keeper, err = kek.New(kek.Config{
		Rows: store, KMS: SteppedKMS{Store: w.KMS, Step: step}, Ledger: ledger,
		Kinds: []kek.Kind{vault.Rows(), pepper.Rows()}, Now: w.Now, Epoch: Epoch, Window: Window,
	})
	check(err)
	p.Peppers, err = pepper.New(pepper.Config{Rows: store, Keeper: p.Keeper, Ledger: ledger, Now: w.Now})
	check(err)
	p.Fence, err = fence.New(fence.Config{Lease: w.Lease, Alone: true, Now: time.Now})
	check(err)
	p.Vault, err = vault.New(vault.Config{
		Rows: store, Keeper: p.Keeper, Fence: p.Fence, Ledger: ledger, Record: p.Reads.Record, Now: w.Now,
	})
	check(err)
	return p
}

// Serve starts a process whose vault is open.
func (w *World) Serve(t testing.TB, step Step) *Process {
	t.Helper()
	p := w.Start(t, step)
	none := func(func(vault.Destroyed, error) bool) {}
	if _, err := p.Vault.ReplayDestructions(t.Context(), none); err != nil {
		t.Fatal(err)
	}
	return p
}
