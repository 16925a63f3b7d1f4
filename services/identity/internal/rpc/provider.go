package rpc

import (
	"strings"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/fault"
)

// provider is the one that a tenant wants. The staff's own provider is none for
// the same client: who works here would be whoever their token's subject is
// linked to.
func (s *Settings) provider(m *identityv1.IdentityProvider) (tenant.Provider, error) {
	if m == nil {
		return tenant.Provider{}, nil
	}
	out := tenant.Provider{Issuer: m.GetIssuer(), Client: m.GetClientId()}
	if !auth.IsIssuer(out.Issuer) {
		return out, fault.FieldErrors{{Field: "settings.provider.issuer", Rule: "ISSUER", Text: "must be an https address without user, query or fragment"}}
	}
	if out.Issuer == s.Staff.Issuer && out.Client == s.Staff.Client {
		return out, fault.FieldErrors{{Field: "settings.provider.client_id", Rule: "STAFF_CLIENT", Text: "must not be that of the staff's tokens"}}
	}
	for _, l := range m.GetLevels() {
		out.Grades = append(out.Grades, tenant.Grade{
			Claim: strings.ToLower(strings.TrimPrefix(l.GetClaim().String(), "ASSURANCE_CLAIM_")), Value: l.GetValue(), Level: l.GetLevel(),
		})
	}
	return out, nil
}

func showProvider(p tenant.Provider) *identityv1.IdentityProvider {
	if !p.Set() {
		return nil
	}
	out := &identityv1.IdentityProvider{Issuer: p.Issuer, ClientId: p.Client}
	for _, g := range p.Grades {
		out.Levels = append(out.Levels, &identityv1.ProviderLevel{
			Claim: identityv1.AssuranceClaim(identityv1.AssuranceClaim_value["ASSURANCE_CLAIM_"+strings.ToUpper(g.Claim)]), Value: g.Value, Level: g.Level,
		})
	}
	return out
}

func showLevels(l tenant.Levels) *identityv1.Assurance {
	if l.Access == 0 && l.Erasure == 0 && len(l.Policies) == 0 {
		return nil
	}
	out := &identityv1.Assurance{Access: l.Access, Erasure: l.Erasure}
	for _, p := range l.Policies {
		out.Policies = append(out.Policies, &identityv1.PolicyAssurance{Policy: p.Policy, Access: p.Access, Erasure: p.Erasure})
	}
	return out
}
