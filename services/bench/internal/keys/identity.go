package keys

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/bench/internal/eventlog"
	"habeas.internal/services/bench/internal/servers"
	"habeas.internal/services/identity/identityd"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/daemon/telemetry"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/mtls"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
)

const (
	tenant    = "acme"
	domain    = "bench.internal" // of trust
	namespace = "habeas"
	issuer    = "https://issuer.bench.internal"
	audience  = "habeas"
	shards    = 4
	// patience is how long one call may take.
	patience = 10 * time.Second
	// shortest is the lease of a short run: long enough for keys to be held when they end.
	shortest = 5 * time.Second
	// startLimit is how long identity may take to start.
	startLimit = time.Minute
)

// identity is an identity service in this process, over TLS, and the log's server in
// a process of its own.
type identity struct {
	section *eventlog.Section
	dir     string
	server  *servers.NATS
	ca      *localca.CA
	signer  ed25519.PrivateKey
	addr    string
	tls     *localca.Identity // of the service
	lease   time.Duration     // of a key
}

// startIdentity runs one with a tenant until the section is closed.
func startIdentity(ctx context.Context, s *eventlog.Section, in eventlog.Settings) (*identity, error) {
	i := &identity{section: s, dir: filepath.Join(in.Dir, s.Name+"-identity"), lease: max(shortest, 6*in.WarmUp)}
	var err error
	if i.server, err = s.StartNATS(ctx, in, "nats"); err != nil {
		return nil, err
	}
	if i.ca, err = localca.Open(filepath.Join(i.dir, "ca"), domain); err != nil {
		return nil, err
	}
	environ, err := i.environ(ctx)
	if err != nil {
		return nil, err
	}
	var cfg identityd.Config
	if err := env.Load(environ, &cfg); err != nil {
		return nil, fmt.Errorf("configure identity: %w", err)
	}
	if err := i.run(cfg); err != nil {
		return nil, err
	}
	return i, i.makeTenant(ctx)
}

func (i *identity) run(cfg identityd.Config) error {
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan daemon.Running, 1), make(chan error, 1)
	go func() {
		ended <- identityd.Run(ctx, cfg, daemon.World{Out: io.Discard, Started: func(r daemon.Running) { started <- r }})
	}()
	i.section.Closing(func() error { cancel(); return <-ended })
	select {
	case r := <-started:
		i.addr = r.Addr.String()
		return nil
	case err := <-ended:
		ended <- err
		return fmt.Errorf("identity ended at once: %w", err)
	case <-time.After(startLimit):
		return errors.New("identity did not start in time")
	}
}

// environ provisions the log and is identity's environment.
func (i *identity) environ(ctx context.Context) ([]string, error) {
	id, err := i.issue(identityd.Name)
	if err != nil {
		return nil, err
	}
	i.tls = id
	logKey, service, err := i.provision(ctx)
	if err != nil {
		return nil, err
	}
	keySet, err := i.tokens()
	if err != nil {
		return nil, err
	}
	serviceKey, err := i.write("service.key", []byte(base64.StdEncoding.EncodeToString(service.Private().Seed())))
	if err != nil {
		return nil, err
	}
	return []string{
		"HABEAS_GRPC_LISTEN=127.0.0.1:0", "HABEAS_INSTANCE=bench-1", "HABEAS_LOG_LEVEL=error", "HABEAS_OTLP_RATIO=0",
		"HABEAS_TLS_CERT=" + id.CertFile, "HABEAS_TLS_KEY=" + id.KeyFile, "HABEAS_TLS_CA=" + id.CAFile,
		"HABEAS_TLS_TRUST_DOMAIN=" + domain, "HABEAS_TLS_NAMESPACE=" + namespace,
		"HABEAS_TOKEN_ISSUER=" + issuer, "HABEAS_TOKEN_AUDIENCE=" + audience, "HABEAS_TOKEN_KEYS=" + keySet, "HABEAS_TOKEN_STEP_UP=phr",
		"HABEAS_NATS_URL=" + i.server.URL(), "HABEAS_NATS_SEED=" + i.server.Seed(),
		"HABEAS_EVENTLOG_KEY=" + base64.StdEncoding.EncodeToString(logKey.Public()), "HABEAS_EVENTLOG_SERVICE_KEY=" + serviceKey,
		fmt.Sprintf("HABEAS_EVENTLOG_SHARDS=%d", shards), "HABEAS_VAULT_KMS=file://" + filepath.Join(i.dir, "keks"), "HABEAS_VAULT_ALONE=true",
		"HABEAS_VAULT_LEASE=" + i.lease.String(), "HABEAS_VAULT_LEASE_BEFORE=" + i.lease.String(),
	}, nil
}

