// Package zone knows where tenants are established: identity says it, and it is
// remembered for a minute.
package zone

import (
	"context"
	"fmt"
	"sync"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/retention/internal/rpc"

	"google.golang.org/grpc"
)

// fresh is how long an answer of identity counts.
const fresh = time.Minute

// Tenants is the part of identity that is asked.
type Tenants interface {
	GetTenant(ctx context.Context, in *identityv1.GetTenantRequest, opts ...grpc.CallOption) (*identityv1.GetTenantResponse, error)
}

// Zones answers for tenants. Its methods may be called from several goroutines.
type Zones struct {
	tenants Tenants
	now     func() time.Time

	mu    sync.Mutex
	known map[string]answer
}

type answer struct {
	zone  *time.Location
	until time.Time
}

// New makes Zones that ask a client of identity.
func New(tenants Tenants, now func() time.Time) *Zones {
	return &Zones{tenants: tenants, now: now, known: map[string]answer{}}
}

// Of is the time zone of a tenant's establishment. rpc.ErrZoneUnknown: identity
// gave no answer, or one that this system has no rules for.
func (z *Zones) Of(ctx context.Context, tenant string) (*time.Location, error) {
	z.mu.Lock()
	a, ok := z.known[tenant]
	z.mu.Unlock()
	if ok && z.now().Before(a.until) {
		return a.zone, nil
	}
	t, err := z.tenants.GetTenant(client.WithTenant(ctx, tenant), &identityv1.GetTenantRequest{})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", rpc.ErrZoneUnknown, err)
	}
	if t.GetTimeZone() == "" { // LoadLocation would take it for UTC
		return nil, rpc.ErrZoneUnknown
	}
	location, err := time.LoadLocation(t.GetTimeZone())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", rpc.ErrZoneUnknown, err)
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.known[tenant] = answer{location, z.now().Add(fresh)}
	return location, nil
}
