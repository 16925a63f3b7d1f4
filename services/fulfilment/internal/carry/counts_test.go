package carry_test

import (
	"slices"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
)

func TestWhatWasAnnouncedAndIsKeptAfterAllIsNotSaidToBeDone(t *testing.T) {
	w, _, _ := world(t)
	first := true
	w.Crash = func(at string) error {
		if at == carry.PointAnnounced && first {
			first = false
			w.Peers.Set(func(p *fake.Peers) { p.Keep["user.contact"] = true })
			return fake.ErrCrash
		}
		return nil
	}
	agg := erasure(w)
	w.Run(soon(w))
	s := w.State(agg)
	kept := 0
	for _, l := range s.Leaves {
		if l.Outcome == request.Retained {
			if kept++; l.Deleted+l.Masked > 0 {
				t.Errorf("%s.%s is kept, and %d deleted, %d masked", l.System, l.Collection, l.Deleted, l.Masked)
			}
		}
	}
	if !s.Closed || kept < 3 {
		t.Errorf("closed %t: %s", s.Closed, outcomes(s))
	}
}

func TestThePermitToForgetEndsWithWhatWasDestroyed(t *testing.T) {
	w, _, _ := world(t)
	erasure(w)
	w.Run(soon(w))
	seen := w.Peers.Seen()
	i := slices.IndexFunc(seen, func(c string) bool { return c == "ForgetSubject "+fake.JaneRef })
	if i < 0 || !slices.Contains(seen[i:], "EndPermit 1") {
		t.Errorf("after the person was forgotten: %v", seen[max(i, 0):])
	}
}

func TestASystemThatIsAwayForWeeksIsTriedLessOften(t *testing.T) {
	w, _, crm := world(t)
	crm.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
	agg := erasure(w)
	w.Run(w.Clock.Now().Add(7 * day))
	before := w.State(agg).Events
	w.Run(w.Clock.Now().Add(day))
	if n := w.State(agg).Events - before; n == 0 || n > 8 {
		t.Errorf("%d events a day after a week", n)
	}
	crm.Set(func(h *fake.Holder) { h.Down = "" })
	w.Run(w.Clock.Now().Add(6*time.Hour + time.Minute))
	w.Run(soon(w))
	checkErased(t, w, agg)
}
