package rpc

import (
	"context"
	"errors"
	"time"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/limit"
)

// Limiter counts, for all replicas together.
type Limiter interface {
	Allow(ctx context.Context, tenant string, keys ...limit.Key) error
	// AllowOpen counts in this process where the others can't be asked.
	AllowOpen(ctx context.Context, tenant string, keys ...limit.Key) error
}

// Velocity is how often who asks may be put to the proof. Callers are counted with
// all calls. Without a Limiter nothing is counted.
type Velocity struct {
	Limiter Limiter
	// Starts is how many requests in the name of one person one caller starts in a
	// day, and AllStarts how many all together.
	Starts, AllStarts int
	// Attempts is how many proofs are handed in for one request within an hour,
	// and OfTenant how many wrong ones for all of a tenant.
	Attempts, OfTenant int
	// OfNetwork is how many wrong proofs come from one network within an hour where
	// people call for themselves, and how many wrong codes that cancel. A product's or a desk's network
	// is that of many people, and has as many times more as crowd says.
	OfNetwork int
}

// crowd is how many people may be behind a network of the organisation's own.
const crowd = 100

const day = 24 * time.Hour

// counted counts a request unless it is one that was taken in before.
func (s *Server) counted(ctx context.Context, agg es.Aggregate, who string) error {
	if s.Velocity.Limiter == nil || kit.PrincipalFrom(ctx).Subject == "" {
		return nil
	}
	state, _, err := s.Requests.Load(ctx, agg, es.Leader)
	if err != nil || state.Submitted {
		return err
	}
	return s.Velocity.starts(ctx, who)
}

// starts counts a request by whom it names, known or not: the same for everybody.
// What somebody asks in another's name must not shut them out: a caller's count is
// their own, staff who take requests in are not counted with others, and nobody's
// first request of the day is withheld for what others did.
func (v Velocity) starts(ctx context.Context, who string) error {
	p := kit.PrincipalFrom(ctx)
	mine := kit.ActorID(p.Tenant, p.Subject) + "/" + who
	own := limit.Key{Kind: "starts", ID: mine, Rate: limit.Per(v.Starts, day)}
	if p.Roles.Has(optionsv1.Role_ROLE_INTAKE) {
		return v.Limiter.Allow(ctx, p.Tenant, own)
	}
	err := v.Limiter.Allow(ctx, p.Tenant, own, limit.Key{Kind: "first-start", ID: mine, Rate: limit.Per(1, day)})
	if full := (*limit.ExceededError)(nil); !errors.As(err, &full) || full.Kind == own.Kind {
		return err
	}
	return v.Limiter.Allow(ctx, p.Tenant, own, limit.Key{Kind: "starts-of-person", ID: who, Rate: limit.Per(v.AllStarts, day)})
}

// attempts counts a proof by the request that it is for, and asks whether the tenant
// has had too many wrong ones.
func (v Velocity) attempts(ctx context.Context, request string) error {
	if v.Limiter == nil {
		return nil
	}
	return v.Limiter.Allow(ctx, tenantOf(ctx),
		limit.Key{Kind: "attempts", ID: request, Rate: limit.Per(v.Attempts, time.Hour)},
		limit.Key{Kind: "attempts-of-tenant", Rate: limit.Per(v.OfTenant, time.Hour), Look: true})
}

// wrongProof counts a proof that proved nothing. A right one is not counted, nor withheld
// for what else comes from its network: what may be guessed is bounded by the request. A
// network that has had its share adds nothing to the tenant's count, so that none alone
// keeps everybody out.
func (v Velocity) wrongProof(ctx context.Context) error {
	if v.Limiter == nil {
		return nil
	}
	return v.Limiter.Allow(ctx, tenantOf(ctx), append(v.network(ctx, "attempts-of-network"),
		limit.Key{Kind: "attempts-of-tenant", Rate: limit.Per(v.OfTenant, time.Hour)})...)
}

// wrongCancel counts a code that cancels nothing, and is its answer. The right one is
// neither counted nor withheld: it protects a person, and nobody guesses 130 bits. Which
// request it was for plays no part, nor whether there is such a request.
func (v Velocity) wrongCancel(ctx context.Context) error {
	if keys := v.network(ctx, "cancels-of-network"); v.Limiter != nil && len(keys) > 0 {
		if err := v.Limiter.AllowOpen(ctx, tenantOf(ctx), keys...); err != nil {
			return err
		}
	}
	return request.ErrCancelCode
}

// network is the key of the network that somebody calls from; none where they call
// through another service.
func (v Velocity) network(ctx context.Context, kind string) []limit.Key {
	id := kit.NetworkFrom(ctx)
	switch {
	case id == "":
		return nil
	case alone(ctx):
		return []limit.Key{{Kind: kind, ID: id, Rate: limit.Per(v.OfNetwork, time.Hour)}}
	}
	return []limit.Key{{Kind: kind, ID: "crowd/" + id, Rate: limit.Per(v.OfNetwork*crowd, time.Hour)}}
}
