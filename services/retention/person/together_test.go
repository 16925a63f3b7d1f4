package person_test

import (
	"testing"
	"time"

	"habeas.internal/services/retention/person"
)

func TestOnePersonByTwoReferences(t *testing.T) {
	at := noon()
	hold := person.Hold{ID: "h", PlacedAt: at}
	over := hold
	over.ReleasedAt = at.Add(time.Hour)
	permit := person.Permit{ID: "p", GivenAt: at, ExpiresAt: at.Add(person.Life)}
	ended := permit
	ended.Ended, ended.RowsDestroyed = true, 4
	for _, c := range []struct {
		name string
		a, b person.Person
		hold bool
	}{
		{"a hold of either binds", person.Person{}, person.Person{Holds: []person.Hold{hold}}, true},
		{"one that was released with the first alone binds", person.Person{Holds: []person.Hold{over}}, person.Person{Holds: []person.Hold{hold}}, true},
		{"one that was released with the second alone binds", person.Person{Holds: []person.Hold{hold}}, person.Person{Holds: []person.Hold{over}}, true},
		{"one that was released with both does not", person.Person{Holds: []person.Hold{over}}, person.Person{Holds: []person.Hold{over}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := person.Together([]person.Person{c.a, c.b})
			if got.OnHold() != c.hold || len(got.Holds) != 1 {
				t.Errorf("got %v", got.Holds)
			}
		})
	}
	got := person.Together([]person.Person{{Permits: []person.Permit{permit}}, {Permits: []person.Permit{ended}}})
	if len(got.Permits) != 1 || !got.Permits[0].Ended || got.Permits[0].RowsDestroyed != 4 {
		t.Errorf("permits %v", got.Permits)
	}
	if permit.Ended {
		t.Error("the states were changed")
	}
}
