package carry_test

import (
	"testing"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
)

func TestARowThatComesAfterTheLookIsJudgedBeforeItGoes(t *testing.T) {
	for _, point := range []string{carry.PointPermitted, carry.PointStarted, carry.PointSuppressed, carry.PointErased} {
		for _, kept := range []bool{false, true} {
			t.Run(point, func(t *testing.T) {
				w := fake.NewWorld(t)
				shop := w.AddSystem("shop")
				w.Peers.Keep["user.financial"], w.Peers.Keep["user.content"] = true, kept
				added := false
				w.Crash = func(at string) error {
					if at == point && !added {
						added = true
						shop.Set(func(h *fake.Holder) {
							h.Rows = append(h.Rows, fake.Row{Owner: fake.Jane, Collection: "ticket", Values: map[string]string{"user.content": "call me"}})
						})
					}
					return nil
				}
				later := erasure(w)
				w.Run(soon(w))
				s := w.State(later)
				want := map[bool]request.LeafOutcome{false: request.Erased, true: request.Retained}[kept]
				rest := map[bool]int{false: 1, true: 2}[kept]
				for _, l := range s.LeavesOf("shop") {
					if l.Collection == "ticket" && l.Outcome != want {
						t.Errorf("the ticket's leaf ended as %d, want %d", l.Outcome, want)
					}
				}
				if n := shop.Of(fake.Jane); n != rest || !s.Closed {
					t.Errorf("closed %t; %d of her values are left, want %d", s.Closed, n, rest)
				}
			})
		}
	}
}
