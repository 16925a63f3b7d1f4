package rpc

import (
	"context"
	"fmt"
	"strings"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/internal/tenants"
	"habeas.internal/services/identity/internal/waiting"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/identifier"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
)

// Settings implements SettingsService.
type Settings struct {
	identityv1.UnimplementedSettingsServiceServer
	Directory *tenants.Directory
	Waiting   *waiting.Desk
	Staff     tenant.Provider // whose tokens are the staff's
	Now       func() time.Time
}

// UpdateSettings replaces the settings of the caller's tenant, or has them wait.
// What makes sure that a process goes on with those is written first.
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
	own, err := s.own(want)
	if err != nil {
		return nil, err
	}
	if err := s.Waiting.Note(ctx, tenantOf(ctx)); err != nil {
		return nil, err
	}
	change := tenant.Change{
		Settings: tenant.Settings{DisplayName: want.GetDisplayName(), TimeZone: want.GetTimeZone(), Calendar: want.GetCalendar()},
		Own:      own, Revision: r.GetRevision(), By: actor(ctx), Wait: s.Waiting.Wait, At: cmd.At,
	}
	if want.GetSafeguards() != nil {
		change.Safeguards = safeguards(want.GetSafeguards())
	}
	cmd.Data = change
	res, err := s.handle(ctx, cmd)
	if err != nil {
		return nil, err
	}
	p := showPending(res.State)
	return &identityv1.UpdateSettingsResponse{
		Revision: res.State.Revision, ConsistencyToken: res.Token().Encode(), DueAt: p.GetDueAt(), Lowers: p.GetLowers(), Number: p.GetNumber(),
	}, nil
}

// ConfirmSettings is a second person's word for settings that wait.
func (s *Settings) ConfirmSettings(ctx context.Context, r *identityv1.ConfirmSettingsRequest) (*identityv1.ConfirmSettingsResponse, error) {
	cmd, err := command[tenant.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	cmd.Data = tenant.Confirm{By: actor(ctx), Number: r.GetNumber(), At: cmd.At}
	res, err := s.handle(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return &identityv1.ConfirmSettingsResponse{Revision: res.State.Revision, ConsistencyToken: res.Token().Encode()}, nil
}

// WithdrawSettings ends settings that wait.
func (s *Settings) WithdrawSettings(ctx context.Context, r *identityv1.WithdrawSettingsRequest) (*identityv1.WithdrawSettingsResponse, error) {
	cmd, err := command[tenant.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	cmd.Data = tenant.Withdraw{By: actor(ctx), At: cmd.At}
	res, err := s.handle(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return &identityv1.WithdrawSettingsResponse{ConsistencyToken: res.Token().Encode()}, nil
}

func (s *Settings) handle(ctx context.Context, cmd es.Command[tenant.Command]) (es.Result[tenant.Tenant, tenant.Event], error) {
	res, err := s.Directory.Handler.Handle(ctx, tenants.Aggregate(tenantOf(ctx)), cmd)
	s.Directory.Forget(tenantOf(ctx))
	return res, err
}

// actor is who calls, as they are known in the log.
func actor(ctx context.Context) string {
	p := kit.PrincipalFrom(ctx)
	return kit.ActorID(p.Tenant, p.Subject)
}

// own are the settings beside those that a tenant is made with.
func (s *Settings) own(want *identityv1.Settings) (tenant.Own, error) {
	provider, err := s.provider(want.GetProvider())
	if err != nil {
		return tenant.Own{}, err
	}
	out := tenant.Own{
		Approval: want.GetApproval(), Provider: provider, Officers: want.GetOfficers(), Contact: want.GetContact(),
		Levels: tenant.Levels{Access: want.GetAssurance().GetAccess(), Erasure: want.GetAssurance().GetErasure()},
	}
	for _, k := range want.GetKinds() {
		out.Kinds = append(out.Kinds, tenant.Kind{Name: k.GetName(), Fold: k.GetFold(), Analytics: k.GetAnalytics()})
	}
	for _, l := range want.GetAssurance().GetPolicies() {
		out.Levels.Policies = append(out.Levels.Policies, tenant.PolicyLevels{Policy: l.GetPolicy(), Access: l.GetAccess(), Erasure: l.GetErasure()})
	}
	return out, nil
}

// GetSettings returns the settings of the caller's tenant.
func (s *Settings) GetSettings(ctx context.Context, _ *identityv1.GetSettingsRequest) (*identityv1.GetSettingsResponse, error) {
	s.Directory.Forget(tenantOf(ctx)) // whoever looks at settings wants those of now
	t, err := s.Directory.Get(ctx, tenantOf(ctx))
	if err != nil {
		return nil, err
	}
	return &identityv1.GetSettingsResponse{
		Revision: t.Revision, Settings: showSettings(t.Settings, t.Own, t.Safeguards), Pending: showPending(t),
	}, nil
}

func showSettings(t tenant.Settings, own tenant.Own, guards tenant.Safeguards) *identityv1.Settings {
	out := &identityv1.Settings{
		DisplayName: t.DisplayName, TimeZone: t.TimeZone, Calendar: t.Calendar, Approval: own.Approval,
		Provider: showProvider(own.Provider), Assurance: showLevels(own.Levels), Safeguards: inForce(guards), Officers: own.Officers,
		Contact: own.Contact,
	}
	for _, k := range own.Kinds {
		out.Kinds = append(out.Kinds, &identityv1.DeclaredKind{Name: k.Name, Fold: k.Fold, Analytics: k.Analytics})
	}
	return out
}

func showPending(t tenant.Tenant) *identityv1.PendingSettings {
	p := t.Pending
	if !p.Waits() {
		return nil
	}
	guards := t.Safeguards
	if p.Wanted.Safeguards.Chosen {
		guards = p.Wanted.Safeguards
	}
	return &identityv1.PendingSettings{
		Number: p.Number, Settings: showSettings(p.Wanted.Settings, p.Wanted.Own, guards), Lowers: lowers(p.Lowers),
		By: p.By, AskedAt: stamp(p.At), DueAt: stamp(p.DueAt),
	}
}

func lowers(guards []string) []identityv1.Safeguard {
	var out []identityv1.Safeguard
	for _, g := range guards {
		out = append(out, identityv1.Safeguard(identityv1.Safeguard_value["SAFEGUARD_"+strings.ToUpper(g)]))
	}
	return out
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
