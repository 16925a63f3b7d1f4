package keyledger_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/internal/offboard"
	"habeas.internal/services/identity/internal/tenants"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/keyledger"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/vault"

	"go.opentelemetry.io/otel/trace/noop"
)

const (
	grace  = time.Hour
	settle = time.Minute
)

// desk is that of a process; each of its calls of the rows is a step.
func (w *world) desk(t *testing.T, p *process, log keyledger.Log, verifier es.Verifier, step sealtest.Step) *offboard.Desk {
	t.Helper()
	codec, err := wire.Tenant()
	if err != nil {
		t.Fatal(err)
	}
	store := w.rows
	if step != nil {
		store = sealtest.Rows{Store: w.rows, Step: step}
	}
	return &offboard.Desk{
		Directory: &tenants.Directory{Handler: tenants.Handler{
			Store: log, Verifier: verifier, Digester: es.KeyedDigester(nil), Tracer: noop.NewTracerProvider().Tracer(""), Random: rand.Reader,
			Registry: codec.Registry(), Encode: codec.Encode(nil), Decide: tenant.Decide, Evolve: tenant.Evolve,
			Refuse: func(reason string) error { return tenant.Refusal(reason) },
		}},
		Rows: store, Vault: p.vault, Peppers: p.peppers, Now: w.clock.Now, Grace: grace, Settle: settle,
		Standing: func(context.Context, string) (tenant.Standing, error) { return w.standing, nil },
	}
}

func (w *world) tell(t *testing.T, d *offboard.Desk, id string, data tenant.Command) {
	t.Helper()
	cmd := es.Command[tenant.Command]{ID: newID(t), At: w.clock.Now(), Data: data}
	if _, err := d.Directory.Handler.Handle(t.Context(), tenants.Aggregate(id), cmd); err != nil {
		t.Fatal(err)
	}
}

// leave makes the tenant and lets it go.
func (w *world) leave(t *testing.T, d *offboard.Desk) {
	t.Helper()
	w.tell(t, d, w.tenant, tenant.Create{Settings: tenant.Settings{DisplayName: "Acme", TimeZone: "UTC"}, At: w.clock.Now()})
	w.tell(t, d, w.tenant, tenant.Offboard{By: "ann", Reason: "contract_ended", Grace: grace, At: w.clock.Now()})
	if err := d.Note(t.Context(), w.tenant); err != nil {
		t.Fatal(err)
	}
}

func (w *world) stage(t *testing.T, d *offboard.Desk) tenant.Leaving {
	t.Helper()
	got, _, err := d.Directory.Handler.Load(t.Context(), tenants.Aggregate(w.tenant), es.Leader)
	if err != nil {
		t.Fatal(err)
	}
	return got.Leaving
}

func TestATenantGoesWhollyWhereverItIsInterrupted(t *testing.T) {
	at := inMemory(t)
	log, verifier := at.log(t, es.Signer{})
	l := newWorld(t, at).ledgerOn(t, log, verifier)
	whole := func(n int) (again bool) {
		w := newWorld(t, at)
		w.rows = new(rows.Memory)
		p := w.serve(t, l)
		d := w.desk(t, p, log, verifier, nil)
		w.leave(t, d)
		before, key := w.newKey(t), w.newKey(t)
		create(t, p.vault, before)
		create(t, p.vault, key)
		destroy(t, p.vault, before)
		if _, err := p.peppers.Live(t.Context(), w.tenant, pepper.Lookup); err != nil {
			t.Fatal(err)
		}
		if _, err := w.rows.Put(t.Context(), rows.VaultSubject("00", "lookup", w.tenant, "x"), []byte{1}, 0); err != nil {
			t.Fatal(err)
		}
		if err := d.Run(t.Context()); err != nil || w.stage(t, d).Ended() {
			t.Fatalf("before its time: %v", err)
		}
		w.clock.Advance(grace)
		step := sealtest.Crash(n)
		dying := w.desk(t, w.start(t, l, step), log, verifier, step)
		err := dying.Run(t.Context())
		for range 2 {
			if err == nil {
				w.clock.Advance(settle)
				err = dying.Run(t.Context())
			}
		}
		if err != nil && !errors.Is(err, sealtest.ErrCrash) {
			t.Fatalf("step %d: %v", n, err)
		}
		next := w.serve(t, l)
		alive := w.desk(t, next, log, verifier, nil)
		for range 3 {
			if err := alive.Run(t.Context()); err != nil {
				t.Fatalf("after a crash at step %d: %v", n, err)
			}
			w.clock.Advance(settle)
		}
		w.expectGone(t, alive, next, key)
		if got := recorded(t, log, w.tenant, "tenant.offboarded"); got != 1 || t.Failed() {
			t.Fatalf("after a crash at step %d: %d proofs", n, got)
		}
		return err != nil
	}
	steps := 0
	for whole(steps) {
		steps++
	}
	if steps < 30 {
		t.Errorf("only %d steps were seen", steps)
	}
}

