package identityd_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/identityd"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// world is everything around an identity service: the log's server, keys,
// certificates, an issuer of tokens, a mail service, and what the daemon wrote.
type world struct {
	nats   *testserver.Server
	in     jstest.Installation
	issuer *rpctest.Issuer
	ca     *localca.CA
	id     *localca.Identity
	dir    string
	logs   *buffer
	spans  string
	mails  *mailbox
	alone  string
	listen string   // address for gRPC; a free one if empty
	level  string   // of log lines; debug if empty
	ratio  string   // of traces; all if empty
	more   []string // further settings
	kms    string   // where key-encryption keys lie; in a folder if empty
	peer   *consent // consent, and
	target string   // where it answers; not connected if empty
}

const shards = 2

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel() // each has a log, a mailbox and a daemon of its own
	w := &world{dir: t.TempDir(), logs: new(buffer), issuer: rpctest.NewIssuer(t), mails: newMailbox(t), alone: "true"}
	w.spans = filepath.Join(w.dir, "spans.jsonl")
	w.in = jstest.New(t, shards, 1, identityd.Context, jetstream.ContextAccess)
	w.in.Name = identityd.Name
	rights := jetstream.RightsOf(w.in.Topology, jetstream.Grant{
		Name: identityd.Name, Owns: []string{identityd.Context}, Vault: true, Logs: true,
		Processes: map[string][]string{"identity": {"identity-reactions"}}, Alarms: []string{"evidence"},
	})
	w.nats = testserver.NATS(t, testserver.WithUser(identityd.Name, rights.Publish, rights.Subscribe))
	w.in.Provision(t, w.nats.Connect(t, testserver.Admin))
	var err error
	if w.ca, err = localca.Open(filepath.Join(w.dir, "ca"), rpctest.TrustDomain); err != nil {
		t.Fatal(err)
	}
	w.id = w.certify(t, identityd.Name)
	w.peer, w.target = serveConsent(t, w)
	return w
}

