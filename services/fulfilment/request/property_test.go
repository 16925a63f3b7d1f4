package request_test

import (
	"testing"
	"time"

	"habeas.internal/services/fulfilment/request"

	"pgregory.net/rapid"
)

// commands draws any command, sensible or not.
func commands(t *rapid.T, s request.Request, at time.Time) request.Command {
	n := uint32(rapid.IntRange(1, 3).Draw(t, "leaf"))
	system := rapid.SampledFrom([]string{"shop", "crm"}).Draw(t, "system")
	leaves := []request.Planned{leaf(1, "shop", request.Erase), leaf(2, "shop", request.Keep), leaf(3, "crm", request.Undecided)}
	rows := uint64(rapid.IntRange(0, 2).Draw(t, "rows"))
	steps := []request.Step{request.StepVerify, request.StepPlan, request.StepErase, request.StepLocate, request.StepForget}
	return rapid.SampledFrom([]request.Command{
		request.NoteVerification{Verification: notice, ExpiresAt: at.Add(time.Hour), At: at},
		request.Verify{SubjectRef: subject, Level: 2, At: at},
		request.FailVerification{Reason: "X", At: at},
		request.Queue{Behind: notice, At: at},
		request.Retract{Reason: "NOT_VOUCHED_FOR", At: at},
		request.LosePerson{Reason: "SUBJECT_FORGOTTEN", At: at},
		request.Yield{To: notice, At: at},
		request.Activate{At: at},
		request.Activate{At: at},
		request.NoteContact{},
		request.Freeze{At: at},
		request.Freeze{At: at},
		request.CommitManifest{Leaves: leaves, At: at},
		request.CommitManifest{Leaves: leaves, At: at},
		request.DecideLeaves{System: "crm", Leaves: []request.Planned{leaf(3, "crm", request.Erase)}, At: at},
		request.StartLeaves{System: system, Permit: notice, PermitAt: at.Add(time.Minute), Leaves: []request.Found{{Leaf: n, Rows: rows}}, At: at},
		request.NoteSuppression{System: system},
		request.AnnounceChanges{
			System: system, Attempt: uint32(rapid.IntRange(1, 2).Draw(t, "attempt")),
			Leaves: []request.Done{{Leaf: n, Deleted: rows, Kept: uint64(rapid.IntRange(0, 1).Draw(t, "kept"))}}, At: at,
		},
		request.CompleteLeaves{System: system, Leaves: []request.Done{{Leaf: n, Deleted: rows}}, Reread: rapid.Bool().Draw(t, "reread"), At: at},
		request.FailStep{Step: rapid.SampledFrom(steps).Draw(t, "step"), System: system, Reason: "X", At: at},
		request.DeferLeaves{System: system, Reason: "PERSON_ON_HOLD", At: at},
		request.Resume{Cause: "hold_released", At: at},
		request.Retry{At: at},
		request.TellRecipients{},
		request.NoteForgotten{},
		request.EndRestriction{Erased: s.Forgotten},
		request.OweNotice{Notice: notice, Template: "acknowledged"},
		request.EndNotice{Notice: notice, Sent: true},
		request.Withdraw{At: at},
		request.AnswerWith{Request: notice, At: at},
		request.Close{At: at},
		request.Close{At: at},
		request.LeaveDocket{},
		request.DestroyKey{},
		request.Finish{},
	}).Draw(t, "command")
}

// TestWhatIsAlwaysTrue sends commands in any order and holds every state against
// what must be true of a request.
func TestWhatIsAlwaysTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := fold([]request.Event{submitted(request.Erasure)})
		at := noon()
		for range rapid.IntRange(1, 120).Draw(t, "commands") {
			at = at.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
			events, _ := request.Decide(s, commands(t, s, at))
			for _, ev := range events {
				next := request.Evolve(s, ev)
				compare(t, s, next)
				s = next
			}
			explained(t, s)
		}
	})
}

