package person_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"habeas.internal/services/retention/person"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func name(category, on string) person.Name {
	return person.Name{Policy: "shop", Category: category, StartsOn: on}
}

// running is a clock that began at noon() and ends some days later.
func running(category, on string, days int) person.Clock {
	return person.Clock{Name: name(category, on), StartedAt: noon(), DueAt: noon().AddDate(0, 0, days), Clause: "C-1"}
}

func started(list ...person.Clock) person.ClocksStarted {
	ev := person.ClocksStarted{Clocks: list}
	for _, k := range list {
		if ev.NextDue.IsZero() || k.DueAt.Before(ev.NextDue) {
			ev.NextDue = k.DueAt
		}
	}
	return ev
}

// row is a decision about clocks.
type row struct {
	name  string
	given []person.Event
	when  person.Command
	then  []person.Event
	err   error
}

// example are clocks and events of the tables below.
type example struct {
	calendar, later, list, closed, left, endless person.Clock
	due                                          person.ErasureDue
	hold                                         person.HoldPlaced
}

func examples() example {
	x := example{
		calendar: running("contacts.calendar", person.OnConsentWithdrawn, 30), later: running("contacts.calendar", person.OnConsentWithdrawn, 30),
		list: running("contacts.list", person.OnConsentWithdrawn, 10), closed: running("account.name", person.OnAccountClosed, 5),
		left: person.Clock{
			Name: name("contacts.calendar", person.Kept), StartedAt: noon(), DueAt: noon().AddDate(7, 0, 0),
			Ground: "legal_obligation.tax", Authority: "26 CFR 1.6001-1",
		},
	}
	x.later.StartedAt, x.later.DueAt = noon().AddDate(0, 0, 1), noon().AddDate(0, 0, 31)
	x.due = person.ErasureDue{Request: "r1", Policy: "shop", Clocks: []person.Name{x.calendar.Name}, At: x.calendar.DueAt}
	x.hold = person.HoldPlaced{Hold: "h", PlacedAt: noon(), ReviewAt: x.later.DueAt}
	x.endless = x.calendar
	x.endless.DueAt = x.endless.StartedAt
	return x
}

func beginnings(x example) []row {
	return []row{
		{"a clock starts", nil, person.StartClocks{Clocks: []person.Clock{x.calendar}}, []person.Event{started(x.calendar)}, nil},
		{"told twice it starts once", []person.Event{started(x.calendar)}, person.StartClocks{Clocks: []person.Clock{x.calendar}}, nil, nil},
		{"a later beginning moves it", []person.Event{started(x.calendar)}, person.StartClocks{Clocks: []person.Clock{x.later}}, []person.Event{started(x.later)}, nil},
		{"an earlier one, told late, doesn't", []person.Event{started(x.later)}, person.StartClocks{Clocks: []person.Clock{x.calendar}}, nil, nil},
		{"of two at once the later counts", nil, person.StartClocks{Clocks: []person.Clock{x.calendar, x.later}}, []person.Event{started(x.later)}, nil},
		{"one without an end is none", nil, person.StartClocks{Clocks: []person.Clock{x.endless}}, nil, person.ErrClockWithoutEnd},
		{
			"the next end is that of all",
			[]person.Event{started(x.list)},
			person.StartClocks{Clocks: []person.Clock{x.calendar}},
			[]person.Event{person.ClocksStarted{Clocks: []person.Clock{x.calendar}, NextDue: x.list.DueAt}},
			nil,
		},
		{"before its end nothing is due", []person.Event{started(x.calendar)}, person.AnnounceErasure{Policy: "shop", Request: "r1", At: x.calendar.DueAt.Add(-1)}, nil, nil},
		{"at its end it is", []person.Event{started(x.calendar)}, person.AnnounceErasure{Policy: "shop", Request: "r1", At: x.calendar.DueAt}, []person.Event{x.due}, nil},
		{"once", []person.Event{started(x.calendar), x.due}, person.AnnounceErasure{Policy: "shop", Request: "r2", At: x.calendar.DueAt.AddDate(1, 0, 0)}, nil, nil},
		{"of its policy alone", []person.Event{started(x.calendar)}, person.AnnounceErasure{Policy: "other", Request: "r1", At: x.calendar.DueAt}, nil, nil},
		{"not while a hold binds", []person.Event{started(x.calendar), x.hold}, person.AnnounceErasure{Policy: "shop", Request: "r1", At: x.calendar.DueAt}, nil, nil},
		{
			"but when it is released",
			[]person.Event{started(x.calendar), x.hold, person.HoldReleased{Hold: "h", ReleasedAt: noon(), Free: true}},
			person.AnnounceErasure{Policy: "shop", Request: "r1", At: x.calendar.DueAt},
			[]person.Event{x.due},
			nil,
		},
	}
}

