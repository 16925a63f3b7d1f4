package retentiond_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/localca"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/mtls"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/retention/retentiond"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

const shards = 2

// world is everything around retention: a log, an authority, an issuer of
// tokens, and identity and consent as far as retention asks them.
type world struct {
	*rpctest.Place
	nats     *testserver.Server
	in       jstest.Installation
	log      *jetstream.Log // as consent writes it
	ca       *localca.CA
	id       *localca.Identity
	dir      string
	out      *lines
	policies *policies
	identity string
	consent  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Place: rpctest.NewPlace(t), dir: t.TempDir(), out: new(lines), policies: &policies{documents: map[uint32]string{}}}
	w.in = jstest.New(t, shards, 1, "retention", "consent", "fulfilment")
	w.in.Name = retentiond.Name
	rights := jetstream.RightsOf(w.in.Topology, jetstream.Grant{
		Name: retentiond.Name, Owns: []string{"retention"}, Reads: []string{"consent", "fulfilment"},
		Processes: map[string][]string{"consent": {"schedules"}, "retention": {"clocks"}, "fulfilment": {"remainders"}},
	})
	w.nats = testserver.NATS(t, testserver.WithUser(retentiond.Name, rights.Publish, rights.Subscribe))
	w.in.Provision(t, w.nats.Connect(t, testserver.Admin))
	w.log = w.in.Open(t, w.nats.Connect(t, testserver.Admin))
	var err error
	if w.ca, err = localca.Open(filepath.Join(w.dir, "ca"), rpctest.TrustDomain); err != nil {
		t.Fatal(err)
	}
	w.id = w.issue(t, retentiond.Name)
	_, w.identity = w.Serve(t, "identity", w.config(t, "identity", identity{},
		&identityv1.TenantService_ServiceDesc, &identityv1.KeyService_ServiceDesc, &identityv1.SubjectService_ServiceDesc))
	_, w.consent = w.Serve(t, "consent", w.config(t, "consent", w.policies, &consentv1.PolicyService_ServiceDesc))
	return w
}

