// Package fulfilmentd wires the fulfilment service by hand: configuration,
// equipment, log, peers, packages, handlers, processes, parts.
package fulfilmentd

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/mail"
	"habeas.internal/services/fulfilment/internal/pack"
	"habeas.internal/services/fulfilment/internal/reach"
	"habeas.internal/services/fulfilment/internal/rpc"
	"habeas.internal/services/fulfilment/internal/rulepack"
	"habeas.internal/services/fulfilment/internal/terms"
	"habeas.internal/services/fulfilment/internal/view"
	"habeas.internal/services/fulfilment/internal/vocabulary"
	"habeas.internal/services/fulfilment/internal/wire"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/member"
	"habeas.internal/services/internal/es/readmodel"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/smssend"

	"github.com/redis/go-redis/v9"
)

// Name is the service's name: in certificates, as user of the log, and in the
// announcements of its keys.
const Name = "fulfilment"

// Version is the build's version.
const Version = "0.1"

// Config is the daemon's configuration, from the environment.
type Config struct {
	daemon.Common
	EventLog    member.Config  `env:"EVENTLOG"`
	Identity    client.Peer    `env:"IDENTITY"`
	Consent     client.Peer    `env:"CONSENT"`
	Retention   client.Peer    `env:"RETENTION"`
	SMTP        mail.Config    `env:"SMTP"`
	SMS         smssend.Config `env:"SMS"`
	CancelPage  string         `env:"CANCEL_PAGE" default:"" help:"https address of the page on which people cancel by a link; messages have no links without"`
	Packages    Packages       `env:"PACKAGES"`
	Connections env.File       `env:"CONNECTIONS" default:"" help:"YAML file, mode 0600: connections as tenant/name, and their connection strings; no system can be reached without one"`
	Verify      Verify         `env:"VERIFY"`
	RulePacks   []string       `env:"RULE_PACKS" default:"" help:"laws whose clocks count besides those that a policy names; the earliest wins. A policy that names none is under gdpr and ccpa in any case, unless one stands here"`
}

// Verify says how often who asks may be put to the proof.
type Verify struct {
	Starts   int `env:"STARTS" default:"50" min:"1" help:"requests of one caller in the name of one person in a day"`
	Attempts int `env:"ATTEMPTS" default:"20" min:"1" help:"proofs handed in for one request in an hour; wrong ones end it after five"`
	Tenant   int `env:"TENANT" default:"6000" min:"1" help:"wrong proofs for all requests of a tenant in an hour"`
	Network  int `env:"NETWORK" default:"60" min:"1" max:"10000" help:"wrong proofs, and wrong codes that cancel, from one network of people who call for themselves in an hour; a hundred times as many from one of products and staff"`

	Floor time.Duration `env:"FLOOR" default:"100ms" min:"20ms" max:"2s" help:"least time of answers that could tell whether somebody is known"`
}

// Packages says where access packages are kept, and how long.
type Packages struct {
	URL  string        `env:"URL" help:"store of access packages: file:///folder"`
	Life time.Duration `env:"LIFE" default:"720h" min:"1h" help:"how long a package can be fetched"`
}

// Run runs the daemon until ctx ends.
func Run(ctx context.Context, cfg Config, w daemon.World) error {
	k, err := daemon.Start(ctx, daemon.Config{
		Service: Name, Version: Version, Common: cfg.Common, Out: w.Out, Now: time.Now,
		LogKeys: []string{"request", "step", "system", "reason"},
	})
	if err != nil {
		return err
	}
	defer k.Close()
	m, err := member.Join(ctx, cfg.EventLog, k, cfg.Common, Name, carry.Context, "retention")
	if err != nil {
		return err
	}
	defer m.Close()
	p, err := dial(cfg, k)
	if err != nil {
		return err
	}
	defer p.close()
	redisClient, err := member.Redis(cfg.Common)
	if err != nil {
		return err
	}
	defer func() { _ = redisClient.Close() }()
	packages, err := pack.Open(ctx, cfg.Packages.URL, p.keys, p.keys)
	if err != nil {
		return err
	}
	defer func() { _ = packages.Close() }()
	s, err := assemble(ctx, cfg, k, m, p, packages, redisClient)
	if err != nil {
		return err
	}
	reads, err := m.ReadLog(ctx)
	if err != nil {
		return err
	}
	server, lis, err := s.serve(ctx, k, reads, p.staff)
	if err != nil {
		return err
	}
	if w.Started != nil {
		w.Started(daemon.Running{Addr: lis.Addr(), Ops: k.OpsAddr})
	}
	return k.Run(ctx, append(s.parts(m.Log, redisClient), daemon.Part{Name: "keys", Run: p.keys.Run}, daemon.ServeGRPC(server, lis))...)
}

// service is everything that runs on the equipment.
type service struct {
	*rpc.Server
	model  readmodel.Model
	lister view.Lister
	agents identityv1.AgentServiceClient
	floor  time.Duration
}

// open counts a tenant's open requests, by all that the log holds at that moment.
func open(m *member.Member, lister view.Lister) func(ctx context.Context, tenant string) (uint32, error) {
	return func(ctx context.Context, tenant string) (uint32, error) {
		ends, err := m.Log.Ends(ctx, carry.Context)
		if err != nil {
			return 0, err
		}
		want := es.Token{}
		for stream, end := range ends {
			want[stream] = end.Position
		}
		return lister.CountOpen(ctx, tenant, want)
	}
}

