package tenant

// Evolve folds one event into the state.
func Evolve(s Tenant, ev Event) Tenant {
	switch e := ev.(type) {
	case Created:
		s.Created, s.Settings, s.Safeguards, s.CreatedAt = true, e.Settings, e.Safeguards, e.At
	case SettingsChanged:
		if s.Approval && !e.Approval {
			s.LoweredAt = e.At
		}
		s.Settings, s.Own, s.Revision = e.Settings, e.Own, e.Revision
		if e.Safeguards.Chosen {
			s.Safeguards = e.Safeguards
		}
		s.Pending = Pending{Number: s.Pending.Number}
	case SettingsHeld:
		s.Pending = Pending{Number: s.Pending.Number + 1, Wanted: e.Wanted, Lowers: e.Lowers, By: e.By, At: e.At, DueAt: e.DueAt}
	case SettingsWithdrawn:
		s.Pending = Pending{Number: s.Pending.Number}
	case OffboardingBegun, OffboardingApproved, OffboardingCancelled, DestructionDelayed, Closed, DestructionBegun, Offboarded:
		s.Leaving = evolveLeaving(s.Leaving, ev)
	case CreationRefused, SettingsRefused, SettingsConfirmed, OffboardingRefused:
	}
	return s
}
