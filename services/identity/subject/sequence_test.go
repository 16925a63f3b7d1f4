package subject_test

import (
	"fmt"
	"slices"
	"testing"

	"habeas.internal/services/identity/subject"

	"pgregory.net/rapid"
)

// anything draws a command from a small world, so that commands meet.
func anything(t *rapid.T) subject.Command {
	claim := func() string { return fmt.Sprint("c", rapid.IntRange(0, 5).Draw(t, "claim")) }
	kind := func() string { return rapid.SampledFrom([]string{"email", "phone", "cookie"}).Draw(t, "kind") }
	switch rapid.IntRange(0, 8).Draw(t, "command") {
	case 0:
		c := subject.Register{Claim: claim(), At: noon}
		for range rapid.IntRange(0, 3).Draw(t, "identifiers") {
			c.Identifiers = append(c.Identifiers, claimed(kind(), claim()))
		}
		return c
	case 1:
		return subject.Link{Identifier: claimed(kind(), claim()), Taken: rapid.Bool().Draw(t, "taken")}
	case 2:
		return subject.Unlink{Number: uint32(rapid.IntRange(0, 8).Draw(t, "number"))}
	case 3:
		return subject.Bar{Claim: claim()}
	case 4:
		return subject.RecordRead{}
	case 5:
		return subject.BeginForgetting{Request: "r"}
	case 6:
		return subject.Fix{Request: rapid.SampledFrom([]string{"r", "q"}).Draw(t, "request")}
	case 7:
		return subject.Release{Request: rapid.SampledFrom([]string{"r", "q"}).Draw(t, "request")}
	default:
		return subject.EndForgetting{KeysDestroyed: 1, ResidueEndsAt: noon}
	}
}

func TestWhateverIsAskedTheRulesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s subject.Subject
		for range rapid.IntRange(1, 40).Draw(t, "length") {
			cmd, before := anything(t), s
			events, _ := subject.Decide(s, cmd)
			for _, ev := range events {
				s = subject.Evolve(s, ev)
			}
			keeps(t, before, s)
			repeats(t, s, cmd)
		}
	})
}

// keeps is what no command may change.
func keeps(t *rapid.T, before, after subject.Subject) {
	if after.Phase < before.Phase {
		t.Fatalf("from phase %d back to %d", before.Phase, after.Phase)
	}
	if after.Phase == subject.Active && len(after.Held) == 0 {
		t.Fatal("an active subject holds nothing")
	}
	if after.Phase > subject.Active && len(after.Held) > 0 {
		t.Fatal("a forgotten subject holds something")
	}
	if after.Last < before.Last {
		t.Fatal("a number may be used again")
	}
	if before.Fixed() && after.Phase == subject.Active && !slices.Equal(numbers(before), numbers(after)) {
		t.Fatal("what a person is known by has changed while they are erased")
	}
	cookies := 0
	for i, id := range after.Held {
		if i > 0 && id.Number <= after.Held[i-1].Number {
			t.Fatalf("numbers are %v", after.Held)
		}
		if id.Kind == subject.KindCookie {
			cookies++
		}
		if slices.Contains(before.Barred, id.Claim) {
			t.Fatal("a claim that was given up is linked")
		}
	}
	if cookies > 0 && len(after.Held) > 1 {
		t.Fatal("an analytics identifier is joined with another")
	}
}

func numbers(s subject.Subject) []uint32 {
	var out []uint32
	for _, id := range s.Held {
		out = append(out, id.Number)
	}
	return out
}

// repeats: what makes something makes it once.
func repeats(t *rapid.T, s subject.Subject, cmd subject.Command) {
	events, err := subject.Decide(s, cmd)
	if err != nil {
		return
	}
	switch cmd.(type) {
	case subject.RecordRead, subject.SignUp, subject.StateAge: // each is one
	case subject.BeginMerge, subject.Absorb, subject.CompleteMerge, subject.AbandonMerge, subject.Separate, subject.UndoMerge, subject.RecordTouch,
		subject.GiveMandate, subject.EndMandate, subject.AgreeAsParent, subject.WithdrawAsParent, subject.BlockMinor, subject.UnblockMinor,
		subject.Register, subject.Link, subject.Unlink, subject.Bar, subject.Fix, subject.Release, subject.Search, subject.BeginForgetting, subject.EndForgetting:
		if len(events) > 0 {
			t.Fatalf("the same %T again makes %d events", cmd, len(events))
		}
	}
}