// certify gives a service a certificate.
func (w *world) certify(t *testing.T, service string) *localca.Identity {
	t.Helper()
	id, err := w.ca.Issue(localca.Request{
		Name: service, Hosts: []string{"127.0.0.1"},
		ID: "spiffe://" + rpctest.TrustDomain + "/ns/" + rpctest.Namespace + "/sa/" + service,
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// environ is the daemon's environment.
func (w *world) environ(t *testing.T) []string {
	t.Helper()
	serviceKey := filepath.Join(w.dir, "service.key")
	seed := base64.StdEncoding.EncodeToString(w.in.Service.Private().Seed())
	if err := os.WriteFile(serviceKey, []byte(seed), 0o600); err != nil {
		t.Fatal(err)
	}
	return append([]string{
		"HABEAS_CONSENT_TARGET=" + w.target, "HABEAS_PLATFORM_TENANT=platform",
		"HABEAS_GRPC_LISTEN=" + cmp.Or(w.listen, "127.0.0.1:0"),
		"HABEAS_INSTANCE=test-1", "HABEAS_LOG_LEVEL=" + cmp.Or(w.level, "debug"), "HABEAS_OTLP_RATIO=" + cmp.Or(w.ratio, "1"), "HABEAS_OTLP_FILE=" + w.spans,
		"HABEAS_TLS_CERT=" + w.id.CertFile, "HABEAS_TLS_KEY=" + w.id.KeyFile, "HABEAS_TLS_CA=" + w.id.CAFile,
		"HABEAS_TLS_TRUST_DOMAIN=" + rpctest.TrustDomain, "HABEAS_TLS_NAMESPACE=" + rpctest.Namespace,
		"HABEAS_TOKEN_ISSUER=" + rpctest.TokenIssuer, "HABEAS_TOKEN_AUDIENCE=" + rpctest.TokenAudience, "HABEAS_TOKEN_KEYS=" + w.issuer.Path, "HABEAS_TOKEN_STEP_UP=phr",
		"HABEAS_NATS_URL=" + w.nats.URL(), "HABEAS_NATS_SEED=" + w.nats.SeedFile(identityd.Name),
		"HABEAS_EVENTLOG_KEY=" + base64.StdEncoding.EncodeToString(w.in.LogKey.Public()), "HABEAS_EVENTLOG_SERVICE_KEY=" + serviceKey,
		"HABEAS_EVENTLOG_SHARDS=2", "HABEAS_VAULT_KMS=" + cmp.Or(w.kms, "file://"+filepath.Join(w.dir, "keks")),
		"HABEAS_VAULT_LEASE=" + lease.String(), "HABEAS_VAULT_LEASE_BEFORE=" + lease.String(), "HABEAS_VAULT_ALONE=" + w.alone,
		"HABEAS_SMTP_ADDR=" + w.mails.addr, "HABEAS_LINK_PAGE=https://privacy.acme.example/confirm", "HABEAS_SMTP_FROM=privacy@acme.example", "HABEAS_SMTP_TLS=none",
	}, w.more...)
}

// lease is long enough that a test which waits one out shows it.
const lease = 2 * time.Second

// running is a started identity service.
type running struct {
	daemon.Running
	world *world
	stop  func() error
}

// start runs the daemon until the test ends or stop is called.
func (w *world) start(t *testing.T) *running {
	t.Helper()
	var cfg identityd.Config
	if err := env.Load(w.environ(t), &cfg); err != nil {
		t.Fatalf("configuration: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan daemon.Running, 1), make(chan error, 1)
	go func() {
		ended <- identityd.Run(ctx, cfg, daemon.World{Out: w.logs, Started: func(r daemon.Running) { started <- r }})
	}()
	d := &running{world: w, stop: sync.OnceValue(func() error { cancel(); return <-ended })}
	select {
	case d.Running = <-started:
	case err := <-ended:
		cancel()
		t.Fatalf("the daemon ended at once: %v\n%s", err, w.logs)
	}
	t.Cleanup(func() { _ = d.stop() })
	return d
}

// api is every service of identity's, for one caller.
type api struct {
	identityv1.SubjectServiceClient
	identityv1.TenantServiceClient
	identityv1.VerificationServiceClient
	identityv1.KeyServiceClient
	identityv1.SuppressionServiceClient
	conn *grpc.ClientConn
}

func (d *running) dial(t *testing.T, config *tls.Config, options ...grpc.DialOption) *api {
	t.Helper()
	pem, err := os.ReadFile(d.world.id.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	config.RootCAs = x509.NewCertPool()
	config.RootCAs.AppendCertsFromPEM(pem)
	config.ServerName, config.MinVersion = "127.0.0.1", tls.VersionTLS13
	cc, err := grpc.NewClient(d.Addr.String(), append(options, grpc.WithTransportCredentials(credentials.NewTLS(config)))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return &api{
		identityv1.NewSubjectServiceClient(cc), identityv1.NewTenantServiceClient(cc), identityv1.NewVerificationServiceClient(cc),
		identityv1.NewKeyServiceClient(cc), identityv1.NewSuppressionServiceClient(cc), cc,
	}
}

// as calls as somebody with the roles in a tenant; no role is nobody.
func (d *running) as(t *testing.T, tenant string, roles ...string) *api {
	t.Helper()
	if len(roles) == 0 {
		return d.dial(t, &tls.Config{})
	}
	claims := rpctest.With(rpctest.Claims(time.Now(), roles...), "tenant", tenant)
	return d.dial(t, &tls.Config{}, grpc.WithPerRPCCredentials(bearer(d.world.issuer.Sign(claims))))
}

// service calls as another service, for itself, in a tenant.
func (d *running) service(t *testing.T, name, tenant string) *api {
	t.Helper()
	id := d.world.certify(t, name)
	cert, err := tls.LoadX509KeyPair(id.CertFile, id.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return d.dial(t, &tls.Config{Certificates: []tls.Certificate{cert}}, grpc.WithPerRPCCredentials(stated(tenant)))
}

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}
func (bearer) RequireTransportSecurity() bool { return true }

// stated is the tenant that a service calls for.
type stated string

func (s stated) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{rpc.MetadataTenant: string(s)}, nil
}
func (stated) RequireTransportSecurity() bool { return true }

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func withPurpose(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, rpc.MetadataPurpose, "case-handling")
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

func expect(t *testing.T, err error, code codes.Code, reason string) {
	t.Helper()
	if c, r, _ := answer(err); c != code || r != reason {
		t.Errorf("got %s %s (%v), want %s %s", c, r, err, code, reason)
	}
}

func must[T any](got T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
}

func newRequestID() string { return uuid.NewString() }

// commits counts what an installation's log holds of the context.
func (w *world) commits(t *testing.T) int {
	t.Helper()
	log := w.in.Open(t, w.nats.Connect(t, testserver.Admin))
	n := 0
	for r, err := range log.Scan(t.Context(), identityd.Context, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Aggregate.Tenant != es.LogTenant {
			n++
		}
	}
	return n
}

// quiet waits until the processes have caught up: two counts of the log's
// commits, a while apart, are the same.
func (w *world) quiet(t *testing.T) {
	t.Helper()
	last := -1
	testwait.For(t, 20*time.Second, func() error {
		now := w.commits(t)
		if now != last {
			last = now
			return errNotYet
		}
		return nil
	})
}

// history lists the types of an aggregate's events.
func (w *world) history(t *testing.T, kind, tenant, id string) []string {
	t.Helper()
	log := w.in.Open(t, w.nats.Connect(t, testserver.Admin))
	var out []string
	agg := es.Aggregate{Context: identityd.Context, Tenant: tenant, Type: kind, ID: id}
	for r, err := range log.Load(t.Context(), agg, 0, es.Leader) {
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range r.Events {
			out = append(out, ev.Type)
		}
	}
	return out
}

// buffer may be written and read at once.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
