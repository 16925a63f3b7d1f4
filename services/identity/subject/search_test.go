package subject_test

import (
	"testing"
	"time"

	"habeas.internal/services/identity/subject"
)

func TestDecideOnASearch(t *testing.T) {
	until := noon.Add(2 * time.Minute)
	search := subject.Search{Request: "r", At: noon, Until: until}
	begun := subject.SearchBegun{Request: "r", Until: until}
	part := subject.Separate{Merge: "m", Reason: "wrong_person", At: noon.Add(time.Minute)}
	late := part
	late.At = until
	delayed := subject.SeparationDelayed{Merge: "m", At: part.At}
	parted := subject.Separated{Merge: "m", Other: "b", Reason: "wrong_person", At: until}
	again := subject.Search{Request: "r", At: until, Until: until.Add(2 * time.Minute)}
	later := subject.Search{Request: "r", At: noon.Add(11 * time.Minute), Until: noon.Add(13 * time.Minute)}
	run(t, []row{
		{"a search of a merged person is recorded", jane(merged("m")), search, []subject.Event{begun}, nil},
		{"and once", jane(merged("m"), begun), search, nil, nil},
		{"one that lasts longer is another", jane(merged("m"), begun), again, []subject.Event{subject.SearchBegun{Request: "r", Until: again.Until}}, nil},
		{"of who is not merged nothing is recorded", jane(), search, nil, nil},
		{"nor of who was separated", jane(merged("m"), parted), search, nil, nil},
		{"nor of who is forgotten", jane(merged("m"), subject.ForgettingBegun{}), search, nil, nil},
		{"nobody is separated while they are looked for", jane(merged("m"), begun), part, []subject.Event{delayed}, subject.ErrFixed},
		{"and is when that has ended", jane(merged("m"), begun), late, []subject.Event{parted}, nil},
		{"nor does the next search begin while somebody waits", jane(merged("m"), begun, delayed), again, nil, subject.ErrParting},
		{"until they have been separated", jane(merged("m"), begun, delayed, parted), again, nil, nil},
		{"or have given up", jane(merged("m"), begun, delayed), later, []subject.Event{subject.SearchBegun{Request: "r", Until: later.Until}}, nil},
		{"who was erased is separated, and learns what was done", jane(merged("m"), begun, subject.ForgettingBegun{}), part, []subject.Event{
			subject.Separated{Merge: "m", Other: "b", Reason: "wrong_person", At: part.At},
		}, nil},
	})
}

func TestASeparationFreesWhomTheErasureDoesNotName(t *testing.T) {
	fold := func(events ...subject.Event) (s subject.Subject) {
		for _, ev := range events {
			s = subject.Evolve(s, ev)
		}
		return s
	}
	fixed := func(named string) subject.Event { return subject.IdentifiersFixed{Request: "r", Named: named} }
	parted, undone := subject.Separated{Merge: "m", Other: "b"}, subject.MergeUndone{Merge: "m"}
	for name, tc := range map[string]struct {
		s    subject.Subject
		want bool
	}{
		"the one who stays, of an erasure of the one who went":   {fold(jane(merged("m"), fixed("b"), parted)...), false},
		"the one who stays, of an erasure of their own":          {fold(jane(merged("m"), fixed(""), parted)...), true},
		"the one who stays, of an erasure of a third":            {fold(jane(merged("m"), fixed("c"), parted)...), true},
		"the one who went, of an erasure of the one who stays":   {fold(jane(begun("m"), fixed("a"), undone)...), false},
		"the one who went, of an erasure of their own":           {fold(jane(begun("m"), fixed(""), undone)...), true},
		"the one who stays, of an erasure from before this rule": {fold(jane(merged("m"), subject.IdentifiersFixed{Request: "r"}, parted)...), true},
	} {
		if got := tc.s.Fixed(); got != tc.want {
			t.Errorf("%s is fixed afterwards: %t, want %t", name, got, tc.want)
		}
	}
}
