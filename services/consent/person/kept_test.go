package person_test

import (
	"testing"
	"time"

	"habeas.internal/services/consent/person"
)

func TestARefusalThatHasOutlivedAnErasureYieldsToThePersonAndToNoImport(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	mail := person.Topic{Policy: "qcera", Name: "mail.periodic"}
	refused := person.Keep{At: day(20), Refusals: []person.Outlived{{Topic: mail, Channel: "email", Version: 1, RefusedOn: day(10)}}}
	yes := func(at int) person.Record {
		return person.Record{Policy: mail.Policy, Version: 1, Evidence: "form:1", DecidedAt: day(at), At: day(25), Choices: []person.Choice{
			{Purpose: mail.Name, Known: true, Status: person.Given, Explicit: true},
		}}
	}
	row := func(at int) person.Import {
		c := yes(at)
		return person.Import{ID: "i", At: day(25), Rows: []person.Row{{Number: 1, Policy: c.Policy, Version: 1, Choice: c.Choices[0], Evidence: "form:1", DecidedAt: c.DecidedAt}}}
	}
	for _, tc := range []struct {
		name  string
		given []person.Command
		want  person.Status
		row   person.Refusal // what becomes of an imported yes of the twelfth
	}{
		{"nothing was refused", nil, 0, ""},
		{"refused", []person.Command{refused}, person.Withdrawn, person.ErrKept},
		{"refused twice", []person.Command{refused, refused}, person.Withdrawn, person.ErrKept},
		{"and an older yes, told by the person", []person.Command{refused, yes(5)}, person.Withdrawn, person.ErrKept},
		{"and a later yes, told by the person", []person.Command{refused, yes(22)}, person.Given, ""},
		{"a later yes stands", []person.Command{yes(15), refused}, person.Given, ""},
		{"an older yes does not", []person.Command{yes(5), refused}, person.Withdrawn, person.ErrKept},
		{"an older import does not either", []person.Command{row(5), refused}, person.Withdrawn, ""}, // the row was decided before
		{"nor a later one, whose day is its sender's word", []person.Command{row(15), refused}, person.Withdrawn, ""},
		{"but what the person says after that does", []person.Command{row(15), refused, yes(22)}, person.Given, ""},
		{"a yes of earlier that day does not", []person.Command{hours(yes(10), 9), refused}, person.Withdrawn, person.ErrKept},
		{"nor one of its last minute", []person.Command{refused, hours(yes(11), -1)}, person.Withdrawn, person.ErrKept},
		{"one of the next day does", []person.Command{refused, yes(11)}, person.Given, ""},
		{"refused on a day that has not ended", []person.Command{today(refused, 9), hours(yes(10), 10)}, person.Given, ""},
		{"and a yes of before that", []person.Command{hours(yes(10), 8), today(refused, 9)}, person.Withdrawn, person.ErrKept},
	} {
		var s person.Person
		for _, cmd := range tc.given {
			events, err := person.Decide(s, cmd)
			if err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			for _, ev := range events {
				s = person.Evolve(s, ev)
			}
		}
		if got := s.Purposes[mail].Decision.Status; got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
		if v := person.Verdicts(s, row(12)); v[0].Refusal != tc.row {
			t.Errorf("%s: an imported yes: %q, want %q", tc.name, v[0].Refusal, tc.row)
		}
	}
	again, err := person.Decide(person.Evolve(person.Person{}, first(t, refused)), refused)
	if err != nil || len(again) != 0 {
		t.Errorf("told again: %v, %v", again, err)
	}
}

// first is the first event of a command to somebody who is not known.
func first(t *testing.T, cmd person.Command) person.Event {
	t.Helper()
	events, err := person.Decide(person.Person{}, cmd)
	if err != nil || len(events) == 0 {
		t.Fatal(events, err)
	}
	return events[0]
}

// hours moves when a yes was said.
func hours(c person.Record, n int) person.Record {
	c.DecidedAt = c.DecidedAt.Add(time.Duration(n) * time.Hour)
	return c
}

// today tells of refusals some hours into their day.
func today(c person.Keep, n int) person.Keep {
	c.At = c.Refusals[0].RefusedOn.Add(time.Duration(n) * time.Hour)
	return c
}