func ends(x example) []row {
	return []row{
		{
			"who consents again keeps the data",
			[]person.Event{started(x.calendar)},
			person.StopClocks{Clocks: []person.Name{x.calendar.Name}, Cause: person.CauseConsented},
			[]person.Event{person.ClocksStopped{Clocks: []person.Name{x.calendar.Name}, Cause: person.CauseConsented}},
			nil,
		},
		{
			"and an erasure that was announced and has not begun gets no permit",
			[]person.Event{started(x.calendar), x.due, person.ClocksStopped{Clocks: []person.Name{x.calendar.Name}, Cause: person.CauseConsented}},
			person.RequestPermit{Permit: "p", Request: "r1", System: "shop", At: noon()},
			[]person.Event{person.PermitRefused{Request: "r1", System: "shop", Reason: "ERASURE_NOT_DUE"}},
			person.ErrNotDue,
		},
		{
			"nor one of which a clock counts anew",
			[]person.Event{started(x.calendar), x.due, started(x.later)},
			person.RequestPermit{Permit: "p", Request: "r1", System: "shop", At: noon()},
			[]person.Event{person.PermitRefused{Request: "r1", System: "shop", Reason: "ERASURE_NOT_DUE"}},
			person.ErrNotDue,
		},
		{
			"what was erased counts no more, and what was left counts to its own end",
			[]person.Event{started(x.calendar), x.due},
			person.NoteErased{Request: "r1", Left: []person.Clock{x.left}},
			[]person.Event{person.ClocksStopped{Clocks: []person.Name{x.calendar.Name}, Cause: person.CauseErased}, started(x.left)},
			nil,
		},
		{
			"what is used again is not what was left",
			[]person.Event{started(x.left)},
			person.StartClocks{Clocks: []person.Clock{x.calendar}},
			[]person.Event{started(x.calendar)},
			nil,
		},
	}
}

func accounts(x example) []row {
	return []row{
		{
			"an account that closes starts its clocks",
			[]person.Event{person.AccountOpened{Account: "a", At: noon()}},
			person.CloseAccount{Account: "a", Clocks: []person.Clock{x.closed}, At: noon()},
			[]person.Event{person.AccountClosed{Account: "a", At: noon()}, started(x.closed)},
			nil,
		},
		{
			"unless another one is open",
			[]person.Event{person.AccountOpened{Account: "a", At: noon()}, person.AccountOpened{Account: "b", At: noon()}},
			person.CloseAccount{Account: "a", Clocks: []person.Clock{x.closed}, At: noon()},
			[]person.Event{person.AccountClosed{Account: "a", At: noon()}},
			nil,
		},
		{
			"once",
			[]person.Event{person.AccountClosed{Account: "a", At: noon()}},
			person.CloseAccount{Account: "a", Clocks: []person.Clock{x.closed}, At: noon()},
			nil, nil,
		},
		{
			"who opens one again keeps the data",
			[]person.Event{person.AccountClosed{Account: "a", At: noon()}, started(x.closed)},
			person.OpenAccount{Account: "b", At: noon()},
			[]person.Event{
				person.AccountOpened{Account: "b", At: noon()},
				person.ClocksStopped{Clocks: []person.Name{x.closed.Name}, Cause: person.CauseOpened},
			},
			nil,
		},
	}
}

func TestClocks(t *testing.T) {
	x := examples()
	for _, tc := range slices.Concat(beginnings(x), ends(x), accounts(x)) {
		t.Run(tc.name, func(t *testing.T) {
			then, err := person.Decide(fold(tc.given...), tc.when)
			if diff := cmp.Diff(tc.then, then); diff != "" || !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v; events (-want +got):\n%s", err, tc.err, diff)
			}
		})
	}
}

