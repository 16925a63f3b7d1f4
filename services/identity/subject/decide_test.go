package subject_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/personal"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func claimed(kind, claim string) subject.Claimed {
	return subject.Claimed{Kind: kind, Value: personal.Clear(claim), Claim: claim}
}

func linked(number uint32, kind, claim string) subject.Event {
	return subject.IdentifierLinked{Identifier: subject.Identifier{Number: number, Kind: kind, Value: personal.Clear(claim), Claim: claim}}
}

func refused(change string, why subject.Refusal) []subject.Event {
	return []subject.Event{subject.ChangeRefused{Change: change, Reason: string(why)}}
}

// jane holds an address and a number.
func jane(more ...subject.Event) []subject.Event {
	return append([]subject.Event{subject.Registered{Claim: "c", At: noon}, linked(1, "email", "c-0"), linked(2, "phone", "c-1")}, more...)
}

func anonymous() []subject.Event {
	return []subject.Event{subject.Registered{Claim: "c", At: noon}, linked(1, "cookie", "c-0")}
}

func crowded() []subject.Event {
	all := []subject.Event{subject.Registered{Claim: "c", At: noon}}
	for n := range uint32(subject.MaxHeld) {
		all = append(all, linked(n+1, "device", fmt.Sprint("c-", n)))
	}
	return all
}

type row struct {
	name  string
	given []subject.Event
	when  subject.Command
	then  []subject.Event
	err   error
}

func fixing() []row {
	held := jane(subject.IdentifiersFixed{Request: "r"})
	released := append(slices.Clip(held), subject.IdentifiersReleased{Request: "r"})
	both := jane(subject.IdentifiersFixed{Request: "r"}, subject.IdentifiersFixed{Request: "q"}, subject.IdentifiersReleased{Request: "r"})
	return []row{
		{"an erasure keeps what a person is known by", jane(), subject.Fix{Request: "r"}, []subject.Event{subject.IdentifiersFixed{Request: "r"}}, nil},
		{"once", held, subject.Fix{Request: "r"}, nil, nil},
		{"nothing is linked meanwhile", held, subject.Link{Identifier: claimed("email", "c-9")}, refused("link", subject.ErrFixed), subject.ErrFixed},
		{"nothing is unlinked meanwhile", held, subject.Unlink{Number: 2}, refused("unlink", subject.ErrFixed), subject.ErrFixed},
		{"nobody is merged meanwhile", held, subject.BeginMerge{Merge: "m", Into: "o"}, refused("merge", subject.ErrFixed), subject.ErrFixed},
		{"nor takes anybody in", held, subject.Absorb{Merge: "m", Other: "o"}, []subject.Event{subject.MergeDeclined{Merge: "m", Reason: "ERASURE_UNDER_WAY"}}, subject.ErrFixed},
		{"an erasure that ends without forgetting releases it", held, subject.Release{Request: "r"}, []subject.Event{subject.IdentifiersReleased{Request: "r"}}, nil},
		{"for itself alone", both, subject.Unlink{Number: 2}, refused("unlink", subject.ErrFixed), subject.ErrFixed},
		{"then it changes again", released, subject.Unlink{Number: 2}, []subject.Event{subject.IdentifierUnlinked{Number: 2}}, nil},
		{"what was not kept is not released", jane(), subject.Release{Request: "r"}, nil, nil},
	}
}

func registering() []row {
	both := subject.Register{Claim: "c", Identifiers: []subject.Claimed{claimed("email", "c-0"), claimed("phone", "c-1")}, At: noon}
	return []row{
		{"a person is registered with what they hold", nil, both, jane(), nil},
		{"registering again is a no-op", jane(), both, nil, nil},
		{"who was forgotten is not registered again", jane(subject.ForgettingBegun{}, subject.Forgot{}), both, nil, nil},
		{"nobody is registered with nothing", nil, subject.Register{}, nil, subject.ErrNoIdentifier},
		{"an anonymous person brings a cookie alone", nil, subject.Register{Claim: "c", Identifiers: []subject.Claimed{claimed("cookie", "c-0")}, At: noon}, anonymous(), nil},
		{
			"a cookie is not registered together with an address", nil,
			subject.Register{Identifiers: []subject.Claimed{claimed("email", "a"), claimed("cookie", "b")}},
			nil, subject.ErrMixed,
		},
		{"a registration whose claim was given up never comes", []subject.Event{subject.ClaimBarred{Claim: "c"}}, both, nil, subject.ErrBarred},
		{"nor one of whose identifiers was given up", []subject.Event{subject.ClaimBarred{Claim: "c-1"}}, both, nil, subject.ErrBarred},
		{"a claim is given up", nil, subject.Bar{Claim: "c"}, []subject.Event{subject.ClaimBarred{Claim: "c"}}, nil},
		{"giving a claim up twice is a no-op", []subject.Event{subject.ClaimBarred{Claim: "c"}}, subject.Bar{Claim: "c"}, nil, nil},
		{"a claim that was linked can't be given up", jane(), subject.Bar{Claim: "c-1"}, nil, nil},
		{"nor can that of a registration", jane(), subject.Bar{Claim: "c"}, nil, nil},
	}
}

