package subject_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/identity/subject"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func begun(merge string) subject.Event {
	return subject.MergeBegun{Merge: merge, Into: "a", Evidence: "e", At: noon}
}

func merged(merge string) subject.Event {
	return subject.Merged{Merge: merge, Other: "b", Evidence: "e", At: noon}
}

func TestDecideOnTheOneWhoGoes(t *testing.T) {
	begin := subject.BeginMerge{Merge: "m", Into: "a", Evidence: "e", At: noon}
	run(t, []row{
		{"a person goes", jane(), begin, []subject.Event{begun("m")}, nil},
		{"a person who goes is not bound twice", jane(begun("m")), begin, nil, nil},
		{"a person who goes does not go elsewhere", jane(begun("n")), begin, refused("merge", subject.ErrMergedAway), subject.ErrMergedAway},
		{"a person into whom others went stays", jane(merged("n")), begin, refused("merge", subject.ErrHasMerged), subject.ErrHasMerged},
		{"an anonymous visitor never goes", anonymous(), begin, refused("merge", subject.ErrAnalytics), subject.ErrAnalytics},
		{"nobody goes who is forgotten", jane(subject.ForgettingBegun{}), begin, refused("merge", subject.ErrForgotten), subject.ErrForgotten},
		{"nobody goes who never was", nil, begin, nil, subject.ErrNotFound},
		{"a merge is completed", jane(begun("m")), subject.CompleteMerge{Merge: "m"}, []subject.Event{subject.MergeCompleted{Merge: "m"}}, nil},
		{"and once", jane(begun("m"), subject.MergeCompleted{Merge: "m"}), subject.CompleteMerge{Merge: "m"}, nil, nil},
		{"a merge that was undone is not completed", jane(begun("m"), subject.MergeUndone{Merge: "m"}), subject.CompleteMerge{Merge: "m"}, nil, nil},
		{"a merge is abandoned", jane(begun("m")), subject.AbandonMerge{Merge: "m", Reason: "R"}, []subject.Event{subject.MergeAbandoned{Merge: "m", Reason: "R"}}, nil},
		{"a merge that is done is not abandoned", jane(begun("m"), subject.MergeCompleted{Merge: "m"}), subject.AbandonMerge{Merge: "m"}, nil, nil},
		{"a merge is undone", jane(begun("m"), subject.MergeCompleted{Merge: "m"}), subject.UndoMerge{Merge: "m"}, []subject.Event{subject.MergeUndone{Merge: "m"}}, nil},
		{"another merge is not undone", jane(begun("m"), subject.MergeCompleted{Merge: "m"}), subject.UndoMerge{Merge: "n"}, nil, nil},
	})
}

func TestTouchesBeyondThoseListedAreRecordedAndCounted(t *testing.T) {
	s := fold(jane(merged("m")))
	for n := range subject.MaxTouches + 5 {
		events, err := subject.Decide(s, subject.RecordTouch{Touch: subject.Touch{Kind: subject.TouchPackage, Reference: fmt.Sprint(n), At: noon}})
		if err != nil || len(events) != 1 {
			t.Fatalf("touch %d: %v, %v", n, events, err)
		}
		s = subject.Evolve(s, events[0])
	}
	m, _ := s.MergeOf("m")
	if len(m.Touches) != subject.MaxTouches || m.Touched() != subject.MaxTouches+5 {
		t.Errorf("%d are listed of %d", len(m.Touches), m.Touched())
	}
	parted, err := subject.Decide(s, subject.Separate{Merge: "m", Reason: "wrong_person", At: noon})
	want := []subject.Event{subject.Separated{Merge: "m", Other: "b", Reason: "wrong_person", Touches: subject.MaxTouches + 5, Truncated: true, At: noon}}
	if diff := cmp.Diff(want, parted); err != nil || diff != "" {
		t.Errorf("separated, %v (-want +got):\n%s", err, diff)
	}
}

