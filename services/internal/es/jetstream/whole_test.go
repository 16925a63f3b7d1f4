package jetstream

import (
	"testing"
)

// TestALeaderThatLagsBehindAFollowerIsNotTakenForALoss is about a commit that a
// reader has got from a follower. A leader that writes more slowly does not
// have it yet, which is no loss; one that never gets it has lost it.
func TestALeaderThatLagsBehindAFollowerIsNotTakenForALoss(t *testing.T) {
	three := []replica{{Active: 1}, {Active: 1}}
	for name, tc := range map[string]struct {
		replicas  []replica
		says      []uint64 // one answer after the other; the last one stays
		last      uint64
		questions int
	}{
		"it has it":                                {three, []uint64{7}, 7, 1},
		"it writes it a moment later":              {three, []uint64{6, 6, 7}, 7, 3},
		"it has more by then":                      {three, []uint64{6, 9}, 9, 2},
		"twin: it never gets it":                   {three, []uint64{6}, 6, lagTries + 1},
		"twin: there is nobody who could be ahead": {nil, []uint64{6, 7}, 6, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			questions := 0
			last, err := caughtUp(t.Context(), 7, func() (infoAnswer, error) {
				var a infoAnswer
				a.State.LastSeq, a.Cluster.Replicas = tc.says[min(questions, len(tc.says)-1)], tc.replicas
				questions++
				return a, nil
			})
			if err != nil || last != tc.last || questions != tc.questions {
				t.Errorf("reaches %d after %d questions (%v), want %d after %d", last, questions, err, tc.last, tc.questions)
			}
		})
	}
}
