package ages_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/identity/internal/ages"
	"habeas.internal/services/identity/internal/facts"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/daemon/logs"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/keycache"
	"habeas.internal/services/internal/seal/lookup"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/vault"

	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const tenant = "t1"

// around is what stands around the desk: consent and fulfilment, as far as it
// talks to them.
type around struct {
	consentv1.ConsentServiceClient
	consentv1.PolicyServiceClient
	fulfilmentv1.RequestServiceClient
	posted []string
	seen   map[string]bool // ids of facts
	minor  map[string]bool // by person and policy, to consent
	asked  []*fulfilmentv1.SubmitRequestRequest
}

// ApplyFact takes each command once, as consent does.
func (a *around) ApplyFact(_ context.Context, r *consentv1.ApplyFactRequest, _ ...grpc.CallOption) (*consentv1.ApplyFactResponse, error) {
	if !a.seen[r.GetRequestId()] {
		a.seen[r.GetRequestId()] = true
		a.minor[r.GetSubjectRef()+"/"+r.GetPolicy()] = r.GetFact() == consentv1.Fact_FACT_MINOR
	}
	return &consentv1.ApplyFactResponse{}, nil
}

func (a *around) ListPolicies(context.Context, *consentv1.ListPoliciesRequest, ...grpc.CallOption) (*consentv1.ListPoliciesResponse, error) {
	out := &consentv1.ListPoliciesResponse{}
	for _, name := range a.posted {
		out.Versions = append(out.Versions, &consentv1.PolicyVersion{Policy: name, PostedAt: timestamppb.Now()})
	}
	return out, nil
}

func (a *around) GetPolicy(_ context.Context, r *consentv1.GetPolicyRequest, _ ...grpc.CallOption) (*consentv1.GetPolicyResponse, error) {
	doc, err := fs.ReadFile(policydoc.Published(), r.GetPolicy()+".yaml")
	return &consentv1.GetPolicyResponse{Document: doc}, err
}

func (a *around) SubmitRequest(_ context.Context, r *fulfilmentv1.SubmitRequestRequest, _ ...grpc.CallOption) (*fulfilmentv1.SubmitRequestResponse, error) {
	if !slices.ContainsFunc(a.asked, func(o *fulfilmentv1.SubmitRequestRequest) bool { return o.GetRequestId() == r.GetRequestId() }) {
		a.asked = append(a.asked, r)
	}
	return &fulfilmentv1.SubmitRequestResponse{}, nil
}

// world is a desk on a log.
type world struct {
	*testing.T
	*around
	desk  ages.Desk
	clock *sealtest.World
	log   *es.MemoryStore
	n     int
}

// signed is a log and what verifies it.
func signed(t *testing.T) (*es.MemoryStore, es.Verifier) {
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
	return store, es.NewKeyRing(store, logKey.Public(), 1)
}

