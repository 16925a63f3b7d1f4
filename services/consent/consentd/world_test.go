package consentd_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/consent/consentd"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/localca"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/mtls"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/stores"
	"habeas.internal/services/internal/testserver"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/durationpb"
)

const shards = 2 // unless a test says another number

// world is everything around consent: a log, a Redis, an authority, an issuer
// of tokens, and identity as far as consent asks it.
type world struct {
	*rpctest.Place
	nats     *testserver.Server
	redis    *testserver.RedisServer
	in       jstest.Installation
	ca       *localca.CA
	id       *localca.Identity
	dir      string
	out      *lines
	identity string
	level    string // of the log
	regions  stores.Regions
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, shards)
}

func newWorldOf(t *testing.T, shards int) *world {
	t.Helper()
	w := &world{Place: rpctest.NewPlace(t), dir: t.TempDir(), out: new(lines), redis: testserver.Redis(t), level: "debug", regions: stores.All("us")}
	w.in = jstest.New(t, shards, 1, "consent")
	w.in.Name = consentd.Name
	rights := jetstream.RightsOf(w.in.Topology, jetstream.Grant{Name: consentd.Name, Owns: []string{"consent"}})
	w.nats = testserver.NATS(t, testserver.WithUser(consentd.Name, rights.Publish, rights.Subscribe))
	w.in.Provision(t, w.nats.Connect(t, testserver.Admin))
	var err error
	if w.ca, err = localca.Open(filepath.Join(w.dir, "ca"), rpctest.TrustDomain); err != nil {
		t.Fatal(err)
	}
	w.id = w.issue(t, consentd.Name)
	_, w.identity = w.Serve(t, "identity", w.config(t, "identity", identity{}, &identityv1.KeyService_ServiceDesc))
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

// config is that of a peer, which takes calls from consent alone.
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
		cfg.Callers[desc.ServiceName] = []string{consentd.Name}
	}
	return cfg
}

// identity answers for all tenants alike.
type identity struct {
	identityv1.UnimplementedKeyServiceServer
}

func (identity) GetDigestKeys(context.Context, *identityv1.GetDigestKeysRequest) (*identityv1.GetDigestKeysResponse, error) {
	return &identityv1.GetDigestKeysResponse{
		Keys: []*identityv1.DigestKey{{Epoch: 1, Material: bytes.Repeat([]byte{1}, 32)}}, Lease: durationpb.New(5 * time.Second),
	}, nil
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
		"HABEAS_INSTANCE=test-1", "HABEAS_LOG_LEVEL=" + w.level, "HABEAS_IDENTITY_TARGET=" + w.identity,
		"HABEAS_TLS_CERT=" + w.id.CertFile, "HABEAS_TLS_KEY=" + w.id.KeyFile, "HABEAS_TLS_CA=" + w.id.CAFile,
		"HABEAS_TLS_TRUST_DOMAIN=" + rpctest.TrustDomain, "HABEAS_TLS_NAMESPACE=" + rpctest.Namespace,
		"HABEAS_TOKEN_ISSUER=" + rpctest.TokenIssuer, "HABEAS_TOKEN_AUDIENCE=" + rpctest.TokenAudience, "HABEAS_TOKEN_KEYS=" + w.Issuer.Path,
		"HABEAS_NATS_URL=" + w.nats.URL(), "HABEAS_NATS_SEED=" + w.nats.SeedFile(consentd.Name),
		"HABEAS_EVENTLOG_KEY=" + base64.StdEncoding.EncodeToString(w.in.LogKey.Public()), "HABEAS_EVENTLOG_SERVICE_KEY=" + serviceKey,
		"HABEAS_EVENTLOG_SHARDS=" + strconv.Itoa(w.in.Topology.Shards), "HABEAS_REDIS_URL=" + w.redis.URL(),
		"HABEAS_REGIONS=" + strings.Join(w.regions.Words(), ","), "HABEAS_EXPIRY_EVERY=100ms",
	}
}

// start runs the daemon until the test ends or the function is called.
func (w *world) start(t *testing.T) (r daemon.Running, stop func() error) {
	t.Helper()
	var cfg consentd.Config
	if err := env.Load(w.environ(t), &cfg); err != nil {
		t.Fatalf("configuration: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan daemon.Running, 1), make(chan error, 1)
	go func() {
		ended <- consentd.Run(ctx, cfg, daemon.World{Out: w.out, Started: func(r daemon.Running) { started <- r }})
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

// dial connects to the daemon as a person with a role.
func (w *world) dial(t *testing.T, r daemon.Running, role string, more ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	pem, err := os.ReadFile(w.id.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	cc, err := grpc.NewClient(r.Addr.String(), append(more,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13})),
		grpc.WithPerRPCCredentials(bearer(w.Issuer.Sign(rpctest.Claims(time.Now(), role)))))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return cc
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
