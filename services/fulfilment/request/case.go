package request

import (
	"slices"
	"time"
)

// Duty is what somebody of the staff does for one request. The numbers are the
// contract's.
type Duty uint8

// The duties. One person has one of them at most, whatever they do first.
const (
	NoDuty    Duty = 0
	Verifier  Duty = 1
	Fulfiller Duty = 2
	Approver  Duty = 3
)

// Case is a request as the staff see it: who does what for it, and what they may
// therefore see.
type Case struct {
	// TakenBy is who of the staff took the request in.
	TakenBy string
	Duties  []Assignment
	// Acts are duties that somebody has performed, whoever has them now.
	Acts  []Act
	Needs []CaseNeed
}

// Assignment is somebody's duty. Staff are known by the ids of the read log.
type Assignment struct {
	Duty  Duty
	Staff string
	At    time.Time
}

// Act is a duty that somebody has performed.
type Act struct {
	Duty  Duty
	Staff string
}

// CaseNeed is what somebody may see for the case, as identity has been told.
type CaseNeed struct {
	Staff string
	Until time.Time // zero: identity has not been told yet
	Ends  bool      // identity is to be told that it is over
}

// NeedLasts is for how long identity is told at a time that somebody needs to see
// the person's data.
const NeedLasts = 90 * 24 * time.Hour

// Assign gives somebody a duty, in place of whoever has it. Own: the request is
// one that they have submitted for themselves.
type Assign struct {
	Duty  Duty
	Staff string
	Own   bool
	By    string
	At    time.Time
}

// Unassign takes a duty back.
type Unassign struct {
	Duty Duty
	By   string
	At   time.Time
}

// NoteNeed records that identity knows of a need.
type NoteNeed struct {
	Staff     string
	Until, At time.Time
}

// NoteNeedEnded records that identity knows of its end.
type NoteNeedEnded struct {
	Staff string
	At    time.Time
}

func (Assign) command()        {}
func (Unassign) command()      {}
func (NoteNeed) command()      {}
func (NoteNeedEnded) command() {}

// Assigned says that somebody has a duty.
type Assigned struct {
	Duty      Duty
	Staff, By string
	At        time.Time
}

// Unassigned says that they no longer have it.
type Unassigned struct {
	Duty      Duty
	Staff, By string
	At        time.Time
}

// NeedGranted says that identity lets somebody see the person's data for the case.
type NeedGranted struct {
	Staff     string
	Until, At time.Time
}

// NeedEnded says that it no longer does.
type NeedEnded struct {
	Staff string
	At    time.Time
}

func (Assigned) event()    {}
func (Unassigned) event()  {}
func (NeedGranted) event() {}
func (NeedEnded) event()   {}

// What a caller who assigns may be told.
const (
	// ErrSeparation refuses a duty or a deed to somebody who has or had another
	// one in the same case.
	ErrSeparation = Refusal("SEPARATION_OF_DUTIES")
	// ErrSelf refuses a duty to whoever gives it.
	ErrSelf = Refusal("STAFF_SELF")
)

// Fulfils reports whether somebody may hand out what was made for the request: who
// has that duty, or, where nobody was given it before the request was closed, who
// had no other one either.
func (c Case) Fulfils(staff string) bool {
	fulfiller := c.Holder(Fulfiller)
	other := slices.ContainsFunc(c.Duties, func(a Assignment) bool { return a.Staff == staff && a.Duty != Fulfiller }) ||
		slices.ContainsFunc(c.Acts, func(a Act) bool { return a.Staff == staff && a.Duty != Fulfiller })
	return fulfiller == staff || fulfiller == "" && !other
}

// Holder is who has a duty; empty for nobody.
func (c Case) Holder(d Duty) string {
	for _, a := range c.Duties {
		if a.Duty == d {
			return a.Staff
		}
	}
	return ""
}

// bars reports whether what somebody has, had or did in the case bars them from a
// duty.
func (c Case) bars(staff string, d Duty) bool {
	return d == Approver && c.TakenBy == staff ||
		slices.ContainsFunc(c.Duties, func(a Assignment) bool { return a.Staff == staff && a.Duty != d }) ||
		slices.ContainsFunc(c.Acts, func(a Act) bool { return a.Staff == staff && a.Duty != d })
}