func newWorld(t *testing.T, policies ...string) *world {
	t.Helper()
	store, verify := signed(t)
	clock := sealtest.NewWorld(nil)
	p := clock.Serve(t, nil)
	cache, err := keycache.New(keycache.Config{
		Source: vault.Local{Vault: p.Vault, Reader: "test"}, Size: 100, Now: clock.Now, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	codec, err := wire.Subject()
	if err != nil {
		t.Fatal(err)
	}
	subjects := registry.Subjects{
		Store: store, Verifier: verify, Digester: es.KeyedDigester("test"), Tracer: noop.NewTracerProvider().Tracer(""), Random: rand.Reader,
		Registry: codec.Registry(), Encode: codec.Encode(cache), Decide: subject.Decide, Evolve: subject.Evolve,
		Refuse: func(reason string) error { return subject.Refusal(reason) },
	}
	table, err := lookup.New(lookup.Config{
		Rows: clock.Rows, Peppers: p.Peppers, Now: clock.Now, Grace: time.Minute, Lease: sealtest.Lease,
		Log: registry.Holdings{Subjects: subjects, Opener: cache, Now: clock.Now},
	})
	if err != nil {
		t.Fatal(err)
	}
	people, err := registry.New(registry.Config{
		Subjects: subjects, Table: table, Opener: cache, Destroy: p.Vault.Destroy, Random: rand.Reader, Now: clock.Now, Log: logs.Discard(),
		Residue: func(context.Context, []seal.KeyID) (time.Time, error) { return clock.Now(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	a := &around{posted: policies, seen: map[string]bool{}, minor: map[string]bool{}}
	return &world{T: t, around: a, clock: clock, log: store, desk: ages.Desk{
		Subjects: subjects, Registry: people, Facts: facts.Teller{Consent: a}, Policies: a, Requests: a,
		Zone: func(context.Context, string) (string, error) { return "UTC", nil }, Opener: cache, Random: rand.Reader, Now: clock.Now,
	}}
}

func (w *world) command(data subject.Command) registry.Command {
	w.n++
	id := fmt.Sprint("command-", w.n)
	return registry.Command{ID: id, Client: true, Body: []byte(id), At: w.clock.Now(), Data: data}
}

func (w *world) born(years int) string {
	return w.clock.Now().AddDate(-years, 0, -40).Format("2006-01-02")
}

// registers registers somebody of an age; zero is one that is not said.
func (w *world) registers(cmd registry.Command, address, policy string, years int) (string, error) {
	with := registry.With{Policy: policy}
	if years > 0 {
		parent := subject.Shown{How: "parent", Evidence: "form:7"}
		var err error
		if with.Age, err = w.desk.Admit(w.Context(), tenant, ages.Known{Birth: w.born(years), Policy: policy, Mandate: parent}); err != nil {
			w.Fatal(err)
		}
	}
	ref, _, err := w.desk.Registry.Register(w.Context(), tenant, cmd, []registry.Value{{Kind: "email", Text: address}}, with)
	if err != nil {
		return ref, errors.Join(err, w.desk.TakeBack(w.Context(), tenant, ref))
	}
	return ref, nil
}

func (w *world) joins(address, policy string, years int) string {
	w.Helper()
	ref, err := w.registers(w.command(nil), address, policy, years)
	if err != nil {
		w.Fatal(err)
	}
	w.reacts(ref)
	return ref
}

// learns records an age, and returns the policies that block the person, with
// whether their erasure is asked for.
func (w *world) learns(ref string, source subject.AgeSource, years int) map[string]bool {
	w.Helper()
	age := subject.Age{Source: source}
	if source != subject.AgeAlleged {
		age.Birth = personal.Clear(w.born(years))
	}
	if _, _, err := w.desk.Record(w.Context(), tenant, ref, w.command(subject.StateAge{Age: age, At: w.clock.Now()})); err != nil {
		w.Fatal(err)
	}
	return w.reacts(ref)
}

func (w *world) runs(ref string, data subject.Command) {
	w.Helper()
	if _, err := w.desk.Subjects.Handle(w.Context(), registry.Aggregate(tenant, ref), w.command(data)); err != nil {
		w.Fatal(err)
	}
}

// reacts has the desk see all that was recorded of somebody, and returns how they
// are blocked.
func (w *world) reacts(ref string) map[string]bool {
	w.Helper()
	for r, err := range w.log.Load(w.Context(), registry.Aggregate(tenant, ref), 0, es.Leader) {
		if err == nil {
			err = w.desk.React(w.Context(), r)
		}
		if err != nil {
			w.Fatal(err)
		}
	}
	s, err := w.desk.Registry.Load(w.Context(), tenant, ref)
	if err != nil {
		w.Fatal(err)
	}
	out := map[string]bool{}
	for policy, b := range s.Blocks {
		out[policy] = b.Request != ""
	}
	return out
}

// request is what the system asks by for somebody's erasure.
func (w *world) request(ref string) string {
	w.Helper()
	s, err := w.desk.Registry.Load(w.Context(), tenant, ref)
	if err != nil {
		w.Fatal(err)
	}
	for _, b := range s.Blocks {
		if b.Request != "" {
			return b.Request
		}
	}
	w.Fatal("nothing is asked for")
	return ""
}

func (w *world) vouches(ref, request string, want bool) {
	w.Helper()
	if got, err := w.desk.Vouches(w.Context(), tenant, ref, request); err != nil || got != want {
		w.Errorf("vouched for: %v, %v", got, err)
	}
}
