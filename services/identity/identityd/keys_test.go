package identityd_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/identityd"
	"habeas.internal/services/internal/daemon/logs"
	"habeas.internal/services/internal/daemon/telemetry"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/keyclient"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/mtls"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// holderOf is another service that holds keys.
type holderOf struct {
	*keyclient.Client
	leave func()
}

// holder starts the key client of a service, which follows drops if told to.
func (d *running) holder(t *testing.T, service string, follows bool) *holderOf {
	t.Helper()
	id := d.world.certify(t, service)
	source, err := mtls.Load(mtls.Config{
		Cert: id.CertFile, Key: id.KeyFile, CA: id.CAFile, TrustDomain: rpctest.TrustDomain, Namespace: rpctest.Namespace,
		Now: time.Now, Report: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	off := telemetry.Off()
	conn, err := client.Peer{Target: d.Addr.String()}.Dial(
		rpc.Config{TLS: source, Tracers: off.Tracers, Meters: off.Meters, Propagator: off.Propagator},
		identityd.Name, keyclient.ServiceName)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c, err := keyclient.New(keyclient.Config{Conn: conn, Reader: service, Now: time.Now, Random: rand.Reader, Logger: logs.Discard()})
	if err != nil {
		t.Fatal(err)
	}
	h := &holderOf{Client: c, leave: func() {}}
	t.Cleanup(c.Close)
	if !follows {
		return h
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	h.leave = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("key client ended: %v", err)
		}
		done <- nil
	}
	t.Cleanup(h.leave)
	testwait.For(t, 10*time.Second, func() error {
		if !c.Joined() {
			return errNotYet
		}
		return nil
	})
	return h
}

func keyOf(t *testing.T, tenant string, kind seal.Kind, class sealv1.KeyClass) seal.KeyID {
	t.Helper()
	holder, err := seal.RandomHolder(kind, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return seal.KeyID{Tenant: tenant, Holder: holder, Class: class}
}

// place is where a test's boxes stand.
func place(tenant string) seal.Field {
	return seal.Field{
		Tenant: tenant, Context: "fulfilment", AggregateType: "request", AggregateID: request,
		EventID: es.EventID(request, 0), Path: "name",
	}
}

func (h *holderOf) seal(t *testing.T, id seal.KeyID, text string) *sealv1.Sealed {
	t.Helper()
	return must(h.Seal(deadline(t), "record", id, place(id.Tenant), []byte(text)))(t)
}

// settled waits until no lease from before the daemon's start can be left.
func settled(t *testing.T) {
	t.Helper()
	until := time.Now().Add(lease + 1500*time.Millisecond)
	testwait.For(t, time.Minute, func() error {
		if time.Now().Before(until) {
			return errNotYet
		}
		return nil
	})
}

func TestWhatOneProcessSealsAnotherOpensUntilTheKeyIsDestroyed(t *testing.T) {
	w, d := found(t)
	settled(t)
	sealer, opener := d.holder(t, "fulfilment", true), d.holder(t, "fulfilment", true)
	id := keyOf(t, tenant, seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST)
	box := sealer.seal(t, id, "Jane Example")
	text, err := opener.Open(deadline(t), "fulfilment", place(tenant), box)
	if err != nil || string(text) != "Jane Example" {
		t.Fatalf("opened %d bytes: %v", len(text), err)
	}

	began := time.Now()
	answer := must(d.service(t, "fulfilment", tenant).DestroyKeys(deadline(t), &identityv1.DestroyKeysRequest{
		RequestId: "close-1", Reason: "request-closed",
		Keys: []*identityv1.KeyName{{Holder: id.Holder.String(), Class: id.Class}},
	}))(t)
	took := time.Since(began)
	if !answer.GetResidueEndsAt().AsTime().After(time.Now()) {
		t.Errorf("residue ends at %v", answer.GetResidueEndsAt())
	}
	for name, h := range map[string]*holderOf{"who sealed": sealer, "who opened": opener} {
		var gone *seal.Erased
		_, err := h.Open(deadline(t), "fulfilment", place(tenant), box)
		if !errors.As(err, &gone) || gone.Reason != "request-closed" || gone.At.IsZero() {
			t.Errorf("%s opens: %v, want erased", name, err)
		}
		if _, err := h.Seal(deadline(t), "record", id, place(tenant), []byte("again")); !errors.Is(err, seal.ErrErased) {
			t.Errorf("%s seals: %v, want erased", name, err)
		}
	}
	end := w.destroyed(t, id)
	if end.GetReplicasAcked() != 3 || end.GetReplicasExpired() != 0 || took >= lease {
		t.Errorf("%d acknowledged, %d waited out, %s: want 3 and 0, without waiting", end.GetReplicasAcked(), end.GetReplicasExpired(), took)
	}
}

// destroyed is what the log tells of a key's end.
func (w *world) destroyed(t *testing.T, id seal.KeyID) *identityv1.KeyDestroyed {
	t.Helper()
	log := w.in.Open(t, w.nats.Connect(t, testserver.Admin))
	agg := es.Aggregate{Context: identityd.Context, Tenant: id.Tenant, Type: "keyring", ID: id.Holder.String()}
	end := &identityv1.KeyDestroyed{}
	for r, err := range log.Load(t.Context(), agg, 0, es.Leader) {
		if err == nil {
			err = proto.Unmarshal(r.Events[0].Data, end)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return end
}

func TestAServiceThatDoesNotFollowIsWaitedOut(t *testing.T) {
	w, d := found(t)
	settled(t)
	for _, tc := range []struct {
		name    string
		follows bool
	}{{"one that never joined", false}, {"one that joined, took a key and left", true}} {
		t.Run(tc.name, func(t *testing.T) {
			stranger := d.holder(t, "fulfilment", tc.follows)
			id := keyOf(t, tenant, seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST)
			box := stranger.seal(t, id, "Jane Example")
			stranger.leave()
			began := time.Now()
			must(d.service(t, "fulfilment", tenant).DestroyKeys(deadline(t), &identityv1.DestroyKeysRequest{
				RequestId: "close-1", Reason: "request-closed",
				Keys: []*identityv1.KeyName{{Holder: id.Holder.String(), Class: id.Class}},
			}))(t)
			if took := time.Since(began); took < lease {
				t.Errorf("destroyed after %s: a lease of %s was not waited out", took, lease)
			}
			if _, err := stranger.Open(deadline(t), "record", place(tenant), box); !errors.Is(err, seal.ErrErased) {
				t.Errorf("the stranger opens: %v, want erased", err)
			}
			if end := w.destroyed(t, id); end.GetReplicasExpired() < 1 {
				t.Errorf("%d waited out, want one at least", end.GetReplicasExpired())
			}
		})
	}
}

func TestAServiceThatLosesTheStreamJoinsAgain(t *testing.T) {
	w, d := found(t)
	h := d.holder(t, "fulfilment", true)
	addr := d.Addr.String()
	if err := d.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	testwait.For(t, 10*time.Second, func() error {
		if h.Joined() {
			return errNotYet
		}
		return nil
	})
	w.listen = addr
	w.start(t)
	testwait.For(t, 20*time.Second, func() error {
		if !h.Joined() {
			return errNotYet
		}
		return nil
	})
	h.seal(t, keyOf(t, tenant, seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST), "Jane Example")
}

func TestDestroyedKeysStayDestroyedAcrossARestart(t *testing.T) {
	w, d := found(t)
	id := keyOf(t, tenant, seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST)
	d.holder(t, "fulfilment", false).seal(t, id, "Jane Example")
	destroy := &identityv1.DestroyKeysRequest{
		RequestId: "close-1", Reason: "request-closed",
		Keys: []*identityv1.KeyName{{Holder: id.Holder.String(), Class: id.Class}},
	}
	must(d.service(t, "fulfilment", tenant).DestroyKeys(deadline(t), destroy))(t)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d = w.start(t)
	ctx := metadata.AppendToOutgoingContext(deadline(t), rpc.MetadataPurpose, "fulfilment")
	answer := must(d.service(t, "fulfilment", tenant).GetKeys(ctx, &identityv1.GetKeysRequest{
		Wants: []*identityv1.KeyWant{
			{Key: &identityv1.KeyName{Holder: id.Holder.String(), Class: id.Class}, Create: true},
			{Key: &identityv1.KeyName{Holder: "request-" + request, Class: sealv1.KeyClass_KEY_CLASS_REQUEST}},
		},
	}))(t)
	if got := answer.GetKeys()[0]; got.GetReason() != "KEY_DESTROYED" || len(got.GetMaterial()) != 0 || got.GetDestroyReason() != "request-closed" {
		t.Errorf("destroyed key: %s", got.GetReason())
	}
	if got := answer.GetKeys()[1].GetReason(); got != "KEY_NOT_FOUND" {
		t.Errorf("key that never was: %s", got)
	}
}

func TestAServiceGetsTheKeysThatItHasARightToAndNoOthers(t *testing.T) {
	_, d := found(t)
	jane := d.register(t, email("jane@example.com"))
	profile := &identityv1.KeyName{Holder: "subject-" + jane, Class: sealv1.KeyClass_KEY_CLASS_PROFILE}
	own := &identityv1.KeyName{Holder: "request-" + request, Class: sealv1.KeyClass_KEY_CLASS_REQUEST}
	for _, tc := range []struct {
		service, purpose string
		key              *identityv1.KeyName
		reason           string
	}{
		{"consent", "record", profile, "KEY_NOT_ALLOWED"},
		{"retention", "record", own, "KEY_NOT_ALLOWED"},
		{"fulfilment", "fulfilment", profile, "KEY_NOT_ALLOWED"},
		{"fulfilment", "case-handling", own, "KEY_PURPOSE_NOT_ALLOWED"},
	} {
		ctx := metadata.AppendToOutgoingContext(deadline(t), rpc.MetadataPurpose, tc.purpose)
		_, err := d.service(t, tc.service, tenant).GetKeys(ctx, &identityv1.GetKeysRequest{Wants: []*identityv1.KeyWant{{Key: tc.key, Create: true}}})
		expect(t, err, codes.PermissionDenied, tc.reason)
	}
	ctx := metadata.AppendToOutgoingContext(deadline(t), rpc.MetadataPurpose, "record")
	must(d.service(t, "fulfilment", tenant).GetKeys(ctx, &identityv1.GetKeysRequest{Wants: []*identityv1.KeyWant{{Key: own, Create: true}}}))(t)
}

func TestDigestsOfCommandsAreTheSameInEveryReplicaAndInNoOtherService(t *testing.T) {
	_, d := found(t)
	d.create(t, "other")
	consent, replica := d.holder(t, "consent", false).Digester(), d.holder(t, "consent", false).Digester()
	body := []byte("a body")
	digest := must(consent.Digest(deadline(t), tenant, body))(t)
	if same := must(replica.Same(deadline(t), tenant, digest, body))(t); !same {
		t.Error("another replica takes the same body for another")
	}
	if same := must(replica.Same(deadline(t), tenant, digest, []byte("another body")))(t); same {
		t.Error("another body counts as the same")
	}
	if same := must(replica.Same(deadline(t), "other", digest, body))(t); same {
		t.Error("another tenant's digest counts as the same")
	}
	if same := must(d.holder(t, "retention", false).Digester().Same(deadline(t), tenant, digest, body))(t); same {
		t.Error("another service recognises the body")
	}
}

func TestKeysAreOfTheCallersTenantAndOfOneThatExists(t *testing.T) {
	_, d := found(t)
	d.create(t, "other")
	h := d.holder(t, "fulfilment", false)
	id := keyOf(t, tenant, seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST)
	box := h.seal(t, id, "Jane Example")
	if _, err := h.Open(deadline(t), "record", place("other"), box); !errors.Is(err, keyclient.ErrNoKey) {
		t.Errorf("another tenant opens: %v, want ErrNoKey", err)
	}
	id.Tenant = "nowhere"
	if _, err := h.Seal(deadline(t), "record", id, place("nowhere"), []byte("x")); !errors.Is(err, keyclient.ErrNoTenant) {
		t.Errorf("nobody's tenant seals: %v, want ErrNoTenant", err)
	}
	if _, err := h.Digester().Digest(deadline(t), "nowhere", nil); !errors.Is(err, keyclient.ErrNoTenant) {
		t.Errorf("nobody's tenant digests: %v, want ErrNoTenant", err)
	}
}

func TestErasedValuesAreRememberedUntilTheirTime(t *testing.T) {
	_, d := found(t)
	fulfilment := d.service(t, "fulfilment", tenant)
	mail := &identityv1.SuppressedValue{System: "habeas", Column: "identifier.email", Value: "jane@example.com"}
	row := &identityv1.SuppressedValue{System: "shop", Column: "customers.email", Value: "jane@example.com"}
	past := &identityv1.SuppressedValue{System: "shop", Column: "customers.email", Value: "old@example.com"}
	for until, v := range map[time.Time][]*identityv1.SuppressedValue{
		time.Now().Add(time.Hour): {mail, row}, time.Now().Add(-time.Hour): {past},
	} {
		must(fulfilment.Suppress(deadline(t), &identityv1.SuppressRequest{
			Values: v, ErasureRef: request, Until: timestamppb.New(until),
		}))(t)
	}
	never := &identityv1.SuppressedValue{System: "shop", Column: "customers.phone", Value: "jane@example.com"}
	got := must(d.as(t, tenant, "holder").CheckSuppressed(deadline(t), &identityv1.CheckSuppressedRequest{
		Values: []*identityv1.SuppressedValue{row, past, never},
	}))(t)
	if refs := got.GetErasureRefs(); len(refs) != 3 || refs[0] != request || refs[1] != "" || refs[2] != "" {
		t.Errorf("references are %v", refs)
	}
	back := must(d.as(t, tenant, "product").RegisterSubject(deadline(t), &identityv1.RegisterSubjectRequest{
		RequestId: newRequestID(), Identifiers: []*identityv1.Identifier{email("Jane@Example.com")},
	}))(t)
	if !back.GetErasedBefore() {
		t.Error("an erased address came back unnoticed")
	}
	_, err := d.as(t, tenant, "product").Suppress(deadline(t), &identityv1.SuppressRequest{
		Values: []*identityv1.SuppressedValue{row}, ErasureRef: request, Until: timestamppb.New(time.Now()),
	})
	expect(t, err, codes.PermissionDenied, "ROLE_REQUIRED")
}
