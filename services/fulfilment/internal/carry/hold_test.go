package carry_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

// released ends the hold on Jane and tells of it.
func released(t *testing.T, w *fake.World) {
	t.Helper()
	w.Peers.Set(func(p *fake.Peers) { p.Held = false })
	if err := w.Carrier.Holds().React(t.Context(), es.Recorded{Commit: es.Commit{
		ID:        "bbbbbbbbbbbbbbbbbbbbbbbbba",
		Aggregate: es.Aggregate{Context: "retention", Tenant: fake.Tenant, Type: "person", ID: fake.JaneRef},
		Events:    []es.Event{{Type: "person.hold_released"}},
	}}); err != nil {
		t.Fatal(err)
	}
}

func TestAHoldThatBindsWhenTheManifestIsMadeHidesNoDutyToKeep(t *testing.T) {
	w, shop, crm := world(t)
	w.Peers.Set(func(p *fake.Peers) { p.Held = true })
	agg := erasure(w)
	w.Run(soon(w))
	s := w.State(agg)
	if i := slices.IndexFunc(s.Leaves, func(l request.Leaf) bool { return l.Category == "user.financial" }); s.Leaves[i].Decision != request.Keep {
		t.Errorf("the manifest says of the invoices: %d", s.Leaves[i].Decision)
	}
	if x := request.Explain(s); s.Closed || x.Actor != request.ActorRetention || shop.Erasures+crm.Erasures > 0 {
		t.Fatalf("under a hold: closed %t, %+v", s.Closed, x)
	}
	released(t, w)
	w.Run(soon(w))
	checkErased(t, w, agg)
}

func TestWhatComesAfterTheManifestIsKeptIfItMustBe(t *testing.T) {
	w := fake.NewWorld(t)
	w.Peers.Keep["user.financial"] = true
	shop := w.AddSystem("shop")
	shop.Rows = shop.Rows[:1] // her address, and no invoice
	shop.Broken = connector.ErrConstraint
	agg := erasure(w)
	w.Run(w.Clock.Now().Add(time.Minute))
	shop.Set(func(h *fake.Holder) {
		h.Broken = ""
		h.Rows = append(h.Rows, fake.Row{Owner: fake.Jane, Collection: "invoice", Values: map[string]string{"user.financial": "99"}})
	})
	w.Run(soon(w))
	s := w.State(agg)
	if got := outcomes(s); !s.Closed || got != "shop.customer=erased shop.invoice=retained shop.ticket=not-held" {
		t.Errorf("closed %t, leaves %s", s.Closed, got)
	}
	if n := shop.Of(fake.Jane); n != 1 || shop.Violations > 0 {
		t.Errorf("%d values of Jane's are left, want her invoice", n)
	}
}

func TestARuleThatComesAfterTheManifestCounts(t *testing.T) {
	w := fake.NewWorld(t)
	shop := w.AddSystem("shop")
	w.Crash = func(at string) error {
		if at == carry.PointLocated {
			w.Peers.Set(func(p *fake.Peers) { p.Keep["user.financial"] = true })
		}
		return nil
	}
	agg := erasure(w)
	w.Run(soon(w))
	s := w.State(agg)
	if got := outcomes(s); !s.Closed || got != "shop.customer=erased shop.invoice=retained shop.ticket=not-held" || shop.Of(fake.Jane) != 1 {
		t.Errorf("closed %t, leaves %s", s.Closed, got)
	}
}

func TestAWithdrawalBeforeTheStartGivesThePermitBack(t *testing.T) {
	w := fake.NewWorld(t)
	shop := w.AddSystem("shop")
	var agg es.Aggregate
	w.Crash = func(at string) error {
		if at != carry.PointPermitted || w.State(agg).Withdrawn {
			return nil
		}
		_, err := w.Handlers.Requests.Handle(t.Context(), agg, es.Command[request.Command]{
			ID: "withdraw", At: w.Clock.Now(), Data: request.Withdraw{At: w.Clock.Now()},
		})
		return err
	}
	agg = w.Submit(request.Erasure, "r1")
	w.Settle()
	w.Verify(agg)
	w.Settle()
	if s := w.State(agg); s.Outcome != request.WithdrawnByPerson || shop.Of(fake.Jane) != 2 {
		t.Fatalf("ended as %d with %d values", s.Outcome, shop.Of(fake.Jane))
	}
	if w.Peers.Permitted() || !slices.ContainsFunc(w.Peers.Seen(), func(c string) bool { return strings.HasPrefix(c, "EndPermit") }) {
		t.Errorf("the permit is open still: %v", w.Peers.Seen())
	}
}

