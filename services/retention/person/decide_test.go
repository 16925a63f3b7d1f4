package person_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/retention/person"

	"github.com/google/go-cmp/cmp"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func given(permit, request, system string, at time.Time) person.PermitGiven {
	return person.PermitGiven{
		Permit: permit, Request: request, System: system, Policy: "main", ScheduleVersion: 1, GivenAt: at, ExpiresAt: at.Add(person.Life),
	}
}

func placed(hold string, at time.Time) person.HoldPlaced {
	return person.HoldPlaced{Hold: hold, Ground: "legal_claim", Authority: "case 4", PlacedAt: at, ReviewAt: at.Add(time.Hour)}
}

func fold(events ...person.Event) person.Person {
	var s person.Person
	for _, ev := range events {
		s = person.Evolve(s, ev)
	}
	return s
}

// check is a row of the tables below.
type check struct {
	name  string
	given []person.Event
	when  person.Command
	then  []person.Event
	err   error
}

func run(t *testing.T, table []check) {
	t.Helper()
	for _, tc := range table {
		t.Run(tc.name, func(t *testing.T) {
			got, err := person.Decide(fold(tc.given...), tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHolds(t *testing.T) {
	place := person.PlaceHold{Hold: "h1", Ground: "legal_claim", Authority: "case 4", ReviewAt: noon().Add(time.Hour), At: noon()}
	past := place
	past.ReviewAt = noon()
	with := placed("h1", noon())
	with.OpenPermits, with.EffectiveBy = []string{"p1", "p2"}, noon().Add(-2*time.Second+person.Life+person.Slack)
	run(t, []check{
		{"a hold is placed", nil, place, []person.Event{placed("h1", noon())}, nil},
		{"placing it again is a no-op", []person.Event{placed("h1", noon())}, place, nil, nil},
		{"placing it again after its release is a no-op", []person.Event{placed("h1", noon()), person.HoldReleased{Hold: "h1", ReleasedAt: noon()}}, place, nil, nil},
		{"its review can't be due already", nil, past, nil, person.ErrReviewInPast},
		{
			"it names the open permits and when the last is over",
			[]person.Event{
				given("p0", "r", "a", noon().Add(-time.Minute)), given("p1", "r", "b", noon().Add(-30*time.Second)),
				given("p2", "r", "c", noon().Add(-2*time.Second)), given("p3", "r", "d", noon().Add(-2*time.Second)),
				person.PermitEnded{Permit: "p3"},
			},
			place,
			[]person.Event{with},
			nil,
		},
		{"one that is not there can't be released", nil, person.ReleaseHold{Hold: "h1", At: noon()}, nil, person.ErrNoHold},
		{
			"the last one that is released sets the person free",
			[]person.Event{placed("h1", noon())},
			person.ReleaseHold{Hold: "h1", At: noon()},
			[]person.Event{person.HoldReleased{Hold: "h1", ReleasedAt: noon(), Free: true}},
			nil,
		},
		{
			"while another binds, the person is not free",
			[]person.Event{placed("h1", noon()), placed("h2", noon())},
			person.ReleaseHold{Hold: "h1", At: noon()},
			[]person.Event{person.HoldReleased{Hold: "h1", ReleasedAt: noon()}},
			nil,
		},
		{
			"releasing it again is a no-op",
			[]person.Event{placed("h1", noon()), person.HoldReleased{Hold: "h1", ReleasedAt: noon()}},
			person.ReleaseHold{Hold: "h1", At: noon().Add(1)},
			nil, nil,
		},
	})
}

func TestReviews(t *testing.T) {
	on := []person.Event{placed("h1", noon().Add(-2*time.Hour))} // due an hour ago
	due := append(on[:1:1], person.HoldReviewDue{Hold: "h1", ReviewAt: noon().Add(-time.Hour)})
	off := append(due[:2:2], person.HoldReleased{Hold: "h1", ReleasedAt: noon()})
	reviewed := person.HoldReviewed{Hold: "h1", ReviewedAt: noon(), ReviewAt: noon().Add(time.Hour)}
	look := person.ReviewHold{Hold: "h1", ReviewAt: noon().Add(time.Hour), At: noon()}
	call := person.CallReview{Hold: "h1", At: noon()}
	run(t, []check{
		{"a hold is looked at", on, look, []person.Event{reviewed}, nil},
		{"also after its date was announced", due, look, []person.Event{reviewed}, nil},
		{"the same date again is a no-op", append(on[:1:1], reviewed), look, nil, nil},
		{"its next date is in the future", on, person.ReviewHold{Hold: "h1", ReviewAt: noon(), At: noon()}, nil, person.ErrReviewInPast},
		{"one that is not there can't be looked at", nil, look, nil, person.ErrNoHold},
		{"nor one that was released", off, look, nil, person.ErrNoHold},
		{"a date that has passed is announced", on, call, due[1:], nil},
		{"once", due, call, nil, nil},
		{"again when it has passed again", append(due[:2:2], reviewed), person.CallReview{Hold: "h1", At: noon().Add(time.Hour)}, []person.Event{
			person.HoldReviewDue{Hold: "h1", ReviewAt: noon().Add(time.Hour)},
		}, nil},
		{"not before it has passed", on, person.CallReview{Hold: "h1", At: noon().Add(-time.Hour - 1)}, nil, nil},
		{"not of a hold that was released", off, call, nil, nil},
		{"not of a hold that is not there", nil, call, nil, person.ErrNoHold},
		{"a hold that is due for review still binds", due, person.RequestPermit{Permit: "p1", Request: "r", System: "shop", At: noon()}, []person.Event{
			person.PermitRefused{Request: "r", System: "shop", Reason: "PERSON_ON_HOLD"},
		}, person.ErrOnHold},
	})
}

func TestPermits(t *testing.T) {
	ask := person.RequestPermit{Permit: "p1", Request: "r", System: "shop", Policy: "main", ScheduleVersion: 1, At: noon()}
	refused := func(no person.Refusal) []person.Event {
		return []person.Event{person.PermitRefused{Request: "r", System: "shop", Reason: no.Reason()}}
	}
	first := []person.Event{given("p1", "r", "shop", noon())}
	run(t, []check{
		{"a permit is given for less than a minute", nil, ask, first, nil},
		{"not while a hold binds", []person.Event{placed("h1", noon())}, ask, refused(person.ErrOnHold), person.ErrOnHold},
		{
			"not while one of two holds binds",
			[]person.Event{placed("h1", noon()), placed("h2", noon()), person.HoldReleased{Hold: "h1", ReleasedAt: noon()}},
			ask, refused(person.ErrOnHold), person.ErrOnHold,
		},
		{"again once the hold is released", []person.Event{placed("h1", noon()), person.HoldReleased{Hold: "h1", ReleasedAt: noon()}}, ask, first, nil},
		{"not twice for a request in a system", []person.Event{given("p0", "r", "shop", noon())}, ask, refused(person.ErrPermitOpen), person.ErrPermitOpen},
		{
			"not while the one before may still be in use by another clock",
			[]person.Event{given("p0", "r", "shop", noon().Add(-person.Life-person.Slack+1))},
			ask, refused(person.ErrPermitOpen), person.ErrPermitOpen,
		},
		{"again when the one before is over", []person.Event{given("p0", "r", "shop", noon().Add(-person.Life-person.Slack))}, ask, first, nil},
		{"again when the one before was given back", []person.Event{given("p0", "r", "shop", noon()), person.PermitEnded{Permit: "p0"}}, ask, first, nil},
		{"beside that of another system", []person.Event{given("p0", "r", "crm", noon())}, ask, first, nil},
		{"beside that of another request", []person.Event{given("p0", "r2", "shop", noon())}, ask, first, nil},
		{"asking for the same again is a no-op", first, ask, nil, nil},
		{"asking for the same again is a no-op under a hold too", append(first, placed("h1", noon())), ask, nil, nil},
		{"one that is not there can't end", nil, person.EndPermit{Permit: "p1", At: noon()}, nil, person.ErrNoPermit},
		{
			"it ends with what it destroyed", first,
			person.EndPermit{Permit: "p1", RowsDestroyed: 44, At: noon().Add(1)},
			[]person.Event{person.PermitEnded{Permit: "p1", RowsDestroyed: 44, EndedAt: noon().Add(1)}},
			nil,
		},
		{
			"an end that comes late is on record as late", first,
			person.EndPermit{Permit: "p1", RowsDestroyed: 44, At: noon().Add(person.Life)},
			[]person.Event{person.PermitEnded{Permit: "p1", RowsDestroyed: 44, EndedAt: noon().Add(person.Life), Late: true}},
			nil,
		},
		{"ending it again is a no-op", append(first, person.PermitEnded{Permit: "p1", RowsDestroyed: 44}), person.EndPermit{Permit: "p1", At: noon()}, nil, nil},
	})
}

func TestTheEffectOfAHold(t *testing.T) {
	s := fold(given("p1", "r", "shop", noon()), placed("h1", noon().Add(time.Second)))
	over := noon().Add(person.Life + person.Slack)
	if e := s.Effect("h1", over.Add(-1)); e.Effective || !e.By.Equal(over) || len(e.Open) != 1 {
		t.Errorf("while a permit is open: %+v", e)
	}
	if e := s.Effect("h1", over); !e.Effective || len(e.Open) != 0 || !e.By.IsZero() {
		t.Errorf("once it is over: %+v", e)
	}
	if e := fold(given("p1", "r", "shop", noon()), placed("h1", noon()), person.PermitEnded{Permit: "p1"}).Effect("h1", noon()); !e.Effective {
		t.Errorf("once it was given back: %+v", e)
	}
	if e := s.Effect("h2", over); e.Effective {
		t.Errorf("a hold that is not there: %+v", e)
	}
	if e := person.Evolve(s, person.HoldReleased{Hold: "h1", ReleasedAt: over}).Effect("h1", over); e.Effective {
		t.Errorf("a hold that was released: %+v", e)
	}
	if person.Life+person.Slack > time.Minute {
		t.Error("a hold may take longer than a minute")
	}
}
