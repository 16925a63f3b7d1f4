package rpc

import (
	"context"
	"sync"
	"time"

	"habeas.internal/services/consent/check"
	"habeas.internal/services/consent/internal/compile"
	"habeas.internal/services/consent/policy"
	"habeas.internal/services/consent/recipient"
	"habeas.internal/services/internal/es"
)

// keeper keeps what was read, so that it is read and folded once. What it keeps
// is only where reading goes on: every use asks whether it has changed since.
type keeper[T interface{ commits() uint64 }] struct {
	mu  sync.Mutex
	all map[es.Aggregate]T
}

// maxKnown bounds what is kept; a policy has up to half a megabyte a version.
const maxKnown = 128

func newKeeper[T interface{ commits() uint64 }]() *keeper[T] {
	return &keeper[T]{all: map[es.Aggregate]T{}}
}

// keptRecipient is a recipient up to a head.
type keptRecipient struct {
	head  es.Head
	state recipient.Recipient
}

func (k keptRecipient) commits() uint64 { return k.head.Commits }

func (r rules) commits() uint64 { return r.head.Commits }

// rules is a policy up to a head. It is never changed.
type rules struct {
	head     es.Head
	state    policy.Policy
	compiled []compile.Compiled // by number, from 1
}

func (k *keeper[T]) get(agg es.Aggregate) T {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.all[agg]
}

func (k *keeper[T]) put(agg es.Aggregate, r T) {
	if r.commits() == 0 {
		return // what isn't there takes no room
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.all) >= maxKnown {
		clear(k.all)
	}
	k.all[agg] = r
}

// rules reads a policy, as it stands with the leader now. One that does not
// exist has no versions.
func (l *log) rules(ctx context.Context, agg es.Aggregate) (out rules, token es.Token, err error) {
	token, err = l.proven(ctx, agg, func() (es.Head, error) {
		out = l.known.get(agg)
		var err error
		out.head, err = es.Fold(ctx, l.Verifier, out.head, l.Store.Load(ctx, agg, out.head.Seq, es.Leader), func(r es.Recorded) error {
			events, err := l.policies.Registry.DecodeAll(r.Commit)
			for _, ev := range events {
				out.state = policy.Evolve(out.state, ev)
			}
			return err
		})
		if err != nil {
			return out.head, err
		}
		return out.head, out.compile()
	})
	if err == nil {
		l.known.put(agg, out)
	}
	return out, token, err
}

func (r *rules) compile() error {
	compiled := append([]compile.Compiled(nil), r.compiled...)
	for _, v := range r.state.Versions[len(compiled):] {
		c, err := compile.Parse(v.Document)
		if err != nil {
			return err
		}
		compiled = append(compiled, c)
	}
	r.compiled = compiled
	return nil
}

// at is the policy as it was known at a moment.
func (r rules) at(id string, at time.Time) check.Policy {
	p := check.Policy{ID: id}
	for i, v := range r.state.Versions {
		if v.PostedAt.IsZero() || v.Posted.After(at) {
			continue
		}
		c := r.compiled[i].Version
		c.InForce = v.InForce()
		p.Versions = append(p.Versions, c)
	}
	return p
}

// inForce is the version that is in force at a moment.
func (r rules) inForce(at time.Time) (policy.Version, compile.Compiled, bool) {
	for i := len(r.state.Versions) - 1; i >= 0; i-- {
		v := r.state.Versions[i]
		if from := v.InForce(); !from.IsZero() && !from.After(at) && !v.Posted.After(at) {
			return v, r.compiled[i], true
		}
	}
	return policy.Version{}, compile.Compiled{}, false
}
