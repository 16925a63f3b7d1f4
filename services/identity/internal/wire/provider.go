package wire

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/tenant"
)

func packProvider(p tenant.Provider) *identityv1.TenantProvider {
	if !p.Set() {
		return nil
	}
	out := &identityv1.TenantProvider{Issuer: p.Issuer, ClientId: p.Client}
	for _, g := range p.Grades {
		out.Levels = append(out.Levels, &identityv1.TenantProviderLevel{Claim: g.Claim, Value: g.Value, Level: g.Level})
	}
	return out
}

func unpackProvider(m *identityv1.TenantProvider) tenant.Provider {
	out := tenant.Provider{Issuer: m.GetIssuer(), Client: m.GetClientId()}
	for _, g := range m.GetLevels() {
		out.Grades = append(out.Grades, tenant.Grade{Claim: g.GetClaim(), Value: g.GetValue(), Level: g.GetLevel()})
	}
	return out
}