func TestDecideOnTheOneWhoStays(t *testing.T) {
	absorb := subject.Absorb{Merge: "m", Other: "b", Evidence: "e", At: noon}
	declined := func(why subject.Refusal) []subject.Event {
		return []subject.Event{subject.MergeDeclined{Merge: "m", Reason: string(why)}}
	}
	var many []subject.Event
	for n := range subject.MaxMerges {
		many = append(many, merged(fmt.Sprint(n)))
	}
	parted := subject.Separated{Merge: "m", Other: "b", Reason: "wrong_person", At: noon}
	touch := subject.Touch{Kind: subject.TouchPackage, Reference: "r", At: noon}
	counted := parted
	counted.Reads, counted.Touches = 1, 1
	run(t, []row{
		{"another one is taken", jane(), absorb, []subject.Event{merged("m")}, nil},
		{"and once", jane(merged("m")), absorb, nil, nil},
		{"nobody is taken by who goes", jane(begun("n")), absorb, declined(subject.ErrMergedAway), subject.ErrMergedAway},
		{"nobody is taken by a visitor", anonymous(), absorb, declined(subject.ErrAnalytics), subject.ErrAnalytics},
		{"nobody is taken by who is forgotten", jane(subject.ForgettingBegun{}), absorb, declined(subject.ErrForgotten), subject.ErrForgotten},
		{"nobody has references without end", jane(many...), absorb, declined(subject.ErrMergesTooMany), subject.ErrMergesTooMany},
		{"what was declined stays declined", jane(declined(subject.ErrMergesTooMany)...), absorb, nil, subject.ErrMergesTooMany},
		{"what was separated is not taken again", jane(merged("m"), parted), absorb, nil, nil},
		{"two are separated", jane(merged("m")), subject.Separate{Merge: "m", Reason: "wrong_person", At: noon}, []subject.Event{parted}, nil},
		{"and once", jane(merged("m"), parted), subject.Separate{Merge: "m"}, nil, nil},
		{"what never was is not undone", jane(), subject.Separate{Merge: "m"}, refused("unmerge", subject.ErrMergeUnknown), subject.ErrMergeUnknown},
		{
			"who was erased is separated, and learns what was done",
			jane(merged("m"), subject.IdentifiersRead{}, subject.Touched{Touch: touch}, subject.ForgettingBegun{}, subject.Forgot{}),
			subject.Separate{Merge: "m", Reason: "wrong_person", At: noon},
			[]subject.Event{counted},
			nil,
		},
		{"what is done to a merged person is listed", jane(merged("m")), subject.RecordTouch{Touch: touch}, []subject.Event{subject.Touched{Touch: touch}}, nil},
		{"and once", jane(merged("m"), subject.Touched{Touch: touch}), subject.RecordTouch{Touch: touch}, nil, nil},
		{"nothing is listed of who is not merged", jane(), subject.RecordTouch{Touch: touch}, nil, nil},
		{"nor of who is separated", jane(merged("m"), parted), subject.RecordTouch{Touch: touch}, nil, nil},
	})
}

func TestDecideOnASignUp(t *testing.T) {
	run(t, []row{
		{"a visitor signs up", jane(), subject.SignUp{At: noon}, []subject.Event{subject.SignedUp{At: noon}}, nil},
		{"a known person is no visit", jane(), subject.SignUp{Known: true}, refused("sign_up", subject.ErrNotAnonymous), subject.ErrNotAnonymous},
		{"a visit becomes no visit", anonymous(), subject.SignUp{}, refused("sign_up", subject.ErrAnalytics), subject.ErrAnalytics},
		{"nobody signs up who is forgotten", jane(subject.ForgettingBegun{}), subject.SignUp{}, refused("sign_up", subject.ErrForgotten), subject.ErrForgotten},
	})
}

func TestAnalyticsIdentifiersStandAlone(t *testing.T) {
	own := claimed("declared", "c-9")
	own.Analytics = true
	visit := []subject.Event{subject.Registered{Claim: "c", At: noon}, subject.IdentifierLinked{Identifier: subject.Identifier{Number: 1, Kind: "declared", Analytics: true}}}
	run(t, []row{
		{"an analytics id is not linked", jane(), subject.Link{Identifier: claimed("analytics", "c-9")}, refused("link", subject.ErrAnalytics), subject.ErrAnalytics},
		{"nor one of a declared kind", jane(), subject.Link{Identifier: own}, refused("link", subject.ErrAnalytics), subject.ErrAnalytics},
		{"nothing is linked to one of a declared kind", visit, subject.Link{Identifier: claimed("email", "c-9")}, refused("link", subject.ErrAnalytics), subject.ErrAnalytics},
		{"an advertising id is a person's", jane(), subject.Link{Identifier: claimed("idfa", "c-9")}, []subject.Event{linked(3, "idfa", "c-9")}, nil},
		{"an analytics id is registered alone", nil, subject.Register{Claim: "c", Identifiers: []subject.Claimed{own, claimed("email", "c-1")}}, nil, subject.ErrMixed},
		{"whoever is known by one never goes into another", visit, subject.BeginMerge{Merge: "m", Into: "a"}, refused("merge", subject.ErrAnalytics), subject.ErrAnalytics},
	})
}

