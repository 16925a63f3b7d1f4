package verification_test

import (
	"testing"
	"time"

	"habeas.internal/services/identity/verification"

	"pgregory.net/rapid"
)

func anything(t *rapid.T, at time.Time) verification.Command {
	switch rapid.IntRange(0, 6).Draw(t, "command") {
	case 0:
		return verification.Start{Request: "r", Subject: rapid.SampledFrom([]string{"", "jane"}).Draw(t, "subject"), At: at}
	case 1:
		return verification.Send{Identifier: 1, At: at}
	case 2:
		return verification.Deliver{}
	case 3:
		return verification.Withhold{Reason: verification.ReasonNoChannel}
	default: // most of what happens
		return verification.Check{Right: rapid.Bool().Draw(t, "right"), At: at}
	}
}

func TestWhateverIsTriedACodePassesOnceInTimeAndToItsOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s verification.Verification
		at, passed, wrong := noon, 0, 0
		for range rapid.IntRange(1, 40).Draw(t, "length") {
			at = at.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "seconds")) * time.Second)
			before := s
			events, _ := verification.Decide(s, anything(t, at))
			for _, ev := range events {
				s = verification.Evolve(s, ev)
				switch e := ev.(type) {
				case verification.Succeeded:
					passed++
					out := before.Dispatch == verification.UnderWay || before.Dispatch == verification.Delivered
					if e.Subject == "" || e.Subject != before.Subject || !at.Before(before.ExpiresAt) || !out {
						t.Fatalf("passed at %s: %+v", at, before)
					}
				case verification.AttemptFailed:
					wrong++
				case verification.Started, verification.CodeDispatched, verification.CodeSent, verification.CodeNotSent,
					verification.Ended, verification.CheckRefused, verification.LinkIssued, verification.CheckBegun, verification.Checked:
				}
			}
			if before.Phase == verification.Failed && s.Phase != verification.Failed {
				t.Fatal("what had failed went on")
			}
		}
		if passed > 1 || wrong > verification.MaxAttempts {
			t.Fatalf("passed %d times, %d wrong attempts", passed, wrong)
		}
	})
}
