package recipient

// Evolve folds one event into the state.
func Evolve(s Recipient, ev Event) Recipient {
	switch e := ev.(type) {
	case Registered:
		s.Profile = e.Profile
	case Agreed:
		s.Agreement = e.Agreement
	case Confirmed:
		s.Agreement.ConfirmedAt = e.ConfirmedAt
	case Ended:
		if e.Number == s.Agreement.Number {
			s.Agreement.Until = e.At
		}
	case SuccessionRecorded:
		s.Succession = e.Succession
	case Refused:
	}
	return s
}
