package person

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// The events from which clocks count that this package knows. The others are words of
// policies, such as "collected" and "last_used".
const (
	// OnAccountClosed: no account of the person is open any more.
	OnAccountClosed = "account_closed"
	// OnConsentWithdrawn: the last consent to a purpose of the category is gone.
	OnConsentWithdrawn = "consent_withdrawn"
	// OnPurposeEnded: the policy has no purpose for the category any more.
	OnPurposeEnded = "purpose_ended"
	// Kept: an erasure has left the data, on a ground that ends.
	Kept = "kept"
)

// Why clocks stop.
const (
	CauseConsented = "consented"
	CauseOpened    = "account_opened"
	CauseErased    = "erased"
)

// Name tells the clocks of a person apart.
type Name struct {
	Policy   string
	Category string // and everything below it
	System   string // empty: all
	StartsOn string // the event from which it counts
}

// Clock counts until a part of a person's data has to go.
type Clock struct {
	Name
	ScheduleVersion   uint32
	StartedAt, DueAt  time.Time
	Clause            string
	Ground, Authority string // of what was left
	// Request is the erasure that was announced when it ended; empty while it runs.
	Request string
}

// Runs says that its end was not announced yet.
func (c Clock) Runs() bool { return c.Request == "" }

// left says that the clock is of what an erasure has left of data that is used again.
func (c Clock) left(used Name) bool {
	within := func(a, b string) bool { return a == b || strings.HasPrefix(a, b+".") }
	return c.StartsOn == Kept && used.StartsOn != Kept && (c.System == used.System || c.System == "" || used.System == "") &&
		(within(c.Category, used.Category) || within(used.Category, c.Category))
}

// maxClocks bounds the clocks of one person, so that a commit holds them.
const maxClocks = 1000

// announced is an erasure that was announced, as far as permits depend on it.
type announced struct {
	Request string
	Begun   bool // something may have been destroyed: the rest is carried out
	Off     bool // one of its clocks counts anew: nothing may be destroyed by it
}

// StartClocks starts clocks, or moves those that run.
type StartClocks struct{ Clocks []Clock }

// StopClocks ends clocks for whatever reason there was to count.
type StopClocks struct {
	Clocks []Name
	Cause  string
}

// AnnounceErasure announces the end of the clocks of a policy that have ended.
type AnnounceErasure struct {
	Policy  string
	Request string // id of the erasure
	At      time.Time
}

// NoteErased says that an erasure is over, and what it has left. Without a request of
// a clock it was of everything.
type NoteErased struct {
	Request string
	All     bool    // identity has forgotten the person
	Left    []Clock // what counts from now on for what was left
}

// OpenAccount says that the person is one of those of an account.
type OpenAccount struct {
	Account string
	At      time.Time
}

// CloseAccount says that an account of the person's is closed. Clocks start if no
// other is open.
type CloseAccount struct {
	Account string
	Clocks  []Clock
	At      time.Time
}

func (StartClocks) command()     {}
func (StopClocks) command()      {}
func (AnnounceErasure) command() {}
func (NoteErased) command()      {}
func (OpenAccount) command()     {}
func (CloseAccount) command()    {}

// ClocksStarted says that clocks count, or count anew. NextDue is the earliest end of all
// that run then, so that whoever lists ends need not fold them.
type ClocksStarted struct {
	Clocks  []Clock
	NextDue time.Time
}

// ClocksStopped says that clocks count no more.
type ClocksStopped struct {
	Clocks  []Name
	Cause   string
	NextDue time.Time
}

// ErasureDue says that clocks have ended, and that what they counted to is to be done.
type ErasureDue struct {
	Request string
	Policy  string
	Clocks  []Name
	At      time.Time
	NextDue time.Time
}

// AccountOpened says that the person is one of those of an account.
type AccountOpened struct {
	Account string
	At      time.Time
}

// AccountClosed says that an account of the person's is closed.
type AccountClosed struct {
	Account string
	At      time.Time
}

func (ClocksStarted) event() {}
func (ClocksStopped) event() {}
func (ErasureDue) event()    {}
func (AccountOpened) event() {}
func (AccountClosed) event() {}

