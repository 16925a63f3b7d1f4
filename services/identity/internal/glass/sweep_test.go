package glass_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"iter"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/identity/breakglass"
	"habeas.internal/services/identity/internal/glass"
	"habeas.internal/services/identity/internal/inforce"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/staff"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/es/eventpb/eventpbtest"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/seal/rows"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	acme = "acme"
	jane = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	// Staff, by the id of the read log.
	vera  = "veraveraveraveraveraveraaa"
	nina  = "ninaninaninaninaninaninaaa"
	otto  = "ottoottoottoottoottoottoaa"
	third = "thirdthirdthirdthirdthirda"
)

// qcera is a consent service with one policy in force.
type qcera struct {
	consentv1.PolicyServiceClient
	document []byte
}

func (q qcera) ListPolicies(context.Context, *consentv1.ListPoliciesRequest, ...grpc.CallOption) (*consentv1.ListPoliciesResponse, error) {
	return &consentv1.ListPoliciesResponse{Versions: []*consentv1.PolicyVersion{{Policy: "qcera", PostedAt: timestamppb.Now()}}}, nil
}

func (q qcera) GetPolicy(context.Context, *consentv1.GetPolicyRequest, ...grpc.CallOption) (*consentv1.GetPolicyResponse, error) {
	return &consentv1.GetPolicyResponse{Policy: "qcera", Document: q.document}, nil
}

// shelf is a store that can be away.
type shelf struct {
	rows.Memory
	away error
}

func (s *shelf) List(ctx context.Context, subject string, after uint64) iter.Seq2[rows.Row, error] {
	if s.away != nil {
		return func(yield func(rows.Row, error) bool) { yield(rows.Row{}, s.away) }
	}
	return s.Memory.List(ctx, subject, after)
}

// office is a desk whose clock is set by hand.
type office struct {
	*glass.Desk
	t      *testing.T
	now    time.Time
	shelf  *shelf
	reader *sdkmetric.ManualReader
	look   func(ctx context.Context) error
	calls  int
}

func handler[S, C, E any](
	t *testing.T, store *es.MemoryStore, verify es.Verifier, codec eventpb.Codec[E], err error,
	decide func(S, C) ([]E, error), evolve func(S, E) S, refuse func(string) error,
) es.Handler[S, C, E] {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return es.Handler[S, C, E]{
		Store: store, Verifier: verify, Digester: es.KeyedDigester("test"), Tracer: noop.NewTracerProvider().Tracer(""), Random: rand.Reader,
		Registry: codec.Registry(), Encode: codec.Encode(&eventpbtest.Keys{}), Decide: decide, Evolve: evolve, Refuse: refuse,
	}
}

