package parity

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"habeas.internal/services/consent/person"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func number(n uint32) *uint32 { return &n }

func took(steps, seconds uint32) person.Circumstances {
	return person.Circumstances{Notice: "signup.3", Channel: "web", Steps: number(steps), Seconds: number(seconds)}
}

func act(s person.Status, purpose string, c person.Circumstances) person.Event {
	return person.DecisionRecorded{Policy: "p", Purpose: purpose, Decision: person.Decision{Status: s}, Circumstances: c}
}

func all(c person.Circumstances, policies ...string) person.Event {
	e := person.AllWithdrawn{Circumstances: c}
	for _, p := range policies {
		e.Purposes = append(e.Purposes, person.Topic{Policy: p, Name: "mail"}, person.Topic{Policy: p, Name: "ads"})
	}
	return e
}

// fields are what commits count, by key and field.
func fields(commits ...[]person.Event) map[string]map[string]uint64 {
	out := map[string]map[string]uint64{}
	for _, events := range commits {
		for _, w := range count("t", events) {
			if out[w.Key] == nil {
				out[w.Key] = map[string]uint64{}
			}
			n, _ := strconv.ParseUint(w.Args[1], 10, 64)
			out[w.Key][w.Args[0]] += n
		}
	}
	return out
}

func TestAnActCountsOnceForAPolicy(t *testing.T) {
	got := fields(
		[]person.Event{act(person.Given, "mail", took(1, 8)), act(person.Given, "ads", took(1, 8))},
		[]person.Event{act(person.Renewed, "mail", took(1, 9))},
		[]person.Event{act(person.Refused, "mail", took(5, 5)), act(person.Offered, "mail", took(5, 5))},
		[]person.Event{all(took(3, 4321), "p", "q")},
		[]person.Event{act(person.Withdrawn, "mail", person.Circumstances{Channel: "web"})}, // nothing is known of it
	)
	want := map[string]map[string]uint64{
		"parity:t:p": {
			"signup.3/web/give/steps/1": 2, "signup.3/web/give/seconds/8": 1, "signup.3/web/give/seconds/9": 1,
			"signup.3/web/withdraw/steps/3": 1, "signup.3/web/withdraw/seconds/4300": 1,
		},
		"parity:t:q": {"signup.3/web/withdraw/steps/3": 1, "signup.3/web/withdraw/seconds/4300": 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWithdrawingThatIsHarderIsMarked(t *testing.T) {
	give := []person.Event{act(person.Given, "mail", took(2, 10))}
	for _, tc := range []struct {
		name            string
		commits         [][]person.Event
		harder, unknown bool
	}{
		{"as easy", [][]person.Event{give, {all(took(2, 10), "p")}}, false, false},
		{"easier", [][]person.Event{give, {all(took(1, 3), "p")}}, false, false},
		{"more steps", [][]person.Event{give, {all(took(3, 3), "p")}}, true, false},
		{"more seconds", [][]person.Event{give, {all(took(1, 11), "p")}}, true, false},
		{"of one in three", [][]person.Event{give, {all(took(1, 1), "p")}, {all(took(1, 1), "p")}, {all(took(9, 99), "p")}}, false, false},
		{"of nobody", [][]person.Event{give}, false, true},
		{"of nobody who gave", [][]person.Event{{all(took(9, 9), "p")}}, false, false},
	} {
		got, err := rows(fields(tc.commits...)["parity:t:p"])
		if err != nil || len(got) != 1 || got[0].HarderToWithdraw != tc.harder || got[0].WithdrawalUnknown != tc.unknown {
			t.Errorf("%s: %+v, error %v", tc.name, got, err)
		}
	}
}

func TestAMedianIsThatOfTheNumbers(t *testing.T) {
	if got := (measured{}).median(); !math.IsNaN(got) {
		t.Errorf("of nothing: %v", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfN(rapid.Uint64Range(0, 20), 1, 30).Draw(t, "numbers")
		m := measured{}
		for _, n := range numbers {
			m[n]++
		}
		slices.Sort(numbers)
		want := float64(numbers[(len(numbers)-1)/2]+numbers[len(numbers)/2]) / 2
		if got := m.median(); got != want {
			t.Fatalf("%v: %v, want %v", numbers, got, want)
		}
	})
}

func TestRoundingKeepsTwoDigits(t *testing.T) {
	for n, want := range map[uint32]uint32{0: 0, 99: 99, 100: 100, 109: 100, 110: 110, 1234: 1200, 86400: 86000} {
		if got := rounded(n); got != want {
			t.Errorf("%d: %d, want %d", n, got, want)
		}
	}
}

func TestAFieldThatNobodyWroteIsAnError(t *testing.T) {
	for _, field := range []string{"a/b/give/steps", "a/b/give/steps/many"} {
		if got, err := rows(map[string]uint64{field: 1}); err == nil {
			t.Errorf("%s: %+v", field, got)
		}
	}
}
