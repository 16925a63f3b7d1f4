package keys

import (
	"context"
	"path/filepath"
	"time"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/bench/internal/eventlog"
	"habeas.internal/services/bench/internal/measure"
	"habeas.internal/services/bench/internal/servers"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/limit"
)

// plenty is a limit that nothing here reaches.
const plenty = 100_000

// LimiterSection is the section of what a call pays for being counted.
func LimiterSection(ctx context.Context, in eventlog.Settings) (*eventlog.Section, error) {
	s := &eventlog.Section{
		Name: "limiter", Title: "Counting calls", Base: eventlog.Base{Variant: RedisBare},
		Notes: []string{
			"limit.Guard.Admit: caller, tenant, network, refusals and reads of personal data, by one script in one round trip; and a frequent method, which is counted in the process.",
			"Redis INCR: one key of the caller's, on the same server.",
		},
	}
	server, err := servers.StartRedis(ctx, filepath.Join(in.Dir, "limiter-redis"))
	if err != nil {
		return s, err
	}
	s.Closing(server.Stop)
	client := server.Client()
	s.Closing(client.Close)
	l, err := limit.New(limit.Config{Client: client, Service: "bench", Secret: make([]byte, 32), Now: time.Now, Patience: 10 * time.Second})
	if err != nil {
		return s, err
	}
	g, err := limit.NewGuard(l, limit.Settings{
		Caller: plenty, Person: 1, Reads: plenty, Open: 1, Tenant: plenty, Network: plenty, Process: plenty, Refusals: 1,
	}, func(error) {})
	if err != nil {
		return s, err
	}
	admit := func(rate optionsv1.Rate) func(context.Context, int) error {
		call := rpc.Rated{
			Principal: auth.Principal{Tenant: "acme", Subject: "a", Roles: auth.RolesOf(optionsv1.Role_ROLE_DPO)},
			Reads:     optionsv1.DataClass_DATA_CLASS_PERSONAL, Network: "192.0.2.1/32", Rate: rate,
		}
		return func(ctx context.Context, _ int) error {
			if _, err := g.Admit(ctx, call); rate != optionsv1.Rate_RATE_FREQUENT {
				return err
			}
			return nil // refused or not, it costs the same
		}
	}
	for _, n := range []int{1, most} {
		s.Variants = append(s.Variants,
			measure.Variant{Name: RedisBare, Callers: n, CPU: server.CPU, Op: func(ctx context.Context, _ int) error {
				return client.Incr(ctx, "bare").Err()
			}},
			measure.Variant{Name: AdmitRedis, Callers: n, CPU: server.CPU, Op: admit(optionsv1.Rate_RATE_UNSPECIFIED)},
			measure.Variant{Name: AdmitProcess, Callers: n, CPU: server.CPU, Op: admit(optionsv1.Rate_RATE_FREQUENT)})
	}
	return s, nil
}
