// Package place is a small installation, as services find it in production: an
// event log in a process of its own, an authority for certificates, an issuer of
// tokens, and identity.
package place

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"time"

	"habeas.internal/services/bench/internal/eventlog"
	"habeas.internal/services/bench/internal/servers"
	"habeas.internal/services/identity/identityd"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/localca"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

const (
	// Tenant is whom everybody here belongs to.
	Tenant = "acme"
	// Patience is how long one call may take.
	Patience = 10 * time.Second
	// StartLimit is how long a service may take to start.
	StartLimit = time.Minute

	domain    = "bench.internal" // of trust
	namespace = "habeas"
	issuer    = "https://issuer.bench.internal"
	audience  = "habeas"
	// plenty is a limit of rate that nothing here reaches.
	plenty = 100_000
)

// Place is an installation that ends with its section.
type Place struct {
	NATS   *servers.NATS
	Shards int

	section  *eventlog.Section
	dir      string
	ca       *localca.CA
	signer   ed25519.PrivateKey // of tokens
	keySet   string
	logKey   es.Signer
	services map[string]es.Signer
	contexts map[string]string // by service: what it appends to
}

// New starts a log and provisions it for identity and other services, each with the
// context that it appends to. The name tells the places of a section apart.
func New(ctx context.Context, s *eventlog.Section, in eventlog.Settings, name string, shards int, others map[string]string) (*Place, error) {
	p := &Place{
		Shards: shards, section: s, dir: filepath.Join(in.Dir, s.Name+"-place"+name),
		services: map[string]es.Signer{}, contexts: map[string]string{identityd.Name: identityd.Context},
	}
	maps.Copy(p.contexts, others)
	var err error
	if p.NATS, err = s.StartNATS(ctx, in, "nats"+name); err != nil {
		return nil, err
	}
	if p.ca, err = localca.Open(filepath.Join(p.dir, "ca"), domain); err != nil {
		return nil, err
	}
	if err := p.issueTokens(); err != nil {
		return nil, err
	}
	return p, p.provision(ctx)
}

func (p *Place) provision(ctx context.Context) (err error) {
	if p.logKey, err = es.GenerateSigner(rand.Reader); err != nil {
		return err
	}
	var keys []jetstream.ServiceKey
	contexts := []string{jetstream.ContextAccess}
	for name, own := range p.contexts {
		if p.services[name], err = es.GenerateSigner(rand.Reader); err != nil {
			return err
		}
		contexts = append(contexts, own)
		keys = append(keys, jetstream.ServiceKey{Service: name, Contexts: []string{own, jetstream.ContextAccess}, Public: p.services[name].Public()})
	}
	nc, err := p.NATS.Connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	l, err := jetstream.Provision(ctx, jetstream.Config{
		Conn: nc, Topology: jetstream.Topology{Contexts: contexts, Shards: p.Shards, Replicas: 1}, LogKey: p.logKey.Public(), Signer: p.logKey,
		Tracer: tracenoop.NewTracerProvider().Tracer(""), Meter: metricnoop.NewMeterProvider().Meter(""), Logger: slog.New(slog.DiscardHandler),
	}, jetstream.Installation{LogSigner: p.logKey, Random: rand.Reader, Now: time.Now().UTC(), Services: keys})
	if err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	l.Close()
	return nil
}

// Environ is the environment that all services have.
func (p *Place) Environ(service string) ([]string, error) {
	id, err := p.issue(service)
	if err != nil {
		return nil, err
	}
	key, err := p.write(service+".key", []byte(base64.StdEncoding.EncodeToString(p.services[service].Private().Seed())))
	if err != nil {
		return nil, err
	}
	out := []string{
		"HABEAS_GRPC_LISTEN=127.0.0.1:0", "HABEAS_INSTANCE=bench-1", "HABEAS_LOG_LEVEL=error",
		"HABEAS_TLS_CERT=" + id.CertFile, "HABEAS_TLS_KEY=" + id.KeyFile, "HABEAS_TLS_CA=" + id.CAFile,
		"HABEAS_TLS_TRUST_DOMAIN=" + domain, "HABEAS_TLS_NAMESPACE=" + namespace,
		"HABEAS_TOKEN_ISSUER=" + issuer, "HABEAS_TOKEN_AUDIENCE=" + audience, "HABEAS_TOKEN_KEYS=" + p.keySet, "HABEAS_TOKEN_STEP_UP=phr",
		"HABEAS_NATS_URL=" + p.NATS.URL(), "HABEAS_NATS_SEED=" + p.NATS.Seed(),
		"HABEAS_EVENTLOG_KEY=" + base64.StdEncoding.EncodeToString(p.logKey.Public()), "HABEAS_EVENTLOG_SERVICE_KEY=" + key,
		fmt.Sprintf("HABEAS_EVENTLOG_SHARDS=%d", p.Shards),
	}
	for _, kind := range []string{"CALLER", "OPEN", "READS", "TENANT", "NETWORK", "PROCESS"} {
		out = append(out, fmt.Sprintf("HABEAS_LIMIT_%s=%d", kind, plenty))
	}
	return out, nil
}

// OpenLog opens the log as a new instance of a service, as the service itself does.
func (p *Place) OpenLog(ctx context.Context, service string) (*jetstream.Log, error) {
	nc, err := p.NATS.Connect()
	if err != nil {
		return nil, err
	}
	p.section.Closing(func() error { nc.Close(); return nil })
	instance, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		return nil, err
	}
	own := p.contexts[service]
	l, err := jetstream.Open(ctx, jetstream.Config{
		Conn: nc, Topology: jetstream.Topology{Contexts: []string{own}, Shards: p.Shards, Replicas: 1}, LogKey: p.logKey.Public(), Signer: instance,
		Tracer: tracenoop.NewTracerProvider().Tracer(""), Meter: metricnoop.NewMeterProvider().Meter(""), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	p.section.Closing(func() error { l.Close(); return nil })
	return l, l.AnnounceInstance(ctx, rand.Reader, p.services[service], service, own, time.Now().UTC())
}

func (p *Place) write(name string, data []byte) (string, error) {
	path := filepath.Join(p.dir, name)
	return path, os.WriteFile(path, data, 0o600)
}

func (p *Place) issue(service string) (*localca.Identity, error) {
	return p.ca.Issue(localca.Request{
		Name: service, Hosts: []string{"127.0.0.1"}, ID: "spiffe://" + domain + "/ns/" + namespace + "/sa/" + service,
	})
}
