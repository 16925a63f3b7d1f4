package keyclient

import (
	"context"
	"sync"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/seal/pepper"
)

// peppers keeps the tenants' keys for digests, each for the length of its
// lease.
type peppers struct {
	keys identityv1.KeyServiceClient
	now  func() time.Time

	mu   sync.Mutex
	sets map[string]leased // by tenant
}

type leased struct {
	set   pepper.Set
	asked time.Time
	lasts time.Duration
}

// valid holds against both clocks, as leases of keys do.
func (l leased) valid(now time.Time) bool {
	return now.Sub(l.asked) < l.lasts && now.Round(0).Sub(l.asked.Round(0)) < l.lasts
}

func newPeppers(keys identityv1.KeyServiceClient, now func() time.Time) *peppers {
	return &peppers{keys: keys, now: now, sets: map[string]leased{}}
}

// Set is part of pepper.Source.
func (p *peppers) Set(ctx context.Context, tenant string) (pepper.Set, error) {
	p.mu.Lock()
	have, ok := p.sets[tenant]
	if ok && !have.valid(p.now()) {
		delete(p.sets, tenant)
		ok = false
	}
	p.mu.Unlock()
	if ok {
		return have.set, nil
	}
	return p.Fresh(ctx, tenant)
}

// Fresh is part of pepper.Source.
func (p *peppers) Fresh(ctx context.Context, tenant string) (pepper.Set, error) {
	asked := p.now()
	answer, err := p.keys.GetDigestKeys(outgoing(ctx, tenant, ""), &identityv1.GetDigestKeysRequest{})
	if err != nil {
		return nil, refused("get digest keys", err)
	}
	lease := answer.GetLease().AsDuration()
	if len(answer.GetKeys()) == 0 || answer.GetLease().CheckValid() != nil || lease <= 0 || lease > maxLease {
		return nil, errAnswer
	}
	var set pepper.Set
	for _, k := range answer.GetKeys() {
		one, err := pepper.NewPepper(k.GetEpoch(), k.GetMaterial())
		clear(k.GetMaterial())
		if err != nil {
			return nil, err
		}
		set = append(set, one)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sets[tenant] = leased{set: set, asked: asked, lasts: lease}
	return set, nil
}

// close forgets all; who still computes with one of them finishes.
func (p *peppers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.sets)
}
