package evidence_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/identity/evidence"
	"habeas.internal/services/internal/personal"
)

func TestEvidenceIsKeptForItsTimeAndNoLonger(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	part := func(check string, n uint32, text string, at time.Time) evidence.Keep {
		return evidence.Keep{Part: evidence.Part{Check: check, Number: n, Data: personal.Clear(text)}, Life: evidence.Life, At: at}
	}
	first := evidence.Evolve(evidence.Evidence{}, evidence.Kept{Part: evidence.Part{Check: "c1", Number: 1}, EndsAt: noon.Add(evidence.Life)})
	ended := evidence.Evolve(first, evidence.Destroyed{At: noon})
	for _, tc := range []struct {
		name   string
		s      evidence.Evidence
		cmd    evidence.Command
		events int
		err    error
	}{
		{"a first part is kept", evidence.Evidence{}, part("c1", 1, "seen", noon), 1, nil},
		{"a second one of the same check", first, part("c1", 2, "seen", noon), 1, nil},
		{"the same one once", first, part("c1", 1, "seen", noon), 0, nil},
		{"one of another check ends with the first", first, part("c2", 1, "seen", noon.Add(29*24*time.Hour)), 1, nil},
		{"and is not kept when that has ended", first, part("c2", 1, "seen", noon.Add(evidence.Life)), 0, evidence.ErrEnded},
		{"nor when it was destroyed before", ended, part("c2", 1, "seen", noon), 0, evidence.ErrEnded},
		{"nothing is no evidence", evidence.Evidence{}, part("c1", 1, "", noon), 0, evidence.ErrTooLarge},
		{"and too much does not fit", evidence.Evidence{}, part("c1", 1, strings.Repeat("a", evidence.PartBytes+1), noon), 0, evidence.ErrTooLarge},
		{"what was kept is destroyed", first, evidence.Destroy{Reason: evidence.ReasonExpired, At: noon}, 1, nil},
		{"once", ended, evidence.Destroy{At: noon}, 0, nil},
		{"what never was is not", evidence.Evidence{}, evidence.Destroy{At: noon}, 0, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			events, err := evidence.Decide(tc.s, tc.cmd)
			if len(events) != tc.events || !errors.Is(err, tc.err) {
				t.Fatalf("%d events and %v, want %d and %v", len(events), err, tc.events, tc.err)
			}
			for _, ev := range events {
				if k, ok := ev.(evidence.Kept); ok && !k.EndsAt.Equal(noon.Add(evidence.Life)) {
					t.Errorf("it ends at %s", k.EndsAt)
				}
			}
		})
	}
	if first.Due(noon.Add(evidence.Life-time.Second)) || !first.Due(noon.Add(evidence.Life)) || ended.Due(noon.Add(evidence.Life)) {
		t.Error("it is due at another time than its end")
	}
}
