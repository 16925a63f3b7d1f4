package limit

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/auth"
)

// Settings are how many calls a second each may make in the long run; burst
// times as many at once. All are counted by tenant.
type Settings struct {
	// Caller is for one caller, Person for one who is a subject and nothing else.
	Caller, Person int
	// Reads is for one caller's calls that answer with personal data.
	Reads int
	// Open is for one caller's calls of what must never be withheld; a person has
	// as many of those as of others.
	Open int
	// Tenant is for all callers of a tenant together, Network for one network.
	Tenant, Network int
	// Process is for a caller's calls that are counted in the process alone: of
	// frequent methods, and those of a service for itself.
	Process int
	// Refusals is how many refusals by a rule one caller may cause in a minute:
	// each stands in the log for good.
	Refusals int
}

// burst is how many seconds' worth may be had at once, and how many minutes'
// worth of refusals.
const burst = 5

// Guard counts a server's calls.
type Guard struct {
	limiter *Limiter
	report  func(error)
	now     func() time.Time
	told    atomic.Int64

	caller, person, reads, open, tenant, network, process, refusals Rate
}

// tellEvery is the least time between two reports that Redis is away.
const tellEvery = 10 * time.Second

// NewGuard refuses settings that allow nothing. Report is told, now and then,
// why the limiter could not say.
func NewGuard(l *Limiter, s Settings, report func(error)) (*Guard, error) {
	g := &Guard{limiter: l, report: report, now: l.cfg.Now, refusals: Rate{time.Minute / time.Duration(max(s.Refusals, 1)), burst * s.Refusals}}
	for _, set := range []struct {
		rate *Rate
		n    int
	}{
		{&g.caller, s.Caller},
		{&g.person, s.Person},
		{&g.reads, s.Reads},
		{&g.open, s.Open},
		{&g.tenant, s.Tenant},
		{&g.network, s.Network},
		{&g.process, s.Process},
	} {
		*set.rate = PerSecond(set.n, burst*set.n)
		if err := set.rate.Check(); err != nil {
			return nil, fmt.Errorf("make limits: %w", err)
		}
	}
	if err := g.refusals.Check(); err != nil {
		return nil, fmt.Errorf("make limits: %w", err)
	}
	return g, nil
}

// Admit says whether a call may go on. One that must never be withheld goes on
// quietly when its caller has caused as many refusals as anybody may.
func (g *Guard) Admit(ctx context.Context, r rpc.Rated) (quiet bool, err error) {
	if r.Principal.Subject != "" && r.Rate == optionsv1.Rate_RATE_OPEN {
		quiet, err = g.admitOpen(ctx, r.Principal)
	} else {
		err = g.admit(ctx, r)
	}
	if errors.Is(err, ErrUnavailable) {
		g.tell(err)
	}
	return quiet, err
}

// admitOpen counts apart from everything else, at the pace of who calls.
func (g *Guard) admitOpen(ctx context.Context, p auth.Principal) (quiet bool, err error) {
	own := Key{Kind: "open", ID: p.Subject, Rate: g.open}
	if isPerson(p) {
		own.Rate = g.person
	}
	err = g.limiter.AllowOpen(ctx, p.Tenant, own, g.refusalKey(p, true))
	var over *ExceededError
	if errors.As(err, &over) && over.Kind == refusalKind {
		return true, g.limiter.AllowOpen(ctx, p.Tenant, own)
	}
	return false, err
}

func (g *Guard) admit(ctx context.Context, r rpc.Rated) error {
	p := r.Principal
	switch {
	case p.Subject == "":
		return g.limiter.AllowHere(p.Tenant, Key{Kind: "service", ID: p.Service, Rate: g.process})
	case r.Rate == optionsv1.Rate_RATE_FREQUENT:
		return g.limiter.AllowHere(p.Tenant, Key{Kind: "caller", ID: p.Subject, Rate: g.process})
	}
	var room [5]Key
	keys := append(room[:0], g.callerKey(p), Key{Kind: "tenant", Rate: g.tenant}, g.refusalKey(p, true))
	if r.Reads >= optionsv1.DataClass_DATA_CLASS_PERSONAL {
		keys = append(keys, Key{Kind: "reads", ID: p.Subject, Rate: g.reads})
	}
	if r.Network != "" {
		keys = append(keys, Key{Kind: "network", ID: r.Network, Rate: g.network})
	}
	return g.limiter.Allow(ctx, p.Tenant, keys...)
}

// isPerson tells people with no role but their own.
func isPerson(p auth.Principal) bool { return p.Roles == auth.RolesOf(optionsv1.Role_ROLE_SUBJECT) }

func (g *Guard) callerKey(p auth.Principal) Key {
	if isPerson(p) {
		return Key{Kind: "person", ID: p.Subject, Rate: g.person}
	}
	return Key{Kind: "caller", ID: p.Subject, Rate: g.caller}
}

// refusalKind is the kind of the key that counts refusals.
const refusalKind = "refusals"

func (g *Guard) refusalKey(p auth.Principal, look bool) Key {
	return Key{Kind: refusalKind, ID: p.Subject, Rate: g.refusals, Look: look}
}

// Refused charges a caller for a refusal that stands in the log. It changes
// nothing about the call, whose answer is made.
func (g *Guard) Refused(ctx context.Context, r rpc.Rated) {
	if r.Principal.Subject == "" {
		return
	}
	ctx = context.WithoutCancel(ctx)
	if err := g.limiter.AllowOpen(ctx, r.Principal.Tenant, g.refusalKey(r.Principal, false)); errors.Is(err, ErrUnavailable) {
		g.tell(err)
	}
}

func (g *Guard) tell(err error) {
	now := g.now().UnixNano()
	if last := g.told.Load(); now-last >= int64(tellEvery) && g.told.CompareAndSwap(last, now) {
		g.report(err)
	}
}
