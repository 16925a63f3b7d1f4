package notice

// Evolve folds one event into the state.
func Evolve(s Notice, ev Event) Notice {
	switch e := ev.(type) {
	case Drafted:
		s.Drafted, s.Request, s.Template, s.Address, s.At = true, e.Request, e.Template, e.Address, e.At
	case Attempted:
		s.Attempts, s.MessageID, s.At = e.Attempt, e.MessageID, e.At
	case Sent:
		s.Sent, s.Reply, s.At = true, e.Reply, e.At
	case Failed:
		s.Failures++
		s.Tried = s.Attempts
		s.NextTryAt, s.Reason, s.Reply, s.At = e.NextTryAt, e.Reason, e.Reply, e.At
		s.GivenUp = e.NextTryAt.IsZero()
	}
	return s
}