// pair is two subjects, as a desk leads them.
type pair struct{ a, b subject.Subject }

func (p *pair) do(t *rapid.T, s *subject.Subject, cmd subject.Command) []subject.Event {
	t.Helper()
	events, _ := subject.Decide(*s, cmd)
	for _, ev := range events {
		*s = subject.Evolve(*s, ev)
	}
	return events
}

// TestUnmergeRestores: two worlds see the same commands; in one of them the two
// were merged for a while. Afterwards nothing differs but the list of merges.
func TestUnmergeRestores(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var with, without pair
		both := func(first bool, cmd subject.Command) {
			x, y := &with.a, &without.a
			if !first {
				x, y = &with.b, &without.b
			}
			if diff := cmp.Diff(without.do(t, y, cmd), with.do(t, x, cmd)); diff != "" {
				t.Fatalf("a merge changes what %T does (-without +with):\n%s", cmd, diff)
			}
		}
		both(true, subject.Register{Claim: "a", Identifiers: []subject.Claimed{claimed("email", "a-0")}, At: noon})
		both(false, subject.Register{Claim: "b", Identifiers: []subject.Claimed{claimed("phone", "b-0")}, At: noon})
		anythings := func(label string) (reads int) {
			for range rapid.IntRange(0, 12).Draw(t, label) {
				cmd := anything(t)
				if _, read := cmd.(subject.RecordRead); read && with.a.Phase == subject.Active {
					reads++
				}
				both(rapid.Bool().Draw(t, "first") || isRead(cmd), cmd)
			}
			return reads
		}
		anythings("before")
		began := with.do(t, &with.b, subject.BeginMerge{Merge: "m", Into: "a", Evidence: "e", At: noon})
		took := with.do(t, &with.a, subject.Absorb{Merge: "m", Other: "b", Evidence: "e", At: noon})
		if _, stays := with.a.MergeOf("m"); !stays || len(began) == 0 {
			return // refused: then nothing was merged
		}
		with.do(t, &with.b, subject.CompleteMerge{Merge: "m"})
		reads := anythings("meanwhile")
		var touches []subject.Touch
		for n := range rapid.IntRange(0, 5).Draw(t, "touches") {
			touch := subject.Touch{Kind: rapid.SampledFrom([]subject.TouchKind{subject.TouchPackage, subject.TouchErasure, subject.TouchDisclosure}).Draw(t, "kind"), Reference: fmt.Sprint("r", n/2), At: noon}
			if !slices.Contains(touches, touch) {
				touches = append(touches, touch)
			}
			with.do(t, &with.a, subject.RecordTouch{Touch: touch})
		}
		parted := with.do(t, &with.a, subject.Separate{Merge: "m", Reason: "wrong_person", At: noon.Add(time.Hour)})
		with.do(t, &with.b, subject.UndoMerge{Merge: "m"})
		if len(took) != 1 || len(parted) != 1 {
			t.Fatalf("merged by %v, separated by %v", took, parted)
		}
		m, _ := with.a.MergeOf("m")
		if diff := cmp.Diff(touches, m.Touches); diff != "" || int(m.Reads) != reads {
			t.Fatalf("touched (-want +got):\n%s\nread %d times, want %d", diff, m.Reads, reads)
		}
		anythings("after")
		ignore := cmpopts.IgnoreFields(subject.Subject{}, "Merges", "Was")
		if diff := cmp.Diff(without, with, cmp.AllowUnexported(pair{}), ignore); diff != "" {
			t.Fatalf("a merge that was undone has left something (-without +with):\n%s", diff)
		}
	})
}

func isRead(cmd subject.Command) bool {
	_, read := cmd.(subject.RecordRead)
	return read
}
