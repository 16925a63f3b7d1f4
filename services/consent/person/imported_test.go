package person_test

import (
	"testing"
	"time"

	"habeas.internal/services/consent/person"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// row is an explicit act with evidence on the purpose "mail", some hours after noon.
func row(n uint64, status person.Status, hours int, change ...func(*person.Row)) person.Row {
	r := person.Row{
		Number: n, Policy: "p", Version: 1, Evidence: "form:1", DecidedAt: noon().Add(time.Duration(hours) * time.Hour),
		Choice: person.Choice{Purpose: "mail", Known: true, Status: status, Explicit: true},
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func imported(rows ...person.Row) person.Import {
	return person.Import{ID: "i", Rows: rows, At: noon().AddDate(0, 0, 9)}
}

// run folds what a command causes.
func run(t testing.TB, s person.Person, cmd person.Command) person.Person {
	t.Helper()
	events, err := person.Decide(s, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return foldOn(s, events)
}

func TestAnImportObeysTheRulesOfDecisions(t *testing.T) {
	known := run(t, person.Person{}, imported(row(90, person.Refused, 5)))
	fact := func(f person.Fact) person.Person {
		return run(t, known, person.Apply{Fact: f, Cause: "c", At: noon().AddDate(0, 0, 1)})
	}
	everything := run(t, known, person.WithdrawAll{DecidedAt: noon().Add(9 * time.Hour), At: noon().AddDate(0, 0, 1)})
	for name, tc := range map[string]struct {
		before person.Person
		row    person.Row
		want   person.Refusal
		given  bool
	}{
		"a yes is given": {person.Person{}, row(1, person.Given, 6), "", true},
		"an older yes is recorded, and gives nothing":  {known, row(1, person.Given, 4), "", false},
		"nor does one before everything was withdrawn": {everything, row(1, person.Given, 8), "", false},
		"nobody who was erased gives anything":         {fact(person.Erased), row(1, person.Given, 6), person.ErrErased, false},
		"nor whose account is closed":                  {fact(person.Closed), row(1, person.Given, 6), person.ErrClosed, false},
		"a no is taken from them":                      {fact(person.Erased), row(1, person.Withdrawn, 6), "", false},
		"an explicit yes needs evidence":               {known, row(1, person.Given, 6, func(r *person.Row) { r.Evidence = "" }), person.ErrNoEvidence, false},
		"silence is no yes after a no":                 {known, row(1, person.Given, 6, func(r *person.Row) { r.Choice.Explicit = false }), person.ErrImplied, false},
		"nobody decides tomorrow":                      {known, row(1, person.Given, 24*10), person.ErrAhead, false},
		"what the policy excludes is not given":        {known, row(1, person.Given, 6, func(r *person.Row) { r.Choice.Known = false }), person.ErrNotDescribed, false},
		"a guardian's yes can't be checked any more":   {known, row(1, person.Given, 6, func(r *person.Row) { r.Circumstances.Actor = person.Guardian }), person.ErrOnBehalf, false},
		"a guardian's no is taken":                     {known, row(1, person.Refused, 6, func(r *person.Row) { r.Circumstances.Actor = person.Guardian }), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := imported(tc.row, row(2, person.Refused, -1))
			want := []person.Verdict{{Row: 1, Refusal: tc.want}, {Row: 2}}
			if diff := cmp.Diff(want, person.Verdicts(tc.before, cmd)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			after := run(t, tc.before, cmd)
			if yes, _ := allows(after); yes != tc.given {
				t.Errorf("given: %v", yes)
			}
			if again, _ := person.Decide(after, cmd); again != nil {
				t.Errorf("a second time it causes %v", again)
			}
			if diff := cmp.Diff(want, person.Verdicts(after, cmd)); diff != "" {
				t.Errorf("a second time, -want +got:\n%s", diff)
			}
		})
	}
}

func TestARefusedRowMakesNobodyKnown(t *testing.T) {
	if events, err := person.Decide(person.Person{}, imported(row(1, person.Given, 24*10))); events != nil || err != nil {
		t.Errorf("%v, error %v", events, err)
	}
}

// TestAnImportInPiecesAndTwiceIsTheSameAsOnceInOrder: however rows are cut, repeated
// and mixed with what people do meanwhile, what counts in the end is what counts when
// all of it is recorded in the order in which it was decided.
func TestAnImportInPiecesAndTwiceIsTheSameAsOnceInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		statuses := rapid.SampledFrom([]person.Status{person.Given, person.Refused, person.Withdrawn})
		hours := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}).Draw(t, "hours")
		var rows []person.Row
		var all []person.Command
		for i, hour := range hours {
			r := row(uint64(i+1), statuses.Draw(t, "status"), hour)
			if rapid.Bool().Draw(t, "live") {
				all = append(all, person.Record{
					Policy: "p", Version: 1, Choices: []person.Choice{r.Choice}, Evidence: r.Evidence, DecidedAt: r.DecidedAt, At: noon().AddDate(0, 0, 9),
				})
				continue
			}
			rows = append(rows, r)
		}
		for range rapid.IntRange(1, 3).Draw(t, "times") { // whole, resumed too early, and again
			for from := 0; from < len(rows); {
				to := rapid.IntRange(from+1, len(rows)).Draw(t, "to")
				all = append(all, imported(rows[max(0, from-rapid.IntRange(0, 2).Draw(t, "back")):to]...))
				from = to
			}
		}
		var once, mixed person.Person
		for hour := range 10 {
			for _, cmd := range all {
				once = inOrder(t, once, cmd, noon().Add(time.Duration(hour)*time.Hour))
			}
		}
		events := 0
		for _, cmd := range rapid.Permutation(all).Draw(t, "order") {
			out, err := person.Decide(mixed, cmd)
			if err != nil {
				t.Fatal(err)
			}
			mixed, events = foldOn(mixed, out), events+len(out)
		}
		if events != len(hours) {
			t.Fatalf("%d events of %d decisions", events, len(hours))
		}
		if diff := cmp.Diff(once.Purposes, mixed.Purposes); diff != "" {
			t.Fatalf("-once +mixed:\n%s", diff)
		}
	})
}

// inOrder does of a command what was decided at a moment.
func inOrder(t *rapid.T, s person.Person, cmd person.Command, at time.Time) person.Person {
	switch c := cmd.(type) { //nolint:gochecksumtype // the others are not drawn
	case person.Record:
		if !c.DecidedAt.Equal(at) {
			return s
		}
	case person.Import:
		var rows []person.Row
		for _, r := range c.Rows {
			if r.DecidedAt.Equal(at) {
				rows = append(rows, r)
			}
		}
		c.Rows = rows
		cmd = c
	}
	events, err := person.Decide(s, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return foldOn(s, events)
}
