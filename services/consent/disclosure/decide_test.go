package disclosure_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"habeas.internal/services/consent/disclosure"

	"pgregory.net/rapid"
)

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

var sides = map[string]string{"name": "person", "email": "person", "address": "device", "device": "device"}

// give is a disclosure of categories under keys.
func give(to string, keys []string, categories ...string) disclosure.Disclose {
	return disclosure.Disclose{
		Entry:   disclosure.Entry{Recipient: to, Action: "disclose", Policy: "p", Purpose: "run", Categories: categories, Keys: keys},
		Verdict: disclosure.Verdict{Allowed: true}, Sides: sides, Known: true, At: noon(),
	}
}

func k(keys ...string) []string { return keys }

func TestWhatMustStayApartNeverMeetsAtOneRecipient(t *testing.T) {
	for name, tc := range map[string]struct {
		before []disclosure.Disclose
		cmd    disclosure.Disclose
		want   error
	}{
		"both at once":                       {nil, give("a", nil, "name", "address"), disclosure.ErrCombination},
		"one side":                           {nil, give("a", k("email"), "name", "email"), nil},
		"the other half later, by one key":   {[]disclosure.Disclose{give("a", k("email"), "name")}, give("a", k("email"), "address"), disclosure.ErrCombination},
		"the other half, unlinkable":         {[]disclosure.Disclose{give("a", k("email"), "name")}, give("a", k("set.2"), "address"), nil},
		"the other half, without keys":       {[]disclosure.Disclose{give("a", nil, "name")}, give("a", nil, "address"), disclosure.ErrCombination},
		"the first half had no keys":         {[]disclosure.Disclose{give("a", nil, "name")}, give("a", k("set.2"), "address"), disclosure.ErrCombination},
		"the second half has none":           {[]disclosure.Disclose{give("a", k("set.1"), "name")}, give("a", nil, "address"), disclosure.ErrCombination},
		"the other half to somebody else":    {[]disclosure.Disclose{give("a", k("email"), "name")}, give("b", k("email"), "address"), nil},
		"a bridge that adds nothing":         {[]disclosure.Disclose{give("a", k("x"), "name"), give("a", k("y"), "address")}, give("a", k("x", "y"), "other"), disclosure.ErrCombination},
		"by way of a set in between":         {[]disclosure.Disclose{give("a", k("x"), "name"), give("a", k("x", "y"), "other")}, give("a", k("y"), "address"), disclosure.ErrCombination},
		"what has no side meets what it may": {[]disclosure.Disclose{give("a", k("x"), "name")}, give("a", k("x"), "other"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var s disclosure.Register
			for _, c := range tc.before {
				events, err := disclosure.Decide(s, c)
				if err != nil {
					t.Fatal(err)
				}
				for _, ev := range events {
					s = disclosure.Evolve(s, ev)
				}
			}
			if _, err := disclosure.Decide(s, tc.cmd); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
}

func TestUnderAnotherReferenceOfThePersonItCountsToo(t *testing.T) {
	cmd := give("a", k("email"), "address")
	cmd.Others = []disclosure.Set{{Categories: k("name"), Keys: k("email")}}
	if _, err := disclosure.Decide(disclosure.Register{}, cmd); !errors.Is(err, disclosure.ErrCombination) {
		t.Errorf("%v", err)
	}
}

func TestARefusalIsRecordedOfAKnownPersonAlone(t *testing.T) {
	cmd := give("a", nil, "name")
	cmd.Verdict = disclosure.Verdict{Reason: "AGREEMENT_ENDED"}
	events, err := disclosure.Decide(disclosure.Register{}, cmd)
	if len(events) != 1 || !errors.Is(err, disclosure.Refusal("AGREEMENT_ENDED")) {
		t.Errorf("known: %v, error %v", events, err)
	}
	cmd.Known = false
	if events, err := disclosure.Decide(disclosure.Register{}, cmd); len(events) != 0 || err == nil {
		t.Errorf("unknown: %v, error %v", events, err)
	}
}

func TestARegisterIsFullOnce(t *testing.T) {
	if _, err := disclosure.Decide(disclosure.Register{Number: disclosure.MaxEntries}, give("a", nil, "name")); !errors.Is(err, disclosure.ErrTooMany) {
		t.Errorf("%v", err)
	}
}

// TestNoOrderOfDisclosuresLetsARecipientJoinBothSides replays all that was ever
// allowed and joins it without the register's own bookkeeping.
func TestNoOrderOfDisclosuresLetsARecipientJoinBothSides(t *testing.T) {
	words := func(t *rapid.T, name string, from []string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, 2, rapid.ID).Draw(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		var s disclosure.Register
		var given []disclosure.Set
		for i := range rapid.IntRange(1, 12).Draw(t, "disclosures") {
			cmd := give("a", words(t, fmt.Sprint("keys", i), k("x", "y", "z")), words(t, fmt.Sprint("data", i), k("name", "email", "address", "device", "other"))...)
			events, err := disclosure.Decide(s, cmd)
			for _, ev := range events {
				s = disclosure.Evolve(s, ev)
			}
			if err == nil {
				given = append(given, disclosure.Set{Categories: cmd.Categories, Keys: cmd.Keys})
			}
		}
		for i, one := range given {
			others := append(append([]disclosure.Set(nil), given[:i]...), given[i+1:]...)
			if disclosure.Combines(others, one, sides) {
				t.Fatalf("%v and %v", one, others)
			}
		}
		if len(s.Held["a"]) > 20 {
			t.Fatalf("%d sets are kept", len(s.Held["a"]))
		}
	})
}
