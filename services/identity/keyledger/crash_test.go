package keyledger_test

import (
	"context"
	"errors"
	"testing"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/keyledger"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"
)

// story is some work, what comes before it, and what another process makes of
// it after a crash.
type story struct {
	prepare func(w *world, p *process)
	work    func(w *world, p *process) error
	check   func(w *world, next *process, crashed bool)
	apart   bool // each world has rows of its own
}

// crash tells the story again and again, each time in a new world whose
// process dies one step later, until it lives to the end; it returns how many
// steps there were.
func (s story) crash(t *testing.T, log keyledger.Log, verifier es.Verifier, at place) (steps int) {
	t.Helper()
	l := newWorld(t, at).ledgerOn(t, log, verifier)
	for ; ; steps++ {
		w := newWorld(t, at)
		if s.apart {
			w.rows = new(rows.Memory)
		}
		s.prepare(w, w.serve(t, l))
		err := s.work(w, w.start(t, l, sealtest.Crash(steps)))
		if err != nil && !errors.Is(err, sealtest.ErrCrash) {
			t.Fatalf("step %d: %v", steps, err)
		}
		s.check(w, w.serve(t, l), err != nil)
		if t.Failed() {
			t.Fatalf("after a crash at step %d", steps)
		}
		if err == nil {
			return steps
		}
	}
}

func TestADestructionIsRecordedOnceWhereverItIsInterrupted(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		log, verifier := at.log(t, es.Signer{})
		var id seal.KeyID
		var before, after int // how often the crash was on either side of the event
		story{
			prepare: func(w *world, p *process) { id = w.newKey(t); create(t, p.vault, id) },
			work:    func(_ *world, p *process) error { return p.vault.Destroy(t.Context(), order(id)) },
			check: func(w *world, next *process, crashed bool) {
				recorded := len(w.destructions(t, next.ledger))
				finished, err := next.vault.Resume(t.Context())
				if err != nil {
					t.Fatalf("resume: %v", err)
				}
				if crashed && finished == 0 && recorded == 0 {
					return // it had not begun
				}
				expectErased(t, next.vault, id)
				w.expectEvents(t, next.ledger, 1)
				if crashed {
					before, after = before+1-recorded, after+recorded
				}
			},
		}.crash(t, log, verifier, at)
		if before == 0 || after == 0 {
			t.Errorf("%d crashes were before and %d after the event was recorded", before, after)
		}
	})
}

// recorded counts the events of a type in the tenant's aggregates.
func recorded(t *testing.T, log keyledger.Log, tenant, eventType string) (n int) {
	t.Helper()
	for r, err := range log.Scan(t.Context(), "identity", nil) {
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range r.Events {
			if r.Aggregate.Tenant == tenant && ev.Type == eventType {
				n++
			}
		}
	}
	return n
}

func TestARotationIsRecordedOnceWhereverItIsInterrupted(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		log, verifier := at.log(t, es.Signer{})
		var kept seal.KeyID
		var commit [32]byte
		steps := story{
			apart: true, // a rotation is of all tenants
			prepare: func(w *world, p *process) {
				gone := w.newKey(t)
				kept = gone // in the same partition
				kept.Class = sealv1.KeyClass_KEY_CLASS_EVIDENCE
				create(t, p.vault, gone)
				commit = create(t, p.vault, kept)
				destroy(t, p.vault, gone)
				w.clock.Advance(sealtest.Epoch)
			},
			work: func(_ *world, p *process) error { _, err := p.keks.RotateDirty(t.Context()); return err },
			check: func(w *world, next *process, _ bool) {
				if _, err := next.keks.RotateDirty(t.Context()); err != nil {
					t.Fatalf("rotate: %v", err)
				}
				if n := recorded(t, log, w.tenant, "kek.epoch_destroyed"); n != 1 {
					t.Errorf("%d key-encryption keys are recorded as destroyed, want 1", n)
				}
				if create(t, next.vault, kept) != commit {
					t.Error("another key was lost")
				}
			},
		}.crash(t, log, verifier, at)
		if steps < 15 {
			t.Errorf("only %d steps were seen", steps)
		}
	})
}

// retire ends the first pepper of the world's tenant, wherever that stands.
func retire(ctx context.Context, w *world, p *process) error {
	set, err := p.peppers.Begin(ctx, w.tenant, pepper.Lookup)
	if errors.Is(err, pepper.ErrUnburied) {
		return p.peppers.Bury(ctx, w.tenant, pepper.Lookup, 1)
	}
	if err == nil && set[0].Epoch == 1 {
		err = p.peppers.Retire(ctx, w.tenant, pepper.Lookup, 1, 3)
	}
	if err != nil {
		return err
	}
	return p.peppers.Bury(ctx, w.tenant, pepper.Lookup, 1)
}

func TestAPepperIsRecordedOnceWhereverItsEndIsInterrupted(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		log, verifier := at.log(t, es.Signer{})
		steps := story{
			prepare: func(*world, *process) {},
			work:    func(w *world, p *process) error { return retire(t.Context(), w, p) },
			check: func(w *world, next *process, _ bool) {
				if err := retire(t.Context(), w, next); err != nil {
					t.Fatalf("retire: %v", err)
				}
				if n := recorded(t, log, w.tenant, "pepper.epoch_destroyed"); n != 1 {
					t.Errorf("%d peppers are recorded as destroyed, want 1", n)
				}
			},
		}.crash(t, log, verifier, at)
		if steps < 10 {
			t.Errorf("only %d steps were seen", steps)
		}
	})
}

func TestALostAcknowledgementDoesNotRecordTwice(t *testing.T) {
	w := newWorld(t, inMemory(t))
	log, verifier := w.at.log(t, es.Signer{})
	l := w.ledgerOn(t, log, verifier)
	p, id := w.serve(t, l), w.newKey(t)
	create(t, p.vault, id)
	log.(*memory).LoseOutcomes(1)
	if err := p.vault.Destroy(t.Context(), order(id)); !errors.Is(err, es.ErrUnknownOutcome) {
		t.Fatalf("destroy: %v, want ErrUnknownOutcome", err)
	}
	expectErased(t, p.vault, id)
	if n, err := p.vault.Resume(t.Context()); n != 1 || err != nil {
		t.Fatalf("resume finished %d (%v), want 1", n, err)
	}
	w.expectEvents(t, l, 1)
}
