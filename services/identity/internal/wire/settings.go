package wire

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es/eventpb"
)

func packSettings(_ *eventpb.Writer, e tenant.SettingsChanged) *identityv1.TenantSettingsChanged {
	out := &identityv1.TenantSettingsChanged{
		DisplayName: e.DisplayName, TimeZone: e.TimeZone, Calendar: e.Calendar, Approval: e.Approval, Revision: e.Revision,
		ChangedAt: eventpb.Stamp(e.At), Provider: packProvider(e.Provider), AccessLevel: e.Levels.Access, ErasureLevel: e.Levels.Erasure,
		Contact: e.Contact,
	}
	for _, k := range e.Kinds {
		out.Kinds = append(out.Kinds, &identityv1.TenantKind{Name: k.Name, Fold: k.Fold, Analytics: k.Analytics})
	}
	return out
}

func unpackSettings(_ *eventpb.Reader, m *identityv1.TenantSettingsChanged) tenant.SettingsChanged {
	out := tenant.SettingsChanged{
		Settings: tenant.Settings{DisplayName: m.GetDisplayName(), TimeZone: m.GetTimeZone(), Calendar: m.GetCalendar()},
		Own: tenant.Own{
			Approval: m.GetApproval(), Provider: unpackProvider(m.GetProvider()),
			Levels: tenant.Levels{Access: m.GetAccessLevel(), Erasure: m.GetErasureLevel()}, Contact: m.GetContact(),
		}, Revision: m.GetRevision(), At: eventpb.Moment(m.GetChangedAt()),
	}
	for _, k := range m.GetKinds() {
		out.Kinds = append(out.Kinds, tenant.Kind{Name: k.GetName(), Fold: k.GetFold(), Analytics: k.GetAnalytics()})
	}
	return out
}

func packSettingsRefused(_ *eventpb.Writer, e tenant.SettingsRefused) *identityv1.TenantSettingsRefused {
	return &identityv1.TenantSettingsRefused{Reason: e.Reason}
}

func unpackSettingsRefused(_ *eventpb.Reader, m *identityv1.TenantSettingsRefused) tenant.SettingsRefused {
	return tenant.SettingsRefused{Reason: m.GetReason()}
}