// compare holds a step against what no step may do.
func compare(t *rapid.T, before, after request.Request) {
	if before.Planned && len(after.Leaves) != len(before.Leaves) {
		t.Fatalf("the manifest had %d leaves and has %d", len(before.Leaves), len(after.Leaves))
	}
	for i, l := range before.Leaves {
		if l.Ended() && after.Leaves[i].Outcome != l.Outcome {
			t.Fatalf("leaf %d ended as %d and then as %d", l.Leaf, l.Outcome, after.Leaves[i].Outcome)
		}
		honest(t, after.Leaves[i])
	}
	if before.Closed && (!after.Closed || after.Outcome != before.Outcome) {
		t.Fatal("a closed request opened or changed its outcome")
	}
	if !before.Closed && after.Closed {
		closing(t, after)
	}
}

// honest holds how a leaf ended against what was done to it.
func honest(t *rapid.T, l request.Leaf) {
	why := l.Why()
	switch {
	case !l.Ended():
	case l.Outcome != request.Retained && l.Kept+l.Shared > 0:
		t.Fatalf("leaf %d ended as %d, but %d rows are kept and %d shared", l.Leaf, l.Outcome, l.Kept, l.Shared)
	case l.Outcome == request.Retained && (why.Reason == "" || why.Authority == "" || why.Until.IsZero()):
		t.Fatalf("leaf %d is retained for %+v", l.Leaf, why)
	case l.Announced.Kept > l.Kept || l.Announced.Deleted > l.Deleted:
		t.Fatalf("leaf %d ended with less than was announced", l.Leaf)
	}
}

func closing(t *rapid.T, s request.Request) {
	switch {
	case s.Outcome == request.Duplicate, s.Withdrawn, s.Unverified != "":
	case s.Outcome != request.OutcomeOf(s.Leaves) || s.Outcome == request.NoOutcome:
		t.Fatalf("closed with %d, the leaves say %d", s.Outcome, request.OutcomeOf(s.Leaves))
	case !s.Forgotten || !s.RestrictionEnded:
		t.Fatal("closed before it was concluded")
	}
}

// explained holds a state against what it must say of itself, and against being
// stuck: an open request has something due, or a moment at which it has, or
// waits for somebody who is named.
func explained(t *rapid.T, s request.Request) {
	x := request.Explain(s)
	if s.Closed {
		return
	}
	if x.Actor == "" || x.Awaited == "" || x.Since.IsZero() || x.OverdueAt.IsZero() {
		t.Fatalf("a request at stage %d explains itself as %+v", s.Stage(), x)
	}
	far := noon().Add(10000 * time.Hour)
	if len(request.Next(s, far)) == 0 && s.Stage() != request.Waiting {
		t.Fatalf("a request at stage %d has nothing to do, ever: %+v", s.Stage(), x)
	}
}

// TestTheOutcomeIsAFunctionOfTheLeaves reorders leaves.
func TestTheOutcomeIsAFunctionOfTheLeaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		outcomes := rapid.SliceOfN(rapid.SampledFrom([]request.LeafOutcome{
			request.Open, request.Erased, request.Masked, request.Collected, request.Retained, request.NotHeld,
		}), 1, 8).Draw(t, "outcomes")
		var leaves, shuffled []request.Leaf
		has := map[request.LeafOutcome]bool{}
		for i, o := range outcomes {
			has[o] = true
			leaves = append(leaves, request.Leaf{Planned: request.Planned{Leaf: uint32(i)}, Outcome: o})
		}
		shuffled = append(shuffled, rapid.Permutation(leaves).Draw(t, "order")...)
		got := request.OutcomeOf(leaves)
		want := request.Complete
		switch {
		case has[request.Open]:
			want = request.NoOutcome
		case has[request.Retained]:
			want = request.CompleteWithRetained
		case !has[request.Erased] && !has[request.Masked] && !has[request.Collected]:
			want = request.NothingHeld
		}
		if got != want || request.OutcomeOf(shuffled) != got {
			t.Fatalf("outcome %d, shuffled %d, want %d", got, request.OutcomeOf(shuffled), want)
		}
	})
}
