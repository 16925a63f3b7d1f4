package wire

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es/eventpb"
)

func packSettings(_ *eventpb.Writer, e tenant.SettingsChanged) *identityv1.TenantSettingsChanged {
	out := settingsOf(tenant.Change{Settings: e.Settings, Own: e.Own, Safeguards: e.Safeguards})
	out.Revision, out.ChangedAt = e.Revision, eventpb.Stamp(e.At)
	return out
}

func unpackSettings(_ *eventpb.Reader, m *identityv1.TenantSettingsChanged) tenant.SettingsChanged {
	c := changeOf(m)
	return tenant.SettingsChanged{
		Settings: c.Settings, Own: c.Own, Safeguards: c.Safeguards, Revision: m.GetRevision(), At: eventpb.Moment(m.GetChangedAt()),
	}
}

func settingsOf(c tenant.Change) *identityv1.TenantSettingsChanged {
	out := &identityv1.TenantSettingsChanged{
		DisplayName: c.DisplayName, TimeZone: c.TimeZone, Calendar: c.Calendar, Approval: c.Approval,
		Provider: packProvider(c.Provider), AccessLevel: c.Levels.Access, ErasureLevel: c.Levels.Erasure,
		Safeguards: packSafeguards(c.Safeguards), Officers: c.Officers, Contact: c.Contact,
	}
	for _, k := range c.Kinds {
		out.Kinds = append(out.Kinds, &identityv1.TenantKind{Name: k.Name, Fold: k.Fold, Analytics: k.Analytics})
	}
	for _, p := range c.Levels.Policies {
		out.PolicyLevels = append(out.PolicyLevels, &identityv1.TenantPolicyLevels{Policy: p.Policy, Access: p.Access, Erasure: p.Erasure})
	}
	return out
}

func changeOf(m *identityv1.TenantSettingsChanged) tenant.Change {
	out := tenant.Change{
		Settings: tenant.Settings{DisplayName: m.GetDisplayName(), TimeZone: m.GetTimeZone(), Calendar: m.GetCalendar()},
		Own: tenant.Own{
			Approval: m.GetApproval(), Provider: unpackProvider(m.GetProvider()), Officers: m.GetOfficers(), Contact: m.GetContact(),
			Levels: tenant.Levels{Access: m.GetAccessLevel(), Erasure: m.GetErasureLevel()},
		},
		Safeguards: unpackSafeguards(m.GetSafeguards()),
	}
	for _, k := range m.GetKinds() {
		out.Kinds = append(out.Kinds, tenant.Kind{Name: k.GetName(), Fold: k.GetFold(), Analytics: k.GetAnalytics()})
	}
	for _, p := range m.GetPolicyLevels() {
		out.Levels.Policies = append(out.Levels.Policies, tenant.PolicyLevels{Policy: p.GetPolicy(), Access: p.GetAccess(), Erasure: p.GetErasure()})
	}
	return out
}

func packHeld(_ *eventpb.Writer, e tenant.SettingsHeld) *identityv1.TenantSettingsHeld {
	return &identityv1.TenantSettingsHeld{
		Wanted: settingsOf(e.Wanted), Lowers: e.Lowers, By: e.By, HeldAt: eventpb.Stamp(e.At), DueAt: eventpb.Stamp(e.DueAt),
	}
}

func unpackHeld(_ *eventpb.Reader, m *identityv1.TenantSettingsHeld) tenant.SettingsHeld {
	return tenant.SettingsHeld{
		Wanted: changeOf(m.GetWanted()), Lowers: m.GetLowers(), By: m.GetBy(),
		At: eventpb.Moment(m.GetHeldAt()), DueAt: eventpb.Moment(m.GetDueAt()),
	}
}

func packConfirmed(_ *eventpb.Writer, e tenant.SettingsConfirmed) *identityv1.TenantSettingsConfirmed {
	return &identityv1.TenantSettingsConfirmed{By: e.By, ConfirmedAt: eventpb.Stamp(e.At)}
}

func unpackConfirmed(_ *eventpb.Reader, m *identityv1.TenantSettingsConfirmed) tenant.SettingsConfirmed {
	return tenant.SettingsConfirmed{By: m.GetBy(), At: eventpb.Moment(m.GetConfirmedAt())}
}

func packWithdrawn(_ *eventpb.Writer, e tenant.SettingsWithdrawn) *identityv1.TenantSettingsWithdrawn {
	return &identityv1.TenantSettingsWithdrawn{By: e.By, WithdrawnAt: eventpb.Stamp(e.At)}
}

func unpackWithdrawn(_ *eventpb.Reader, m *identityv1.TenantSettingsWithdrawn) tenant.SettingsWithdrawn {
	return tenant.SettingsWithdrawn{By: m.GetBy(), At: eventpb.Moment(m.GetWithdrawnAt())}
}

func packSettingsRefused(_ *eventpb.Writer, e tenant.SettingsRefused) *identityv1.TenantSettingsRefused {
	return &identityv1.TenantSettingsRefused{Reason: e.Reason}
}

func unpackSettingsRefused(_ *eventpb.Reader, m *identityv1.TenantSettingsRefused) tenant.SettingsRefused {
	return tenant.SettingsRefused{Reason: m.GetReason()}
}
