package jetstream

import (
	"errors"
	"testing"

	"habeas.internal/services/internal/es"
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

// TestAScanGivesALeaderThatLagsTimeToReachItsToken is about a scan that goes on
// behind what a follower delivered.
func TestAScanGivesALeaderThatLagsTimeToReachItsToken(t *testing.T) {
	three := []replica{{Active: 1}, {Active: 1}}
	for name, tc := range map[string]struct {
		replicas []replica
		says     []uint64
		end      uint64
		lost     bool
	}{
		"it has it":                                {three, []uint64{7}, 7, false},
		"it writes it a moment later":              {three, []uint64{6, 7}, 7, false},
		"twin: it never gets it":                   {three, []uint64{6}, 0, true},
		"twin: there is nobody who could be ahead": {nil, []uint64{6, 7}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			questions := 0
			end, err := endBehind(t.Context(), "s", 7, func() (infoAnswer, error) {
				var a infoAnswer
				a.State.LastSeq, a.Cluster.Replicas = tc.says[min(questions, len(tc.says)-1)], tc.replicas
				questions++
				return a, nil
			})
			var corrupt *es.CorruptError
			lost := errors.As(err, &corrupt) && corrupt.Reason == es.CorruptBehind && corrupt.Sequence == 7
			if end != tc.end || lost != tc.lost || (err != nil) != tc.lost {
				t.Errorf("ends at %d, error %v; want %d, lost %v", end, err, tc.end, tc.lost)
			}
		})
	}
}
