package checks_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/identity/evidence"
	"habeas.internal/services/identity/internal/checks"
	"habeas.internal/services/identity/internal/otp"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/es/eventpb/eventpbtest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/vault"

	"go.opentelemetry.io/otel/trace/noop"
)

const (
	tenant  = "t1"
	request = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	proof   = "bbbbbbbbbbbbbbbbbbbbbbbbba"
	vera    = "ccccccccccccccccccccccccca"
)

// office is a desk whose clock is set by hand.
type office struct {
	checks.Desk
	now    time.Time
	keys   *eventpbtest.Keys
	timers []jetstream.Timer
	ended  []vault.Order
}

func (o *office) SetTimer(_ context.Context, t jetstream.Timer) error {
	o.timers = append(o.timers, t)
	return nil
}

func handler[S, C, E any](
	t *testing.T, store *es.MemoryStore, verify es.Verifier, keys *eventpbtest.Keys, codec eventpb.Codec[E], err error,
	decide func(S, C) ([]E, error), evolve func(S, E) S, refuse func(string) error,
) es.Handler[S, C, E] {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return es.Handler[S, C, E]{
		Store: store, Verifier: verify, Digester: es.KeyedDigester("test"), Tracer: noop.NewTracerProvider().Tracer(""), Random: rand.Reader,
		Registry: codec.Registry(), Encode: codec.Encode(keys), Decide: decide, Evolve: evolve, Refuse: refuse,
	}
}

func open(t *testing.T) *office {
	t.Helper()
	logKey, service, instance := jstest.Signer(t), jstest.Signer(t), jstest.Signer(t)
	store := es.NewMemoryStore(instance)
	control := es.Control{Context: otp.Context, Partition: "00"}
	signers, roles := []es.Signer{logKey, service, instance}, []logv1.KeyRole{logv1.KeyRole_KEY_ROLE_SERVICE, logv1.KeyRole_KEY_ROLE_INSTANCE}
	for i, role := range roles {
		if err := es.Announce(t.Context(), store.As(signers[i]), rand.Reader, control, role, "test", signers[i+1].Public(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	verify := es.NewKeyRing(store, logKey.Public(), 1)
	o := &office{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), keys: &eventpbtest.Keys{}}
	vCodec, err := wire.Verification()
	v := handler(t, store, verify, o.keys, vCodec, err, verification.Decide, verification.Evolve, func(r string) error { return verification.Refusal(r) })
	eCodec, err := wire.Evidence()
	e := handler(t, store, verify, o.keys, eCodec, err, evidence.Decide, evidence.Evolve, func(r string) error { return evidence.Refusal(r) })
	o.Desk = checks.Desk{
		Verifications: v, Evidence: e, Timers: o, Life: evidence.Life, Now: func() time.Time { return o.now },
		Destroy: func(_ context.Context, order vault.Order) error {
			o.ended = append(o.ended, order)
			o.keys.Destroy(order.Key)
			return nil
		},
	}
	_, err = v.Handle(t.Context(), otp.Aggregate(tenant, proof), otp.Command{
		ID: "start", At: o.now, Data: verification.Start{Request: request, Subject: "jane", Code: personal.Clear("12345678"), At: o.now},
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) record(t *testing.T, id string, data []byte) (otp.Result, time.Time, error) {
	t.Helper()
	return o.Record(t.Context(), tenant, proof, otp.Command{ID: id, Client: true, Body: append([]byte(id), data...), At: o.now}, verification.Review{
		By: vera, Result: verification.Confirmed, How: verification.InPerson, Points: verification.Points{1, 2, 3}, Declared: true,
	}, data)
}

// read is the evidence in clear.
func (o *office) read(t *testing.T) (string, error) {
	t.Helper()
	agg := checks.Aggregate(tenant, request)
	s, _, err := o.Evidence.Load(t.Context(), agg, es.Leader)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, p := range s.Parts {
		text, err := eventpb.Open(t.Context(), o.keys, "verification", agg, p.Data)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

func (o *office) wake(t *testing.T) {
	t.Helper()
	if err := o.Due(t.Context(), jetstream.Timer{Aggregate: checks.Aggregate(tenant, request), Name: checks.TimerEvidence}); err != nil {
		t.Fatal(err)
	}
}

func TestEvidenceIsDestroyedAfterThirtyDaysAndTheCheckStays(t *testing.T) {
	o := open(t)
	scan := strings.Repeat("passport of Jane ", 1<<20/17) // nearly a mebibyte: three parts
	res, ends, err := o.record(t, "check-1", []byte(scan))
	if err != nil || res.State.Phase != verification.Passed || res.State.Level != 3 {
		t.Fatalf("phase %d, level %d, %v", res.State.Phase, res.State.Level, err)
	}
	if want := o.now.Add(30 * 24 * time.Hour); !ends.Equal(want) {
		t.Errorf("it ends at %s, want %s", ends, want)
	}
	if got, err := o.read(t); err != nil || got != scan {
		t.Errorf("read back %d bytes of %d, %v", len(got), len(scan), err)
	}
	o.now = ends.Add(-time.Second)
	o.wake(t) // a timer that fires early
	if _, err := o.read(t); err != nil || len(o.ended) != 0 || len(o.timers) != 1 || !o.timers[0].At.Equal(ends) {
		t.Errorf("a second before: %v, %d keys destroyed, timers %v", err, len(o.ended), o.timers)
	}
	o.now = ends
	o.wake(t)
	if _, err := o.read(t); !errors.Is(err, seal.ErrErased) {
		t.Errorf("after 30 days it is read with %v", err)
	}
	o.wake(t) // and again
	if len(o.ended) != 1 {
		t.Errorf("destroyed %d times", len(o.ended))
	}
	if v, _, err := o.Verifications.Load(t.Context(), otp.Aggregate(tenant, proof), es.Leader); err != nil || v.CheckedBy != vera || v.Method != verification.MethodStaff {
		t.Errorf("of the check there is left: by %q, by method %q, %v", v.CheckedBy, v.Method, err)
	}
}

func TestACheckThatIsRefusedKeepsNoEvidence(t *testing.T) {
	o := open(t)
	o.now = o.now.Add(time.Hour) // the verification is over
	if _, _, err := o.record(t, "check-1", []byte("passport")); !errors.Is(err, verification.ErrClosed) {
		t.Fatalf("answered with %v", err)
	}
	if got, err := o.read(t); err != nil || got != "" {
		t.Errorf("there is %q, %v", got, err)
	}
}

func TestACheckThatIsRepeatedIsOne(t *testing.T) {
	o := open(t)
	for range 2 {
		if _, _, err := o.record(t, "check-1", []byte("passport")); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := o.read(t); got != "passport" {
		t.Errorf("kept %q", got)
	}
	if _, _, err := o.record(t, "check-1", []byte("another")); !errors.Is(err, es.ErrCommandReused) {
		t.Errorf("the same id with other evidence is answered with %v", err)
	}
}
