package mandate

// Evolve folds one event into the state.
func Evolve(s Mandate, ev Event) Mandate {
	switch e := ev.(type) {
	case Used:
		return Mandate{Agent: e.Agent, Request: e.Request, Exercise: e.Exercise, Level: e.Level, At: e.At, Claims: e.Claims}
	case Applied:
		s.Applied, s.Claims = true, nil
	case Refused:
	}
	return s
}