func assemble(
	ctx context.Context, cfg Config, k *daemon.Kit, m *member.Member, p *peers, packages *pack.Store, redisClient redis.UniversalClient,
) (*service, error) {
	handlers, err := carry.NewHandlers(wire.Log{
		Store: m.Log, Verifier: m.Log.Verifier(), Digester: p.keys.Digester(), Tracer: k.Telemetry.Tracers.Tracer(Name),
		Random: rand.Reader, Sealer: p.keys,
	})
	if err != nil {
		return nil, err
	}
	packs, err := rulepack.Load(cfg.RulePacks...)
	if err != nil {
		return nil, env.Problem{Variable: "HABEAS_RULE_PACKS", Text: "names a rule pack that is not known"}
	}
	known, err := rulepack.All()
	if err != nil {
		return nil, err
	}
	systems, err := reach.Load(string(cfg.Connections), holders(k.RPC()))
	if err != nil {
		return nil, err
	}
	page, err := mail.NewPage(cfg.CancelPage)
	if err != nil {
		return nil, env.Problem{Variable: "HABEAS_CANCEL_PAGE", Text: "is not an https address without a fragment"}
	}
	texts, err := smssend.New(cfg.SMS, time.Now)
	if err != nil {
		return nil, err
	}
	mailer, err := mail.New(cfg.SMTP, texts)
	if err != nil {
		return nil, err
	}
	model := view.Model(handlers.Requests.Registry)
	reader, err := readmodel.NewReader(ctx, redisClient, model, m.Log, carry.Context)
	if err != nil {
		return nil, err
	}
	words := vocabulary.New(p.Policies, p.Retention)
	pinner := terms.Pinner{Tenants: p.tenants, Policies: p.Policies, Packs: packs, Known: known}
	carrier := carry.New(carry.Config{
		Pin:      pinner.Unasked,
		Handlers: handlers, Peers: p.Peers, Connect: systems, Words: words, Opener: p.keys, Packages: packages, Mailer: mailer, Phones: texts != nil, Timers: m.Log,
		Random: rand.Reader, Now: time.Now, Log: k.Log, Tracer: k.Telemetry.Tracers.Tracer(Name), PackageLife: cfg.Packages.Life, CancelPage: page, Crash: crash(),
	})
	lister := view.Lister{Reader: reader, Shards: m.Shards(carry.Context)}
	return &service{model: model, lister: lister, agents: p.agents, floor: cfg.Verify.Floor, Server: &rpc.Server{
		Handlers: handlers, Carrier: carrier, Lister: lister, Open: open(m, lister), Checker: systems, Words: words, Packages: packages, Verifications: p.Verifications,
		Tenants: p.tenants, Checks: p.checks,
		Velocity: rpc.Velocity{
			Limiter: k.Limiter(), Starts: cfg.Verify.Starts, AllStarts: 100 * cfg.Verify.Starts,
			Attempts: cfg.Verify.Attempts, OfTenant: cfg.Verify.Tenant, OfNetwork: cfg.Verify.Network,
		},
		Pinner: pinner,
		Random: rand.Reader, Now: time.Now, Poll: poll,
	}}, nil
}

// poll is how often a watched request is looked at.
const poll = 500 * time.Millisecond

// parts are what the service does all the time.
func (s *service) parts(log *jetstream.Log, redisClient redis.UniversalClient) []daemon.Part {
	return []daemon.Part{
		member.Reader("projection", func(ctx context.Context) error {
			return log.Project(ctx, jetstream.Projection{
				Name: s.model.Name, Context: carry.Context, Sink: readmodel.NewSink(redisClient, s.model),
			})
		}),
		member.Reader("carry", func(ctx context.Context) error { return log.RunProcess(ctx, s.Carrier.Process()) }),
		member.Reader("holds", func(ctx context.Context) error { return log.RunProcess(ctx, s.Carrier.Holds()) }),
		{Name: "alarm", Run: func(ctx context.Context) error { return log.RunAlarm(ctx, s.Carrier.Alarm()) }},
		{Name: "sweep", Run: func(ctx context.Context) error { return log.RunSweep(ctx, s.lister.Open(time.Now)) }},
	}
}

// serve opens the door. Of the other services identity alone comes in, for those
// who are too young; they follow the events.
func (s *service) serve(ctx context.Context, k *daemon.Kit, reads kit.ReadLog, staff kit.Staff) (*kit.Server, net.Listener, error) {
	cfg := k.RPC()
	cfg.Services = []kit.Service{
		{Desc: &fulfilmentv1.RequestService_ServiceDesc, Impl: s.Server},
		{Desc: &fulfilmentv1.SystemService_ServiceDesc, Impl: s.Server},
		{Desc: &fulfilmentv1.CaseService_ServiceDesc, Impl: s.Server},
		{Desc: &fulfilmentv1.ControllerService_ServiceDesc, Impl: s.Server},
		{Desc: &fulfilmentv1.AgentRequestService_ServiceDesc, Impl: &rpc.Agents{Server: s.Server, Directory: s.agents}},
	}
	cfg.Errors, cfg.Reads, cfg.Staff, cfg.Even = rpc.Errors(), reads, staff, kit.Even{Floor: s.floor, Methods: rpc.Even()}
	cfg.Callers = map[string][]string{ // who is too young for a policy, identity knows
		fulfilmentv1.RequestService_SubmitRequest_FullMethodName:     {"identity"},
		fulfilmentv1.RequestService_CountOpenRequests_FullMethodName: {"identity"},
	}
	server, err := kit.NewServer(cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("serve fulfilment: %w", err)
	}
	lis, err := k.Listen(ctx)
	return server, lis, err
}
