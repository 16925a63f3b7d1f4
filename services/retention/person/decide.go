package person

import (
	"slices"
	"time"
)

// Decide returns the events that cmd causes. A repeated command that finds its
// result in place causes none.
func Decide(s Person, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case PlaceHold:
		return place(s, c)
	case ReviewHold:
		return review(s, c)
	case CallReview:
		return call(s, c)
	case ReleaseHold:
		return release(s, c)
	case RequestPermit:
		return request(s, c)
	case EndPermit:
		return end(s, c)
	case StartClocks, StopClocks, AnnounceErasure, NoteErased, OpenAccount, CloseAccount:
		return clocks(s, c)
	}
	return nil, errUnknown
}

func place(s Person, c PlaceHold) ([]Event, error) {
	if _, ok := s.Hold(c.Hold); ok {
		return nil, nil
	}
	if !c.ReviewAt.After(c.At) {
		return nil, ErrReviewInPast
	}
	e := HoldPlaced{Hold: c.Hold, Ground: c.Ground, Authority: c.Authority, PlacedAt: c.At, ReviewAt: c.ReviewAt}
	for _, p := range s.OpenPermits(c.At) {
		e.OpenPermits = append(e.OpenPermits, p.ID)
		if p.over().After(e.EffectiveBy) {
			e.EffectiveBy = p.over()
		}
	}
	return []Event{e}, nil
}

func review(s Person, c ReviewHold) ([]Event, error) {
	h, ok := s.Hold(c.Hold)
	if !ok || !h.Binds() {
		return nil, ErrNoHold
	}
	if h.ReviewAt.Equal(c.ReviewAt) {
		return nil, nil
	}
	if !c.ReviewAt.After(c.At) {
		return nil, ErrReviewInPast
	}
	return []Event{HoldReviewed{Hold: h.ID, ReviewedAt: c.At, ReviewAt: c.ReviewAt}}, nil
}

func call(s Person, c CallReview) ([]Event, error) {
	h, ok := s.Hold(c.Hold)
	if !ok {
		return nil, ErrNoHold
	}
	if !h.Binds() || h.ReviewDue || c.At.Before(h.ReviewAt) {
		return nil, nil
	}
	return []Event{HoldReviewDue{Hold: h.ID, ReviewAt: h.ReviewAt}}, nil
}

func release(s Person, c ReleaseHold) ([]Event, error) {
	h, ok := s.Hold(c.Hold)
	if !ok {
		return nil, ErrNoHold
	}
	if !h.Binds() {
		return nil, nil
	}
	others := slices.ContainsFunc(s.Holds, func(o Hold) bool { return o.ID != h.ID && o.Binds() })
	return []Event{HoldReleased{Hold: h.ID, ReleasedAt: c.At, Free: !others}}, nil
}

func request(s Person, c RequestPermit) ([]Event, error) {
	if _, ok := s.Permit(c.Permit); ok { // older than the memory of commands; the state tells what became of it
		return nil, nil
	}
	var no Refusal
	if s.OnHold() {
		no = ErrOnHold
	} else if s.overtaken(c.Request) {
		no = ErrNotDue
	} else if slices.ContainsFunc(s.OpenPermits(c.At), func(p Permit) bool { return p.Request == c.Request && p.System == c.System }) {
		no = ErrPermitOpen
	}
	if no != "" {
		return []Event{PermitRefused{Request: c.Request, System: c.System, Reason: no.Reason()}}, no
	}
	return []Event{PermitGiven{
		Permit: c.Permit, Request: c.Request, System: c.System, Policy: c.Policy, ScheduleVersion: c.ScheduleVersion,
		GivenAt: c.At, ExpiresAt: c.At.Add(Life), Others: c.Others,
	}}, nil
}

// end takes what was destroyed as the fact that it is, however late it is told.
func end(s Person, c EndPermit) ([]Event, error) {
	p, ok := s.Permit(c.Permit)
	if !ok {
		return nil, ErrNoPermit
	}
	if p.Ended {
		return nil, nil
	}
	return []Event{PermitEnded{
		Permit: p.ID, RowsDestroyed: c.RowsDestroyed, EndedAt: c.At, Late: !c.At.Before(p.ExpiresAt),
	}}, nil
}

// Hold is the hold of an id.
func (s Person) Hold(id string) (Hold, bool) {
	i := slices.IndexFunc(s.Holds, func(h Hold) bool { return h.ID == id })
	if i < 0 {
		return Hold{}, false
	}
	return s.Holds[i], true
}

// Permit is the permit of an id.
func (s Person) Permit(id string) (Permit, bool) {
	i := slices.IndexFunc(s.Permits, func(p Permit) bool { return p.ID == id })
	if i < 0 {
		return Permit{}, false
	}
	return s.Permits[i], true
}

// OnHold says that a hold binds, effective or not: no permit is given.
func (s Person) OnHold() bool { return slices.ContainsFunc(s.Holds, Hold.Binds) }

// OpenPermits are those under which something may still be destroyed.
func (s Person) OpenPermits(at time.Time) []Permit {
	var out []Permit
	for _, p := range s.Permits {
		if p.Open(at) {
			out = append(out, p)
		}
	}
	return out
}

// Effect is how far a hold has come.
type Effect struct {
	Effective bool      // nothing can be destroyed
	By        time.Time // when it is effective at the latest; zero if it is, or was released
	Open      []Permit  // under which something may still be destroyed
}

// Effect tells how far a hold has come at a moment.
func (s Person) Effect(hold string, at time.Time) Effect {
	h, ok := s.Hold(hold)
	if !ok || !h.Binds() {
		return Effect{}
	}
	e := Effect{Open: s.OpenPermits(at)}
	for _, p := range e.Open {
		if p.over().After(e.By) {
			e.By = p.over()
		}
	}
	e.Effective = len(e.Open) == 0
	return e
}
