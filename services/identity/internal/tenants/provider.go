package tenants

import (
	"context"

	"habeas.internal/services/identity/tenant"
)

// Provider is where a tenant's people sign in; its zero value if nowhere.
func (d *Directory) Provider(ctx context.Context, id string) (tenant.Provider, error) {
	t, err := d.Get(ctx, id)
	return t.Provider, err
}
