// Package retentiond wires the retention service by hand: configuration,
// equipment, log, peers, handlers, parts.
package retentiond

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream/member"
	"habeas.internal/services/internal/keyclient"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/retention/internal/ending"
	"habeas.internal/services/retention/internal/follow"
	"habeas.internal/services/retention/internal/review"
	"habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/internal/zone"

	"google.golang.org/grpc"
)

// Name is the service's name: in certificates, as user of the log, and in the
// announcements of its keys.
const Name = "retention"

// Version is the build's version.
const Version = "0.1"

// Config is the daemon's configuration, from the environment.
type Config struct {
	daemon.Common
	EventLog member.Config `env:"EVENTLOG"`
	Identity client.Peer   `env:"IDENTITY"`
	Consent  client.Peer   `env:"CONSENT"`
	// ReviewEvery is how long after its date a hold, or a review of compliance that was
	// missed, is announced at the latest.
	ReviewEvery time.Duration `env:"REVIEW_EVERY" default:"10m" min:"1ms" help:"how often holds and reviews of compliance whose date has passed are looked for"`
	// ClocksEvery is how long after its end a clock is announced at the latest.
	ClocksEvery time.Duration `env:"CLOCKS_EVERY" default:"1m" min:"1ms" help:"how often data whose time is over is looked for"`
	// MessagesEvery is how long after they are due keys of conversations go at the
	// latest, and how long after the end of a hold.
	MessagesEvery time.Duration `env:"MESSAGES_EVERY" default:"1m" min:"1ms" help:"how often keys of conversations that are due are looked for"`
}

// Run runs the daemon until ctx ends.
func Run(ctx context.Context, cfg Config, w daemon.World) error {
	k, err := daemon.Start(ctx, daemon.Config{
		Service: Name, Version: Version, Common: cfg.Common, Out: w.Out, Now: time.Now,
	})
	if err != nil {
		return err
	}
	defer k.Close()
	m, err := member.Join(ctx, cfg.EventLog, k, cfg.Common, Name, rpc.Context, "consent", "fulfilment")
	if err != nil {
		return err
	}
	defer m.Close()
	p, err := dial(cfg, k)
	if err != nil {
		return err
	}
	defer p.close()
	s, err := handlers(k, m, p.keys.Digester())
	if err != nil {
		return err
	}
	s.Subjects = identityv1.NewSubjectServiceClient(p.identity)
	s.Zone = zone.New(identityv1.NewTenantServiceClient(p.identity), time.Now).Of
	dates := review.New(s.Persons.Registry)
	s.Standing = standing(m, dates)
	limits, err := limiting(cfg, k, m, p, s)
	if err != nil {
		return err
	}
	announcer := review.Announcer{Dates: dates, Persons: s.Persons, Now: time.Now, Every: cfg.ReviewEvery, Log: k.Log}
	process, err := follow.Process(s.Schedules, consentv1.NewPolicyServiceClient(p.consent), limits.moving, time.Now)
	if err != nil {
		return err
	}
	reviews, looking, err := reviewing(cfg, k, m, p, s)
	if err != nil {
		return err
	}
	talks, ender, err := messages(cfg, k, m, p, s)
	if err != nil {
		return err
	}
	server, lis, err := serve(ctx, k, s, limits.storage, talks, reviews)
	if err != nil {
		return err
	}
	if w.Started != nil {
		w.Started(daemon.Running{Addr: lis.Addr(), Ops: k.OpsAddr})
	}
	return k.Run(ctx, append(append(limits.parts, looking...),
		member.Reader("schedules", func(ctx context.Context) error { return m.Log.RunProcess(ctx, process) }),
		member.Reader("reviews", func(ctx context.Context) error { return m.Log.Project(ctx, dates.Projection()) }),
		member.Reader("conversations", func(ctx context.Context) error { return m.Log.Project(ctx, ender.Clocks.Projection()) }),
		daemon.Part{Name: "announcer", Run: announcer.Run},
		daemon.Part{Name: "message-keys", Run: ender.Run},
		daemon.Part{Name: "keys", Run: p.keys.Run},
		daemon.ServeGRPC(server, lis),
	)...)
}

// standing counts the holds of a tenant that bind, as of now.
func standing(m *member.Member, dates *review.Dates) func(context.Context, string) (uint32, error) {
	return func(ctx context.Context, tenant string) (uint32, error) {
		ends, err := m.Log.Ends(ctx, rpc.Context)
		if err != nil {
			return 0, err
		}
		return dates.Standing(ctx, tenant, ends)
	}
}

// peers are the services that are asked.
type peers struct {
	identity, consent *grpc.ClientConn
	keys              *keyclient.Client
}

