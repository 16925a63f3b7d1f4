package carry_test

import (
	"strings"
	"testing"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
)

const (
	john    = "john@example.com"
	johnRef = "bbbbbbbbbbbbbbbbbbbbbbbbba"
)

// separating carries out an erasure of Jane, with whom John was merged by mistake,
// and tries at a point, again and again, to undo that. It returns how many values of
// John's were there when it was undone, and how many are in the end.
func separating(t *testing.T, point string, unfenced bool) (undone bool, then, now int) {
	w, shop, crm := world(t)
	w.Peers.Known[john] = fake.JaneRef
	w.Peers.Unfenced = unfenced
	johns := func() int { return shop.Of(john) + crm.Of(john) }
	w.Crash = func(at string) error {
		if at == point && !undone {
			if undone = w.Peers.Separate(john, johnRef); undone {
				then = johns()
			}
		}
		return nil
	}
	erasure(w)
	w.Run(soon(w))
	return undone, then, johns()
}

func TestWhoIsSeparatedWhileAnErasureRunsLosesNothingAfterwards(t *testing.T) {
	for _, point := range carry.Points() {
		if strings.HasPrefix(point, "package") || strings.HasPrefix(point, "turn") {
			continue
		}
		t.Run(point, func(t *testing.T) {
			if undone, then, now := separating(t, point, false); undone && now != then {
				t.Errorf("of %d values of John's that were there when he was separated, %d are", then, now)
			}
		})
	}
	for _, point := range []string{carry.PointFrozen, carry.PointPlanned} {
		if undone, then, _ := separating(t, point, false); !undone || then != 4 {
			t.Errorf("at %s he is separated: %t, with %d values", point, undone, then)
		}
	}
}

// TestWithoutAFenceRowsOfAnotherPersonAreDestroyed is the twin: what an un-merge
// between the listing of the identifiers and the permit, or after it, would do.
func TestWithoutAFenceRowsOfAnotherPersonAreDestroyed(t *testing.T) {
	for _, point := range []string{carry.PointLocated, carry.PointPermitted, carry.PointStarted, carry.PointSuppressed} {
		if undone, then, now := separating(t, point, true); !undone || now >= then {
			t.Errorf("at %s: separated %t, %d values then, %d now; want fewer", point, undone, then, now)
		}
		if undone, _, _ := separating(t, point, false); undone {
			t.Errorf("at %s he is separated while he is looked for", point)
		}
	}
}
