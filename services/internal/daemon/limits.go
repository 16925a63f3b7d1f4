package daemon

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/rpc/limit"
)

// limits count the calls of the daemon's server.
type limits struct {
	client  redis.UniversalClient
	limiter *limit.Limiter
	guard   *limit.Guard
}

func (l *limits) close() {
	if l != nil && l.client != nil {
		_ = l.client.Close()
	}
}

// Limit sets the limits of rate of the daemon's server. The secret is the
// service's own, the same in all its replicas: names in Redis come from it.
func (k *Kit) Limit(ctx context.Context, secret []byte) error {
	l := &limits{}
	if url := k.cfg.Common.Redis.URL.Reveal(); url != "" {
		options, err := redis.ParseURL(url)
		if err != nil {
			return env.Problem{Variable: "HABEAS_REDIS_URL", Text: "is malformed"} // the cause may hold the password
		}
		patience := k.cfg.Common.Limit.Patience
		options.DialTimeout, options.ReadTimeout, options.WriteTimeout = patience, patience, patience
		options.ContextTimeoutEnabled, options.MaxRetries = true, -1
		l.client = redis.NewClient(options)
	} else {
		k.Log.WarnContext(ctx, "limits of rate count in this process alone")
	}
	var err error
	l.limiter, err = limit.New(limit.Config{
		Client: l.client, Service: k.cfg.Service, Secret: secret, Patience: k.cfg.Common.Limit.Patience, Now: k.cfg.Now,
	})
	if err == nil {
		l.guard, err = limit.NewGuard(l.limiter, k.settings(), func(err error) {
			k.Log.ErrorContext(context.Background(), "limits of rate could not be checked", slog.Any("error", err))
		})
	}
	if err != nil {
		l.close()
		return fmt.Errorf("set limits: %w", err)
	}
	k.limits = l
	return nil
}

// Limiter counts what a service limits beyond its calls. It is nil before
// Limit.
func (k *Kit) Limiter() *limit.Limiter {
	if k.limits == nil {
		return nil
	}
	return k.limits.limiter
}

func (k *Kit) settings() limit.Settings {
	c := k.cfg.Common.Limit
	return limit.Settings{
		Caller: c.Caller, Person: c.Person, Reads: c.Reads, Open: c.Open,
		Tenant: c.Tenant, Network: c.Network, Process: c.Process, Refusals: c.Refusals,
	}
}
