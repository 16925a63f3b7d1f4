package rpc_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/consent/internal/parity"
	"habeas.internal/services/consent/internal/rpc"
	"habeas.internal/services/consent/internal/view"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb/eventpbtest"
	"habeas.internal/services/internal/policydoc"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/stores"

	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	subject = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	another = "ccccccccccccccccccccccccca"
	cause   = "bbbbbbbbbbbbbbbbbbbbbbbbba"
)

// counted is a store that counts what is appended to it, and can doubt itself.
type counted struct {
	*es.MemoryStore
	appends atomic.Int64

	mu    sync.Mutex
	fault error // of the next confirmations
	times int
}

// disown makes the next confirmations fail.
func (c *counted) disown(err error, times int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault, c.times = err, times
}

func (c *counted) Confirm(ctx context.Context, agg es.Aggregate, head es.Head) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times--; c.times >= 0 {
		return c.fault
	}
	return c.MemoryStore.Confirm(ctx, agg, head)
}

func (c *counted) Append(ctx context.Context, head es.Head, commit es.Commit) (es.Recorded, error) {
	c.appends.Add(1)
	return c.MemoryStore.Append(ctx, head, commit)
}

// Locate says where everything stands in a store that has one stream.
func (c *counted) Locate(es.Aggregate) (es.Position, error) {
	return es.Position{Stream: "memory", Epoch: "memory"}, nil
}

// listed is a list of policies of tenant acme.
type listed []view.Row

func (l listed) List(_ context.Context, tenant string, _ es.Token) ([]view.Row, error) {
	if tenant != "acme" {
		return nil, nil
	}
	return l, nil
}

// measured is a report that doesn't change.
type measured []parity.Row

func (m measured) Report(_ context.Context, tenant, policy string, _ es.Token) ([]parity.Row, error) {
	if tenant != "acme" || policy != "qcera" {
		return nil, nil
	}
	return m, nil
}

// world is consent's server over a store in memory, with a clock of its own.
type world struct {
	*rpctest.Place
	store *counted
	known *holders
	addr  string
	clock atomic.Int64 // nanoseconds ahead of the clock of tokens
	ids   atomic.Int64
	key   ed25519.PublicKey // of receipts
	keys  eventpbtest.Keys
	ages  ages
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.clock.Load())) }

func (w *world) later(d time.Duration) { w.clock.Add(int64(d)) }

