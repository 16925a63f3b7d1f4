// Package consentd wires the consent service by hand: configuration, equipment,
// log, keys, read model, handlers, parts.
package consentd

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"slices"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/consent/internal/ending"
	"habeas.internal/services/consent/internal/mirror"
	"habeas.internal/services/consent/internal/parity"
	"habeas.internal/services/consent/internal/record"
	"habeas.internal/services/consent/internal/rpc"
	"habeas.internal/services/consent/internal/view"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/member"
	"habeas.internal/services/internal/es/readmodel"
	"habeas.internal/services/internal/keyclient"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/stores"

	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc"
)

// Name is the service's name: in certificates, as user of the log, and in the
// announcements of its keys.
const Name = "consent"

// Version is the build's version.
const Version = "0.1"

// Config is the daemon's configuration, from the environment.
type Config struct {
	daemon.Common
	EventLog member.Config `env:"EVENTLOG"`
	Identity client.Peer   `env:"IDENTITY"`
	Memory   int           `env:"MEMORY_PEOPLE" default:"500000" min:"1" max:"10000000" help:"persons kept in memory, at about 300 bytes each"`
	// Expiry is how late the end of a consent is recorded at most.
	Expiry  time.Duration `env:"EXPIRY_EVERY" default:"10s" min:"10ms" help:"how often consent that has ended by its time is looked for, to record it"`
	Regions []string      `env:"REGIONS" default:"" help:"where each store of the installation is, as store=region: backup, kms, log, packages, read-models, vault; one that is in several regions stands once for each"`
}

// Run runs the daemon until ctx ends.
func Run(ctx context.Context, cfg Config, w daemon.World) error {
	k, err := daemon.Start(ctx, daemon.Config{
		Service: Name, Version: Version, Common: cfg.Common, Out: w.Out, Now: time.Now, Unobserved: w.Unobserved,
	})
	if err != nil {
		return err
	}
	defer k.Close()
	m, err := member.Join(ctx, cfg.EventLog, k, cfg.Common, Name, rpc.Context)
	if err != nil {
		return err
	}
	defer m.Close()
	identity, err := cfg.Identity.Dial(k.RPC(), "identity", keyclient.ServiceName, identityv1.SubjectService_ServiceDesc.ServiceName,
		identityv1.AgeService_ServiceDesc.ServiceName)
	if err != nil {
		return fmt.Errorf("connect to identity: %w", err)
	}
	defer func() { _ = identity.Close() }()
	keys, err := openKeys(k, identity)
	if err != nil {
		return err
	}
	defer keys.Close()
	list, err := openView(ctx, cfg, m)
	if err != nil {
		return err
	}
	defer func() { _ = list.client.Close() }()
	effort, err := openParity(ctx, m, list.client)
	if err != nil {
		return err
	}
	copied, err := openCopy(ctx, cfg, m, list.client)
	if err != nil {
		return err
	}
	served := rpc.Config{
		Store: m.Log, Verifier: m.Log.Verifier(), Digester: keys.Digester(), Tracer: k.Telemetry.Tracers.Tracer(Name),
		Random: rand.Reader, Locator: m.Log, Lister: list.lister, Regions: list.regions, Mirror: copied.mirror, Prover: copied.prover, Now: w.Clock(), Key: m.Key(),
		Parity: effort.reports, Keys: keys, Ages: identityv1.NewAgeServiceClient(identity), Subjects: identityv1.NewSubjectServiceClient(identity),
	}
	ended, err := openEndings(ctx, cfg, k, m, served)
	if err != nil {
		return err
	}
	server, lis, err := serve(ctx, k, served)
	if err != nil {
		return err
	}
	if w.Started != nil {
		w.Started(daemon.Running{Addr: lis.Addr(), Ops: k.OpsAddr})
	}
	return k.Run(ctx, append([]daemon.Part{
		member.Reader("projection", func(ctx context.Context) error { return m.Log.Project(ctx, list.projection) }),
		member.Reader("parity", func(ctx context.Context) error { return m.Log.Project(ctx, effort.projection) }),
		{Name: "keys", Run: keys.Run},
		daemon.ServeGRPC(server, lis),
	}, slices.Concat(copied.parts(m), endingParts(m, ended))...)...)
}

func endingParts(m *member.Member, r ending.Recorder) []daemon.Part {
	return []daemon.Part{
		member.Reader("endings", func(ctx context.Context) error { return m.Log.Project(ctx, r.Ends.Projection()) }),
		{Name: "expiry", Run: r.Run},
	}
}

// openEndings makes what records consent that has ended by its time.
func openEndings(ctx context.Context, cfg Config, k *daemon.Kit, m *member.Member, c rpc.Config) (ending.Recorder, error) {
	persons, err := rpc.NewPersons(c)
	if err != nil {
		return ending.Recorder{}, err
	}
	start, err := m.Log.Ends(ctx, rpc.Context)
	if err != nil {
		return ending.Recorder{}, fmt.Errorf("find the end of the log: %w", err)
	}
	return ending.Recorder{
		Ends: ending.New(persons.Registry, start), Persons: persons, Random: c.Random, Now: c.Now, Every: cfg.Expiry, Log: k.Log,
	}, nil
}

// openKeys makes the client of identity's keys. No event of consent is sealed: the
// digests of commands need keys, and the tokens by which people unsubscribe.
func openKeys(k *daemon.Kit, identity *grpc.ClientConn) (*keyclient.Client, error) {
	return keyclient.New(keyclient.Config{Conn: identity, Reader: Name, Now: time.Now, Random: rand.Reader, Logger: k.Log})
}

