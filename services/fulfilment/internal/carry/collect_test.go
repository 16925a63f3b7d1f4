package carry_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

// shrinking is an access request to a system that loses all rows at a point,
// until they are given back.
func shrinking(t *testing.T, at string) (w *fake.World, agg es.Aggregate, giveBack func()) {
	w = fake.NewWorld(t)
	shop := w.AddSystem("shop")
	agg = w.Submit(request.Access, "r1")
	w.Settle()
	w.Verify(agg)
	var rows []fake.Row
	lost := false
	w.Crash = func(p string) error {
		if p == at && !lost {
			lost = true
			shop.Set(func(h *fake.Holder) { rows, h.Rows = h.Rows, nil })
		}
		return nil
	}
	return w, agg, func() { shop.Set(func(h *fake.Holder) { h.Rows = rows }) }
}

func TestAPackageWithFewerRowsThanWereFoundIsNotGivenOut(t *testing.T) {
	for name, at := range map[string]string{
		"lost between look and reading": carry.PointPackageBegun,
		"lost after the plan":           carry.PointPlanned,
	} {
		t.Run(name, func(t *testing.T) {
			w, agg, giveBack := shrinking(t, at)
			w.Run(w.Clock.Now().Add(2 * time.Hour))
			s := w.State(agg)
			short := slices.ContainsFunc(s.Failures, func(f request.Failure) bool {
				return f.Step == request.StepCollect && f.Reason == "COLLECTED_LESS"
			})
			if s.Closed || s.Package.Ready || !short {
				t.Fatalf("closed %t, ready %t, failures %+v", s.Closed, s.Package.Ready, s.Failures)
			}
			giveBack()
			w.Run(soon(w))
			if s = w.State(agg); !s.Closed {
				t.Fatalf("not closed once the rows are there again: %+v", request.Explain(s))
			}
			for _, l := range s.Leaves {
				if l.Collected < max(l.Rows, l.RowsFound) {
					t.Errorf("%s: %d rows collected of %d", l.Collection, l.Collected, max(l.Rows, l.RowsFound))
				}
			}
		})
	}
}

func TestRowsThatEveryLookMissesForHoursAreGone(t *testing.T) {
	w, agg, _ := shrinking(t, carry.PointPackageBegun)
	w.Run(soon(w))
	s := w.State(agg)
	if !s.Closed {
		t.Fatalf("not closed: %+v", request.Explain(s))
	}
	for _, l := range s.Leaves {
		if l.Collected > 0 || l.Outcome != request.NotHeld {
			t.Errorf("%s: %d rows collected, outcome %d, want none held", l.Collection, l.Collected, l.Outcome)
		}
	}
}

func TestCardNumbersInAPackageAreMaskedAndCounted(t *testing.T) {
	for number, want := range map[string]uint64{"4539578763621486": 1, "4539578763621487": 0} {
		w := fake.NewWorld(t)
		shop := w.AddSystem("shop")
		shop.Set(func(h *fake.Holder) {
			for i, r := range h.Rows {
				if r.Collection == "invoice" {
					h.Rows[i].Values["user.financial"] = "paid by " + number
				}
			}
		})
		agg := w.Submit(request.Access, "r1")
		w.Settle()
		w.Verify(agg)
		w.Run(soon(w))
		s := w.State(agg)
		if !s.Closed {
			t.Fatalf("not closed: %+v", request.Explain(s))
		}
		for _, l := range s.Leaves {
			if l.Category == "user.financial" && l.Cards != want || l.Category != "user.financial" && l.Cards != 0 {
				t.Errorf("%s: %d card numbers masked, want %d", l.Category, l.Cards, want)
			}
		}
	}
}

func TestRowsAreNotGoneBecauseSomebodyRetriesManyTimes(t *testing.T) {
	for name, between := range map[string]bool{"one after the other": false, "after failures of another kind": true} {
		t.Run(name, func(t *testing.T) {
			w, agg, giveBack := shrinking(t, carry.PointPlanned)
			shop := w.Systems.Holders["shop"]
			if between { // hours of it
				w.Settle()
				shop.Set(func(h *fake.Holder) { h.Broken = connector.ErrBusy; h.Down = connector.ErrBusy })
				w.Run(w.Clock.Now().Add(20 * time.Hour))
				shop.Set(func(h *fake.Holder) { h.Broken, h.Down = "", "" })
			}
			for i := range 15 {
				w.Run(w.Clock.Now().Add(time.Minute))
				_, err := w.Handlers.Requests.Handle(t.Context(), agg, es.Command[request.Command]{
					ID: fmt.Sprint("retry", i), At: w.Clock.Now(), Data: request.Retry{At: w.Clock.Now()},
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			w.Run(w.Clock.Now().Add(time.Minute))
			if s := w.State(agg); s.Closed || s.Package.Ready {
				t.Fatalf("believed after %+v", s.Failures)
			}
			giveBack()
			w.Run(soon(w))
			for _, l := range w.State(agg).Leaves {
				if l.Collected < max(l.Rows, l.RowsFound) {
					t.Errorf("%s: %d rows collected of %d", l.Collection, l.Collected, max(l.Rows, l.RowsFound))
				}
			}
		})
	}
}