// id is a fresh request id.
func (w *world) id() string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", w.ids.Add(1)) }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Place: rpctest.NewPlace(t), known: &holders{refs: map[string]string{}}}
	store, ring := openMemory(t)
	key, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.key = key.Public()
	w.store = &counted{MemoryStore: store}
	servers, err := rpc.New(rpc.Config{
		Store: w.store, Verifier: ring, Digester: es.KeyedDigester("key"), Tracer: noop.NewTracerProvider().Tracer(""),
		Keys: &w.keys, Ages: &w.ages, Random: rand.Reader, Locator: w.store, Now: w.now, Key: key, Subjects: w.known, Parity: measured{
			{Notice: "signup.3", Channel: "web", Giving: parity.Effort{Steps: 1, Seconds: math.NaN(), Acts: 2}, HarderToWithdraw: true},
		},
		Regions: stores.All("us"), Lister: listed{{Policy: "a", Version: 1, Hash: "h1"}, {Policy: "a", Version: 2, Hash: "h2"}, {Policy: "b", Version: 1, Hash: "h3"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, w.addr = w.Serve(t, "consent", kit.Config{
		Services: []kit.Service{
			{Desc: &consentv1.ConsentService_ServiceDesc, Impl: servers.Consent},
			{Desc: &consentv1.AnswerService_ServiceDesc, Impl: servers.Answers},
			{Desc: &consentv1.UnsubscribeService_ServiceDesc, Impl: servers.Unsubscribe},
			{Desc: &consentv1.PolicyService_ServiceDesc, Impl: servers.Policies},
			{Desc: &consentv1.RecipientService_ServiceDesc, Impl: servers.Recipients},
			{Desc: &consentv1.DisclosureService_ServiceDesc, Impl: servers.Disclosures},
			{Desc: &consentv1.ImportService_ServiceDesc, Impl: servers.Imports},
		},
		Callers: map[string][]string{
			consentv1.ConsentService_ServiceDesc.ServiceName:    {"fulfilment"},
			consentv1.PolicyService_ServiceDesc.ServiceName:     {"retention"},
			consentv1.RecipientService_ServiceDesc.ServiceName:  {"fulfilment"},
			consentv1.DisclosureService_ServiceDesc.ServiceName: {"fulfilment"},
		},
		Errors: rpc.Errors(), Even: rpc.Even(),
	})
	return w
}

func openMemory(t *testing.T) (*es.MemoryStore, *es.KeyRing) {
	t.Helper()
	signer := func() es.Signer {
		s, err := es.GenerateSigner(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	logKey, service, instance := signer(), signer(), signer()
	store := es.NewMemoryStore(instance)
	control := es.Control{Context: rpc.Context, Partition: "00"}
	for _, a := range []struct {
		by   es.Signer
		role logv1.KeyRole
		of   es.Signer
	}{{logKey, logv1.KeyRole_KEY_ROLE_SERVICE, service}, {service, logv1.KeyRole_KEY_ROLE_INSTANCE, instance}} {
		if err := es.Announce(t.Context(), store.As(a.by), rand.Reader, control, a.role, rpc.Context, a.of.Public(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return store, es.NewKeyRing(store, logKey.Public(), 1)
}

// caller is who makes a call: a person with roles, or a service.
type caller struct {
	tenant  string
	subject string
	roles   []string
	service string
	proven  bool // by a stronger means, a moment ago
}

func human(roles ...string) caller { return caller{tenant: "acme", subject: "actor-1", roles: roles} }

func service(name string) caller { return caller{tenant: "acme", service: name} }

func (w *world) dial(t *testing.T, c caller) *grpc.ClientConn {
	t.Helper()
	name := "nobody"
	if c.service != "" {
		name = c.service
	}
	config := w.TLS(t, name).ClientTLS("consent")
	var options []grpc.DialOption
	if c.service == "" {
		config.GetClientCertificate = nil
	} else {
		options = append(options, grpc.WithUnaryInterceptor(inTenant(c.tenant)))
	}
	if len(c.roles) > 0 {
		claims := rpctest.With(rpctest.With(rpctest.Claims(time.Now(), c.roles...), "tenant", c.tenant), "sub", c.subject)
		if c.proven {
			claims = rpctest.With(rpctest.With(claims, "acr", "phr"), "auth_time", time.Now().Unix())
		}
		options = append(options, grpc.WithPerRPCCredentials(bearer(w.Issuer.Sign(claims))))
	}
	conn, err := grpc.NewClient(w.addr, append(options, grpc.WithTransportCredentials(credentials.NewTLS(config)))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func inTenant(tenant string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, o ...grpc.CallOption) error {
		return invoke(metadata.AppendToOutgoingContext(ctx, kit.MetadataTenant, tenant), method, req, reply, cc, o...)
	}
}

// consent calls ConsentService as somebody.
func (w *world) consent(t *testing.T, c caller) consentv1.ConsentServiceClient {
	t.Helper()
	return consentv1.NewConsentServiceClient(w.dial(t, c))
}

// policies calls PolicyService as somebody.
func (w *world) policies(t *testing.T, c caller) consentv1.PolicyServiceClient {
	t.Helper()
	return consentv1.NewPolicyServiceClient(w.dial(t, c))
}

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}
func (bearer) RequireTransportSecurity() bool { return true }

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// answer is the code, reason and first field of an error.
func answer(err error) (code codes.Code, reason, field string) {
	s := status.Convert(err)
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.BadRequest:
			field = d.GetFieldViolations()[0].GetField()
		}
	}
	return s.Code(), reason, field
}

// expect holds an error against a code and a reason.
func expect(t *testing.T, what string, err error, code codes.Code, reason string) {
	t.Helper()
	if c, r, _ := answer(err); c != code || r != reason {
		t.Errorf("%s: answered %v %q, want %v %q", what, c, r, code, reason)
	}
}

// document is one of the published policies, changed by pairs of old and new.
func document(t *testing.T, id string, change ...string) []byte {
	t.Helper()
	b, err := fs.ReadFile(policydoc.Published(), id+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(change, 2) {
		if !bytes.Contains(b, []byte(pair[0])) {
			t.Fatalf("%s holds no %q", id, pair[0])
		}
		b = []byte(strings.Replace(string(b), pair[0], pair[1], 1))
	}
	return b
}

// textHash is the hash that a document names for its text.
func textHash(t *testing.T, b []byte) string {
	t.Helper()
	doc, err := policydoc.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return doc.TextSHA256
}

// publish publishes a document and posts it now.
func (w *world) publish(t *testing.T, b []byte) *consentv1.PublishPolicyResponse {
	t.Helper()
	dpo := w.policies(t, human("dpo"))
	res, err := dpo.PublishPolicy(deadline(t), &consentv1.PublishPolicyRequest{RequestId: w.id(), Document: b})
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	_, err = dpo.PostPolicy(deadline(t), &consentv1.PostPolicyRequest{
		RequestId: w.id(), Policy: res.GetPolicy(), Version: res.GetVersion(), TextHash: textHash(t, b), PostedAt: timestamppb.New(w.now()),
		ProminentNotice: "web:front-page",
	})
	if err != nil {
		t.Fatalf("post: %v", err)
	}
	if want := fmt.Sprintf("%x", sha256.Sum256(b)); res.GetHash() != want {
		t.Errorf("hash %s, want %s", res.GetHash(), want)
	}
	return res
}

// decide records an explicit act with evidence.
func (w *world) decide(t *testing.T, policy, purpose string, d consentv1.Decision) *consentv1.RecordDecisionResponse {
	t.Helper()
	res, err := w.consent(t, human("product")).RecordDecision(deadline(t), &consentv1.RecordDecisionRequest{
		RequestId: w.id(), SubjectRef: subject, Policy: policy,
		Choices:   []*consentv1.Choice{{Purpose: purpose, Decision: d, Expression: consentv1.Expression_EXPRESSION_EXPLICIT}},
		DecidedAt: timestamppb.New(w.now()), Evidence: "sha256:abc",
	})
	if err != nil {
		t.Fatalf("decide: %v", err)
	}
	return res
}

// otherEpoch is a token that another history of the store has given out.
func otherEpoch() string {
	return es.TokenAt(es.Position{Stream: "memory", Epoch: "another", Seq: 1}).Encode()
}