func (w *world) issue(t *testing.T, name string) *localca.Identity {
	t.Helper()
	id, err := w.ca.Issue(localca.Request{
		Name: name, Hosts: []string{"127.0.0.1"},
		ID: "spiffe://" + rpctest.TrustDomain + "/ns/" + rpctest.Namespace + "/sa/" + name,
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// config is that of a peer, which takes calls from retention alone.
func (w *world) config(t *testing.T, name string, impl any, services ...*grpc.ServiceDesc) kit.Config {
	t.Helper()
	id := w.issue(t, name)
	source, err := mtls.Load(mtls.Config{
		Cert: id.CertFile, Key: id.KeyFile, CA: id.CAFile, TrustDomain: rpctest.TrustDomain, Namespace: rpctest.Namespace,
		Now: time.Now, Report: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := kit.Config{TLS: source, Callers: map[string][]string{}}
	for _, desc := range services {
		cfg.Services = append(cfg.Services, kit.Service{Desc: desc, Impl: impl})
		cfg.Callers[desc.ServiceName] = []string{retentiond.Name}
	}
	return cfg
}

// identity answers for all tenants alike.
type identity struct {
	identityv1.UnimplementedTenantServiceServer
	identityv1.UnimplementedKeyServiceServer
	identityv1.UnimplementedSubjectServiceServer
}

func (identity) GetSubject(context.Context, *identityv1.GetSubjectRequest) (*identityv1.GetSubjectResponse, error) {
	return &identityv1.GetSubjectResponse{State: identityv1.SubjectState_SUBJECT_STATE_ACTIVE}, nil
}

func (identity) GetTenant(context.Context, *identityv1.GetTenantRequest) (*identityv1.GetTenantResponse, error) {
	return &identityv1.GetTenantResponse{Tenant: "acme", TimeZone: "Europe/Berlin", Calendar: "de"}, nil
}

func (identity) GetDigestKeys(context.Context, *identityv1.GetDigestKeysRequest) (*identityv1.GetDigestKeysResponse, error) {
	return &identityv1.GetDigestKeysResponse{
		Keys: []*identityv1.DigestKey{{Epoch: 1, Material: bytes.Repeat([]byte{1}, 32)}}, Lease: durationpb.New(5 * time.Second),
	}, nil
}

// policies are the documents that consent has, by version, of policy "main" of
// tenant "acme". It fails the first time that it is asked for each.
type policies struct {
	consentv1.UnimplementedPolicyServiceServer

	mu        sync.Mutex
	documents map[uint32]string
	asked     map[uint32]bool
}

func (p *policies) set(version uint32, document string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.documents[version] = document
}

func (p *policies) GetPolicy(ctx context.Context, r *consentv1.GetPolicyRequest) (*consentv1.GetPolicyResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked == nil {
		p.asked = map[uint32]bool{}
	}
	if !p.asked[r.GetVersion()] {
		p.asked[r.GetVersion()] = true
		return nil, status.Error(codes.Internal, "consent is not well")
	}
	document, ok := p.documents[r.GetVersion()]
	if !ok || r.GetPolicy() != "main" || kit.PrincipalFrom(ctx).Tenant != "acme" {
		return nil, status.Error(codes.NotFound, "no such policy")
	}
	return &consentv1.GetPolicyResponse{Policy: "main", Version: r.GetVersion(), Document: []byte(document)}, nil
}

// environ is the daemon's environment.
func (w *world) environ(t *testing.T) []string {
	t.Helper()
	serviceKey := filepath.Join(w.dir, "service.key")
	seed := base64.StdEncoding.EncodeToString(w.in.Service.Private().Seed())
	if err := os.WriteFile(serviceKey, []byte(seed), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{
		"HABEAS_INSTANCE=test-1", "HABEAS_LOG_LEVEL=debug", "HABEAS_REVIEW_EVERY=50ms", "HABEAS_IDENTITY_TARGET=" + w.identity, "HABEAS_CONSENT_TARGET=" + w.consent,
		"HABEAS_TLS_CERT=" + w.id.CertFile, "HABEAS_TLS_KEY=" + w.id.KeyFile, "HABEAS_TLS_CA=" + w.id.CAFile,
		"HABEAS_TLS_TRUST_DOMAIN=" + rpctest.TrustDomain, "HABEAS_TLS_NAMESPACE=" + rpctest.Namespace,
		"HABEAS_TOKEN_ISSUER=" + rpctest.TokenIssuer, "HABEAS_TOKEN_AUDIENCE=" + rpctest.TokenAudience, "HABEAS_TOKEN_KEYS=" + w.Issuer.Path,
		"HABEAS_NATS_URL=" + w.nats.URL(), "HABEAS_NATS_SEED=" + w.nats.SeedFile(retentiond.Name),
		"HABEAS_EVENTLOG_KEY=" + base64.StdEncoding.EncodeToString(w.in.LogKey.Public()), "HABEAS_EVENTLOG_SERVICE_KEY=" + serviceKey,
		"HABEAS_EVENTLOG_SHARDS=2",
	}
}

// start runs the daemon until the test ends or the function is called.
func (w *world) start(t *testing.T) (r daemon.Running, stop func() error) {
	t.Helper()
	var cfg retentiond.Config
	if err := env.Load(w.environ(t), &cfg); err != nil {
		t.Fatalf("configuration: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan daemon.Running, 1), make(chan error, 1)
	go func() {
		ended <- retentiond.Run(ctx, cfg, daemon.World{Out: w.out, Started: func(r daemon.Running) { started <- r }})
	}()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	select {
	case r = <-started:
	case err := <-ended:
		cancel()
		t.Fatalf("the daemon ended at once: %v\n%s", err, w.out)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil || t.Failed() {
			t.Logf("the daemon ended with %v and wrote:\n%s", err, w.out)
		}
	})
	return r, stop
}

// client calls the daemon as a person with a role.
func (w *world) client(t *testing.T, r daemon.Running, role string) retentionv1.RetentionServiceClient {
	t.Helper()
	pem, err := os.ReadFile(w.id.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	cc, err := grpc.NewClient(r.Addr.String(),
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13})),
		grpc.WithPerRPCCredentials(bearer(w.Issuer.Sign(rpctest.Claims(time.Now(), role)))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return retentionv1.NewRetentionServiceClient(cc)
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

// consentWrites appends an event to consent's aggregate of policy "main".
func (w *world) consentWrites(t *testing.T, head es.Head, name string, m proto.Message) es.Head {
	t.Helper()
	id, err := es.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := w.log.Append(deadline(t), head, es.Commit{
		ID: id, CommandID: id, Time: time.Now().UTC(), Meta: es.Meta{Correlation: id},
		Aggregate: es.Aggregate{Context: "consent", Tenant: "acme", Type: "policy", ID: "main"},
		Events:    []es.Event{{Type: name, Schema: 1, Data: data}},
	})
	if err != nil {
		t.Fatalf("append as consent: %v", err)
	}
	return es.Head{Seq: rec.Position.Seq, Commits: head.Commits + 1, Version: head.Version + 1, Hash: rec.Hash}
}

// lines may be written and read at once.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
