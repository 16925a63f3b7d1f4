package subject_test

import (
	"testing"

	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/personal"
)

func TestTheSystemErasesWhomNothingShowsToBeSomebodyElse(t *testing.T) {
	known := func(source subject.AgeSource) subject.Event {
		return subject.AgeStated{Age: subject.Age{Source: source, Birth: personal.Clear("2000-01-01")}, At: noon}
	}
	asks := subject.MinorBlocked{Policy: "p", Request: "r", Command: "c", At: noon}
	const stated, shown, alleged = subject.AgeStatedBy, subject.AgeDocumented, subject.AgeAlleged
	for _, tc := range []struct {
		name string
		refs [][]subject.Event
		want bool
	}{
		{"a child", [][]subject.Event{jane(known(stated), asks)}, true},
		{"nobody of whom it was not asked", [][]subject.Event{jane(known(stated))}, false},
		{"nobody who is served again", [][]subject.Event{jane(asks, subject.MinorUnblocked{Policy: "p"})}, false},
		{"a child that was joined with somebody of no known age", [][]subject.Event{jane(), jane(known(stated), asks)}, true},
		{"or with somebody who is said to be a child", [][]subject.Event{jane(known(alleged)), jane(known(stated), asks)}, true},
		{"nobody who is as likely an adult", [][]subject.Event{jane(known(stated)), jane(known(stated), asks)}, false},
		{"a child by a document, whatever was said", [][]subject.Event{jane(known(stated)), jane(known(shown), asks)}, true},
		{"nobody who is shown to be an adult", [][]subject.Event{jane(known(shown)), jane(known(shown), asks)}, false},
		{"a child by both names", [][]subject.Event{
			jane(known(shown), subject.MinorBlocked{Policy: "p", Request: "s", Command: "d"}), jane(known(shown), asks),
		}, true},
		{"to the end whom it has begun to", [][]subject.Event{jane(known(stated)), jane(known(stated), asks, subject.ForgettingBegun{Request: "r"})}, true},
		{"nobody by what was asked before they were separated", [][]subject.Event{jane(known(stated), asks, subject.MergeUndone{Merge: "m"})}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var people []subject.Subject
			for _, events := range tc.refs {
				s := subject.Subject{}
				for _, ev := range events {
					s = subject.Evolve(s, ev)
				}
				people = append(people, s)
			}
			if got := subject.Erases("r", people...); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
