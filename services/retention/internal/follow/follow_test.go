package follow

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/rpc"
	own "habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/schedule"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// documents answers as consent does, for one tenant's policy "main".
type documents map[uint32]string

var errAway = errors.New("consent is away")

func (d documents) GetPolicy(ctx context.Context, r *consentv1.GetPolicyRequest, _ ...grpc.CallOption) (*consentv1.GetPolicyResponse, error) {
	md, _ := metadata.FromOutgoingContext(ctx)
	document, ok := d[r.GetVersion()]
	if !ok || len(md.Get(rpc.MetadataTenant)) != 1 || md.Get(rpc.MetadataTenant)[0] != "acme" {
		return nil, errAway
	}
	version := r.GetVersion()
	if document == "another" {
		version++
	}
	return &consentv1.GetPolicyResponse{Policy: r.GetPolicy(), Version: version, Document: []byte(document)}, nil
}

type trusting struct{}

func (trusting) Verify(context.Context, es.Recorded) error { return nil }

func schedules(t *testing.T) own.Schedules {
	t.Helper()
	signer, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, err := own.NewSchedules(own.Schedules{
		Store: es.NewMemoryStore(signer), Verifier: trusting{}, Digester: es.KeyedDigester("key"),
		Tracer: noop.NewTracerProvider().Tracer(""), Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func recorded(t *testing.T, name string, schema uint32, critical bool, version uint32) es.Recorded {
	t.Helper()
	data, err := proto.Marshal(&consentv1.PolicyPosted{Policy: "main", Version: version})
	if err != nil {
		t.Fatal(err)
	}
	return es.Recorded{Commit: es.Commit{
		ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Aggregate: es.Aggregate{Context: "consent", Tenant: "acme", Type: "policy", ID: "main"},
		Events: []es.Event{{Type: name, Schema: schema, Critical: critical, Data: data}},
	}}
}

const yearly = "retention:\n  - {rule: r, category: user, period: P1Y, ground: g, authority: a}\n"

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// all are the documents that consent has.
func all() documents {
	return documents{
		1: yearly, 2: yearly + "effective: 2030-01-01\n", 3: "retention: for ever\n", 4: "another",
		5: "retention:\n  - {rule: r, category: user, period: P0D, ground: g, authority: a}\n", 6: "policy: main\n",
	}
}

func TestWhatConsentTells(t *testing.T) {
	var unknown *es.UnknownEventError
	for _, tc := range []struct {
		name     string
		told     []es.Recorded
		versions []uint32 // policy versions of the schedule's
		fails    func(error) bool
	}{
		{"a posted policy brings its schedule", []es.Recorded{recorded(t, "policy.posted", 1, false, 1)}, []uint32{1}, nil},
		{"told twice it brings it once", []es.Recorded{
			recorded(t, "policy.posted", 1, false, 1), recorded(t, "policy.posted", 1, false, 1),
		}, []uint32{1}, nil},
		{"told in another order, both come", []es.Recorded{
			recorded(t, "policy.posted", 1, false, 2), recorded(t, "policy.posted", 1, false, 1),
		}, []uint32{2, 1}, nil},
		{"an older one that comes too late is passed over", []es.Recorded{
			recorded(t, "policy.posted", 1, false, 6), recorded(t, "policy.posted", 1, false, 1),
		}, []uint32{6}, nil},
		{"other events are passed over", []es.Recorded{recorded(t, "policy.published", 1, false, 1)}, nil, nil},
		{
			"a critical one that is not known halts",
			[]es.Recorded{recorded(t, "policy.withdrawn", 1, true, 1)},
			nil,
			func(err error) bool { return errors.As(err, &unknown) },
		},
		{
			"consent away is tried again",
			[]es.Recorded{recorded(t, "policy.posted", 1, false, 9)},
			nil,
			func(err error) bool { return errors.Is(err, errAway) },
		},
		{
			"a document that can't be read brings nothing",
			[]es.Recorded{recorded(t, "policy.posted", 1, false, 3)},
			nil,
			func(err error) bool { return errors.Is(err, ErrDocument) },
		},
		{
			"an answer about another version brings nothing",
			[]es.Recorded{recorded(t, "policy.posted", 1, false, 4)},
			nil,
			func(err error) bool { return errors.Is(err, errOtherVersion) },
		},
		{
			"a rule that is refused brings nothing",
			[]es.Recorded{recorded(t, "policy.posted", 1, false, 5)},
			nil,
			func(err error) bool { return errors.Is(err, schedule.ErrRuleWithoutEnd) },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			versions, err := follow(t, tc.told)
			if (tc.fails == nil && err != nil) || (tc.fails != nil && !tc.fails(err)) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(tc.versions, versions); diff != "" {
				t.Errorf("policy versions (-want +got):\n%s", diff)
			}
		})
	}
}

// follow reacts to commits, and lists the policy versions that the schedule
// then comes from, and how the last reaction ended.
func follow(t *testing.T, told []es.Recorded) (versions []uint32, err error) {
	t.Helper()
	h := schedules(t)
	p, err := Process(h, all(), Clocks{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range told {
		err = p.React(t.Context(), r)
	}
	s, _, failed := h.Load(t.Context(), own.ScheduleOf("acme", "main"), es.Leader)
	if failed != nil {
		t.Fatal(failed)
	}
	for _, v := range s.Versions {
		versions = append(versions, v.PolicyVersion)
	}
	return versions, err
}