// staffing decides who does what.
func staffing(s Request, cmd Command) ([]Event, error) {
	switch c := cmd.(type) { //nolint:gochecksumtype // Decide chose what concerns the staff
	case Assign:
		return assign(s, c)
	case Unassign:
		staff := s.Case.Holder(c.Duty)
		if staff == "" {
			return nil, nil
		}
		return []Event{Unassigned{Duty: c.Duty, Staff: staff, By: c.By, At: c.At}}, nil
	case NoteNeed:
		return []Event{NeedGranted(c)}, nil
	case NoteNeedEnded:
		return once(!slices.ContainsFunc(s.Case.Needs, func(n CaseNeed) bool { return n.Staff == c.Staff }), NeedEnded(c))
	}
	return nil, errUnknown
}

func assign(s Request, c Assign) ([]Event, error) {
	holder := s.Case.Holder(c.Duty)
	switch {
	case s.Closed:
		return refuse("assign", ErrOver)
	case holder == c.Staff:
		return nil, nil
	case c.Staff == c.By:
		return refuse("assign", ErrSelf)
	case c.Own, c.Duty == Verifier && s.Case.TakenBy == c.Staff:
		return refuse("assign", ErrOwnRequest)
	case s.Case.bars(c.Staff, c.Duty):
		return refuse("assign", ErrSeparation)
	}
	var out []Event
	if holder != "" {
		out = append(out, Unassigned{Duty: c.Duty, Staff: holder, By: c.By, At: c.At})
	}
	return append(out, Assigned{Duty: c.Duty, Staff: c.Staff, By: c.By, At: c.At}), nil
}

func evolveCase(s Request, ev Event) Request {
	c := s.Case
	switch e := ev.(type) { //nolint:gochecksumtype // Evolve chose the events of the staff
	case Assigned:
		c.Duties = append(slices.Clip(c.Duties), Assignment{e.Duty, e.Staff, e.At})
		c.Needs = c.need(e.Staff, func(n *CaseNeed) { n.Ends = false })
	case Unassigned:
		c.Duties = slices.DeleteFunc(slices.Clone(c.Duties), func(a Assignment) bool { return a.Duty == e.Duty })
		c.Needs = c.need(e.Staff, func(n *CaseNeed) { n.Ends = true })
	case NeedGranted:
		c.Needs = c.need(e.Staff, func(n *CaseNeed) { n.Until, n.Ends = e.Until, n.Ends || !c.works(e.Staff) })
	case NeedEnded:
		c.Needs = slices.DeleteFunc(slices.Clone(c.Needs), func(n CaseNeed) bool { return n.Staff == e.Staff })
		if c.works(e.Staff) && !s.caseOver() {
			c.Needs = append(c.Needs, CaseNeed{Staff: e.Staff})
		}
	}
	s.Case = c
	return s
}

// works reports whether somebody has a duty.
func (c Case) works(staff string) bool {
	return slices.ContainsFunc(c.Duties, func(a Assignment) bool { return a.Staff == staff })
}

// need is the list of needs in which somebody's is changed, or new.
func (c Case) need(staff string, change func(*CaseNeed)) []CaseNeed {
	out := slices.Clone(c.Needs)
	i := slices.IndexFunc(out, func(n CaseNeed) bool { return n.Staff == staff })
	if i < 0 {
		i, out = len(out), append(out, CaseNeed{Staff: staff})
	}
	change(&out[i])
	return out
}

// caseOver reports whether nobody has anything to see for the request any more.
func (s Request) caseOver() bool { return s.Closed && (!s.Package.Ready || s.Package.Expired) }

// NeedOwed is the next need that identity is to be told of, or of whose end. While
// nobody has proven who asks, there is nobody whose data it could be.
func (s Request) NeedOwed(now time.Time) (n CaseNeed, owed bool) {
	if s.SubjectRef == "" {
		return CaseNeed{}, false
	}
	for _, n := range s.Case.Needs {
		n.Ends = n.Ends || s.caseOver()
		if n.Ends || !now.Before(n.Until) {
			return n, true
		}
	}
	return CaseNeed{}, false
}

// staffed is what is to be told to identity, besides whatever else is due.
func (s Request) staffed(now time.Time) []Effect {
	if _, owed := s.NeedOwed(now); owed {
		return one(StepNeed)
	}
	return nil
}
