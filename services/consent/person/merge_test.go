package person_test

import (
	"testing"
	"time"

	"habeas.internal/services/consent/person"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func fold(events ...person.Event) person.Person {
	var s person.Person
	for _, ev := range events {
		s = person.Evolve(s, ev)
	}
	return s
}

func TestAVisitLeavesItsRefusalsAndNothingElse(t *testing.T) {
	at, later := noon(), noon().Add(time.Hour)
	again := func(e person.DecisionRecorded) person.DecisionRecorded {
		e.Decision.RecordedAt = later
		return e
	}
	signal := person.SignalReceived{Policy: "p", Signal: person.GPC, Honoured: true, ReceivedAt: at, RecordedAt: at}
	inherit := func(visit ...person.Event) person.Inherit { return person.Inherit{Visit: fold(visit...), At: later} }
	check(t, []decision{
		{"a refusal becomes the person's own", nil, inherit(act(person.Refused, at)), []person.Event{again(act(person.Refused, at))}, nil},
		{"a refusal replaces an older grant", []person.Event{act(person.Given, at.Add(-time.Hour))}, inherit(act(person.Refused, at)), []person.Event{again(act(person.Refused, at))}, nil},
		{"a refusal is older than what was said at the sign-up", []person.Event{act(person.Given, later)}, inherit(act(person.Refused, at)), nil, nil},
		{"a withdrawal is a refusal", nil, inherit(act(person.Given, at.Add(-time.Hour)), act(person.Withdrawn, at)), []person.Event{again(act(person.Withdrawn, at))}, nil},
		{"a declined category stays declined", nil, inherit(about("cookie", act(person.Refused, at))), []person.Event{again(about("cookie", act(person.Refused, at)))}, nil},
		{"a grant stays with the visit", nil, inherit(act(person.Given, at)), nil, nil},
		{"an offer stays with the visit", nil, inherit(act(person.Offered, at)), nil, nil},
		{"what was inherited is not inherited twice", []person.Event{again(act(person.Refused, at))}, inherit(act(person.Refused, at)), nil, nil},
		{"a signal that counts goes on counting", nil, inherit(signal), []person.Event{
			person.SignalReceived{Policy: "p", Signal: person.GPC, Honoured: true, ReceivedAt: later, RecordedAt: later},
		}, nil},
		{"who withdrew everything on the visit has withdrawn it", []person.Event{act(person.Given, at.Add(-time.Hour))}, inherit(all(at)), []person.Event{
			person.AllWithdrawn{Purposes: []person.Topic{{Policy: "p", Name: "mail"}}, DecidedAt: at, RecordedAt: later},
		}, nil},
		{"an account that was closed on a visit closes no other", nil, inherit(person.FactApplied{Fact: person.Closed, RecordedAt: at}), nil, nil},
	})
}

func TestAPersonOfTwoReferences(t *testing.T) {
	at := noon()
	topic := person.Topic{Policy: "p", Name: "mail"}
	kept := act(person.Withdrawn, at, func(d *person.Decision) { d.Kept = true })
	for _, tc := range []struct {
		name         string
		own, partner []person.Event
		want         person.Status
	}{
		{"a no of the other counts", []person.Event{act(person.Given, at)}, []person.Event{act(person.Refused, at.Add(1))}, person.Refused},
		{"a later yes counts", []person.Event{act(person.Given, at.Add(1))}, []person.Event{act(person.Refused, at)}, person.Given},
		{"a later silence does not", []person.Event{act(person.Given, at.Add(1), implied)}, []person.Event{act(person.Refused, at)}, person.Refused},
		{"of two at the same time the no counts", []person.Event{act(person.Given, at)}, []person.Event{act(person.Withdrawn, at)}, person.Withdrawn},
		{"a yes of the other does not count", nil, []person.Event{act(person.Given, at)}, 0},
		{"who withdraws everything by the other has withdrawn it by this one", []person.Event{act(person.Given, at)}, []person.Event{all(at.Add(1))}, person.Withdrawn},
		{"what was given at the same time, too", []person.Event{act(person.Given, at)}, []person.Event{all(at)}, person.Withdrawn},
		{"and what was offered", []person.Event{act(person.Offered, at)}, []person.Event{all(at.Add(1))}, person.Withdrawn},
		{"what is given after everything was withdrawn counts", []person.Event{act(person.Given, at.Add(1))}, []person.Event{all(at)}, person.Given},
		{"silence after it does not", []person.Event{act(person.Given, at.Add(1), implied)}, []person.Event{all(at)}, person.Withdrawn},
		{"a refusal stays one", []person.Event{act(person.Refused, at)}, []person.Event{all(at.Add(1))}, person.Refused},
		{"who is asked for nothing has withdrawn nothing", nil, []person.Event{all(at)}, 0},
		{"an imported yes of any day does not stand against a kept refusal of the other", []person.Event{listed(act(person.Given, at.Add(1)))}, []person.Event{kept}, person.Withdrawn},
		{"nor one that has taken the place of the person's own", []person.Event{act(person.Given, at.Add(1)), listed(act(person.Given, at.Add(2)))}, []person.Event{kept}, person.Withdrawn},
		{"against an ordinary one it does", []person.Event{listed(act(person.Given, at.Add(1)))}, []person.Event{act(person.Withdrawn, at)}, person.Given},
		{"the person's own later yes stands against both", []person.Event{act(person.Given, at.Add(1))}, []person.Event{kept}, person.Given},
		{"also after an import", []person.Event{listed(act(person.Given, at.Add(1))), act(person.Given, at.Add(2))}, []person.Event{kept}, person.Given},
		{"their own earlier one does not", []person.Event{act(person.Given, at.Add(-1))}, []person.Event{kept}, person.Withdrawn},
		{"what the other said after their refusal was kept frees the import, too", []person.Event{listed(act(person.Given, at.Add(1)))}, []person.Event{kept, act(person.Given, at.Add(2))}, person.Given},
		{"a yes of the other heals no refusal", []person.Event{act(person.Refused, at)}, []person.Event{act(person.Given, at.Add(1))}, person.Refused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := person.Joined(fold(tc.own...), fold(tc.partner...)).Purposes[topic].Decision.Status
			if got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	ended := person.Joined(person.Person{}, fold(person.FactApplied{Fact: person.Erased}, person.FactApplied{Fact: person.Restricted, Cause: "r"},
		person.FactApplied{Fact: person.Minor, Policy: "p"}))
	if !ended.Erased || len(ended.Restricting) != 1 || !ended.Minor["p"] {
		t.Errorf("facts that deny do not count for both: %+v", ended)
	}
}

// listed is an act that came by an import.
func listed(e person.DecisionRecorded) person.DecisionRecorded {
	e.Provenance = person.Provenance{Import: "i", Row: 1}
	return e
}

func all(at time.Time) person.Event { return person.AllWithdrawn{DecidedAt: at, RecordedAt: at} }

// A merge that ended leaves nothing behind, whatever happened meanwhile.
func TestSeparationRestores(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		merge := person.FactApplied{Fact: person.MergedWith, Cause: "m", Other: "o", RecordedAt: noon()}
		part := person.FactApplied{Fact: person.SeparatedFrom, Cause: "m", Other: "o", RecordedAt: noon()}
		with, without := fold(act(person.Given, noon())), fold(act(person.Given, noon()))
		do := func(cmd person.Command) {
			a, errA := person.Decide(with, cmd)
			b, errB := person.Decide(without, cmd)
			if diff := cmp.Diff(b, a); diff != "" || (errA == nil) != (errB == nil) {
				t.Fatalf("a merge changes what %T does:\n%s", cmd, diff)
			}
			with, without = foldOn(with, a), foldOn(without, b)
		}
		with = person.Evolve(with, merge)
		for n := range rapid.IntRange(0, 8).Draw(t, "meanwhile") {
			status := rapid.SampledFrom([]person.Status{person.Given, person.Refused, person.Withdrawn, person.Offered}).Draw(t, "status")
			do(record(act(status, noon().Add(time.Duration(n)*time.Minute))))
			if rapid.Bool().Draw(t, "everything") {
				do(person.WithdrawAll{DecidedAt: noon(), At: noon().Add(time.Hour)})
			}
			if rapid.Bool().Draw(t, "fact") {
				do(person.Apply{Fact: rapid.SampledFrom([]person.Fact{person.Restricted, person.Unrestricted, person.Closed}).Draw(t, "which"), Cause: "r", At: noon()})
			}
		}
		with = person.Evolve(with, part)
		if again, _ := person.Decide(with, person.Apply{Fact: person.MergedWith, Cause: "m", Other: "o"}); len(with.References()) != 0 || len(again) != 0 {
			t.Fatalf("a partner is left: %v, or comes back: %v", with.Partners, again)
		}
		with.Partners = nil
		if diff := cmp.Diff(without, with); diff != "" {
			t.Fatalf("something is left (-without +with):\n%s", diff)
		}
	})
}

func foldOn(s person.Person, events []person.Event) person.Person {
	for _, ev := range events {
		s = person.Evolve(s, ev)
	}
	return s
}
