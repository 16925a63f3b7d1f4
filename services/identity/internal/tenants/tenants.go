// Package tenants knows which tenants there are, and their settings, which may be
// as old as its memory. That one does not exist is asked each time.
package tenants

import (
	"context"
	"sync"
	"time"

	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es"
)

// Context is the context that tenants live in.
const Context = "identity"

// Handler runs the commands of tenants.
type Handler = es.Handler[tenant.Tenant, tenant.Command, tenant.Event]

// Directory answers for all tenants. It may be used by several goroutines.
type Directory struct {
	Handler Handler
	// Memory is how long a tenant is not read again: another instance may have
	// changed its settings.
	Memory time.Duration

	known sync.Map // of tenant ids to remembered
}

// remembered is a tenant as it was read.
type remembered struct {
	tenant tenant.Tenant
	at     time.Time
}

// Forget has a tenant read anew.
func (d *Directory) Forget(id string) { d.known.Delete(id) }

// Aggregate is that of a tenant, which lies in its own world.
func Aggregate(id string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: id, Type: tenant.AggregateType, ID: id}
}

// Get returns a tenant, tenant.ErrNotFound, or tenant.ErrOffboarded for one that
// is gone.
func (d *Directory) Get(ctx context.Context, id string) (tenant.Tenant, error) {
	t, err := d.Any(ctx, id)
	if err == nil && t.Ended() {
		return t, tenant.ErrOffboarded
	}
	return t, err
}

// Any returns a tenant, gone or not, or tenant.ErrNotFound.
func (d *Directory) Any(ctx context.Context, id string) (tenant.Tenant, error) {
	if have, ok := d.known.Load(id); ok {
		if r, ok := have.(remembered); ok && time.Since(r.at) < d.Memory {
			return r.tenant, nil
		}
	}
	t, _, err := d.Handler.Load(ctx, Aggregate(id), es.Leader)
	if err != nil {
		return t, err
	}
	if !t.Created {
		return t, tenant.ErrNotFound
	}
	d.known.Store(id, remembered{tenant: t, at: time.Now()})
	return t, nil
}

// Zone is the time zone in which a tenant's days begin.
func (d *Directory) Zone(ctx context.Context, id string) (string, error) {
	t, err := d.Get(ctx, id)
	return t.TimeZone, err
}

// ChannelAge is how long a channel has to be known before it proves a person
// enough.
func (d *Directory) ChannelAge(ctx context.Context, id string) (time.Duration, error) {
	t, err := d.Get(ctx, id)
	return t.Safeguards.InForce().ChannelAge, err
}

// Created is when a tenant was made.
func (d *Directory) Created(ctx context.Context, id string) (time.Time, error) {
	t, err := d.Any(ctx, id)
	return t.CreatedAt, err
}