// copied is what Check is answered from: this replica's memory, and the read
// model of persons behind it.
type copied struct {
	mirror          *mirror.Mirror
	prover          *jetstream.Prover
	memory, persons jetstream.Projection
}

func (c copied) parts(m *member.Member) []daemon.Part {
	return []daemon.Part{
		member.Reader("persons", func(ctx context.Context) error { return m.Log.Project(ctx, c.persons) }),
		member.Reader("mirror", func(ctx context.Context) error { return m.Log.Project(ctx, c.memory) }),
		member.Reader("freshness", c.prover.Run),
	}
}

// changes is how many are held for those who watch: some fifteen megabytes.
const changes = 100_000

// patience is how long memory waits for the read model before it asks the log.
const patience = 100 * time.Millisecond

func openCopy(ctx context.Context, cfg Config, m *member.Member, client redis.UniversalClient) (copied, error) {
	codec, err := wire.Person()
	if err != nil {
		return copied{}, err
	}
	ends, err := m.Log.Ends(ctx, rpc.Context)
	if err != nil {
		return copied{}, fmt.Errorf("find the end of the log: %w", err)
	}
	registry, prover := codec.Registry(), m.Log.Prover(rpc.Context)
	c := copied{prover: prover, mirror: mirror.New(mirror.Config{
		Registry: registry, Redis: client, Locator: m.Log, Prover: prover, Max: cfg.Memory, Changes: changes, Patience: patience,
	}, ends)}
	c.memory = jetstream.Projection{Name: "mirror", Context: rpc.Context, Sink: c.mirror}
	model := record.Model(registry)
	c.persons = jetstream.Projection{Name: model.Name, Context: rpc.Context, Sink: readmodel.NewFoldSink(client, model)}
	return c, nil
}

// policies is the list of policies and what keeps it.
type policies struct {
	client     redis.UniversalClient
	lister     view.Lister
	projection jetstream.Projection
	regions    stores.Regions // that the policies allow
}

func openView(ctx context.Context, cfg Config, m *member.Member) (policies, error) {
	codec, err := wire.Policy()
	if err != nil {
		return policies{}, err
	}
	regions, err := openPlaces(ctx, cfg, m)
	if err != nil {
		return policies{}, err
	}
	redisClient, err := member.Redis(cfg.Common)
	if err != nil {
		return policies{}, err
	}
	model := view.Model(codec.Registry())
	reader, err := readmodel.NewReader(ctx, redisClient, model, m.Log, rpc.Context)
	if err != nil {
		_ = redisClient.Close()
		return policies{}, err
	}
	return policies{
		client: redisClient, regions: regions,
		lister: view.Lister{Reader: reader, Shards: m.Shards(rpc.Context)},
		projection: jetstream.Projection{
			Name: model.Name, Context: rpc.Context, Sink: readmodel.NewSink(redisClient, model),
		},
	}, nil
}

// efforts are what giving and withdrawing consent took, and what counts it.
type efforts struct {
	reports    parity.Reports
	projection jetstream.Projection
}

func openParity(ctx context.Context, m *member.Member, client redis.UniversalClient) (efforts, error) {
	codec, err := wire.Person()
	if err != nil {
		return efforts{}, err
	}
	model := parity.Model(codec.Registry())
	reader, err := readmodel.NewReader(ctx, client, model, m.Log, rpc.Context)
	if err != nil {
		return efforts{}, err
	}
	return efforts{
		reports:    parity.Reports{Reader: reader, Shards: m.Shards(rpc.Context)},
		projection: jetstream.Projection{Name: model.Name, Context: rpc.Context, Sink: readmodel.NewSink(client, model)},
	}, nil
}

// serve opens the door. Identity and fulfilment may ask and state facts, which
// the access rules leave to services.
func serve(ctx context.Context, k *daemon.Kit, c rpc.Config) (*kit.Server, net.Listener, error) {
	servers, err := rpc.New(c)
	if err != nil {
		return nil, nil, err
	}
	cfg := k.RPC()
	cfg.Services = []kit.Service{
		{Desc: &consentv1.ConsentService_ServiceDesc, Impl: servers.Consent},
		{Desc: &consentv1.AnswerService_ServiceDesc, Impl: servers.Answers},
		{Desc: &consentv1.PolicyService_ServiceDesc, Impl: servers.Policies},
		{Desc: &consentv1.RecipientService_ServiceDesc, Impl: servers.Recipients},
		{Desc: &consentv1.DisclosureService_ServiceDesc, Impl: servers.Disclosures},
		{Desc: &consentv1.StatisticService_ServiceDesc, Impl: servers.Statistics},
		{Desc: &consentv1.UnsubscribeService_ServiceDesc, Impl: servers.Unsubscribe},
		{Desc: &consentv1.ImportService_ServiceDesc, Impl: servers.Imports},
	}
	cfg.Callers = map[string][]string{
		consentv1.ConsentService_ServiceDesc.ServiceName:    {"identity", "fulfilment"},
		consentv1.ConsentService_Check_FullMethodName:       {"identity", "fulfilment", "retention"},
		consentv1.ConsentService_ApplyFact_FullMethodName:   {"identity", "fulfilment", "retention"},
		consentv1.PolicyService_ServiceDesc.ServiceName:     {"identity", "retention", "fulfilment"},
		consentv1.RecipientService_ServiceDesc.ServiceName:  {"fulfilment"},
		consentv1.DisclosureService_ServiceDesc.ServiceName: {"fulfilment"},
	}
	cfg.Errors, cfg.Even = rpc.Errors(), rpc.Even()
	server, err := kit.NewServer(cfg)
	if err != nil {
		return nil, nil, err
	}
	lis, err := k.Listen(ctx)
	return server, lis, err
}
