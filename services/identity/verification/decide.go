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
		return []Event{Started{Request: c.Request, Subject: c.Subject, Code: c.Code, ExpiresAt: c.At.Add(Lifetime), Nonce: c.Nonce}}, nil
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
	case Assert:
		return assert(s, c)
	case Vouch:
		if s.PhaseAt(c.At) != Open || s.Subject == "" {
			return nil, nil
		}
		return []Event{Succeeded{Request: s.Request, Subject: s.Subject, Level: LevelSystem, Method: MethodSystem}}, nil
	case IssueLink:
		return issue(s, c)
	case Review:
		return review(s, c)
	}
	return nil, errUnknown
}

// issue: a link goes with a code that is on its way, and takes the place of the
// one before. A mail that was cut off was perhaps never sent.
func issue(s Verification, c IssueLink) ([]Event, error) {
	if s.Phase != Open || s.Dispatch != UnderWay || s.Links >= MaxLinks {
		return nil, nil
	}
	return []Event{LinkIssued(c)}, nil
}

func send(s Verification, c Send) ([]Event, error) {
	switch {
	case s.Dispatch != Waiting:
		return nil, nil
	case s.Subject == "":
		return []Event{CodeNotSent{Reason: ReasonNoChannel}}, nil
	case s.PhaseAt(c.At) != Open, !c.At.Before(s.ExpiresAt):
		return []Event{CodeNotSent{Reason: ReasonTooLate}}, nil
	}
	return []Event{CodeDispatched{Identifier: c.Identifier, Settled: c.Settled, Telephone: c.Telephone}}, nil
}

// check: a code passes only if it was put on its way to somebody.
func check(s Verification, c Check) ([]Event, error) {
	switch {
	case s.Phase != Open:
		return refuse(ErrClosed)
	case s.PhaseAt(c.At) == Failed:
		return []Event{Ended{Request: s.Request, Reason: ReasonExpired}}, nil
	case !c.At.Before(s.ExpiresAt): // it is open for staff alone
		return refuse(ErrClosed)
	case c.Right && s.Subject != "" && (s.Dispatch == UnderWay || s.Dispatch == Delivered):
		return []Event{Succeeded{Request: s.Request, Subject: s.Subject, Level: s.reaches(), Method: s.method(c)}}, nil
	}
	return wrong(s), nil
}

// wrong counts an attempt, whatever was wrong with it.
func wrong(s Verification) []Event {
	events := []Event{AttemptFailed{Attempts: s.Attempts + 1}}
	if s.Attempts+1 >= MaxAttempts {
		events = append(events, Ended{Request: s.Request, Reason: ReasonAttempts})
	}
	return events
}

// reaches is the level that a proof by the channel reaches. A telephone number is
// whose its company says, and companies are talked into another SIM: a code to it
// is never a proof of LevelSettled, however long the number has been known.
func (s Verification) reaches() uint32 {
	if s.Settled && !s.Telephone {
		return LevelSettled
	}
	return LevelCode
}

func (s Verification) method(c Check) string {
	switch {
	case c.Link:
		return MethodLink
	case s.Telephone:
		return MethodText
	}
	return MethodCode
}
