package systemtest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/systemtest/sample/sampled"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// world is everything around a guest book: servers, keys, certificates, an
// issuer of tokens, and what the daemon left behind.
type world struct {
	nats   *testserver.Server
	redis  *testserver.RedisServer
	in     jstest.Installation
	issuer *rpctest.Issuer
	id     *localca.Identity
	dir    string
	logs   *buffer
	spans  string

	mu        sync.Mutex
	announced []es.Aggregate
}

const shards = 2

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), logs: new(buffer), issuer: rpctest.NewIssuer(t), redis: testserver.Redis(t)}
	w.spans = filepath.Join(w.dir, "spans.jsonl")
	w.in = jstest.New(t, shards, 1, sampled.Context, jetstream.ContextAccess)
	w.in.Name = sampled.Name
	rights := jetstream.RightsOf(w.in.Topology, jetstream.Grant{
		Name: sampled.Name, Owns: []string{sampled.Context}, Vault: true, Logs: true,
		Processes: map[string][]string{sampled.Context: {"announce"}}, Alarms: []string{"books"},
	})
	w.nats = testserver.NATS(t, testserver.WithUser(sampled.Name, rights.Publish, rights.Subscribe))
	w.in.Provision(t, w.nats.Connect(t, testserver.Admin))
	ca, err := localca.Open(filepath.Join(w.dir, "ca"), rpctest.TrustDomain)
	if err != nil {
		t.Fatal(err)
	}
	w.id, err = ca.Issue(localca.Request{
		Name: sampled.Name, Hosts: []string{"127.0.0.1"},
		ID: "spiffe://" + rpctest.TrustDomain + "/ns/" + rpctest.Namespace + "/sa/" + sampled.Name,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
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
		"HABEAS_INSTANCE=test-1", "HABEAS_LOG_LEVEL=debug", "HABEAS_OTLP_RATIO=1", "HABEAS_OTLP_FILE=" + w.spans,
		"HABEAS_TLS_CERT=" + w.id.CertFile, "HABEAS_TLS_KEY=" + w.id.KeyFile, "HABEAS_TLS_CA=" + w.id.CAFile,
		"HABEAS_TLS_TRUST_DOMAIN=" + rpctest.TrustDomain, "HABEAS_TLS_NAMESPACE=" + rpctest.Namespace,
		"HABEAS_TOKEN_ISSUER=" + rpctest.TokenIssuer, "HABEAS_TOKEN_AUDIENCE=" + rpctest.TokenAudience, "HABEAS_TOKEN_KEYS=" + w.issuer.Path,
		"HABEAS_NATS_URL=" + w.nats.URL(), "HABEAS_NATS_SEED=" + w.nats.SeedFile(sampled.Name), "HABEAS_REDIS_URL=" + w.redis.URL(),
		"HABEAS_EVENTLOG_KEY=" + base64.StdEncoding.EncodeToString(w.in.LogKey.Public()), "HABEAS_EVENTLOG_SERVICE_KEY=" + serviceKey,
		"HABEAS_EVENTLOG_SHARDS=2", "HABEAS_VAULT_KEYS=" + filepath.Join(w.dir, "keks"),
	}
}

// daemon is a running guest book.
type daemon struct {
	sampled.Running
	stop  func() error
	ended <-chan error
}

// start runs the daemon until the test ends or stop is called.
func (w *world) start(t *testing.T) *daemon {
	t.Helper()
	var cfg sampled.Config
	if err := env.Load(w.environ(t), &cfg); err != nil {
		t.Fatalf("configuration: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan sampled.Running, 1), make(chan error, 1)
	go func() {
		ended <- sampled.Run(ctx, cfg, sampled.World{
			Out: w.logs, Announce: w.announce, Started: func(r sampled.Running) { started <- r },
		})
	}()
	d := &daemon{ended: ended, stop: sync.OnceValue(func() error { cancel(); return <-ended })}
	select {
	case d.Running = <-started:
	case err := <-ended:
		cancel()
		t.Fatalf("the daemon ended at once: %v\n%s", err, w.logs)
	}
	t.Cleanup(func() { _ = d.stop() })
	return d
}

var errOutside = errors.New("outside is not there")

// announce fails once for each book, as the world outside does.
func (w *world) announce(_ context.Context, agg es.Aggregate) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := true
	for _, a := range w.announced {
		first = first && a != agg
	}
	w.announced = append(w.announced, agg)
	if first {
		return errOutside
	}
	return nil
}

// client calls the daemon as somebody with the roles; no role is nobody.
func (w *world) client(t *testing.T, addr net.Addr, tenant string, roles ...string) samplev1.BookServiceClient {
	t.Helper()
	pem, err := os.ReadFile(w.id.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	options := []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13}))}
	if len(roles) > 0 {
		claims := rpctest.With(rpctest.Claims(time.Now(), roles...), "tenant", tenant)
		options = append(options, grpc.WithPerRPCCredentials(bearer(w.issuer.Sign(claims))))
	}
	cc, err := grpc.NewClient(addr.String(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return samplev1.NewBookServiceClient(cc)
}

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}
func (bearer) RequireTransportSecurity() bool { return true }

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func withPurpose(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "habeas-purpose", "case-handling")
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
