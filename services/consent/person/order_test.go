package person_test

import (
	"testing"
	"time"

	"habeas.internal/services/consent/person"

	"pgregory.net/rapid"
)

// acts draws acts on one purpose, several of them at the same moment.
func acts(t *rapid.T) []person.DecisionRecorded {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) person.DecisionRecorded {
		status := rapid.SampledFrom([]person.Status{person.Given, person.Refused, person.Withdrawn, person.Offered}).Draw(t, "status")
		at := noon().Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "hour")) * time.Hour)
		if rapid.Bool().Draw(t, "implied") {
			return act(status, at, implied)
		}
		return act(status, at)
	}), 1, 8).Draw(t, "acts")
}

// allows is what matters of a decision: whether it is a yes, and which one.
func allows(s person.Person) (yes, explicit bool) {
	d := s.Purposes[person.Topic{Policy: "p", Name: "mail"}].Decision
	return d.Status == person.Given, d.Status == person.Given && d.Explicit
}

func TestTheOrderOfRecordingDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := acts(t)
		var one, other person.Person
		for _, a := range all {
			one = person.Evolve(one, a)
		}
		for _, a := range rapid.Permutation(all).Draw(t, "order") {
			other = person.Evolve(other, a)
		}
		yes, explicit := allows(one)
		if y, e := allows(other); y != yes || e != explicit {
			t.Fatalf("%v %v and %v %v", yes, explicit, y, e)
		}
	})
}

func TestNothingIsGivenAfterWithdrawingAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s person.Person
		for _, a := range acts(t) {
			s = person.Evolve(s, a)
		}
		at := noon().Add(6 * time.Hour)
		events, err := person.Decide(s, person.WithdrawAll{DecidedAt: at, At: at})
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			s = person.Evolve(s, ev)
		}
		if yes, _ := allows(s); yes {
			t.Fatal("still given")
		}
		if again, _ := person.Decide(s, person.WithdrawAll{DecidedAt: at, At: at}); again != nil {
			t.Fatalf("withdrawing again did %v", again)
		}
	})
}

func TestAYesThatIsRecordedAfterTheWithdrawalOfEverythingIsWithdrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, at := acts(t), noon().Add(6*time.Hour)
		before := rapid.IntRange(0, len(all)).Draw(t, "before")
		var s person.Person
		for _, a := range all[:before] {
			s = person.Evolve(s, a)
		}
		events, err := person.Decide(s, person.WithdrawAll{DecidedAt: at, At: at})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all[before:] {
			events = append(events, a)
		}
		if s = foldOn(s, events); len(events) == 0 {
			t.Fatal("the wish is not recorded")
		}
		if yes, _ := allows(s); yes {
			t.Fatal("still given")
		}
	})
}

func TestWhatIsDecidedIsWhatIsRecorded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s person.Person
		for _, a := range acts(t) {
			events, err := person.Decide(s, record(a))
			if err == nil && len(events) != 1 {
				t.Fatalf("%d events", len(events))
			}
			before, _ := allows(s)
			for _, ev := range events {
				s = person.Evolve(s, ev)
			}
			if after, _ := allows(s); err != nil && after != before {
				t.Fatal("a refusal changed what is allowed")
			}
		}
	})
}
