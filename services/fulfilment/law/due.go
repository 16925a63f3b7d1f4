package law

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// Question is everything that a deadline depends on. The moment at which it is
// asked is no part of it.
type Question struct {
	Right        Right
	ReceivedAt   time.Time
	Elsewhere    bool           // it is known not to have arrived at an address that is designated for it
	Zone         *time.Location // of the controller's establishment
	Calendar     Calendar
	Packs        []Pack
	PolicyClocks []PolicyClock
	Extensions   []Extension
	Pauses       []Pause
}

// PolicyClock is a promise of a policy to answer within a time. It is neither
// extended nor paused: a law that gives more time doesn't loosen a promise.
type PolicyClock struct {
	Rule      string // the clause, such as "PT-17"
	Rights    []Right
	Period    Period
	Otherwise Period // in place of Period for what arrived elsewhere; zero: no other
	Roll      Roll   // empty is RollNone
}

// Extension is a recorded prolongation under one pack.
type Extension struct {
	Pack   string // the pack's name
	Reason string // code, such as "complexity"
	// NoticeAt is when the person was told, with reasons.
	NoticeAt time.Time
}

// Pause is a recorded stop of one pack's clock.
type Pause struct {
	Pack  string
	Cause string
	// SentAt is when the person was asked for what is missing; the clock stops
	// on that day.
	SentAt time.Time
	// Until is when the answer came; zero: it is still awaited.
	Until time.Time
}

// Answer is by when a request must be answered, and why then.
type Answer struct {
	// DueAt is the instant after the last day, in UTC: an answer is in time
	// if it is given before.
	DueAt time.Time
	// Day is the last day, in the controller's zone.
	Day Date
	// Pack is the deciding pack as "name@version", or PolicyPack.
	Pack string
	// Rule is the provision or clause that decided.
	Rule string
	// AckBy is the instant before which receipt must be acknowledged; zero if
	// no law asks for it.
	AckBy time.Time
	// Stopped says that every clock stands and waits for the person. DueAt is
	// then the earliest that it can become.
	Stopped bool
	// Clocks are all that apply, the earliest first.
	Clocks []Running
}

// Running is how one clock stands.
type Running struct {
	Pack, Rule string
	Base       Date // the last day without an extension
	Due        Date // the last day as things are
	// ExtensibleTo is the last day that an extension could reach; zero: none.
	ExtensibleTo Date
	Extended     bool
	Stopped      bool // it waits for the person
	Acknowledge  Date // zero: no duty
}

// PolicyPack is the pack's name in an answer that a policy's clock decided.
const PolicyPack = "policy"

var (
	// ErrNoClock says that neither a pack nor the policy sets a time for the
	// right.
	ErrNoClock = errors.New("no clock applies to the right")
	// ErrQuestion says that a question lacks its receipt or its zone.
	ErrQuestion = errors.New("question lacks receipt or zone")
)

// Due is by when a request must be answered. It is a pure function of the
// question. ErrNoClock: nothing sets a time, which is never to be read as all
// the time in the world.
func Due(q Question) (Answer, error) {
	if q.ReceivedAt.IsZero() || q.Zone == nil {
		return Answer{}, ErrQuestion
	}
	clocks := q.running()
	if len(clocks) == 0 {
		return Answer{}, ErrNoClock
	}
	a := Answer{Clocks: clocks}
	first := slices.IndexFunc(clocks, func(r Running) bool { return !r.Stopped })
	if first < 0 {
		first, a.Stopped = 0, true
	}
	d := clocks[first]
	a.Day, a.DueAt, a.Pack, a.Rule = d.Due, d.Due.End(q.Zone), d.Pack, d.Rule
	for _, r := range clocks {
		if r.Acknowledge == (Date{}) {
			continue
		}
		if by := r.Acknowledge.End(q.Zone); a.AckBy.IsZero() || by.Before(a.AckBy) {
			a.AckBy = by
		}
	}
	return a, nil
}

// running lists the clocks that apply, the earliest first.
func (q Question) running() []Running {
	var out []Running
	for _, p := range q.Packs {
		if c, ok := p.Clock(q.Right); ok {
			out = append(out, q.legal(p, c))
		}
	}
	day := DateOf(q.ReceivedAt, q.Zone)
	for _, c := range q.PolicyClocks {
		if slices.Contains(c.Rights, q.Right) && !c.Period.IsZero() {
			end := c.Roll.apply(q.period(c.Period, c.Otherwise).From(day, q.Calendar), q.Calendar)
			out = append(out, Running{Pack: PolicyPack, Rule: c.Rule, Base: end, Due: end})
		}
	}
	slices.SortStableFunc(out, func(a, b Running) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Pack, b.Pack), cmp.Compare(a.Rule, b.Rule))
	})
	return out
}

// period is the one that binds, by where the request arrived.
func (q Question) period(usual, otherwise Period) Period {
	if q.Elsewhere && !otherwise.IsZero() {
		return otherwise
	}
	return usual
}

// legal is how a pack's clock stands after all that was recorded.
func (q Question) legal(p Pack, c Clock) Running {
	day := DateOf(q.ReceivedAt, q.Zone)
	r := Running{Pack: p.Ref(), Rule: c.Rule}
	if !c.Acknowledge.IsZero() {
		r.Acknowledge = c.Acknowledge.From(day, q.Calendar)
	}
	r.Base, r.Stopped = q.paused(p, q.period(c.Base, c.Otherwise).From(day, q.Calendar))
	r.Due = r.Base
	if c.Extended.IsZero() {
		return r
	}
	longer, stopped := q.paused(p, c.Extended.From(day, q.Calendar))
	r.ExtensibleTo = longer
	for _, e := range q.Extensions {
		if e.Pack == p.Name && e.valid(r.Base, q.Zone) == nil {
			r.Due, r.Stopped, r.Extended = longer, stopped, true
		}
	}
	return r
}

// paused moves an end by the days for which the pack's clock stood, and rolls
// it. Days are counted once, however many pauses share them; a pause that
// comes after the end revives nothing.
func (q Question) paused(p Pack, end Date) (Date, bool) {
	var stops []Pause
	for _, s := range q.Pauses {
		if s.Pack == p.Name && p.stops(s.Cause) && !s.SentAt.IsZero() {
			stops = append(stops, s)
		}
	}
	slices.SortStableFunc(stops, func(a, b Pause) int { return a.SentAt.Compare(b.SentAt) })
	counted := DateOf(q.ReceivedAt, q.Zone)
	for _, s := range stops {
		from := DateOf(s.SentAt, q.Zone)
		if from.Compare(p.Roll.apply(end, q.Calendar)) > 0 {
			break
		}
		if s.Until.IsZero() {
			return p.Roll.apply(end, q.Calendar), true
		}
		if from.Compare(counted) < 0 {
			from = counted
		}
		if until := DateOf(s.Until, q.Zone); until.Compare(from) > 0 {
			end, counted = end.AddDays(from.DaysUntil(until)), until
		}
	}
	return p.Roll.apply(end, q.Calendar), false
}

func (p Pack) stops(cause string) bool {
	return slices.ContainsFunc(p.Pauses, func(r PauseRule) bool { return r.Cause == cause })
}

func (r Roll) apply(d Date, c Calendar) Date {
	if r == RollFollowing {
		return c.Working(d)
	}
	return d
}
