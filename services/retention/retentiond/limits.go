package retentiond

import (
	"context"
	"crypto/rand"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream/member"
	"habeas.internal/services/retention/internal/clocks"
	"habeas.internal/services/retention/internal/follow"
	"habeas.internal/services/retention/internal/rpc"
)

// limits are what limits storage: who is asked, who moves clocks, and what runs.
type limits struct {
	storage *rpc.Storage
	moving  follow.Clocks
	parts   []daemon.Part
}

func limiting(cfg Config, k *daemon.Kit, m *member.Member, p *peers, s *rpc.Server) (*limits, error) {
	accounts, err := rpc.NewAccounts(rpc.Accounts{
		Store: m.Log, Verifier: m.Log.Verifier(), Digester: p.keys.Digester(), Tracer: k.Telemetry.Tracers.Tracer(Name), Random: rand.Reader,
	})
	if err != nil {
		return nil, err
	}
	known := rpc.Limits{Schedules: s.Schedules, Zone: s.Zone}
	l := &limits{
		storage: &rpc.Storage{Server: s, Accounts: accounts, Limits: known},
		moving:  follow.Clocks{Limits: known, Persons: s.Persons, Answers: consentv1.NewConsentServiceClient(p.consent), Now: time.Now},
	}
	book := clocks.New(s.Persons.Registry)
	ends := clocks.Announcer{Book: book, Persons: s.Persons, Now: time.Now, Every: cfg.ClocksEvery, Log: k.Log}
	own := follow.Own{Clocks: l.moving, Accounts: accounts, Schedules: s.Schedules}
	own.People = func(ctx context.Context, tenant string) ([]es.Aggregate, error) {
		at, err := m.Log.Ends(ctx, rpc.Context)
		if err != nil {
			return nil, err
		}
		return book.People(tenant, at)
	}
	remainders, err := l.moving.Remainders()
	l.parts = []daemon.Part{
		member.Reader("clocks", func(ctx context.Context) error { return m.Log.Project(ctx, book.Projection()) }),
		member.Reader("own", func(ctx context.Context) error { return m.Log.RunProcess(ctx, own.Process()) }),
		member.Reader("remainders", func(ctx context.Context) error { return m.Log.RunProcess(ctx, remainders) }),
		{Name: "ends", Run: ends.Run},
	}
	return l, err
}
