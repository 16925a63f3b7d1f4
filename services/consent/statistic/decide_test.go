package statistic_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/consent/statistic"

	"pgregory.net/rapid"
)

func day(n int) time.Time { return time.Date(2026, 3, n, 12, 0, 0, 0, time.UTC) }

func cell(name string, count, complement uint64) statistic.Cell {
	return statistic.Cell{Name: name, Figure: statistic.Figure{Count: count, Complement: complement}}
}

func counted(change func(*statistic.Counts), cells ...statistic.Cell) statistic.Event {
	c := statistic.Counts{Number: 1, Cells: cells, Categories: []string{"usage"}, CountedAt: day(1), By: "warehouse"}
	if change != nil {
		change(&c)
	}
	return statistic.Counted{Counts: c, RecordedAt: day(1)}
}

func patients(ids ...statistic.Identifier) func(*statistic.Counts) {
	return func(c *statistic.Counts) { c.Categories, c.Identifiers, c.Examined = []string{"patient"}, ids, true }
}

func unexamined(c *statistic.Counts) { c.Categories = []string{"patient"} }

func determined(until int) statistic.Event {
	return statistic.Determined{Determination: statistic.Determination{Document: "finding-1", Expert: "e1", From: day(1), Until: day(until)}}
}

func released(cells ...statistic.Cell) statistic.Event {
	return statistic.Released{Number: 1, Counts: 1, Cells: cells, At: day(2)}
}

func release(cells ...string) statistic.Release {
	return statistic.Release{
		Policy: "p", Purpose: "aggregate.share", Cells: cells, At: day(5),
		Terms:   statistic.Terms{Minimum: 10, Deidentify: true, Categories: map[string]bool{"usage": false, "patient": true}, Purposes: map[string]bool{"aggregate.share": true}},
		Verdict: statistic.Verdict{Allowed: true, Reason: "AGGREGATED", Version: 1},
	}
}

func TestWhichFiguresLeave(t *testing.T) {
	big := cell("all", 100, 100)
	forbidden, none, kept := release(), release(), release()
	kept.Purpose = "aggregate.internal"
	forbidden.Verdict = statistic.Verdict{Reason: "PURPOSE_NOT_FOR_CATEGORY"}
	none.Terms.Minimum = 0
	for name, tc := range map[string]struct {
		before []statistic.Event
		cmd    statistic.Release
		want   error
	}{
		"nothing that nobody has counted":                   {nil, release(), statistic.ErrUnknown},
		"a large group":                                     {[]statistic.Event{counted(nil, big)}, release(), nil},
		"a group as large as the minimum":                   {[]statistic.Event{counted(nil, cell("all", 10, 10))}, release(), nil},
		"no small group":                                    {[]statistic.Event{counted(nil, cell("all", 9, 100))}, release(), statistic.ErrTooSmall},
		"no group of all but a few":                         {[]statistic.Event{counted(nil, cell("all", 100, 9))}, release(), statistic.ErrTooSmall},
		"no empty group":                                    {[]statistic.Event{counted(nil, cell("all", 0, 100))}, release(), statistic.ErrTooSmall},
		"nothing where a policy has no figures":             {[]statistic.Event{counted(nil, big)}, none, statistic.ErrTooSmall},
		"nothing that the policy forbids":                   {[]statistic.Event{counted(nil, big)}, forbidden, statistic.Refusal("PURPOSE_NOT_FOR_CATEGORY")},
		"nothing for a purpose that keeps them":             {[]statistic.Event{counted(nil, big)}, kept, statistic.ErrPurpose},
		"the same figure again":                             {[]statistic.Event{counted(nil, big), released(big)}, release(), nil},
		"no figure with a few more":                         {[]statistic.Event{counted(nil, cell("all", 103, 200)), released(big)}, release(), statistic.ErrDifference},
		"no figure with a few less":                         {[]statistic.Event{counted(nil, cell("all", 97, 200)), released(big)}, release(), statistic.ErrDifference},
		"no figure with a few more left over":               {[]statistic.Event{counted(nil, cell("all", 100, 101)), released(big)}, release(), statistic.ErrDifference},
		"a figure with as many more as the minimum":         {[]statistic.Event{counted(nil, cell("all", 110, 110)), released(big)}, release(), nil},
		"nor what is close to one before the last":          {[]statistic.Event{counted(nil, cell("all", 101, 101)), released(big), released(cell("all", 150, 150))}, release(), statistic.ErrDifference},
		"another cell":                                      {[]statistic.Event{counted(nil, cell("other", 101, 101)), released(big)}, release(), nil},
		"the cells that are asked for":                      {[]statistic.Event{counted(nil, big, cell("few", 2, 100))}, release("all"), nil},
		"not the small cell among them":                     {[]statistic.Event{counted(nil, big, cell("few", 2, 100))}, release("all", "few"), statistic.ErrTooSmall},
		"no cell that was not counted":                      {[]statistic.Event{counted(nil, big)}, release("other"), statistic.ErrNotCounted},
		"no table without cells":                            {[]statistic.Event{counted(nil)}, release(), statistic.ErrNotCounted},
		"nothing made of data that nobody knows":            {[]statistic.Event{counted(func(c *statistic.Counts) { c.Categories = []string{"?"} }, big)}, release(), statistic.ErrCategory},
		"no table with an address":                          {[]statistic.Event{counted(func(c *statistic.Counts) { c.Identifiers = []statistic.Identifier{6} }, big)}, release(), statistic.ErrIdentifiers},
		"patients' figures without identifiers":             {[]statistic.Event{counted(patients(), big)}, release(), nil},
		"no patients' figures that nobody has searched":     {[]statistic.Event{counted(unexamined, big)}, release(), statistic.ErrNotExamined},
		"no patients' figures with a small postcode":        {[]statistic.Event{counted(patients(2), big)}, release(), statistic.ErrIdentifiers},
		"no patients' figures with a date of birth":         {[]statistic.Event{counted(patients(3), big)}, release(), statistic.ErrIdentifiers},
		"those that an expert has judged":                   {[]statistic.Event{counted(patients(3), big), determined(9)}, release(), nil},
		"not after the finding has ended":                   {[]statistic.Event{counted(patients(3), big), determined(5)}, release(), statistic.ErrDetermination},
		"and never a small group, whatever the expert says": {[]statistic.Event{counted(patients(3), cell("all", 9, 100)), determined(9)}, release(), statistic.ErrTooSmall},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := statistic.Decide(fold(tc.before), tc.cmd)
			if !errors.Is(err, tc.want) {
				t.Fatalf("%v, error %v", events, err)
			}
			if unknown := errors.Is(err, statistic.ErrUnknown); len(events) != 1 && !unknown || unknown && len(events) > 0 {
				t.Errorf("events %v", events)
			}
		})
	}
}

