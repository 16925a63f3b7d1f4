package rpc

import (
	"context"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/offboard"
	"habeas.internal/services/identity/internal/tenants"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/rpc/fault"
)

// Tenants implements TenantService.
type Tenants struct {
	identityv1.UnimplementedTenantServiceServer
	Directory *tenants.Directory
	Leaving   *offboard.Desk
	Platform  string // tenant whose tokens make others; empty for none
	Now       func() time.Time
}

// CreateTenant makes a tenant: the caller's own, unless they are of the platform.
func (s *Tenants) CreateTenant(ctx context.Context, r *identityv1.CreateTenantRequest) (*identityv1.CreateTenantResponse, error) {
	if own := tenantOf(ctx); r.GetTenant() != own && (s.Platform == "" || own != s.Platform) {
		return nil, fault.FieldErrors{{Field: "tenant", Rule: "OWN", Text: "must be the tenant of the token"}}
	}
	if err := countable("", r.GetTimeZone(), r.GetCalendar()); err != nil {
		return nil, err
	}
	cmd, err := command[tenant.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	cmd.Data = tenant.Create{At: cmd.At, Safeguards: safeguards(r.GetSafeguards()), Settings: tenant.Settings{
		DisplayName: r.GetDisplayName(), TimeZone: r.GetTimeZone(), Calendar: r.GetCalendar(),
	}}
	res, err := s.Directory.Handler.Handle(ctx, tenants.Aggregate(r.GetTenant()), cmd)
	if err != nil {
		return nil, err
	}
	return &identityv1.CreateTenantResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// GetTenant describes the caller's tenant.
func (s *Tenants) GetTenant(ctx context.Context, r *identityv1.GetTenantRequest) (*identityv1.GetTenantResponse, error) {
	if _, err := es.ParseToken(r.GetConsistencyToken()); err != nil {
		return nil, err
	}
	id := tenantOf(ctx)
	t, err := s.Directory.Any(ctx, id)
	if err != nil {
		return nil, err
	}
	return &identityv1.GetTenantResponse{
		Tenant: id, DisplayName: t.DisplayName, TimeZone: t.TimeZone, Calendar: t.Calendar,
		Safeguards:  inForce(t.Safeguards),
		Offboarding: leaving(t.Leaving),
		Provider:    showProvider(t.Provider), Assurance: showLevels(t.Levels), Contact: t.Contact,
	}, nil
}