// clocks decides what concerns clocks.
func clocks(s Person, cmd Command) ([]Event, error) {
	switch c := cmd.(type) { //nolint:gochecksumtype // Decide chose what concerns clocks
	case StartClocks:
		return start(s, c.Clocks)
	case StopClocks:
		return stop(s, c.Cause, func(k Clock) bool {
			return slices.ContainsFunc(c.Clocks, func(n Name) bool { return n == k.Name || k.left(n) })
		}), nil
	case AnnounceErasure:
		return announce(s, c), nil
	case NoteErased:
		return erased(s, c)
	case OpenAccount:
		if slices.Contains(s.Accounts, c.Account) {
			return nil, nil
		}
		return along(s, AccountOpened(c), func(s Person) ([]Event, error) {
			return stop(s, CauseOpened, func(k Clock) bool { return k.StartsOn == OnAccountClosed || k.StartsOn == Kept }), nil
		})
	case CloseAccount:
		return closeAccount(s, c)
	}
	return nil, errUnknown
}

// along is an event and what follows from the state after it.
func along(s Person, first Event, then func(Person) ([]Event, error)) ([]Event, error) {
	more, err := then(Evolve(s, first))
	if err != nil {
		return nil, err
	}
	return append([]Event{first}, more...), nil
}

func closeAccount(s Person, c CloseAccount) ([]Event, error) {
	if slices.Contains(s.Closed, c.Account) {
		return nil, nil
	}
	return along(s, AccountClosed{Account: c.Account, At: c.At}, func(s Person) ([]Event, error) {
		if len(s.Accounts) > 0 {
			return nil, nil
		}
		return start(s, c.Clocks)
	})
}

// start takes the later of two beginnings: what was told late moves nothing back.
func start(s Person, list []Clock) ([]Event, error) {
	var ev ClocksStarted
	for _, k := range list {
		if !k.DueAt.After(k.StartedAt) && k.StartsOn != Kept {
			return nil, ErrClockWithoutEnd
		}
		k.Request = ""
		now, known := s.Clock(k.Name)
		i := slices.IndexFunc(ev.Clocks, func(o Clock) bool { return o.Name == k.Name })
		switch {
		case known && !k.StartedAt.After(now.StartedAt):
		case i >= 0 && k.StartedAt.After(ev.Clocks[i].StartedAt):
			ev.Clocks[i] = k
		case i < 0:
			ev.Clocks = append(ev.Clocks, k)
		}
	}
	if len(ev.Clocks) == 0 {
		return nil, nil
	}
	after := Evolve(s, ev)
	if len(after.Clocks) > maxClocks {
		return nil, ErrTooManyClocks
	}
	ev.NextDue = after.NextDue()
	return []Event{ev}, nil
}

func stop(s Person, cause string, which func(Clock) bool) []Event {
	ev := ClocksStopped{Cause: cause}
	for _, k := range s.Clocks {
		if which(k) {
			ev.Clocks = append(ev.Clocks, k.Name)
		}
	}
	if len(ev.Clocks) == 0 {
		return nil
	}
	ev.NextDue = Evolve(s, ev).NextDue()
	return []Event{ev}
}

// announce says what has to go now. While a hold binds nothing has; once the last one is
// released the clocks still stand, and are announced then, once.
func announce(s Person, c AnnounceErasure) []Event {
	if s.OnHold() {
		return nil
	}
	ev := ErasureDue{Request: c.Request, Policy: c.Policy, At: c.At}
	for _, k := range s.Clocks {
		if k.Policy == c.Policy && k.Runs() && !k.DueAt.After(c.At) {
			ev.Clocks = append(ev.Clocks, k.Name)
		}
	}
	if len(ev.Clocks) == 0 {
		return nil
	}
	ev.NextDue = Evolve(s, ev).NextDue()
	return []Event{ev}
}

func erased(s Person, c NoteErased) ([]Event, error) {
	gone := stop(s, CauseErased, func(k Clock) bool { return c.All || k.Request == c.Request && c.Request != "" })
	after := s
	for _, ev := range gone {
		after = Evolve(after, ev)
	}
	kept, err := start(after, c.Left)
	return append(gone, kept...), err
}

