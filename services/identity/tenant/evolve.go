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
	case OffboardingBegun, OffboardingApproved, OffboardingCancelled, DestructionBegun, Offboarded:
		s.Leaving = evolveLeaving(s.Leaving, ev)
	case CreationRefused, SettingsRefused, OffboardingRefused:
	}
	return s
}
