package person_test

import (
	"slices"
	"testing"
	"time"

	"habeas.internal/services/consent/person"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWhatIsRecordedWhenItsTimeHasCome(t *testing.T) {
	end := noon().Add(time.Hour)
	given := act(person.Given, noon(), until(end))
	expired := over(noon(), end, end)
	for name, tc := range map[string]struct {
		before []person.Event
		at     time.Time
		then   []person.Event
	}{
		"nothing before":                {[]person.Event{given}, end.Add(-1), nil},
		"at its end it has ended":       {[]person.Event{given}, end, []person.Event{expired}},
		"once":                          {[]person.Event{given, expired}, end.Add(time.Hour), nil},
		"what has no end never ends":    {[]person.Event{act(person.Given, noon())}, end, nil},
		"what was withdrawn has no end": {[]person.Event{given, act(person.Withdrawn, noon().Add(time.Minute))}, end, nil},
		"nor has what was given again":  {[]person.Event{given, act(person.Renewed, noon().Add(time.Minute))}, end, nil},
		"nothing of who was erased":     {[]person.Event{given, person.FactApplied{Fact: person.Erased, Cause: "c"}}, end, nil},
		"nothing of nobody":             {nil, end, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var s person.Person
			for _, ev := range tc.before {
				s = person.Evolve(s, ev)
			}
			got, err := person.Decide(s, person.Expire{At: tc.at})
			if diff := cmp.Diff(tc.then, got); diff != "" || err != nil {
				t.Errorf("error %v, -want +got:\n%s", err, diff)
			}
		})
	}
}

// TestNoEndIsMissed: whatever was recorded, what the whole state says has ended is
// among the endings, and once it is recorded they hold it no more.
func TestNoEndIsMissed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s person.Person
		var endings []person.Ending
		take := func(events []person.Event) {
			for _, ev := range events {
				s, endings = person.Evolve(s, ev), person.Endings(endings, ev)
			}
		}
		late := noon().Add(100 * time.Hour)
		for _, a := range acts(t) {
			if a.Decision.Status == person.Given && rapid.Bool().Draw(t, "ends") {
				a.Decision.ExpiresAt = a.Decision.DecidedAt.Add(time.Duration(rapid.IntRange(1, 3).Draw(t, "hours")) * time.Hour)
			}
			take([]person.Event{a})
			switch rapid.IntRange(0, 9).Draw(t, "and") {
			case 0:
				events, _ := person.Decide(s, person.WithdrawAll{DecidedAt: noon().Add(3 * time.Hour), At: late}) // a refusal records nothing here
				take(events)
			case 1:
				events, _ := person.Decide(s, person.Invalidate{Policy: "p", Purposes: []string{"mail"}, InvalidatedAt: noon().Add(2 * time.Hour), At: late})
				take(events)
			}
		}
		events, err := person.Decide(s, person.Expire{At: late})
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			e, ok := ev.(person.ConsentExpired)
			found := ok && slices.ContainsFunc(endings, func(x person.Ending) bool {
				return x.Topic == e.Topic && x.DecidedAt.Equal(e.DecidedAt) && x.ExpiresAt.Equal(e.ExpiredAt)
			})
			if !found {
				t.Fatalf("%+v is none of %+v", ev, endings)
			}
		}
		take(events)
		if again, err := person.Decide(s, person.Expire{At: late}); err != nil || len(again) != 0 {
			t.Fatalf("recorded again: %v, error %v", again, err)
		}
	})
}
