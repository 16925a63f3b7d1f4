package fulfilmentd_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/fulfilment/fulfilmentd"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/es/eventpb/eventpbtest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/localca"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/mtls"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/testserver"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	_ "modernc.org/sqlite" // the shop's database
)

// world is everything around fulfilment: a log, a store of read models, an
// authority, an issuer of tokens, the other services, and a shop.
type world struct {
	*rpctest.Place
	nats  *testserver.Server
	redis *testserver.RedisServer
	in    jstest.Installation
	ca    *localca.CA
	id    *localca.Identity
	dir   string
	out   *lines
	peers *fake.Peers
	addrs map[string]string
	shop  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		Place: rpctest.NewPlace(t), dir: t.TempDir(), out: new(lines), redis: testserver.Redis(t), addrs: map[string]string{},
		peers: fake.NewPeers(fake.NewClock(time.Now()), new(eventpbtest.Keys)),
	}
	w.peers.Known[fake.Jane], w.peers.Keep["user.financial"] = fake.JaneRef, true
	w.in = jstest.New(t, 2, 1, "fulfilment", "retention", jetstream.ContextAccess)
	w.in.Name = fulfilmentd.Name
	rights := jetstream.RightsOf(w.in.Topology, jetstream.Grant{
		Name: fulfilmentd.Name, Owns: []string{"fulfilment"}, Reads: []string{"retention"}, Logs: true,
		Processes: map[string][]string{"fulfilment": {"carry"}, "retention": {"fulfilment-holds"}}, Alarms: []string{"carry"},
	})
	w.nats = testserver.NATS(t, testserver.WithUser(fulfilmentd.Name, rights.Publish, rights.Subscribe))
	w.in.Provision(t, w.nats.Connect(t, testserver.Admin))
	var err error
	if w.ca, err = localca.Open(filepath.Join(w.dir, "ca"), rpctest.TrustDomain); err != nil {
		t.Fatal(err)
	}
	w.id = w.issue(t, fulfilmentd.Name)
	w.peer(t, "identity", &identity{p: w.peers, keys: map[string][]byte{}, destroyed: map[string]bool{}},
		&identityv1.SubjectService_ServiceDesc, &identityv1.TenantService_ServiceDesc, &identityv1.VerificationService_ServiceDesc,
		&identityv1.KeyService_ServiceDesc, &identityv1.SuppressionService_ServiceDesc, &identityv1.StaffService_ServiceDesc, &identityv1.SettingsService_ServiceDesc)
	w.peer(t, "consent", &consent{p: w.peers}, &consentv1.ConsentService_ServiceDesc, &consentv1.PolicyService_ServiceDesc)
	w.peer(t, "retention", &retention{p: w.peers}, &retentionv1.RetentionService_ServiceDesc)
	w.openShop(t)
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

// peer serves another service, which takes calls from fulfilment alone.
func (w *world) peer(t *testing.T, name string, impl any, services ...*grpc.ServiceDesc) {
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
		cfg.Callers[desc.ServiceName] = []string{fulfilmentd.Name}
	}
	_, w.addrs[name] = w.Serve(t, name, cfg)
}

// shopDataset describes the shop.
const shopDataset = `dataset:
  - fides_key: shop
    name: shop
    collections:
      - name: customer
        fields:
          - name: id
            fides_meta: {primary_key: true}
          - name: email
            data_categories: [user.contact]
            fides_meta: {identity: email}
          - name: note
            data_categories: [user.content]
      - name: invoice
        fields:
          - name: id
            fides_meta: {primary_key: true}
          - name: customer_id
            fides_meta:
              references: [{dataset: shop, field: customer.id, direction: from}]
          - name: amount
            data_categories: [user.financial]
`

// openShop makes a database with two customers.
func (w *world) openShop(t *testing.T) {
	t.Helper()
	w.shop = filepath.Join(w.dir, "shop.db")
	w.exec(t, `CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT, note TEXT);
		CREATE TABLE invoice (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer(id), amount TEXT NOT NULL);
		INSERT INTO customer VALUES (1, 'jane@example.com', 'likes tea'), (2, 'john@example.com', 'likes coffee');
		INSERT INTO invoice VALUES (1, 1, '12.50'), (2, 2, '8.00');`)
}

