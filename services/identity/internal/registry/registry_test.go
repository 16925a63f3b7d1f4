package registry_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/daemon/logs"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/keycache"
	"habeas.internal/services/internal/seal/lookup"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/vault"

	"go.opentelemetry.io/otel/trace/noop"
)

const (
	tenant = "t1"
	grace  = time.Minute
)

// town is what outlives a process: rows, keys and the log.
type town struct {
	*sealtest.World
	log    *es.MemoryStore
	verify es.Verifier
}

func newTown(t *testing.T) *town {
	t.Helper()
	logKey, service, instance := jstest.Signer(t), jstest.Signer(t), jstest.Signer(t)
	store := es.NewMemoryStore(instance)
	control := es.Control{Context: registry.Context, Partition: "00"}
	announce := func(by es.Signer, role logv1.KeyRole, of es.Signer) {
		if err := es.Announce(t.Context(), store.As(by), rand.Reader, control, role, "test", of.Public(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	announce(logKey, logv1.KeyRole_KEY_ROLE_SERVICE, service)
	announce(service, logv1.KeyRole_KEY_ROLE_INSTANCE, instance)
	return &town{World: sealtest.NewWorld(nil), log: store, verify: es.NewKeyRing(store, logKey.Public(), 1)}
}

// stepped is a log whose appends are steps.
type stepped struct {
	es.Store
	step sealtest.Step
}

func (s stepped) Append(ctx context.Context, head es.Head, c es.Commit) (es.Recorded, error) {
	if err := s.step(ctx, sealtest.Op{Name: "append"}); err != nil {
		return es.Recorded{}, err
	}
	r, err := s.Store.Append(ctx, head, c)
	return r, errors.Join(err, s.step(ctx, sealtest.Op{Name: "append", After: true}))
}

func (s stepped) Load(ctx context.Context, agg es.Aggregate, after uint64, from es.Source) iter.Seq2[es.Recorded, error] {
	if err := s.step(ctx, sealtest.Op{Name: "load"}); err != nil {
		return func(yield func(es.Recorded, error) bool) { yield(es.Recorded{}, err) }
	}
	return s.Store.Load(ctx, agg, after, from)
}

// process is a registry with everything wired.
type process struct {
	*registry.Registry
	table    *lookup.Table
	subjects registry.Subjects
}

// start starts a process; each of its calls of the outside world is a step.
func (w *town) start(t *testing.T, step sealtest.Step) *process {
	t.Helper()
	if step == nil {
		step = func(context.Context, sealtest.Op) error { return nil }
	}
	p := w.Serve(t, nil)
	// The fence lends keys for a millisecond, so that no destruction waits. By
	// the world's clock, which stands still, a machine under load loses none.
	cache, err := keycache.New(keycache.Config{
		Source: vault.Local{Vault: p.Vault, Reader: "test"}, Size: 100, Now: w.Now, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	codec, err := wire.Subject()
	if err != nil {
		t.Fatal(err)
	}
	subjects := registry.Subjects{
		Store: stepped{w.log, step}, Verifier: w.verify, Digester: es.KeyedDigester("test"),
		Tracer: noop.NewTracerProvider().Tracer(""), Random: rand.Reader, Registry: codec.Registry(), Encode: codec.Encode(cache),
		Decide: subject.Decide, Evolve: subject.Evolve, Refuse: func(reason string) error { return subject.Refusal(reason) },
	}
	out := &process{subjects: subjects}
	out.table, err = lookup.New(lookup.Config{
		Rows: sealtest.Rows{Store: w.Rows, Step: step}, Peppers: p.Peppers, Now: w.Now, Grace: grace, Lease: sealtest.Lease,
		Log: registry.Holdings{Subjects: subjects, Opener: cache, Now: w.Now},
	})
	if err != nil {
		t.Fatal(err)
	}
	destroy := func(ctx context.Context, o vault.Order) error {
		if err := step(ctx, sealtest.Op{Name: "destroy"}); err != nil {
			return err
		}
		defer cache.Close()
		return errors.Join(p.Vault.Destroy(ctx, o), step(ctx, sealtest.Op{Name: "destroy", After: true}))
	}
	out.Registry, err = registry.New(registry.Config{
		Subjects: subjects, Table: out.table, Opener: cache, Destroy: destroy, Random: rand.Reader, Now: w.Now, Log: logs.Discard(),
		Residue: func(context.Context, []seal.KeyID) (time.Time, error) { return w.Now().Add(time.Hour), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *town) command(id string) registry.Command {
	return registry.Command{ID: id, Client: true, Body: []byte(id), At: w.Now()}
}

func (w *town) register(p *process, id string, values ...registry.Value) (string, error) {
	ref, _, err := p.Register(context.Background(), tenant, w.command(id), values, registry.With{})
	return ref, err
}

func address(text string) registry.Value { return registry.Value{Kind: "email", Text: text} }

func jane() []registry.Value {
	return []registry.Value{address("jane@example.com"), {Kind: "phone", Text: "+493011111111"}}
}

// beyond is how many steps later than its first success work is still
// interrupted: what comes after the event may fail without failing the call.
const beyond = 40

// crashes runs work in new worlds, each of which ends one step later, until it
// comes to its end; after each crash it runs check in the same world.
func crashes(t *testing.T, prepare func(w *town), work func(w *town, p *process) error, check func(w *town) error) {
	t.Helper()
	for n, succeeded := 0, 0; succeeded <= beyond; n++ {
		w := newTown(t)
		if prepare != nil {
			prepare(w)
		}
		err := work(w, w.start(t, sealtest.Crash(n)))
		if err != nil && !errors.Is(err, sealtest.ErrCrash) {
			t.Fatalf("step %d: %v", n, err)
		}
		if failed := check(w); failed != nil {
			t.Errorf("after a crash at step %d: %v", n, failed)
		}
		if err == nil {
			succeeded++
		}
	}
}

func TestARegistrationThatCrashesAnywhereCanBeSentAgain(t *testing.T) {
	crashes(t, nil,
		func(w *town, p *process) error { _, err := w.register(p, "c1", jane()...); return err },
		func(w *town) error {
			ref, err := w.register(w.start(t, nil), "c1", jane()...)
			if err != nil {
				return err
			}
			return w.holds(t, ref)
		})
}

func TestWhatACrashedRegistrationClaimedIsFreeAfterTheGrace(t *testing.T) {
	crashes(t, nil,
		func(w *town, p *process) error { _, err := w.register(p, "c1", jane()...); return err },
		func(w *town) error {
			w.Clock.Advance(grace + time.Second)
			p := w.start(t, nil)
			if _, _, err := p.table.Sweep(t.Context()); err != nil {
				return fmt.Errorf("sweep: %w", err)
			}
			first, err := p.Resolve(t.Context(), tenant, jane()[0])
			ref, second := w.register(p, "c2", jane()...)
			switch {
			case err == nil && errors.Is(second, subject.ErrTaken):
				return w.holds(t, first)
			case errors.Is(err, subject.ErrNotFound) && second == nil:
				return w.holds(t, ref)
			}
			return fmt.Errorf("resolved: %w; second: %w", err, second)
		})
}

// holds checks that a subject holds all of Jane's values, and that the rows
// say so.
func (w *town) holds(t *testing.T, ref string) error {
	p := w.start(t, nil)
	s, err := p.Load(t.Context(), tenant, ref)
	if err != nil {
		return err
	}
	if len(s.Held) != len(jane()) {
		return fmt.Errorf("holds %d identifiers", len(s.Held))
	}
	for _, v := range jane() {
		if got, err := p.Resolve(t.Context(), tenant, v); err != nil || got != ref {
			return fmt.Errorf("%s resolves to %s: %w", v.Kind, got, err)
		}
	}
	return nil
}

func TestForgettingThatCrashesAnywhereGoesOn(t *testing.T) {
	var ref string
	crashes(t,
		func(w *town) {
			var err error
			if ref, err = w.register(w.start(t, nil), "c1", jane()...); err != nil {
				t.Fatal(err)
			}
		},
		func(_ *town, p *process) error {
			_, _, err := p.Forget(context.Background(), tenant, ref, "f1", "r1")
			return err
		},
		func(w *town) error {
			p := w.start(t, nil)
			end, _, err := p.Forget(t.Context(), tenant, ref, "f1", "r1")
			if err != nil || end.KeysDestroyed != 1 || end.Request != "r1" {
				return fmt.Errorf("forgotten again: %+v, %w", end, err)
			}
			if n := w.rowsOf(t, ref); n != 1 { // that of the command is left, so that no repeat makes them anew
				return fmt.Errorf("%d rows lead to who is forgotten", n)
			}
			again, err := w.register(p, "c2", jane()...)
			if err == nil && again == ref {
				err = errors.New("who is forgotten came back")
			}
			return err
		})
}

// rowsOf counts the lookup rows that name a subject.
func (w *town) rowsOf(t *testing.T, ref string) int {
	n := 0
	for row, err := range w.Rows.List(t.Context(), rows.VaultSubject("*", "lookup", tenant, "*"), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if contains(row.Value, ref) {
			n++
		}
	}
	return n
}

func contains(value []byte, ref string) bool {
	for i := range len(value) - len(ref) + 1 {
		if string(value[i:i+len(ref)]) == ref {
			return true
		}
	}
	return false
}

func TestARowThatARestoreBroughtBackDoesNotStandInTheWay(t *testing.T) {
	w := newTown(t)
	p := w.start(t, nil)
	ref, err := w.register(p, "c1", jane()...)
	if err != nil {
		t.Fatal(err)
	}
	var backup []rows.Row
	for row, err := range w.Rows.List(t.Context(), rows.VaultSubject("*", "lookup", tenant, "*"), 0) {
		if err != nil {
			t.Fatal(err)
		}
		backup = append(backup, row)
	}
	if _, _, err := p.Forget(t.Context(), tenant, ref, "f1", "r1"); err != nil {
		t.Fatal(err)
	}
	for _, row := range backup {
		if _, err := w.Rows.Put(t.Context(), row.Subject, row.Value, 0); err != nil && !errors.Is(err, rows.ErrConflict) {
			t.Fatal(err)
		}
	}
	if _, err := p.Resolve(t.Context(), tenant, jane()[0]); !errors.Is(err, subject.ErrNotFound) {
		t.Errorf("a restored row resolves: %v", err)
	}
	if again, err := w.register(p, "c2", jane()...); err != nil || again == ref {
		t.Errorf("registered as %s: %v", again, err)
	}
}

func TestUnlinkingThatCrashesAnywhereFreesTheValue(t *testing.T) {
	var ref string
	crashes(t,
		func(w *town) {
			var err error
			if ref, err = w.register(w.start(t, nil), "c1", jane()...); err != nil {
				t.Fatal(err)
			}
		},
		func(w *town, p *process) error {
			_, err := p.Unlink(context.Background(), tenant, ref, w.command("u1"), jane()[1])
			return err
		},
		func(w *town) error {
			p := w.start(t, nil)
			if _, err := p.Unlink(t.Context(), tenant, ref, w.command("u1"), jane()[1]); err != nil {
				return err
			}
			_, err := w.register(p, "c2", jane()[1])
			return err
		})
}

func TestPeopleAreFoundUnderTheNextPepper(t *testing.T) {
	w := newTown(t)
	p := w.start(t, nil)
	gone, err := w.register(p, "c0", address("john@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Forget(t.Context(), tenant, gone, "f1", "r1"); err != nil {
		t.Fatal(err)
	}
	ref, err := w.register(p, "c1", jane()...)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.table.Rotate(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.holds(t, ref); err != nil {
		t.Error(err)
	}
	p = w.start(t, nil)
	if again, err := w.register(p, "c1", jane()...); err != nil || again != ref {
		t.Errorf("the registration again: %s, %v", again, err)
	}
	if again, err := w.register(p, "c0", address("john@example.com")); err != nil || again != gone {
		t.Errorf("that of a forgotten person again: %s, %v", again, err)
	}
}
