package breakglass

// Evolve folds one event into the state.
func Evolve(g Grant, ev Event) Grant {
	switch e := ev.(type) {
	case Asked:
		g.Phase, g.Request = Waiting, e
	case Permitted:
		g.Phase, g.Granter, g.Granted, g.Until, g.ReviewBy = Open, e.By, e.At, e.Until, e.ReviewBy
	case Denied:
		g.Phase, g.Granter, g.Ended, g.Finding = Declined, e.By, e.At, e.Reason
	case Used:
		g = g.used(e.Method, e.At)
	case Closed:
		g.Phase, g.Ended = over(g.Phase), e.At
	case Lapsed:
		g.Phase, g.Ended = over(g.Phase), e.At
	case Missed:
		g.Overdue = true
	case Judged:
		g.Phase, g.Overdue, g.Reviewer, g.Justified, g.Finding, g.Looked = Reviewed, false, e.By, e.Justified, e.Reason, e.At
	case Refused:
	}
	return g
}

// over is the phase after the end: what was open is to be reviewed.
func over(p Phase) Phase {
	if p == Open {
		return Ended
	}
	return Declined
}
