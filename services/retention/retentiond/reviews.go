package retentiond

import (
	"context"
	"crypto/rand"
	"time"

	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/es/jetstream/member"
	"habeas.internal/services/retention/internal/overdue"
	"habeas.internal/services/retention/internal/rpc"
)

// reviewing are the reviews of compliance: who is asked, and what runs.
func reviewing(cfg Config, k *daemon.Kit, m *member.Member, p *peers, s *rpc.Server) (*rpc.Compliance, []daemon.Part, error) {
	reviews, err := rpc.NewReviews(rpc.Reviews{
		Store: m.Log, Verifier: m.Log.Verifier(), Digester: p.keys.Digester(), Tracer: k.Telemetry.Tracers.Tracer(Name), Random: rand.Reader,
	})
	if err != nil {
		return nil, nil, err
	}
	dates := overdue.New(reviews.Registry)
	missed, err := overdue.Announcer{Dates: dates, Reviews: reviews, Now: time.Now, Every: cfg.ReviewEvery, Log: k.Log}.Metered(k.Telemetry.Meters)
	return &rpc.Compliance{Reviews: reviews, Zone: s.Zone, Now: time.Now}, []daemon.Part{
		member.Reader("compliance", func(ctx context.Context) error { return m.Log.Project(ctx, dates.Projection()) }),
		{Name: "missed", Run: missed.Run},
	}, err
}