func TestAHoldKeepsIdentityFromForgetting(t *testing.T) {
	for _, tc := range []struct {
		name  string
		hold  func(w *fake.World, shop *fake.Holder)
		after func(w *fake.World)
	}{
		{"though the systems hold nothing", func(w *fake.World, shop *fake.Holder) {
			shop.Rows = nil
			w.Peers.Held = true
		}, func(*fake.World) {}},
		{"placed after the last leaf", func(w *fake.World, _ *fake.Holder) {
			w.Peers.Away["ForgetSubject"] = true
		}, func(w *fake.World) {
			w.Run(w.Clock.Now().Add(time.Minute))
			w.Peers.Set(func(p *fake.Peers) { p.Away["ForgetSubject"], p.Held = false, true })
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := fake.NewWorld(t)
			tc.hold(w, w.AddSystem("shop"))
			agg := erasure(w)
			tc.after(w)
			forgotten := func() bool {
				return slices.ContainsFunc(w.Peers.Seen(), func(c string) bool { return strings.HasPrefix(c, "ForgetSubject") })
			}
			away := forgotten() // it was asked, and did not answer
			w.Run(soon(w))
			s := w.State(agg)
			x := request.Explain(s)
			if s.Closed || s.Forgotten || (!away && forgotten()) || x.Actor != request.ActorRetention || x.Awaited != "hold.release" || x.Reason != request.OnHold {
				t.Fatalf("under a hold: closed %t, forgotten %t, %+v", s.Closed, s.Forgotten, x)
			}
			released(t, w)
			w.Run(soon(w))
			if s := w.State(agg); !s.Finished || !s.Forgotten || w.Peers.Permitted() {
				t.Errorf("after the release: finished %t, forgotten %t", s.Finished, s.Forgotten)
			}
		})
	}
}

func TestARequestOfWhichNothingWasTouchedCanBeWithdrawn(t *testing.T) {
	for _, right := range []request.Right{request.Erasure, request.Access} {
		w, shop, crm := world(t)
		crm.Set(func(h *fake.Holder) { h.Rows = nil }) // it holds nothing, and ends
		away := "erase"
		if right == request.Access {
			shop.Set(func(h *fake.Holder) { h.Down = connector.ErrBusy })
			away = "collect"
		}
		w.Peers.Set(func(p *fake.Peers) { p.Held = true })
		agg := w.Submit(right, "r1")
		w.Settle()
		w.Verify(agg)
		w.Run(soon(w))
		if s := w.State(agg); s.Closed || !s.Planned {
			t.Fatalf("%s: closed %t, %+v", away, s.Closed, request.Explain(s))
		}
		withdraw := func(id string) error {
			_, err := w.Handlers.Requests.Handle(t.Context(), agg, es.Command[request.Command]{
				ID: id, At: w.Clock.Now(), Data: request.Withdraw{At: w.Clock.Now()},
			})
			return err
		}
		if err := withdraw("w1"); err != nil {
			t.Fatalf("%s: %v; %s", away, err, outcomes(w.State(agg)))
		}
		w.Run(soon(w))
		if s := w.State(agg); s.Outcome != request.WithdrawnByPerson || !s.Finished || shop.Of(fake.Jane) != 2 {
			t.Errorf("%s: ended as %d, finished %t, %d values left", away, s.Outcome, s.Finished, shop.Of(fake.Jane))
		}
		if n := len(w.Peers.Facts); n > 0 && w.Peers.Facts[n-1] != consentv1.Fact_FACT_UNRESTRICTED {
			t.Errorf("%s: consent was told %v", away, w.Peers.Facts)
		}
	}
}
