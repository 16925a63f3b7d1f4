package rpc

import (
	"context"
	"time"

	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/limit"
)

// Limiter counts, for all replicas together.
type Limiter interface {
	Allow(ctx context.Context, tenant string, keys ...limit.Key) error
}

// Velocity is how often who asks may be put to the proof. Networks and callers
// are counted with all calls. Without a Limiter nothing is counted.
type Velocity struct {
	Limiter Limiter
	// Starts is how many requests in the name of one person start a proof in a day.
	Starts int
	// Attempts is how many proofs are handed in for one request within an hour,
	// and OfTenant for all of a tenant.
	Attempts, OfTenant int
}

const day = 24 * time.Hour

// starts counts a request by whom it names, known or not: the same for everybody.
// What a service asks for itself is not counted.
func (v Velocity) starts(ctx context.Context, who string) error {
	if v.Limiter == nil || kit.PrincipalFrom(ctx).Subject == "" {
		return nil
	}
	return v.Limiter.Allow(ctx, tenantOf(ctx), limit.Key{Kind: "starts", ID: who, Rate: limit.Per(v.Starts, day)})
}

// attempts counts a proof by the request that it is for.
func (v Velocity) attempts(ctx context.Context, request string) error {
	if v.Limiter == nil {
		return nil
	}
	return v.Limiter.Allow(ctx, tenantOf(ctx),
		limit.Key{Kind: "attempts", ID: request, Rate: limit.Per(v.Attempts, time.Hour)},
		limit.Key{Kind: "attempts-of-tenant", Rate: limit.Per(v.OfTenant, time.Hour)})
}