func linking() []row {
	link := subject.Link{Identifier: claimed("email", "d")}
	taken := link
	taken.Taken = true
	return []row{
		{"an identifier is linked under the next number", jane(), link, []subject.Event{linked(3, "email", "d")}, nil},
		{"numbers are not used again", jane(subject.IdentifierUnlinked{Number: 2}), link, []subject.Event{linked(3, "email", "d")}, nil},
		{"linking again is a no-op", jane(linked(3, "email", "d")), link, nil, nil},
		{"what somebody else holds is refused", jane(), taken, refused("link", subject.ErrTaken), subject.ErrTaken},
		{"a claim that was given up is not linked", jane(subject.ClaimBarred{Claim: "d"}), link, nil, subject.ErrBarred},
		{"a cookie is not linked", jane(), subject.Link{Identifier: claimed("cookie", "d")}, refused("link", subject.ErrAnalytics), subject.ErrAnalytics},
		{"nothing is linked to a cookie", anonymous(), link, refused("link", subject.ErrAnalytics), subject.ErrAnalytics},
		{"nobody holds more than people do", crowded(), link, refused("link", subject.ErrTooMany), subject.ErrTooMany},
		{"nothing is linked to who is being forgotten", jane(subject.ForgettingBegun{}), link, refused("link", subject.ErrForgotten), subject.ErrForgotten},
		{"nothing is linked to nobody", nil, link, nil, subject.ErrNotFound},
		{"an identifier is unlinked", jane(), subject.Unlink{Number: 2}, []subject.Event{subject.IdentifierUnlinked{Number: 2}}, nil},
		{"the last one is not", jane(subject.IdentifierUnlinked{Number: 1}), subject.Unlink{Number: 2}, refused("unlink", subject.ErrLast), subject.ErrLast},
		{"what is not held can't be unlinked", jane(), subject.Unlink{}, refused("unlink", subject.ErrNotHeld), subject.ErrNotHeld},
		{"who is forgotten holds nothing to unlink", jane(subject.ForgettingBegun{}), subject.Unlink{Number: 1}, refused("unlink", subject.ErrForgotten), subject.ErrForgotten},
		{"nobody holds nothing", nil, subject.Unlink{Number: 1}, nil, subject.ErrNotFound},
	}
}

func forgetting() []row {
	begun := jane(subject.ForgettingBegun{Request: "r"})
	done := subject.Forgot{Request: "r", KeysDestroyed: 1, ResidueEndsAt: noon}
	read := subject.Read{Purpose: "verify", Service: "fulfilment", Roles: []string{"service"}}
	return []row{
		{"a read is recorded", jane(), subject.RecordRead{Read: read}, []subject.Event{subject.IdentifiersRead{Read: read}}, nil},
		{"who is forgotten is not read", begun, subject.RecordRead{Read: read}, refused("read", subject.ErrForgotten), subject.ErrForgotten},
		{"nobody is read", nil, subject.RecordRead{}, nil, subject.ErrNotFound},
		{"forgetting begins", jane(), subject.BeginForgetting{Request: "r"}, []subject.Event{subject.ForgettingBegun{Request: "r"}}, nil},
		{"forgetting begins once", begun, subject.BeginForgetting{Request: "s"}, nil, nil},
		{"forgetting ends, for the request that began it", begun, subject.EndForgetting{KeysDestroyed: 1, ResidueEndsAt: noon}, []subject.Event{done}, nil},
		{"forgetting ends once", append(begun, done), subject.EndForgetting{KeysDestroyed: 2}, nil, nil},
		{"what has not begun does not end", jane(), subject.EndForgetting{}, nil, nil},
		{"nobody can't be forgotten", nil, subject.BeginForgetting{}, nil, subject.ErrNotFound},
	}
}

func TestDecide(t *testing.T) {
	run(t, slices.Concat(registering(), linking(), fixing(), forgetting()))
}

func run(t *testing.T, rows []row) {
	t.Helper()
	for _, tc := range rows {
		t.Run(tc.name, func(t *testing.T) {
			got, err := subject.Decide(fold(tc.given), tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func fold(events []subject.Event) subject.Subject {
	var s subject.Subject
	for _, ev := range events {
		s = subject.Evolve(s, ev)
	}
	return s
}

func TestWhoIsBeingForgottenHoldsNothing(t *testing.T) {
	s := fold(jane(subject.IdentifierUnlinked{Number: 1}, subject.ForgettingBegun{Request: "r"}))
	if len(s.Held) != 0 || len(s.Removed) != 2 {
		t.Errorf("holds %d, and %d rows are to be removed; want none and 2", len(s.Held), len(s.Removed))
	}
}

func TestFoldingDoesNotChangeAnEarlierState(t *testing.T) {
	before := fold(jane())
	after := subject.Evolve(before, subject.IdentifierUnlinked{Number: 1})
	_ = subject.Evolve(after, linked(3, "email", "d"))
	if len(before.Held) != 2 || before.Held[0].Number != 1 || len(after.Held) != 1 {
		t.Errorf("held before: %v, after: %v", before.Held, after.Held)
	}
}