// Clock is the clock of a name.
func (s Person) Clock(name Name) (Clock, bool) {
	i := slices.IndexFunc(s.Clocks, func(k Clock) bool { return k.Name == name })
	if i < 0 {
		return Clock{}, false
	}
	return s.Clocks[i], true
}

// NextDue is the earliest end of the clocks that run; zero if none does.
func (s Person) NextDue() time.Time {
	var next time.Time
	for _, k := range s.Clocks {
		if k.Runs() && (next.IsZero() || k.DueAt.Before(next)) {
			next = k.DueAt
		}
	}
	return next
}

// Due are the policies of which clocks have ended at a moment and were not announced.
func (s Person) Due(at time.Time) []string {
	var out []string
	for _, k := range s.Clocks {
		if k.Runs() && !k.DueAt.After(at) && !slices.Contains(out, k.Policy) {
			out = append(out, k.Policy)
		}
	}
	return out
}

// overtaken says that an erasure was announced here and is not due any more.
func (s Person) overtaken(request string) bool {
	return slices.ContainsFunc(s.Announced, func(a announced) bool { return a.Request == request && a.Off && !a.Begun })
}

func evolveClocks(s Person, ev Event) Person {
	switch e := ev.(type) { //nolint:gochecksumtype // Evolve chose the events of clocks
	case ClocksStarted:
		for _, k := range e.Clocks {
			s = s.replace(k)
		}
	case ClocksStopped:
		for _, k := range s.Clocks {
			if slices.Contains(e.Clocks, k.Name) {
				s = s.off(k.Request)
			}
		}
		s.Clocks = slices.DeleteFunc(slices.Clone(s.Clocks), func(k Clock) bool { return slices.Contains(e.Clocks, k.Name) })
	case ErasureDue:
		s.Announcements++
		s.Announced = append(slices.Clip(s.Announced), announced{Request: e.Request})
		s.Announced = s.Announced[max(0, len(s.Announced)-remembered):]
		s.Clocks = slices.Clone(s.Clocks)
		for i := range s.Clocks {
			if slices.Contains(e.Clocks, s.Clocks[i].Name) {
				s.Clocks[i].Request = e.Request
			}
		}
	case AccountOpened:
		s.Accounts = append(slices.Clip(s.Accounts), e.Account)
		s.Closed = slices.DeleteFunc(slices.Clone(s.Closed), func(a string) bool { return a == e.Account })
	case AccountClosed:
		s.Accounts = slices.DeleteFunc(slices.Clone(s.Accounts), func(a string) bool { return a == e.Account })
		s.Closed = append(slices.Clip(s.Closed), e.Account)
	}
	return s
}

// replace puts a clock in the place of the one of its name. An erasure that was
// announced for that one is off, and its other clocks are to be announced again.
func (s Person) replace(k Clock) Person {
	before, known := s.Clock(k.Name)
	s.Clocks = slices.DeleteFunc(slices.Clone(s.Clocks), func(o Clock) bool { return o.Name == k.Name || o.left(k.Name) })
	s.Clocks = append(s.Clocks, k)
	slices.SortFunc(s.Clocks, func(a, b Clock) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Category, b.Category), cmp.Compare(a.System, b.System), cmp.Compare(a.StartsOn, b.StartsOn))
	})
	if known {
		s = s.off(before.Request)
	}
	return s
}

// off notes that an erasure that was announced is not due any more, unless it has begun.
// Its other clocks run, so that they are announced anew.
func (s Person) off(request string) Person {
	i := slices.IndexFunc(s.Announced, func(a announced) bool { return a.Request == request && !a.Begun })
	if request == "" || i < 0 {
		return s
	}
	s.Announced = slices.Clone(s.Announced)
	s.Announced[i].Off = true
	s.Clocks = slices.Clone(s.Clocks)
	for i := range s.Clocks {
		if s.Clocks[i].Request == request {
			s.Clocks[i].Request = ""
		}
	}
	return s
}

// begun notes that something may be destroyed by an erasure that was announced.
func (s Person) begun(request string) Person {
	s.Announced = slices.Clone(s.Announced)
	for i := range s.Announced {
		s.Announced[i].Begun = s.Announced[i].Begun || s.Announced[i].Request == request
	}
	return s
}