func dial(cfg Config, k *daemon.Kit) (p *peers, err error) {
	p = &peers{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	p.identity, err = cfg.Identity.Dial(k.RPC(), "identity", keyclient.ServiceName,
		identityv1.TenantService_ServiceDesc.ServiceName, identityv1.SubjectService_ServiceDesc.ServiceName)
	if err != nil {
		return p, fmt.Errorf("connect to identity: %w", err)
	}
	p.consent, err = cfg.Consent.Dial(k.RPC(), "consent", consentv1.PolicyService_ServiceDesc.ServiceName,
		consentv1.ConsentService_ServiceDesc.ServiceName)
	if err != nil {
		return p, fmt.Errorf("connect to consent: %w", err)
	}
	p.keys, err = keyclient.New(keyclient.Config{
		Conn: p.identity, Reader: Name, Now: time.Now, Random: rand.Reader, Logger: k.Log,
	})
	return p, err
}

func (p *peers) close() {
	if p.keys != nil {
		p.keys.Close()
	}
	for _, conn := range []*grpc.ClientConn{p.consent, p.identity} {
		if conn != nil {
			_ = conn.Close()
		}
	}
}

func handlers(k *daemon.Kit, m *member.Member, digester es.Digester) (*rpc.Server, error) {
	tracer := k.Telemetry.Tracers.Tracer(Name)
	schedules, err := rpc.NewSchedules(rpc.Schedules{
		Store: m.Log, Verifier: m.Log.Verifier(), Digester: digester, Tracer: tracer, Random: rand.Reader,
	})
	if err != nil {
		return nil, err
	}
	persons, err := rpc.NewPersons(rpc.Persons{
		Store: m.Log, Verifier: m.Log.Verifier(), Digester: digester, Tracer: tracer, Random: rand.Reader,
	})
	return &rpc.Server{Schedules: schedules, Persons: persons, Now: time.Now}, err
}

// messages are the conversations and what ends their keys.
func messages(cfg Config, k *daemon.Kit, m *member.Member, p *peers, s *rpc.Server) (*rpc.ConversationServer, *ending.Ender, error) {
	tracer, digester := k.Telemetry.Tracers.Tracer(Name), p.keys.Digester()
	plans, err := rpc.NewPlans(rpc.Plans{
		Store: m.Log, Verifier: m.Log.Verifier(), Digester: digester, Tracer: tracer, Random: rand.Reader,
	})
	if err != nil {
		return nil, nil, err
	}
	talks, err := rpc.NewConversations(rpc.Conversations{
		Store: m.Log, Verifier: m.Log.Verifier(), Digester: digester, Tracer: tracer, Random: rand.Reader,
	})
	if err != nil {
		return nil, nil, err
	}
	clocks := ending.New(talks.Registry)
	server := &rpc.ConversationServer{People: s, Plans: plans, Conversations: talks}
	server.TakenPartIn = func(ctx context.Context, tenant string, refs []string) ([]string, error) {
		ends, err := m.Log.Ends(ctx, rpc.Context)
		if err != nil {
			return nil, err
		}
		return clocks.TakenPartIn(ctx, tenant, refs, ends)
	}
	return server, &ending.Ender{
		Clocks: clocks, Conversations: talks, Permits: s, Keys: identityv1.NewKeyServiceClient(p.identity),
		Now: time.Now, Every: cfg.MessagesEvery, Log: k.Log,
	}, nil
}

// serve opens the door. Of the services fulfilment may come in, and identity to
// ask whether a tenant may go, and which period's key it may lend.
func serve(ctx context.Context, k *daemon.Kit, s *rpc.Server, storage *rpc.Storage, talks *rpc.ConversationServer, reviews *rpc.Compliance) (*kit.Server, net.Listener, error) {
	cfg := k.RPC()
	cfg.Services = []kit.Service{
		{Desc: &retentionv1.RetentionService_ServiceDesc, Impl: s},
		{Desc: &retentionv1.StorageService_ServiceDesc, Impl: storage},
		{Desc: &retentionv1.ConversationService_ServiceDesc, Impl: talks},
		{Desc: &retentionv1.ComplianceService_ServiceDesc, Impl: reviews},
	}
	cfg.Callers = map[string][]string{
		retentionv1.RetentionService_ServiceDesc.ServiceName:       {"fulfilment"},
		retentionv1.RetentionService_CountHolds_FullMethodName:     {"identity"},
		retentionv1.ConversationService_ServiceDesc.ServiceName:    {"fulfilment"},
		retentionv1.ConversationService_EnterPeriod_FullMethodName: {"identity"},
	}
	cfg.Errors = rpc.Errors()
	server, err := kit.NewServer(cfg)
	if err != nil {
		return nil, nil, err
	}
	lis, err := k.Listen(ctx)
	return server, lis, err
}
