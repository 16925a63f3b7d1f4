package keyledger_test

import (
	"context"
	"crypto/rand"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/identity/keyledger"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/fence"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/vault"
	"habeas.internal/services/internal/testserver"

	"go.opentelemetry.io/otel/trace/noop"
)

// place is where a test's world lies.
type place struct {
	// log opens the log as one process after the other does. The signer's zero
	// value stands for a key of the process's own, announced.
	log func(t testing.TB, signer es.Signer) (keyledger.Log, es.Verifier)
	// rows is the vault's store in this place, one for all processes.
	rows rows.Store
}

// onEach runs a test in memory and on an embedded server.
func onEach(t *testing.T, test func(t *testing.T, at place)) {
	t.Run("memory", func(t *testing.T) { test(t, inMemory(t)) })
	t.Run("embedded server", func(t *testing.T) { test(t, embedded(t)) })
}

func embedded(t *testing.T) place {
	t.Helper()
	server, in := testserver.NATS(t), jstest.New(t, 4, 1, "identity")
	in.Provision(t, server.Connect(t, testserver.Admin))
	store, err := jetstream.OpenRows(t.Context(), jetstream.RowsConfig{
		Conn: server.Connect(t, testserver.Admin), Topology: in.Topology,
	})
	if err != nil {
		t.Fatal(err)
	}
	return place{rows: store, log: func(t testing.TB, signer es.Signer) (keyledger.Log, es.Verifier) {
		log := in.Open(t, server.Connect(t, testserver.Admin))
		if signer.KeyID != "" {
			log = log.As(signer)
		}
		return log, log.Verifier()
	}}
}

