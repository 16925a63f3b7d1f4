package verification

// Decide returns the events that cmd causes. A step that was taken already
// causes none.
func Decide(s Verification, cmd Command) ([]Event, error) {
	if _, ok := cmd.(Start); !ok && s.Phase == None {
		return nil, ErrNotFound
	}
	switch c := cmd.(type) {
	case Start:
		if s.Phase != None {
			return nil, nil
		}
		return []Event{Started{Request: c.Request, Subject: c.Subject, Code: c.Code, ExpiresAt: c.At.Add(Lifetime)}}, nil
	case Send:
		return send(s, c)
	case Deliver:
		if s.Dispatch != UnderWay {
			return nil, nil
		}
		return []Event{CodeSent{}}, nil
	case Withhold:
		if s.Dispatch == Delivered || s.Dispatch == Withheld {
			return nil, nil
		}
		return []Event{CodeNotSent(c)}, nil
	case Check:
		return check(s, c)
	case Vouch:
		if s.PhaseAt(c.At) != Open || s.Subject == "" {
			return nil, nil
		}
		return []Event{Succeeded{Request: s.Request, Subject: s.Subject, Level: LevelCode}}, nil
	}
	return nil, errUnknown
}

func send(s Verification, c Send) ([]Event, error) {
	switch {
	case s.Dispatch != Waiting:
		return nil, nil
	case s.Subject == "":
		return []Event{CodeNotSent{Reason: ReasonNoChannel}}, nil
	case s.PhaseAt(c.At) != Open:
		return []Event{CodeNotSent{Reason: ReasonTooLate}}, nil
	}
	return []Event{CodeDispatched{Identifier: c.Identifier}}, nil
}

// check: a code passes only if it was put on its way to somebody.
func check(s Verification, c Check) ([]Event, error) {
	switch {
	case s.Phase != Open:
		return []Event{CheckRefused{Reason: ErrClosed.Reason()}}, ErrClosed
	case s.PhaseAt(c.At) == Failed:
		return []Event{Ended{Request: s.Request, Reason: ReasonExpired}}, nil
	case c.Right && s.Subject != "" && (s.Dispatch == UnderWay || s.Dispatch == Delivered):
		return []Event{Succeeded{Request: s.Request, Subject: s.Subject, Level: LevelCode}}, nil
	}
	events := []Event{AttemptFailed{Attempts: s.Attempts + 1}}
	if s.Attempts+1 >= MaxAttempts {
		events = append(events, Ended{Request: s.Request, Reason: ReasonAttempts})
	}
	return events, nil
}