// open is an office of three who are bound to confidentiality.
func open(t *testing.T) *office {
	t.Helper()
	logKey, service, instance := jstest.Signer(t), jstest.Signer(t), jstest.Signer(t)
	store := es.NewMemoryStore(instance)
	signers, roles := []es.Signer{logKey, service, instance}, []logv1.KeyRole{logv1.KeyRole_KEY_ROLE_SERVICE, logv1.KeyRole_KEY_ROLE_INSTANCE}
	for i, role := range roles {
		err := es.Announce(t.Context(), store.As(signers[i]), rand.Reader, es.Control{Context: glass.Context, Partition: "00"}, role, "test", signers[i+1].Public(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
	}
	verify := es.NewKeyRing(store, logKey.Public(), 1)
	document, err := fs.ReadFile(policydoc.Published(), "qcera.yaml")
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), shelf: &shelf{}, reader: sdkmetric.NewManualReader()}
	clock := func() time.Time { return o.now }
	grants, err := wire.BreakGlass()
	g := handler(t, store, verify, grants, err, breakglass.Decide, breakglass.Evolve, func(r string) error { return breakglass.Refusal(r) })
	people, err := wire.Staff()
	p := handler(t, store, verify, people, err, staff.Decide, staff.Evolve, func(r string) error { return staff.Refusal(r) })
	o.Desk = &glass.Desk{
		Grants: g, Staff: p, Policies: &inforce.Reader{Policies: qcera{document: document}, Now: clock}, Rows: o.shelf, Random: rand.Reader, Now: clock,
		Tenant: func(context.Context, string) (tenant.Tenant, error) {
			return tenant.Tenant{Settings: tenant.Settings{TimeZone: "Europe/Berlin"}}, nil
		},
	}
	if o.look, err = o.LookAfter(sdkmetric.NewMeterProvider(sdkmetric.WithReader(o.reader))); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{vera, nina, otto} {
		_, err := p.Handle(t.Context(), glass.Member(acme, who), es.Command[staff.Command]{
			ID: "bind-" + who, At: o.now, Data: staff.Bind{Until: o.now.AddDate(1, 0, 0), Evidence: "contract", By: third, At: o.now},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func (o *office) command(data breakglass.Command) glass.Command {
	o.calls++
	return glass.Command{ID: string(rune('a'+o.calls)) + "-command", At: o.now, Data: data}
}

func (o *office) asks(who string) (string, error) {
	o.t.Helper()
	id, _, err := o.Ask(o.t.Context(), acme, o.command(nil), breakglass.Asked{
		Subject: jane, Policy: "qcera", Ground: "law", Reason: "subpoena", Document: "case-7", Categories: []string{"employee.name"},
		For: 10 * time.Minute, By: who, At: o.now,
	})
	return id, err
}

// grants is a second person's yes, and what the process on the log makes of it.
func (o *office) grants(who, id string) error {
	o.t.Helper()
	if _, err := o.Permit(o.t.Context(), acme, id, o.command(nil), who, 0); err != nil {
		return err
	}
	return o.told(id, "breakglass.granted")
}

func (o *office) told(id, event string) error {
	return o.React(o.t.Context(), es.Recorded{Commit: es.Commit{
		ID: jane, Aggregate: glass.Aggregate(acme, id), Events: []es.Event{{Type: event}},
	}})
}

// at moves the clock, and looks after the grants then.
func (o *office) at(now time.Time) {
	o.t.Helper()
	o.now = now
	for range 2 { // the second time there is nothing left to do
		if err := o.look(o.t.Context()); err != nil {
			o.t.Fatal(err)
		}
	}
}

// is holds a grant, and what an alarm is set on, against what is expected now.
func (o *office) is(what, id string, phase breakglass.Phase, overdue int64) {
	o.t.Helper()
	g, err := o.Load(o.t.Context(), acme, id)
	if err != nil || g.Phase != phase || g.Overdue != (overdue > 0) {
		o.t.Errorf("%s: phase %d, overdue %v, %v; want %d", what, g.Phase, g.Overdue, err, phase)
	}
	if n := o.gauge(); n != overdue {
		o.t.Errorf("%s: the gauge says %d, want %d", what, n, overdue)
	}
}

// gauge is what the gauge says, or -1.
func (o *office) gauge() int64 {
	o.t.Helper()
	var all metricdata.ResourceMetrics
	if err := o.reader.Collect(o.t.Context(), &all); err != nil {
		o.t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if g, ok := m.Data.(metricdata.Gauge[int64]); ok && m.Name == "habeas.breakglass.reviews.overdue" {
				return g.DataPoints[0].Value
			}
		}
	}
	return -1
}

// TestTheClockEndsAGrantAndBarsBothUntilAThirdHasLooked: nobody has to do
// anything for a grant to end, nor for its review to be overdue; then neither of
// the two asks or grants, and a third person's review settles it.
func TestTheClockEndsAGrantAndBarsBothUntilAThirdHasLooked(t *testing.T) {
	o := open(t)
	id, err := o.asks(vera)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.grants(otto, id); err != nil {
		t.Fatal(err)
	}
	begun := o.now
	o.at(begun.Add(10*time.Minute - time.Second))
	o.is("in its last second", id, breakglass.Open, 0)
	o.at(begun.Add(10 * time.Minute))
	o.is("at its end", id, breakglass.Ended, 0)
	g, err := o.Load(t.Context(), acme, id)
	if err != nil || g.ReviewBy.Sub(o.now) < 24*time.Hour {
		t.Fatalf("to be reviewed by %v, %v", g.ReviewBy, err)
	}
	o.at(g.ReviewBy.Add(-time.Second))
	o.is("in the last second for a review", id, breakglass.Ended, 0)
	other, err := o.asks(vera)
	if err != nil {
		t.Errorf("the twin, with a review that is owed and not overdue: %v", err)
	}
	o.at(g.ReviewBy)
	o.is("when it is overdue", id, breakglass.Ended, 1)
	if _, err := o.asks(vera); !errors.Is(err, breakglass.ErrOverdue) {
		t.Errorf("who had it asks for another: %v", err)
	}
	if err := o.grants(nina, other); !errors.Is(err, breakglass.ErrOverdue) {
		t.Errorf("who had it is granted what they asked for before: %v", err)
	}
	hers, err := o.asks(nina)
	if err != nil {
		t.Errorf("the twin, who had no part in it: %v", err)
	}
	if err := o.grants(otto, hers); !errors.Is(err, breakglass.ErrOverdue) {
		t.Errorf("who granted it grants another: %v", err)
	}
	if _, err := o.Do(t.Context(), acme, id, o.command(breakglass.Review{By: third, Justified: true, Reason: "as_stated", At: o.now})); err != nil {
		t.Fatal(err)
	}
	if err := o.told(id, "breakglass.reviewed"); err != nil {
		t.Fatal(err)
	}
	o.at(o.now)
	o.is("reviewed", id, breakglass.Reviewed, 0)
	if err := o.grants(otto, hers); err != nil {
		t.Errorf("and grants again: %v", err)
	}
	if _, err := o.asks(vera); err != nil {
		t.Errorf("and asks again: %v", err)
	}
}

// TestWhatNobodyGrantsRunsOutAndLeavesTheList a month later, the log keeps it.
func TestWhatNobodyGrantsRunsOutAndLeavesTheList(t *testing.T) {
	o := open(t)
	id, err := o.asks(vera)
	if err != nil {
		t.Fatal(err)
	}
	asked := o.now
	o.at(asked.Add(breakglass.AskLives - time.Second))
	o.is("in its last second", id, breakglass.Waiting, 0)
	o.at(asked.Add(breakglass.AskLives))
	o.is("after a day", id, breakglass.Declined, 0)
	o.at(asked.Add(breakglass.AskLives + glass.Kept))
	if items, _, err := o.List(t.Context(), acme); err != nil || len(items) != 1 {
		t.Errorf("for a month: %d are listed, %v; want 1", len(items), err)
	}
	o.at(asked.Add(breakglass.AskLives + glass.Kept + time.Second))
	if items, _, err := o.List(t.Context(), acme); err != nil || len(items) != 0 {
		t.Errorf("a month later %d are listed, %v", len(items), err)
	}
	o.is("a month later", id, breakglass.Declined, 0)
}

// TestAnAlarmIsNotPutOffByAFailure: what can't be counted is not none.
func TestAnAlarmIsNotPutOffByAFailure(t *testing.T) {
	o := open(t)
	id, err := o.asks(vera)
	if err == nil {
		err = o.grants(otto, id)
	}
	if err != nil {
		t.Fatal(err)
	}
	o.at(o.now.AddDate(0, 0, 10))
	o.is("overdue", id, breakglass.Ended, 1)
	o.shelf.away = es.ErrUnavailable
	if err := o.look(t.Context()); !errors.Is(err, es.ErrUnavailable) {
		t.Errorf("the sweep says %v", err)
	}
	o.is("and it stays", id, breakglass.Ended, 1)
}