func TestAnErasureThatIsOffIsAnnouncedAnewForTheRest(t *testing.T) {
	calendar, list := running("contacts.calendar", "collected", 10), running("contacts.list", "collected", 10)
	s := fold(started(calendar, list), person.ErasureDue{Request: "r1", Policy: "shop", Clocks: []person.Name{calendar.Name, list.Name}, At: calendar.DueAt})
	calendar.StartedAt, calendar.DueAt = calendar.DueAt, calendar.DueAt.AddDate(0, 0, 10)
	s = person.Evolve(s, person.ClocksStarted{Clocks: []person.Clock{calendar}})
	if got := s.Due(list.DueAt); !slices.Equal(got, []string{"shop"}) || !s.NextDue().Equal(list.DueAt) {
		t.Fatalf("due %v, next %s", got, s.NextDue())
	}
	events, err := person.Decide(s, person.AnnounceErasure{Policy: "shop", Request: "r2", At: list.DueAt})
	want := []person.Event{person.ErasureDue{Request: "r2", Policy: "shop", Clocks: []person.Name{list.Name}, At: list.DueAt, NextDue: calendar.DueAt}}
	if diff := cmp.Diff(want, events); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestWhatHasBegunIsCarriedOut(t *testing.T) {
	calendar := running("contacts.calendar", "collected", 10)
	s := fold(
		started(calendar), person.ErasureDue{Request: "r1", Policy: "shop", Clocks: []person.Name{calendar.Name}, At: calendar.DueAt},
		person.PermitGiven{Permit: "p1", Request: "r1", System: "shop", GivenAt: noon(), ExpiresAt: noon().Add(person.Life)},
		person.PermitEnded{Permit: "p1", EndedAt: noon()},
		person.ClocksStopped{Clocks: []person.Name{calendar.Name}, Cause: person.CauseConsented},
	)
	if _, err := person.Decide(s, person.RequestPermit{Permit: "p2", Request: "r1", System: "crm", At: noon()}); err != nil {
		t.Errorf("the second system: %v", err)
	}
}

// TestADeferredDutyResumesOnce: whatever the order in which three holds are placed and
// released, and however often anybody looks, restarts included, what is due is announced
// exactly once: at the first look after its time at which no hold binds.
func TestADeferredDutyResumesOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := running("contacts.calendar", person.OnConsentWithdrawn, 30)
		history := []person.Event{started(clock)}
		announcedAt, free := -1, -1
		days := rapid.IntRange(1, 60).Draw(t, "days")
		for day := range days {
			at := noon().AddDate(0, 0, day)
			for h := range 3 {
				id := fmt.Sprint("h", h)
				var cmd person.Command = person.ReleaseHold{Hold: id, At: at}
				if rapid.Bool().Draw(t, "place") {
					cmd = person.PlaceHold{Hold: id, Ground: "legal_claim", Authority: "7731", At: at, ReviewAt: at.AddDate(1, 0, 0)}
				}
				if rapid.IntRange(0, 3).Draw(t, "acts") > 0 {
					continue
				}
				if events, err := person.Decide(fold(history...), cmd); err == nil {
					history = append(history, events...)
				}
			}
			s := fold(history...) // as after a restart
			if free < 0 && day >= 30 && !s.OnHold() {
				free = day
			}
			for look := range rapid.IntRange(1, 3).Draw(t, "looks") {
				events, err := person.Decide(fold(history...), person.AnnounceErasure{Policy: "shop", Request: fmt.Sprint("r", day, look), At: at})
				if err != nil {
					t.Fatal(err)
				}
				if len(events) > 0 && announcedAt >= 0 {
					t.Fatalf("announced on day %d and on day %d", announcedAt, day)
				}
				if len(events) > 0 {
					announcedAt = day
				}
				history = append(history, events...)
			}
		}
		if announcedAt != free {
			t.Fatalf("announced on day %d, was free on day %d", announcedAt, free)
		}
	})
}

func TestOneOfSeveralReferencesShowsAllClocks(t *testing.T) {
	calendar, list := running("contacts.calendar", "collected", 10), running("contacts.list", "collected", 10)
	both := person.Together([]person.Person{fold(started(calendar)), fold(started(list))})
	if len(both.Clocks) != 2 {
		t.Errorf("%d clocks", len(both.Clocks))
	}
	if got := both.NextDue(); !got.Equal(calendar.DueAt) {
		t.Errorf("next due %s", got)
	}
}
