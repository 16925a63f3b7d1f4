package keyring

// Decide returns the events that cmd causes; what is recorded already causes
// none.
func Decide(s Keyring, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Make:
		return made(s, c)
	case Destroy:
		return destroy(s, c)
	}
	return nil, errUnknown
}

// made: of a key that has ended it is not said any more that it is there.
func made(s Keyring, c Make) ([]Event, error) {
	before, known := s.made(c.Class)
	_, ended := s.find(c.Class)
	switch {
	case c.Class == "" || c.Version == 0 || c.Commitment == [32]byte{}:
		return nil, ErrIncomplete
	case ended, known && before == Made(c):
		return nil, nil
	case known:
		return nil, ErrOtherMade
	}
	return []Event{Made(c)}, nil
}

func destroy(s Keyring, c Destroy) ([]Event, error) {
	if !c.complete() {
		return nil, ErrIncomplete
	}
	before, ended := s.find(c.Class)
	switch {
	case !ended:
		return []Event{Destroyed(c)}, nil
	case c.never(), before.is(c):
		return nil, nil
	}
	return nil, ErrOtherKey
}

// complete: a key has a version and a commitment; one that never was has
// neither.
func (c Destroy) complete() bool {
	return c.Class != "" && c.Reason != "" && !c.At.IsZero() && c.never() == (c.Version == 0)
}

// never: there was no key. So says also a vault that was restored from before
// it had one; what is recorded then says more.
func (c Destroy) never() bool { return c.Commitment == [32]byte{} }

// is compares what a key is, not what wrapped it: a vault that was restored
// may have wrapped the key anew.
func (e Ended) is(c Destroy) bool { return e.Version == c.Version && e.Commitment == c.Commitment }
