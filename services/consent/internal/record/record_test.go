package record_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/consent/internal/record"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func moments() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return noon().Add(time.Duration(rapid.Int64Range(-int64(time.Hour)*24*365*50, int64(time.Hour)*24*365*50).Draw(t, "ns")))
	})
}

func names(name string) *rapid.Generator[string] {
	return rapid.SampledFrom([]string{name + ".a", name + ".b", name + ".c"})
}

// events draws any of a person's events.
func events() *rapid.Generator[person.Event] {
	return rapid.Custom(func(t *rapid.T) person.Event {
		policy := names("policy").Draw(t, "policy")
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			e := person.DecisionRecorded{Policy: policy, Decision: person.Decision{
				Status: person.Status(rapid.IntRange(1, 7).Draw(t, "status")), Explicit: rapid.Bool().Draw(t, "explicit"),
				Evidence: rapid.SampledFrom([]string{"", "sha256:abc"}).Draw(t, "evidence"), Version: rapid.Uint32().Draw(t, "version"),
				DecidedAt: moments().Draw(t, "decided"), RecordedAt: moments().Draw(t, "recorded"),
				Recipients: rapid.SliceOfN(names("recipient"), 0, 2).Draw(t, "recipients"),
			}}
			switch rapid.IntRange(0, 3).Draw(t, "from") {
			case 0:
				e.Provenance = person.Provenance{Import: "i", Row: 1}
			case 1:
				e.Decision.Status, e.Decision.Kept = person.Withdrawn, true
			}
			if rapid.Bool().Draw(t, "ends") {
				e.Decision.ExpiresAt = e.Decision.DecidedAt.Add(time.Hour)
			}
			if rapid.Bool().Draw(t, "purpose") {
				e.Purpose = names("purpose").Draw(t, "name")
			} else {
				e.Category = names("category").Draw(t, "name")
			}
			return e
		case 1:
			return person.AllWithdrawn{Purposes: []person.Topic{{Policy: policy, Name: "purpose.a"}}, DecidedAt: moments().Draw(t, "decided"), RecordedAt: moments().Draw(t, "recorded")}
		case 2:
			return person.PolicyAccepted{
				Policy: policy, Version: rapid.Uint32().Draw(t, "version"), Explicit: rapid.Bool().Draw(t, "explicit"),
				AcceptedAt: moments().Draw(t, "accepted"), RecordedAt: moments().Draw(t, "recorded"),
			}
		case 3:
			return person.SignalReceived{Policy: policy, Honoured: rapid.Bool().Draw(t, "honoured"), RecordedAt: moments().Draw(t, "recorded")}
		case 4:
			return person.Notified{Recipient: names("recipient").Draw(t, "recipient"), NotifiedAt: moments().Draw(t, "notified"), RecordedAt: moments().Draw(t, "recorded")}
		case 5:
			return person.SourceAuthorized{
				ID: names("authorization").Draw(t, "id"), Policy: policy, Provider: names("provider").Draw(t, "provider"), Scopes: []string{names("scope").Draw(t, "scope")},
				AuthorizedAt: moments().Draw(t, "authorized"), RecordedAt: moments().Draw(t, "recorded"),
			}
		case 6:
			return person.SourceRevoked{
				Policy: policy, Provider: names("provider").Draw(t, "provider"), Scopes: rapid.SliceOfN(names("scope"), 0, 1).Draw(t, "scopes"),
				RevokedAt: moments().Draw(t, "revoked"), RecordedAt: moments().Draw(t, "recorded"),
			}
		case 7:
			return person.ConsentInvalidated{Policy: policy, Purposes: []string{"purpose.a"}, InvalidatedAt: moments().Draw(t, "invalidated"), RecordedAt: moments().Draw(t, "recorded")}
		case 8:
			at := moments().Draw(t, "decided")
			return person.ConsentExpired{
				Topic: person.Topic{Policy: policy, Name: "purpose.a"}, DecidedAt: at, ExpiredAt: at.Add(time.Hour), RecordedAt: moments().Draw(t, "recorded"),
			}
		default:
			return person.FactApplied{
				Fact: person.Fact(rapid.IntRange(1, 8).Draw(t, "fact")), Cause: names("cause").Draw(t, "cause"), Other: names("ref").Draw(t, "ref"),
				Policy: policy, RecordedAt: moments().Draw(t, "recorded"),
			}
		}
	})
}