func (i *identity) write(name string, data []byte) (string, error) {
	path := filepath.Join(i.dir, name)
	return path, os.WriteFile(path, data, 0o600)
}

func (i *identity) issue(service string) (*localca.Identity, error) {
	return i.ca.Issue(localca.Request{
		Name: service, Hosts: []string{"127.0.0.1"}, ID: "spiffe://" + domain + "/ns/" + namespace + "/sa/" + service,
	})
}

func (i *identity) provision(ctx context.Context) (logKey, service es.Signer, err error) {
	if logKey, err = es.GenerateSigner(rand.Reader); err != nil {
		return logKey, service, err
	}
	if service, err = es.GenerateSigner(rand.Reader); err != nil {
		return logKey, service, err
	}
	nc, err := i.server.Connect()
	if err != nil {
		return logKey, service, err
	}
	defer nc.Close()
	contexts := []string{identityd.Context, jetstream.ContextAccess}
	l, err := jetstream.Provision(ctx, jetstream.Config{
		Conn: nc, Topology: jetstream.Topology{Contexts: contexts, Shards: shards, Replicas: 1}, LogKey: logKey.Public(), Signer: logKey,
		Tracer: tracenoop.NewTracerProvider().Tracer(""), Meter: metricnoop.NewMeterProvider().Meter(""), Logger: slog.New(slog.DiscardHandler),
	}, jetstream.Installation{
		LogSigner: logKey, Random: rand.Reader, Now: time.Now().UTC(),
		Services: []jetstream.ServiceKey{{Service: identityd.Name, Contexts: contexts, Public: service.Public()}},
	})
	if err != nil {
		return logKey, service, fmt.Errorf("provision: %w", err)
	}
	l.Close()
	return logKey, service, nil
}

// tokens makes the key that signs tokens, and the file with its public half.
func (i *identity) tokens() (string, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	i.signer = private
	set, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "k1", "x": base64.RawURLEncoding.EncodeToString(public),
	}}})
	if err != nil {
		return "", err
	}
	return i.write("tokens.json", set)
}

func (i *identity) makeTenant(ctx context.Context) error {
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": "bench", "jti": "1", "tenant": tenant, "roles": []string{"platform_admin"},
		"acr": "phr", "auth_time": now.Unix(), "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	})
	token.Header["kid"] = "k1"
	text, err := token.SignedString(crypto.Signer(i.signer))
	if err != nil {
		return err
	}
	conn, err := i.person()
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is lost with it
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err = identityv1.NewTenantServiceClient(conn).CreateTenant(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+text),
		&identityv1.CreateTenantRequest{RequestId: uuid.NewString(), Tenant: tenant, DisplayName: "Acme", TimeZone: "UTC"})
	if err != nil {
		return fmt.Errorf("create tenant: %w", err)
	}
	return nil
}

// person connects without a certificate, as people do.
func (i *identity) person() (*grpc.ClientConn, error) {
	pem, err := os.ReadFile(i.tls.CAFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return grpc.NewClient(i.addr, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13,
	})))
}

// dial connects as fulfilment, to one of identity's services.
func (i *identity) dial(service string) (*grpc.ClientConn, error) {
	id, err := i.issue("fulfilment")
	if err != nil {
		return nil, err
	}
	source, err := mtls.Load(mtls.Config{
		Cert: id.CertFile, Key: id.KeyFile, CA: id.CAFile, TrustDomain: domain, Namespace: namespace, Now: time.Now, Report: func(error) {},
	})
	if err != nil {
		return nil, err
	}
	i.section.Closing(func() error { source.Close(); return nil })
	off := telemetry.Off()
	cfg := rpc.Config{TLS: source, Tracers: off.Tracers, Meters: off.Meters, Propagator: off.Propagator}
	conn, err := client.Peer{Target: i.addr}.Dial(cfg, identityd.Name, service)
	if err != nil {
		return nil, err
	}
	i.section.Closing(conn.Close)
	return conn, nil
}
