package docket

import "slices"

// Evolve folds one event into the state.
func Evolve(s Docket, ev Event) Docket {
	switch e := ev.(type) {
	case Entered:
		s.Entries = append(slices.Clip(s.Entries), Entry{
			Request: e.Request, Right: e.Right, Topic: e.Topic, Place: e.Place, Behind: e.Behind, Agent: e.Agent, Asked: e.Asked,
			Partial: e.Partial,
		})
	case AgentRevoked:
		rest := slices.DeleteFunc(slices.Clone(s.Revoked), func(r Revocation) bool { return r.Agent == e.Agent })
		s.Revoked = append(rest, Revocation(e))
	case Begun:
		s.Entries = changed(s.Entries, e.Request, func(x *Entry) { x.Begun = true })
	case Yielded:
		s.Entries = changed(s.Entries, e.Request, func(x *Entry) { x.Place, x.Behind, x.Begun = Behind, e.To, false })
	case Promoted:
		s.Entries = changed(s.Entries, e.Request, func(x *Entry) { x.Place, x.Behind = Active, "" })
	case Answered:
		s = without(s, e.Request)
	case Left:
		gone, _ := s.Find(e.Request)
		if e.Fulfilled && gone.Topic != "" {
			rest := slices.DeleteFunc(slices.Clone(s.Settled), func(a Answer) bool { return a.Right == gone.Right && a.Topic == gone.Topic })
			s.Settled = append(rest, Answer{Right: gone.Right, Topic: gone.Topic, Request: e.Request})
		}
		switch {
		case gone.Right.shows():
			s.Shown = append(slices.Clip(s.Shown), e.Request)
			s.Shown = s.Shown[max(0, len(s.Shown)-shown):]
		case e.Fulfilled && gone.Right == Erasure && !gone.Partial:
			s.Erased = e.Request
		}
		s = without(s, e.Request)
		s.Entries = adopted(s.Entries, e)
	}
	return s
}

// changed is a copy of the entries in which f has changed that of a request.
func changed(entries []Entry, request string, f func(*Entry)) []Entry {
	out := slices.Clone(entries)
	for i := range out {
		if out[i].Request == request {
			f(&out[i])
		}
	}
	return out
}

// adopted gives the duplicates of a request that left without having been
// carried out to the first of them, which stands in its place.
func adopted(entries []Entry, e Left) []Entry {
	if e.Fulfilled {
		return entries
	}
	out := slices.Clone(entries)
	heir := ""
	for i := range out {
		switch {
		case out[i].Behind != e.Request:
		case out[i].Place == Duplicate && heir == "":
			heir, out[i].Place, out[i].Behind = out[i].Request, Behind, ""
		case out[i].Place == Duplicate:
			out[i].Behind = heir
		}
	}
	return out
}

func without(s Docket, request string) Docket {
	s.Entries = slices.DeleteFunc(slices.Clone(s.Entries), func(e Entry) bool { return e.Request == request })
	s.Ended = append(slices.Clip(s.Ended), request)
	if len(s.Ended) > remembered {
		s.Ended = slices.Clone(s.Ended[1:])
	}
	return s
}
