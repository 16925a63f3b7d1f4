package docket

import "slices"

// Decide returns the events that cmd causes. A repeated command that finds its
// result in place causes none.
func Decide(s Docket, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Enter:
		return enter(s, c), nil
	case Begin:
		if e, there := s.Find(c.Request); there && e.Place == Active && !e.Begun {
			return []Event{Begun(c)}, nil
		}
		return nil, nil
	case Pause:
		if e, there := s.Find(c.Request); there && e.Place == Active {
			if to, waits := s.Access(); waits {
				return []Event{Yielded{Request: c.Request, To: to}, Promoted{Request: to}}, nil
			}
		}
		return nil, nil
	case Leave:
		return leave(s, c), nil
	case RevokeAgent:
		if s.Stops(c.Agent, c.At) {
			return nil, nil
		}
		return []Event{AgentRevoked(c)}, nil
	}
	return nil, errUnknown
}

func enter(s Docket, c Enter) []Event {
	if _, there := s.Find(c.Request); there || slices.Contains(s.Ended, c.Request) && !c.Again || s.Stops(c.Agent, c.Asked) {
		return nil
	}
	if c.Right == Erasure && s.Erased != "" {
		return []Event{Answered{Request: c.Request, With: s.Erased}}
	}
	if with := s.Answer(c.Right, c.Topic); with != "" && !c.Anew {
		return []Event{Answered{Request: c.Request, With: with}}
	}
	e := Entered{Request: c.Request, Right: c.Right, Topic: c.Topic, Place: Active, Agent: c.Agent, Asked: c.Asked, Partial: c.Partial}
	yields := false
	for _, other := range s.Entries {
		switch {
		case other.Right == c.Right && other.Topic == c.Topic && other.Place != Duplicate && !other.Partial && !c.Partial:
			e.Place, e.Behind = Duplicate, other.Request
			return []Event{e}
		case other.Place == Active:
			e.Place, e.Behind = Behind, other.Request
			yields = c.Right.shows() && other.Right == Erasure && !other.Begun
		}
	}
	if yields {
		former := e.Behind
		e.Place, e.Behind = Active, ""
		return []Event{Yielded{Request: former, To: c.Request}, e}
	}
	return []Event{e}
}

func leave(s Docket, c Leave) []Event {
	gone, there := s.Find(c.Request)
	if !there {
		return nil
	}
	out := []Event{Left(c)}
	rest := slices.DeleteFunc(slices.Clone(s.Entries), func(e Entry) bool { return e.Request == c.Request })
	if c.Fulfilled {
		for _, e := range rest {
			if e.Place == Duplicate && e.Behind == c.Request {
				out = append(out, Answered{Request: e.Request, With: c.Request})
			}
		}
		rest = slices.DeleteFunc(rest, func(e Entry) bool { return e.Place == Duplicate && e.Behind == c.Request })
	}
	if gone.Place == Active {
		if next, ok := successor(rest); ok {
			out = append(out, Promoted{Request: next})
		}
	}
	return out
}

// successor is who is active next: the first that shows something, else the first entry. A
// duplicate whose original is gone is an entry like any other; one whose
// original still waits is not asked.
func successor(rest []Entry) (string, bool) {
	next, found := "", false
	for _, e := range rest {
		waits := e.Place == Duplicate && slices.ContainsFunc(rest, func(o Entry) bool { return o.Request == e.Behind })
		switch {
		case waits:
		case e.Right.shows():
			return e.Request, true
		case !found:
			next, found = e.Request, true
		}
	}
	return next, found
}

// Access is the request that shows something, waits and would be next; a duplicate is
// not asked.
func (s Docket) Access() (request string, waits bool) {
	i := slices.IndexFunc(s.Entries, func(e Entry) bool { return e.Right.shows() && e.Place == Behind })
	if i < 0 {
		return "", false
	}
	return s.Entries[i].Request, true
}

// Find is the entry of a request.
func (s Docket) Find(request string) (Entry, bool) {
	i := slices.IndexFunc(s.Entries, func(e Entry) bool { return e.Request == request })
	if i < 0 {
		return Entry{}, false
	}
	return s.Entries[i], true
}

// Current is the request that is active; empty if none is.
func (s Docket) Current() string {
	i := slices.IndexFunc(s.Entries, func(e Entry) bool { return e.Place == Active })
	if i < 0 {
		return ""
	}
	return s.Entries[i].Request
}