func (w *world) expectGone(t *testing.T, d *offboard.Desk, p *process, key seal.KeyID) {
	t.Helper()
	got := w.stage(t, d)
	if got.Stage != tenant.StageGone || got.Proof.Keys != 1 || got.Proof.KeysBefore != 1 || got.Proof.Peppers != 1 || got.Counted.LookupRows != 1 {
		t.Errorf("got %+v", got)
	}
	fresh := w.newKey(t)
	fresh.Class = sealv1.KeyClass_KEY_CLASS_EVIDENCE
	expectNoKey(t, p.vault, key)
	expectNoKey(t, p.vault, fresh)
	if _, err := p.peppers.Live(t.Context(), w.tenant, pepper.Lookup); !errors.Is(err, pepper.ErrEnded) {
		t.Errorf("peppers: %v", err)
	}
	if _, err := p.peppers.Live(t.Context(), w.tenant, pepper.Suppression); !errors.Is(err, pepper.ErrEnded) {
		t.Errorf("a pepper that was never made: %v", err)
	}
	if n, err := rows.Count(t.Context(), w.rows, rows.VaultSubject("*", "lookup", w.tenant, ">")); n != 0 || err != nil {
		t.Errorf("%d lookup rows are left (%v)", n, err)
	}
}

// The whole vault is put back as it was before the tenant went.
func TestARestoredVaultDoesNotBringATenantBack(t *testing.T) {
	at := inMemory(t)
	log, verifier := at.log(t, es.Signer{})
	w := newWorld(t, at)
	w.rows = new(rows.Memory)
	l := w.ledgerOn(t, log, verifier)
	p := w.serve(t, l)
	key := w.newKey(t)
	create(t, p.vault, key)
	if _, err := p.peppers.Live(t.Context(), w.tenant, pepper.Lookup); err != nil {
		t.Fatal(err)
	}
	backup := new(rows.Memory)
	for row, err := range w.rows.List(t.Context(), "habeas.>", 0) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := backup.Put(t.Context(), row.Subject, row.Value, 0); err != nil {
			t.Fatal(err)
		}
	}
	d := w.desk(t, p, log, verifier, nil)
	w.leave(t, d)
	w.clock.Advance(grace)
	for range 3 {
		if err := d.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(settle)
	}
	if w.stage(t, d).Stage != tenant.StageGone {
		t.Fatal("not gone")
	}
	w.rows = backup
	opened := w.start(t, l, nil) // told of nothing
	if _, err := opened.vault.ReplayDestructions(t.Context(), nothing); err != nil {
		t.Fatal(err)
	}
	expectNoKey(t, opened.vault, key)
	if _, err := opened.peppers.Live(t.Context(), w.tenant, pepper.Lookup); !errors.Is(err, pepper.ErrEnded) {
		t.Errorf("a pepper from the backup: %v", err)
	}
	again := w.desk(t, opened, log, verifier, nil)
	for id, err := range l.LeavingTenants(t.Context(), nil) { // as a start does
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Note(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if err := again.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := live(t, w.rows); len(left) != 0 {
		t.Errorf("%d rows with keys are left", len(left))
	}
	if set, err := opened.peppers.Epochs(t.Context(), w.tenant, pepper.Lookup); !errors.Is(err, pepper.ErrEnded) {
		t.Errorf("peppers %v are left (%v)", set, err)
	}
}

// TestAHoldPlacedRightAfterTheQuestionKeepsEveryKey: the peer answers that nothing
// stands, and the hold is placed while the answer is on its way. The twin: a desk
// that does not wait and ask again destroys the keys in spite of it.
func TestAHoldPlacedRightAfterTheQuestionKeepsEveryKey(t *testing.T) {
	for name, wait := range map[string]time.Duration{"asked again": settle, "the twin, not waiting": 0} {
		t.Run(name, func(t *testing.T) {
			at := inMemory(t)
			log, verifier := at.log(t, es.Signer{})
			w := newWorld(t, at)
			w.rows = new(rows.Memory)
			p := w.serve(t, w.ledgerOn(t, log, verifier))
			d := w.desk(t, p, log, verifier, nil)
			d.Settle = wait
			questions := 0
			d.Standing = func(context.Context, string) (tenant.Standing, error) {
				answer := w.standing
				if questions++; wait > 0 || questions == 2 { // right after the last question before the event
					w.standing.Holds = 1
				}
				return answer, nil
			}
			w.leave(t, d)
			key := w.newKey(t)
			create(t, p.vault, key)
			w.clock.Advance(grace)
			run := func() {
				t.Helper()
				if err := d.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.clock.Advance(wait)
			}
			run()
			if got := w.stage(t, d); !got.Ended() || got.Stage != tenant.StageWaiting {
				t.Fatalf("after the first question: %+v", got)
			}
			run()
			if wait == 0 {
				expectNoKey(t, p.vault, key)
				return
			}
			if got := w.stage(t, d); got.Ended() || got.Standing.Holds != 1 || recorded(t, log, w.tenant, "tenant.destruction_delayed") != 1 {
				t.Errorf("after the second question: %+v", got)
			}
			if _, err := p.vault.GetOrCreate(t.Context(), access(), key); err != nil {
				t.Errorf("a key of a person on hold: %v", err)
			}
			w.standing.Holds = 0
			d.Standing = func(context.Context, string) (tenant.Standing, error) { return w.standing, nil }
			for range 3 {
				run()
			}
			if got := w.stage(t, d); got.Stage != tenant.StageGone {
				t.Errorf("after the release: %+v", got)
			}
			expectNoKey(t, p.vault, key)
		})
	}
}

func nothing(func(vault.Destroyed, error) bool) {}

// expectNoKey: a key is neither lent nor made.
func expectNoKey(t *testing.T, v *vault.Vault, id seal.KeyID) {
	t.Helper()
	var gone *seal.Erased
	if _, err := v.GetOrCreate(t.Context(), access(), id); !errors.As(err, &gone) || gone.Reason != vault.ReasonOffboarded {
		t.Errorf("get or create: %v, want a tenant that is gone", err)
	}
}
