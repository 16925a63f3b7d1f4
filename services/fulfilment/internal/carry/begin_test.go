package carry_test

import (
	"testing"
	"time"

	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

func release(t *testing.T, w *fake.World) {
	t.Helper()
	w.Peers.Set(func(p *fake.Peers) { p.Held = false })
	err := w.Carrier.Holds().React(t.Context(), es.Recorded{Commit: es.Commit{
		ID:        "bbbbbbbbbbbbbbbbbbbbbbbbba",
		Aggregate: es.Aggregate{Context: "retention", Tenant: fake.Tenant, Type: "person", ID: fake.JaneRef},
		Events:    []es.Event{{Type: "person.hold_released"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnAccessGoesBeforeAnErasureThatHasDestroyedNothing(t *testing.T) {
	for _, why := range []string{"a hold", "an outage"} {
		t.Run(why, func(t *testing.T) {
			w, shop, crm := world(t)
			down := connector.Error("")
			if why == "an outage" {
				down = connector.ErrConstraint
			} else {
				w.Peers.Set(func(p *fake.Peers) { p.Held = true })
			}
			for _, h := range []*fake.Holder{shop, crm} {
				h.Set(func(h *fake.Holder) { h.Down = down })
			}
			later := erasure(w)
			w.Run(w.Clock.Now().Add(time.Hour))
			for _, h := range []*fake.Holder{shop, crm} {
				h.Set(func(h *fake.Holder) { h.Down = "" })
			}
			access := w.Submit(request.Access, "a")
			w.Settle()
			w.Verify(access)
			w.Settle()
			if s := w.State(access); s.Outcome != request.Complete || !s.Package.Ready {
				t.Fatalf("the access ended as %d: %s; %+v", s.Outcome, outcomes(s), request.Explain(s))
			}
			release(t, w)
			w.Run(soon(w))
			checkErased(t, w, later)
		})
	}
}

func TestAnErasureThatLostItsTurnDestroysNothing(t *testing.T) {
	w, shop, crm := world(t)
	access := w.Submit(request.Access, "a")
	w.Settle()
	crm.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
	came := false
	w.Crash = func(point string) error {
		if point != carry.PointPermitted || came {
			return nil
		}
		came = true // verified while the erasure has its permit in hand
		w.Verify(access)
		_, err := w.Handlers.Dockets.Handle(t.Context(), carry.DocketOf(fake.Tenant, fake.JaneRef), es.Command[docket.Command]{
			ID: "enter", At: w.Clock.Now(), Data: docket.Enter{Request: access.ID, Right: docket.Access},
		})
		return err
	}
	later := erasure(w)
	w.Settle()
	if s := w.State(later); !came || s.Stage() != request.Waiting || !s.Yielded || s.Behind != access.ID || shop.Erasures > 0 {
		t.Fatalf("the erasure is at %d behind %q after %d erasures", s.Stage(), s.Behind, shop.Erasures)
	}
	crm.Set(func(h *fake.Holder) { h.Down = "" })
	w.Run(soon(w))
	if s := w.State(access); s.Outcome != request.Complete {
		t.Errorf("the access ended as %d: %s", s.Outcome, outcomes(s))
	}
	checkErased(t, w, later)
}

func TestAnErasureThatYieldedCanBeWithdrawn(t *testing.T) {
	w, shop, crm := world(t)
	w.Peers.Set(func(p *fake.Peers) { p.Held = true })
	later := erasure(w)
	w.Settle()
	crm.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
	access := w.Submit(request.Access, "a")
	w.Settle()
	w.Verify(access)
	w.Settle()
	_, err := w.Handlers.Requests.Handle(t.Context(), later, es.Command[request.Command]{
		ID: "withdraw", At: w.Clock.Now(), Data: request.Withdraw{At: w.Clock.Now()},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Settle()
	s := w.State(later)
	if n := len(w.Peers.Facts); s.Outcome != request.WithdrawnByPerson || w.Peers.Facts[n-1].String() != "FACT_UNRESTRICTED" || shop.Erasures > 0 {
		t.Errorf("ended as %d, consent was told %v", s.Outcome, w.Peers.Facts)
	}
	crm.Set(func(h *fake.Holder) { h.Down = "" })
	w.Run(soon(w))
	if s := w.State(access); s.Outcome != request.Complete {
		t.Errorf("the access ended as %d", s.Outcome)
	}
}
