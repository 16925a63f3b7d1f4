package intake

// Evolve folds one event into the state.
func Evolve(s Import, ev Event) Import {
	switch e := ev.(type) {
	case Begun:
		s.File, s.By, s.BegunAt = e.File, e.By, e.At
	case Resumed:
	case Progressed:
		s.Done = e.Done
		s.Recorded += e.Recorded
		s.Refused += uint64(len(e.Refused))
	case Finished:
		s.FinishedAt = e.At
	}
	return s
}