func fold(events []statistic.Event) (s statistic.Statistic) {
	for _, ev := range events {
		s = statistic.Evolve(s, ev)
	}
	return s
}

func TestWhatIsRecordedOfATable(t *testing.T) {
	for name, tc := range map[string]struct {
		before []statistic.Event
		cmd    statistic.Command
		events int
		want   error
	}{
		"a counting":                             {nil, statistic.Count{Counts: statistic.Counts{CountedAt: day(1)}, At: day(1)}, 1, nil},
		"none of tomorrow":                       {nil, statistic.Count{Counts: statistic.Counts{CountedAt: day(2)}, At: day(1)}, 0, statistic.ErrInFuture},
		"a finding":                              {nil, statistic.Determine{Determination: statistic.Determination{Document: "d", From: day(1), Until: day(2)}}, 1, nil},
		"one that ends after it begins":          {nil, statistic.Determine{Determination: statistic.Determination{Document: "d", From: day(2), Until: day(2)}}, 0, statistic.ErrPeriod},
		"the same finding again changes nothing": {[]statistic.Event{determined(9)}, statistic.Determine{Determination: statistic.Determination{Document: "finding-1", Expert: "e1", From: day(1), Until: day(9)}}, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if events, err := statistic.Decide(fold(tc.before), tc.cmd); len(events) != tc.events || !errors.Is(err, tc.want) {
				t.Errorf("%v, error %v", events, err)
			}
		})
	}
}

// TestNoTwoFiguresThatLeftTellOfAFew: whatever is counted and asked for, any two
// figures of a cell that left are the same or at least the minimum apart.
func TestNoTwoFiguresThatLeftTellOfAFew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s statistic.Statistic
		left := map[string][]statistic.Figure{}
		number := rapid.Uint64Range(0, 60)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			cells := []statistic.Cell{cell("a", number.Draw(t, "a"), number.Draw(t, "not a")), cell("b", number.Draw(t, "b"), number.Draw(t, "not b"))}
			s = statistic.Evolve(s, counted(nil, cells...))
			names := rapid.SampledFrom([][]string{nil, {"a"}, {"b"}, {"a", "b"}}).Draw(t, "names")
			events, _ := statistic.Decide(s, release(names...))
			for _, ev := range events {
				s = statistic.Evolve(s, ev)
				if r, ok := ev.(statistic.Released); ok {
					for _, c := range r.Cells {
						left[c.Name] = append(left[c.Name], c.Figure)
					}
				}
			}
		}
		for name, figures := range left {
			for _, a := range figures {
				for _, b := range figures {
					if near(a.Count, b.Count) || near(a.Complement, b.Complement) || a.Count < 10 || a.Complement < 10 {
						t.Fatalf("of %s, %v and %v have left", name, a, b)
					}
				}
			}
		}
	})
}

func near(a, b uint64) bool { return a > b && a-b < 10 }
