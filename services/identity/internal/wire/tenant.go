package wire

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es/eventpb"
)

// Tenant is the codec of tenants' events. Nothing in them is sealed.
func Tenant() (eventpb.Codec[tenant.Event], error) {
	return eventpb.New(
		eventpb.Of[tenant.Event](packTenantCreated, unpackTenantCreated),
		eventpb.Of[tenant.Event](packCreationRefused, unpackCreationRefused),
		eventpb.Of[tenant.Event](packSettings, unpackSettings),
		eventpb.Of[tenant.Event](packHeld, unpackHeld),
		eventpb.Of[tenant.Event](packConfirmed, unpackConfirmed),
		eventpb.Of[tenant.Event](packWithdrawn, unpackWithdrawn),
		eventpb.Of[tenant.Event](packSettingsRefused, unpackSettingsRefused),
		eventpb.Of[tenant.Event](packLeaving, unpackLeaving),
		eventpb.Of[tenant.Event](packApproved, unpackApproved),
		eventpb.Of[tenant.Event](packStayed, unpackStayed),
		eventpb.Of[tenant.Event](packDelayed, unpackDelayed),
		eventpb.Of[tenant.Event](packClosed, unpackClosed),
		eventpb.Of[tenant.Event](packEnding, unpackEnding),
		eventpb.Of[tenant.Event](packGone, unpackGone),
		eventpb.Of[tenant.Event](packLeavingRefused, unpackLeavingRefused),
	)
}

func packTenantCreated(_ *eventpb.Writer, e tenant.Created) *identityv1.TenantCreated {
	return &identityv1.TenantCreated{
		DisplayName: e.DisplayName, TimeZone: e.TimeZone, Calendar: e.Calendar, CreatedAt: eventpb.Stamp(e.At),
		Safeguards: packSafeguards(e.Safeguards),
	}
}

func unpackTenantCreated(_ *eventpb.Reader, m *identityv1.TenantCreated) tenant.Created {
	return tenant.Created{
		Settings: tenant.Settings{DisplayName: m.GetDisplayName(), TimeZone: m.GetTimeZone(), Calendar: m.GetCalendar()},
		At:       eventpb.Moment(m.GetCreatedAt()), Safeguards: unpackSafeguards(m.GetSafeguards()),
	}
}

func packCreationRefused(_ *eventpb.Writer, e tenant.CreationRefused) *identityv1.TenantCreationRefused {
	return &identityv1.TenantCreationRefused{Reason: e.Reason}
}

func unpackCreationRefused(_ *eventpb.Reader, m *identityv1.TenantCreationRefused) tenant.CreationRefused {
	return tenant.CreationRefused{Reason: m.GetReason()}
}