// same reports how two states differ in what Check asks.
func same(a, b person.Person) string {
	evidence := cmp.Transformer("evidence", func(d person.Decision) any {
		type shown person.Decision
		s := shown(d)
		if s.Evidence != "" {
			s.Evidence = record.Present
		}
		return s
	})
	return cmp.Diff(a, b, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(person.Person{}, "Imported"), evidence)
}

func TestAPackedStateFoldsLikeAPlainOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var plain, unpacked person.Person
		for _, ev := range rapid.SliceOfN(events(), 1, 12).Draw(t, "events") {
			plain, unpacked = person.Evolve(plain, ev), person.Evolve(unpacked, ev)
			b, err := record.Pack(unpacked)
			if err != nil {
				t.Fatal(err)
			}
			again, err := record.Pack(plain)
			if err != nil || string(again) != string(b) {
				t.Fatalf("the same state has other bytes, error %v", err)
			}
			if unpacked, err = record.Unpack(b); err != nil {
				t.Fatal(err)
			}
			if diff := same(plain, unpacked); diff != "" {
				t.Fatalf("plain (-) and packed (+):\n%s", diff)
			}
		}
	})
}

func TestNobodyTakesNoRoom(t *testing.T) {
	b, err := record.Pack(person.Person{})
	if err != nil || len(b) != 0 {
		t.Errorf("%d bytes, error %v", len(b), err)
	}
	if s, err := record.Unpack(nil); err != nil || !s.Since.IsZero() {
		t.Errorf("%+v, error %v", s, err)
	}
}

func TestAMomentBeforeAllCalendarsIsKeptInItsPlace(t *testing.T) {
	old := person.Decision{Status: person.Given, DecidedAt: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC), RecordedAt: noon()}
	s := person.Evolve(person.Person{}, person.DecisionRecorded{Policy: "p", Purpose: "mail", Decision: old})
	b, err := record.Pack(s)
	if err != nil {
		t.Fatal(err)
	}
	s, err = record.Unpack(b)
	if got := s.Purposes[person.Topic{Policy: "p", Name: "mail"}].Decision; err != nil || !got.DecidedAt.Before(noon()) || !got.RecordedAt.Equal(noon()) {
		t.Errorf("%+v, error %v", got, err)
	}
}

// TestAnEndTakesFewBytes holds what an end costs those who have one.
func TestAnEndTakesFewBytes(t *testing.T) {
	given := person.DecisionRecorded{Policy: "p", Purpose: "mail", Decision: person.Decision{
		Status: person.Given, Explicit: true, Evidence: "e", Version: 1, DecidedAt: noon(), RecordedAt: noon(),
	}}
	forGood, err := record.Pack(person.Evolve(person.Person{}, given))
	if err != nil {
		t.Fatal(err)
	}
	given.Decision.ExpiresAt = noon().AddDate(2, 0, 0)
	given.Circumstances = person.Circumstances{Notice: "signup.3", Channel: "web"} // is told by the log alone
	ends, err := record.Pack(person.Evolve(person.Person{}, given))
	if err != nil || len(ends)-len(forGood) > 10 {
		t.Errorf("%d bytes more, error %v", len(ends)-len(forGood), err)
	}
}

