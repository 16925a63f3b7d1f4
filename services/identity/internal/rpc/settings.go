package rpc

import (
	"context"
	"fmt"
	"strings"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/internal/tenants"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/identifier"
	"habeas.internal/services/internal/rpc/fault"
)

// Settings implements SettingsService.
type Settings struct {
	identityv1.UnimplementedSettingsServiceServer
	Directory *tenants.Directory
	Staff     tenant.Provider // whose tokens are the staff's
	Now       func() time.Time
}

// UpdateSettings replaces the settings of the caller's tenant.
func (s *Settings) UpdateSettings(ctx context.Context, r *identityv1.UpdateSettingsRequest) (*identityv1.UpdateSettingsResponse, error) {
	want := r.GetSettings()
	if err := countable("settings.", want.GetTimeZone(), want.GetCalendar()); err != nil {
		return nil, err
	}
	if err := builtIn(want.GetKinds()); err != nil {
		return nil, err
	}
	cmd, err := command[tenant.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	provider, err := s.provider(want.GetProvider())
	if err != nil {
		return nil, err
	}
	own := tenant.Own{
		Approval: want.GetApproval(), Provider: provider, Contact: want.GetContact(),
		Levels: tenant.Levels{Access: want.GetAssurance().GetAccess(), Erasure: want.GetAssurance().GetErasure()},
	}
	for _, k := range want.GetKinds() {
		own.Kinds = append(own.Kinds, tenant.Kind{Name: k.GetName(), Fold: k.GetFold(), Analytics: k.GetAnalytics()})
	}
	cmd.Data = tenant.Change{
		Settings: tenant.Settings{DisplayName: want.GetDisplayName(), TimeZone: want.GetTimeZone(), Calendar: want.GetCalendar()},
		Own:      own, Revision: r.GetRevision(), At: cmd.At,
	}
	res, err := s.Directory.Handler.Handle(ctx, tenants.Aggregate(tenantOf(ctx)), cmd)
	if err != nil {
		return nil, err
	}
	s.Directory.Forget(tenantOf(ctx))
	return &identityv1.UpdateSettingsResponse{Revision: res.State.Revision, ConsistencyToken: res.Token().Encode()}, nil
}

// GetSettings returns the settings of the caller's tenant.
func (s *Settings) GetSettings(ctx context.Context, _ *identityv1.GetSettingsRequest) (*identityv1.GetSettingsResponse, error) {
	s.Directory.Forget(tenantOf(ctx)) // whoever looks at settings wants those of now
	t, err := s.Directory.Get(ctx, tenantOf(ctx))
	if err != nil {
		return nil, err
	}
	out := &identityv1.Settings{
		DisplayName: t.DisplayName, TimeZone: t.TimeZone, Calendar: t.Calendar, Approval: t.Approval,
		Provider: showProvider(t.Provider), Assurance: showLevels(t.Levels), Contact: t.Contact,
	}
	for _, k := range t.Kinds {
		out.Kinds = append(out.Kinds, &identityv1.DeclaredKind{Name: k.Name, Fold: k.Fold, Analytics: k.Analytics})
	}
	return &identityv1.GetSettingsResponse{Revision: t.Revision, Settings: out}, nil
}

// builtIn refuses kinds that bear the name of one that every tenant has: nobody
// could tell them apart.
func builtIn(kinds []*identityv1.DeclaredKind) error {
	var wrong fault.FieldErrors
	for i, k := range kinds {
		if kindFrom(k.GetName()) != identityv1.IdentifierKind_IDENTIFIER_KIND_UNSPECIFIED {
			wrong = append(wrong, fault.FieldError{
				Field: fmt.Sprintf("settings.kinds[%d].name", i), Rule: "KIND_IS_BUILT_IN", Text: "must not be the name of a kind that every tenant has",
			})
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return wrong
}

// declared brings a value of a kind of the tenant's own into the spelling that the
// tenant has declared, and refuses one of a kind that it has not.
func declared(ctx context.Context, d *tenants.Directory, field string, v registry.Value) (registry.Value, error) {
	if v.Kind != identifier.KindDeclared {
		return v, nil
	}
	t, err := d.Get(ctx, tenantOf(ctx))
	if err != nil {
		return v, err
	}
	name, text, _ := strings.Cut(v.Text, ":")
	kind, ok := t.Declared(name)
	if ok {
		v.Text, ok = identifier.Declared{Name: kind.Name, Fold: kind.Fold}.Normal(text)
	}
	if !ok {
		return v, fault.FieldErrors{{Field: field + ".value", Rule: "DECLARED", Text: "must be of a kind that the tenant has declared"}}
	}
	v.Analytics = kind.Analytics
	return v, nil
}