func inMemory(t *testing.T) place {
	t.Helper()
	logKey, service, instance := jstest.Signer(t), jstest.Signer(t), jstest.Signer(t)
	store := &memory{MemoryStore: es.NewMemoryStore(instance), known: new(known)}
	control := es.Control{Context: "identity", Partition: "00"}
	announce := func(by es.Signer, role logv1.KeyRole, of es.Signer) {
		if err := es.Announce(t.Context(), store.As(by), rand.Reader, control, role, "test", of.Public(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	announce(logKey, logv1.KeyRole_KEY_ROLE_SERVICE, service)
	announce(service, logv1.KeyRole_KEY_ROLE_INSTANCE, instance)
	return place{rows: new(rows.Memory), log: func(_ testing.TB, signer es.Signer) (keyledger.Log, es.Verifier) {
		ring := es.NewKeyRing(store, logKey.Public(), 1)
		if signer.KeyID != "" {
			return &memory{MemoryStore: store.As(signer), known: store.known}, ring
		}
		return store, ring
	}}
}

// memory is a store in memory that can be read through.
type memory struct {
	*es.MemoryStore
	*known
}

// known are the aggregates that were appended to.
type known struct {
	mu   sync.Mutex
	aggs []es.Aggregate
}

func (m *memory) Append(ctx context.Context, head es.Head, c es.Commit) (es.Recorded, error) {
	m.mu.Lock()
	if !slices.Contains(m.aggs, c.Aggregate) {
		m.aggs = append(m.aggs, c.Aggregate)
	}
	m.mu.Unlock()
	return m.MemoryStore.Append(ctx, head, c)
}

func (m *memory) Scan(ctx context.Context, domain string, after es.Token) iter.Seq2[es.Recorded, error] {
	return func(yield func(es.Recorded, error) bool) {
		m.mu.Lock()
		aggs := slices.Clone(m.aggs)
		m.mu.Unlock()
		for _, agg := range aggs {
			if agg.Context != domain {
				continue
			}
			for r, err := range m.Load(ctx, agg, after["memory"].Seq, es.Leader) {
				if !yield(r, err) {
					return
				}
			}
		}
	}
}

// world is what outlives a process.
type world struct {
	at     place
	tenant string
	rows   rows.Store
	kms    kms.Store
	clock  *sealtest.Clock

	standing tenant.Standing // in the way of the tenant's end

	digests time.Duration // how long digests outlive a key
}

// newWorld is a new tenant's.
func newWorld(t testing.TB, at place) *world {
	t.Helper()
	return &world{at: at, tenant: newID(t), rows: at.rows, kms: new(sealtest.KMS), clock: sealtest.NewClock()}
}

func newID(t testing.TB) string {
	t.Helper()
	id, err := es.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// ledger opens the log and makes a ledger on it.
func (w *world) ledger(t testing.TB, signer es.Signer) *keyledger.Ledger {
	t.Helper()
	log, verifier := w.at.log(t, signer)
	return w.ledgerOn(t, log, verifier)
}

func (w *world) ledgerOn(t testing.TB, log keyledger.Log, verifier es.Verifier) *keyledger.Ledger {
	t.Helper()
	l, err := keyledger.New(keyledger.Config{
		Log: log, Verifier: verifier, Tracer: noop.NewTracerProvider().Tracer(""), Random: rand.Reader, Now: w.clock.Now, Digests: w.digests,
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// process is a vault with everything wired.
type process struct {
	ledger  *keyledger.Ledger
	keks    *kek.Keeper
	peppers *pepper.Keeper
	vault   *vault.Vault
}

// start starts a process on a ledger; each of its calls of the outside world
// is a step.
func (w *world) start(t testing.TB, l *keyledger.Ledger, step sealtest.Step) *process {
	t.Helper()
	if step == nil {
		step = func(context.Context, sealtest.Op) error { return nil }
	}
	store, ledger := sealtest.Rows{Store: w.rows, Step: step}, stepped{l, step}
	keks, kekErr := kek.New(kek.Config{
		Rows: store, KMS: sealtest.SteppedKMS{Store: w.kms, Step: step}, Ledger: ledger,
		Kinds: []kek.Kind{vault.Rows(), pepper.Rows()}, Now: w.clock.Now, Epoch: sealtest.Epoch, Window: sealtest.Window,
	})
	peppers, pepperErr := pepper.New(pepper.Config{Rows: store, Keeper: keks, Ledger: ledger, Now: w.clock.Now})
	guard, fenceErr := fence.New(fence.Config{Lease: sealtest.Lease, Alone: true, Now: time.Now})
	keys, vaultErr := vault.New(vault.Config{
		Rows: store, Keeper: keks, Fence: guard, Ledger: ledger, Record: new(sealtest.Reads).Record, Now: w.clock.Now,
	})
	if err := errors.Join(kekErr, pepperErr, fenceErr, vaultErr); err != nil {
		t.Fatal(err)
	}
	return &process{ledger: l, keks: keks, peppers: peppers, vault: keys}
}

// serve starts a process whose vault is open. Other worlds may share the log;
// it is told of its own tenant only.
func (w *world) serve(t testing.TB, l *keyledger.Ledger) *process {
	t.Helper()
	p := w.start(t, l, nil)
	own := func(yield func(vault.Destroyed, error) bool) {
		for d, err := range l.Destructions(t.Context(), nil) {
			if (err != nil || d.Tenant == w.tenant) && !yield(d, err) {
				return
			}
		}
	}
	if _, err := p.vault.ReplayDestructions(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	return p
}

// stepped is a ledger whose calls are steps.
type stepped struct {
	ledger *keyledger.Ledger
	step   sealtest.Step
}

var (
	_ vault.Ledger  = stepped{}
	_ kek.Ledger    = stepped{}
	_ pepper.Ledger = stepped{}
	_ vault.Ledger  = (*keyledger.Ledger)(nil)
	_ kek.Ledger    = (*keyledger.Ledger)(nil)
	_ pepper.Ledger = (*keyledger.Ledger)(nil)
)

func (s stepped) around(ctx context.Context, commandID string, do func() error) error {
	op := sealtest.Op{Name: "record", Subject: commandID}
	if err := s.step(ctx, op); err != nil {
		return err
	}
	err := do()
	op.After = true
	return errors.Join(err, s.step(ctx, op))
}

func (s stepped) KeyDestroyed(ctx context.Context, tenant, commandID string, ev *identityv1.KeyDestroyed) error {
	return s.around(ctx, commandID, func() error { return s.ledger.KeyDestroyed(ctx, tenant, commandID, ev) })
}

func (s stepped) KeyMade(ctx context.Context, tenant, commandID string, ev *identityv1.KeyMade) error {
	return s.around(ctx, commandID, func() error { return s.ledger.KeyMade(ctx, tenant, commandID, ev) })
}

func (s stepped) KeyTold(ctx context.Context, id seal.KeyID) (vault.Told, error) {
	return s.ledger.KeyTold(ctx, id)
}

func (s stepped) PepperMade(ctx context.Context, tenant, commandID, purpose string) error {
	return s.around(ctx, commandID, func() error { return s.ledger.PepperMade(ctx, tenant, commandID, purpose) })
}

func (s stepped) PepperKnown(ctx context.Context, tenant, purpose string) (bool, error) {
	return s.ledger.PepperKnown(ctx, tenant, purpose)
}

func (s stepped) KekEpochDestroyed(ctx context.Context, tenant, commandID string, ev *identityv1.KekEpochDestroyed) error {
	return s.around(ctx, commandID, func() error { return s.ledger.KekEpochDestroyed(ctx, tenant, commandID, ev) })
}

func (s stepped) PepperEpochDestroyed(ctx context.Context, tenant, commandID string, ev *identityv1.PepperEpochDestroyed) error {
	return s.around(ctx, commandID, func() error { return s.ledger.PepperEpochDestroyed(ctx, tenant, commandID, ev) })
}

func (s stepped) TenantEnded(ctx context.Context, tenant string) (time.Time, error) {
	return s.ledger.TenantEnded(ctx, tenant)
}