// TestAPersonWithFiveDecisionsFitsIn300Bytes holds the budget of the read model.
func TestAPersonWithFiveDecisionsFitsIn300Bytes(t *testing.T) {
	var s person.Person
	for i := range 5 {
		s = person.Evolve(s, person.DecisionRecorded{Policy: "personnel-technology", Purpose: fmt.Sprintf("purpose.number-%d", i), Decision: person.Decision{
			Status: person.Given, Explicit: true, Evidence: "sha256:abc", Version: 3,
			DecidedAt: noon().Add(time.Duration(i) * time.Hour), RecordedAt: noon().Add(time.Duration(i)*time.Hour + 1234567*time.Nanosecond),
		}})
	}
	b, err := record.Pack(s)
	if err != nil || len(b) > 300 {
		t.Errorf("%d bytes, error %v", len(b), err)
	}
	t.Logf("%d bytes", len(b))
}

func BenchmarkUnpack(b *testing.B) {
	var s person.Person
	for i := range 5 {
		s = person.Evolve(s, person.DecisionRecorded{Policy: "qcera", Purpose: fmt.Sprintf("purpose.number-%d", i), Decision: person.Decision{
			Status: person.Given, Explicit: true, Evidence: "sha256:abc", Version: 3, DecidedAt: noon(), RecordedAt: noon(),
		}})
	}
	packed, err := record.Pack(s)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := record.Unpack(packed); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTheChoicesOfOneActAreKeptOnce(t *testing.T) {
	var s, apart person.Person
	for i := range 5 {
		e := person.DecisionRecorded{Policy: "qcera", Purpose: fmt.Sprintf("purpose.%d", i), Decision: person.Decision{
			Status: person.Given, Explicit: true, Evidence: "sha256:abc", Version: 1, DecidedAt: noon(), RecordedAt: noon().Add(20 * time.Millisecond),
		}}
		s = person.Evolve(s, e)
		e.Decision.DecidedAt = noon().Add(time.Duration(i) * time.Second)
		apart = person.Evolve(apart, e)
	}
	one, err := record.Pack(s)
	if err != nil {
		t.Fatal(err)
	}
	five, err := record.Pack(apart)
	if err != nil {
		t.Fatal(err)
	}
	if len(one) > 110 || len(one)+4*8 > len(five) {
		t.Errorf("one act takes %d bytes, five acts %d", len(one), len(five))
	}
}

func TestOnlyOneSpellingOfAReferenceIsOne(t *testing.T) {
	for id, want := range map[string]bool{
		"aaaaaaaaaaaaaaaaaaaaaaaaaa": true, "abcdefghijklmnopqrstuvwx24": true,
		"aaaaaaaaaaaaaaaaaaaaaaaaab": false, "AAAAAAAAAAAAAAAAAAAAAAAAAA": false, "aaaaaaaaaaaaaaaaaaaaaaaaa1": false,
		"aaaaaaaaaaaaaaaaaaaaaaaaa": false, "aaaaaaaaaaaaaaaaaaaaaaaaaaa": false, "": false,
	} {
		if record.IsReference(id) != want {
			t.Errorf("%q is a reference: %t", id, !want)
		}
	}
}

func TestEverybodyHasAKeyOfTheirOwn(t *testing.T) {
	model, seen := record.Model(es.Registry[person.Event]{}), map[string]string{}
	for _, who := range []es.Aggregate{
		{Tenant: "acme", ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{Tenant: "acme", ID: "baaaaaaaaaaaaaaaaaaaaaaaaa"},
		{Tenant: "globex", ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{Tenant: "acme", ID: "aaaaaaaaaaaaaaaaaaaaaaaaab"},
		{Tenant: "acme", ID: strings.Repeat("\x00", 16)},
	} {
		who.Type = person.AggregateType
		key, ok := model.Key(who)
		if other, taken := seen[key]; !ok || taken {
			t.Errorf("%s of %s has the key of %s", who.ID, who.Tenant, other)
		}
		seen[key] = who.Tenant + " " + who.ID
	}
}
