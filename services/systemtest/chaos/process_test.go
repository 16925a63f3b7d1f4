package chaos_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testserver/child"
	"habeas.internal/services/internal/testwait"

	"github.com/nats-io/nats.go"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// writerVariable names the file with the orders of a writing process.
const writerVariable = "HABEAS_CHAOS_WRITER"

// TestMain lets the test binary be the writing process that is killed.
func TestMain(m *testing.M) {
	path := os.Getenv(writerVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := writeUntilKilled(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// orders is what a writing process has to know.
type orders struct {
	URL, SeedFile, Journal string
	Service                []byte // private key
	LogKey                 []byte
	Topology               jetstream.Topology
	Seed                   uint64
	Run, Round             int
}

func writeUntilKilled(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var o orders
	if err := json.Unmarshal(text, &o); err != nil {
		return err
	}
	past := reader{path: o.Journal}
	if err := past.refresh(); err != nil {
		return err
	}
	c, err := o.crew(context.Background())
	if err != nil {
		return err
	}
	return c.work(context.Background(), past.open())
}

// crew connects as a fresh instance of the service, as a restarted process is.
func (o orders) crew(ctx context.Context) (crew, error) {
	seed, err := nats.NkeyOptionFromSeed(o.SeedFile)
	if err != nil {
		return crew{}, err
	}
	nc, err := nats.Connect(o.URL, seed, nats.CustomInboxPrefix(jetstream.InboxPrefix(user)), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.RetryOnFailedConnect(true))
	if err != nil {
		return crew{}, err
	}
	log, err := o.open(ctx, nc)
	if err != nil {
		return crew{}, err
	}
	h, err := estest.CounterHandler(log, log.Verifier())
	if err != nil {
		return crew{}, err
	}
	j, err := openJournal(o.Journal)
	round := new(atomic.Int64)
	round.Store(int64(o.Round))
	return crew{handler: h, journal: j, seed: o.Seed, run: o.Run, round: round}, err
}

func (o orders) open(ctx context.Context, nc *nats.Conn) (*jetstream.Log, error) {
	signer, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		return nil, err
	}
	log, err := jetstream.Open(ctx, jetstream.Config{
		Conn: nc, Topology: o.Topology, LogKey: o.LogKey, Signer: signer,
		Tracer: tracenoop.NewTracerProvider().Tracer(""), Meter: metricnoop.NewMeterProvider().Meter(""),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return nil, err
	}
	service := es.NewSigner(ed25519.PrivateKey(o.Service))
	return log, log.AnnounceInstance(ctx, rand.Reader, service, jstest.ServiceName, domain, time.Now().UTC())
}

// installation is a log that a campaign runs on, and where it is.
type installation struct {
	jstest.Installation
	url      func() string
	seedFile string
	connect  func(t testing.TB, user string, options ...nats.Option) *nats.Conn
}

// user is the service's, with a service's rights.
const user = "service"

func service(in jstest.Installation) testserver.Option {
	rights := jetstream.RightsOf(in.Topology, jetstream.Grant{Name: user, Owns: []string{domain}})
	for k := range in.Topology.Shards { // campaigns run processes of any name
		stream := jetstream.StreamName(domain, k)
		for _, request := range []string{"$JS.API.CONSUMER.INFO.", "$JS.API.CONSUMER.DELETE.", "$JS.API.CONSUMER.MSG.NEXT.", "$JS.ACK."} {
			rights.Publish = append(rights.Publish, request+stream+".>")
		}
	}
	return testserver.WithUser(user, rights.Publish, rights.Subscribe)
}

// asService connects as a service does.
func (in installation) asService(t *testing.T) *nats.Conn {
	t.Helper()
	return in.connect(t, user, nats.CustomInboxPrefix(jetstream.InboxPrefix(user)))
}

// onCluster provisions one stream on three real processes.
func onCluster(t *testing.T) (*testserver.Nodes, installation) {
	t.Helper()
	in := jstest.New(t, 1, 3, domain)
	cluster := testserver.Cluster(t, 3, service(in))
	there := installation{in, cluster.URL, cluster.SeedFile(user), cluster.Connect}
	there.provision(t)
	return cluster, there
}

// onOneNode provisions one stream on one real process, configured as the
// embedded server is.
func onOneNode(t *testing.T) (*testserver.Node, installation) {
	t.Helper()
	in := jstest.New(t, 1, 1, domain)
	node := testserver.Process(t, service(in))
	there := installation{in, node.URL, node.SeedFile(user), node.Connect}
	there.provision(t)
	return node, there
}

// provision makes the streams. A cluster that was just formed may still refuse
// to place one; making them again changes nothing.
func (in installation) provision(t *testing.T) {
	t.Helper()
	cfg := in.Config(t, in.connect(t, testserver.Admin))
	testwait.For(t, time.Minute, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := jetstream.Provision(ctx, cfg, in.Setup())
		return err
	})
}

func (in installation) orders(seed uint64, run int, journal string) orders {
	return orders{
		URL: in.url(), SeedFile: in.seedFile, Journal: journal, Topology: in.Topology,
		Service: in.Service.Private(), LogKey: in.LogKey.Public(), Seed: seed, Run: run,
	}
}

// launch starts the writing process.
func (o orders) launch(t *testing.T) *child.Process {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "orders.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := child.Command{Name: fmt.Sprintf("writer-%d", o.Run), Path: self, LogDir: dir, Env: []string{writerVariable + "=" + path}}
	child.ShowOnFailure(t, command)
	p, err := child.Start(t, command)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
