// Package stack runs all services of an installation for a test: on an embedded
// event log with one user a service, a real Redis, TLS and tokens everywhere, a
// mail server that keeps what it gets, each service by its own Run and
// configured by the variables of production.
package stack

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/smssend/smstest"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testserver/child"
)

// shards of each context: more than one, so that nothing works by luck.
const shards = 2

// Stack is an installation under test.
type Stack struct {
	NATS  *testserver.Server
	Redis *testserver.RedisServer
	Mail  *Mailbox
	// Texts is the gateway to which identity hands codes for telephones.
	Texts  *smstest.Gateway
	Traces *Collector
	Issuer *rpctest.Issuer
	// Provider is an identity provider where a tenant's people may sign in.
	Provider *rpctest.Provider
	In       jstest.Installation
	// Dir holds what the installation writes outside the log: certificates,
	// keys, packages.
	Dir  string
	Logs *Buffer // of all services
	// Connections are the connection strings of the data systems that fulfilment
	// can reach, by tenant/name. Set them before Start.
	Connections map[string]string
	// More are further variables of services, by name. Set them before Start.
	More map[string][]string

	t        testing.TB
	ca       *localca.CA
	services map[string]*service
}

// service is one daemon's place in the stack.
type service struct {
	key    es.Signer
	id     *localca.Identity
	listen string
	ops    string // for metrics and health, while it runs
	stop   func() error
}

// Names are the services, in the order in which they start.
func Names() []string { return []string{"identity", "consent", "retention", "fulfilment"} }

// New makes an installation whose services do not run yet.
func New(t testing.TB) *Stack {
	t.Helper()
	s := &Stack{
		t: t, Dir: t.TempDir(), Logs: new(Buffer), Issuer: rpctest.NewIssuer(t), Provider: rpctest.NewProvider(t), Redis: testserver.Redis(t), Mail: newMailbox(t), Texts: smstest.Serve(t), Traces: newCollector(t),
		In: jstest.New(t, shards, 1, jetstream.Contexts()...), Connections: map[string]string{}, services: map[string]*service{},
	}
	if err := os.MkdirAll(s.Packages(), 0o700); err != nil {
		t.Fatal(err)
	}
	var users []testserver.Option
	for _, g := range jetstream.Grants() {
		r := jetstream.RightsOf(s.In.Topology, g)
		users = append(users, testserver.WithUser(g.Name, r.Publish, r.Subscribe))
	}
	s.NATS = testserver.NATS(t, users...)
	var err error
	if s.ca, err = localca.Open(filepath.Join(s.Dir, "ca"), rpctest.TrustDomain); err != nil {
		t.Fatal(err)
	}
	setup := s.In.Setup()
	setup.Services = jetstream.ServiceKeys(jetstream.Contexts())
	for i, key := range setup.Services {
		s.services[key.Service] = s.equip(key.Service)
		setup.Services[i].Public = s.services[key.Service].key.Public()
	}
	if _, err := jetstream.Provision(t.Context(), s.In.Config(t, s.NATS.Connect(t, testserver.Admin)), setup); err != nil {
		t.Fatalf("provision: %v", err)
	}
	return s
}

func (s *Stack) equip(name string) *service {
	id, err := s.ca.Issue(localca.Request{
		Name: name, Hosts: []string{"127.0.0.1"},
		ID: "spiffe://" + rpctest.TrustDomain + "/ns/" + rpctest.Namespace + "/sa/" + name,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	port, err := child.FreePort()
	if err != nil {
		s.t.Fatal(err)
	}
	out := &service{key: jstest.Signer(s.t), id: id, listen: child.Loopback(port)}
	seed := base64.StdEncoding.EncodeToString(out.key.Private().Seed())
	s.write(name+".key", seed)
	return out
}

// write puts a secret into the installation's folder and returns its path.
func (s *Stack) write(name, text string) string {
	path := filepath.Join(s.Dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// environ is a service's environment.
func (s *Stack) environ(name string) []string {
	svc := s.services[name]
	env := []string{
		"HABEAS_INSTANCE=" + name + "-1", "HABEAS_LOG_LEVEL=debug", "HABEAS_GRPC_LISTEN=" + svc.listen,
		"HABEAS_OTLP_RATIO=1", "HABEAS_OTLP_FILE=" + s.Spans(name), "HABEAS_OTLP_ENDPOINT=http://" + s.Traces.Addr,
		"HABEAS_TLS_CERT=" + svc.id.CertFile, "HABEAS_TLS_KEY=" + svc.id.KeyFile, "HABEAS_TLS_CA=" + svc.id.CAFile,
		"HABEAS_TLS_TRUST_DOMAIN=" + rpctest.TrustDomain, "HABEAS_TLS_NAMESPACE=" + rpctest.Namespace,
		"HABEAS_TOKEN_ISSUER=" + rpctest.TokenIssuer, "HABEAS_TOKEN_AUDIENCE=" + rpctest.TokenAudience, "HABEAS_TOKEN_KEYS=" + s.Issuer.Path, "HABEAS_TOKEN_STEP_UP=phr",
		"HABEAS_NATS_URL=" + s.NATS.URL(), "HABEAS_NATS_SEED=" + s.NATS.SeedFile(name), "HABEAS_REDIS_URL=" + s.Redis.URL(),
		"HABEAS_LIMIT_PATIENCE=10s", // a busy machine is no reason to refuse
		"HABEAS_EVENTLOG_KEY=" + base64.StdEncoding.EncodeToString(s.In.LogKey.Public()),
		"HABEAS_EVENTLOG_SERVICE_KEY=" + filepath.Join(s.Dir, name+".key"), fmt.Sprintf("HABEAS_EVENTLOG_SHARDS=%d", shards),
	}
	return slices.Concat(env, s.own(name), s.More[name])
}

// Spans is the file that takes a service's finished spans.
func (s *Stack) Spans(name string) string { return filepath.Join(s.Dir, name+".spans.jsonl") }

// Packages is the folder of the access packages.
func (s *Stack) Packages() string { return filepath.Join(s.Dir, "packages") }

// Start runs all services until the test ends or Stop is called.
func (s *Stack) Start() {
	s.t.Helper()
	for _, name := range Names() {
		s.StartOne(name)
	}
}

// startGrace is how long a service may take until it can be reached.
const startGrace = time.Minute

// Stop ends all services in order.
func (s *Stack) Stop() error {
	var errs []error
	for i := len(Names()) - 1; i >= 0; i-- {
		errs = append(errs, s.StopOne(Names()[i]))
	}
	return errors.Join(errs...)
}

// StopOne ends one service in order.
func (s *Stack) StopOne(name string) error {
	svc := s.services[name]
	if svc.stop == nil {
		return nil
	}
	err := svc.stop()
	svc.stop = nil
	return err
}
