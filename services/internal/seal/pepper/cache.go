package pepper

import (
	"context"
	"sync"
	"time"
)

// Cache keeps the live peppers of many tenants for one purpose. What it
// returns may be out of date by as much as its lease; callers for whom that
// matters look at Epochs afterwards. A pepper counts as destroyed only one
// lease after it was retired.
type Cache struct {
	keeper  *Keeper
	purpose Purpose
	now     func() time.Time
	lease   time.Duration

	mu   sync.Mutex
	sets map[string]cached // by tenant
}

type cached struct {
	set  Set
	read time.Time
}

// NewCache makes an empty cache. Now is time.Now, whose readings are
// monotonic.
func NewCache(keeper *Keeper, purpose Purpose, now func() time.Time, lease time.Duration) *Cache {
	return &Cache{keeper: keeper, purpose: purpose, now: now, lease: lease, sets: map[string]cached{}}
}

// Set is the tenant's live peppers, at most a lease old.
func (c *Cache) Set(ctx context.Context, tenant string) (Set, error) {
	if set, ok := c.get(tenant); ok {
		return set, nil
	}
	return c.Fresh(ctx, tenant)
}

func (c *Cache) get(tenant string) (Set, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.sets[tenant]
	if ok && c.now().Sub(have.read) >= c.lease {
		delete(c.sets, tenant)
		return nil, false
	}
	return have.set, ok
}

// Fresh reads the tenant's live peppers from the leader now.
func (c *Cache) Fresh(ctx context.Context, tenant string) (Set, error) {
	read := c.now()
	set, err := c.keeper.Live(ctx, tenant, c.purpose)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sets[tenant] = cached{set: set, read: read}
	return set, nil
}

// Epochs lists the live epochs as the leader has them now, oldest first.
func (c *Cache) Epochs(ctx context.Context, tenant string) ([]uint64, error) {
	return c.keeper.Epochs(ctx, tenant, c.purpose)
}

// Wait returns after one lease: whoever had a pepper that was retired before
// the call has forgotten it.
func (c *Cache) Wait(ctx context.Context) error {
	timer := time.NewTimer(c.lease)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