func (w *world) exec(t *testing.T, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", w.shop)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

// count is a number that a query gives.
func (w *world) count(t *testing.T, query string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", w.shop)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// environ is the daemon's environment.
func (w *world) environ(t *testing.T) []string {
	t.Helper()
	write := func(file, text string) string {
		path := filepath.Join(w.dir, file)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	packages := filepath.Join(w.dir, "packages")
	if err := os.MkdirAll(packages, 0o700); err != nil {
		t.Fatal(err)
	}
	return []string{
		"HABEAS_INSTANCE=test-1", "HABEAS_LOG_LEVEL=debug",
		"HABEAS_TLS_CERT=" + w.id.CertFile, "HABEAS_TLS_KEY=" + w.id.KeyFile, "HABEAS_TLS_CA=" + w.id.CAFile,
		"HABEAS_TLS_TRUST_DOMAIN=" + rpctest.TrustDomain, "HABEAS_TLS_NAMESPACE=" + rpctest.Namespace,
		"HABEAS_TOKEN_ISSUER=" + rpctest.TokenIssuer, "HABEAS_TOKEN_AUDIENCE=" + rpctest.TokenAudience, "HABEAS_TOKEN_KEYS=" + w.Issuer.Path, "HABEAS_TOKEN_STEP_UP=phr",
		"HABEAS_NATS_URL=" + w.nats.URL(), "HABEAS_NATS_SEED=" + w.nats.SeedFile(fulfilmentd.Name), "HABEAS_REDIS_URL=" + w.redis.URL(),
		"HABEAS_EVENTLOG_KEY=" + base64.StdEncoding.EncodeToString(w.in.LogKey.Public()), "HABEAS_EVENTLOG_SHARDS=2",
		"HABEAS_EVENTLOG_SERVICE_KEY=" + write("service.key", base64.StdEncoding.EncodeToString(w.in.Service.Private().Seed())),
		"HABEAS_IDENTITY_TARGET=" + w.addrs["identity"], "HABEAS_CONSENT_TARGET=" + w.addrs["consent"],
		"HABEAS_RETENTION_TARGET=" + w.addrs["retention"],
		"HABEAS_CONNECTIONS=" + write("connections.yaml", fake.Tenant+"/shop-db: "+w.shop+"\n"),
		"HABEAS_PACKAGES_URL=file://" + packages + "?no_tmp_dir=true&metadata=skip",
	}
}

// start runs the daemon until the test ends or stop is called.
func (w *world) start(t *testing.T) (r daemon.Running, stop func()) {
	t.Helper()
	var cfg fulfilmentd.Config
	if err := env.Load(w.environ(t), &cfg); err != nil {
		t.Fatalf("configuration: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan daemon.Running, 1), make(chan error, 1)
	go func() {
		ended <- fulfilmentd.Run(ctx, cfg, daemon.World{Out: w.out, Started: func(r daemon.Running) { started <- r }})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the daemon ended with %v\n%s", err, w.out)
		}
	})
	select {
	case r = <-started:
	case err := <-ended:
		cancel()
		t.Fatalf("the daemon ended at once: %v\n%s", err, w.out)
	}
	t.Cleanup(stop)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.out)
		}
	})
	return r, stop
}

// api is what the daemon offers.
type api struct {
	fulfilmentv1.RequestServiceClient
	fulfilmentv1.SystemServiceClient
	fulfilmentv1.CaseServiceClient
}

func (w *world) client(t *testing.T, r daemon.Running, roles ...string) api {
	t.Helper()
	pem, err := os.ReadFile(w.id.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	claims := rpctest.With(rpctest.With(rpctest.Claims(time.Now(), roles...), "acr", "phr"), "auth_time", time.Now().Unix())
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	conn, err := grpc.NewClient(r.Addr.String(),
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13})),
		grpc.WithPerRPCCredentials(bearer(w.Issuer.Sign(claims))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return api{fulfilmentv1.NewRequestServiceClient(conn), fulfilmentv1.NewSystemServiceClient(conn), fulfilmentv1.NewCaseServiceClient(conn)}
}

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}
func (bearer) RequireTransportSecurity() bool { return true }

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
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
