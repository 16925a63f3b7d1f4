package intake

// Decide returns the events that cmd causes. An import that is finished causes
// none. Its refusals are answers alone: an import has nobody whose history they
// would be.
func Decide(s Import, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Begin:
		return begin(s, c)
	case Progress:
		return progress(s, c)
	}
	return nil, errCommand
}

func begin(s Import, c Begin) ([]Event, error) {
	switch {
	case s.BegunAt.IsZero():
		return []Event{Begun{File: c.File, By: c.By, At: c.At}}, nil
	case s.File != c.File:
		return nil, ErrDiffers
	case !s.FinishedAt.IsZero():
		return nil, nil
	case !c.Resume:
		return nil, ErrBegun
	}
	return []Event{Resumed{By: c.By, At: c.At}}, nil
}

func progress(s Import, c Progress) ([]Event, error) {
	rows := c.Recorded + uint64(len(c.Refused))
	switch {
	case s.BegunAt.IsZero():
		return nil, ErrUnknown
	case rows == 0:
		return nil, nil
	case rows > s.Rows-s.Done:
		return nil, ErrTooLong
	}
	e := Progressed{Done: s.Done + rows, Recorded: c.Recorded, Refused: c.Refused, At: c.At}
	after := Evolve(s, e)
	if after.Done < after.Rows {
		return []Event{e}, nil
	}
	return []Event{e, Finished{Recorded: after.Recorded, Refused: after.Refused, At: c.At}}, nil
}
