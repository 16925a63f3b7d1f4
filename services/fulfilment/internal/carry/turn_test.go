package carry_test

import (
	"fmt"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

func TestAnErasureThatYieldedGoesOnThoughTheDocketsCommitComesAgainLate(t *testing.T) {
	w, _, _ := world(t)
	for _, h := range w.Systems.Holders {
		h.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
	}
	later := erasure(w)
	w.Settle()
	access := w.Submit(request.Access, "a")
	w.Settle()
	w.Verify(access)
	for _, h := range w.Systems.Holders {
		h.Set(func(h *fake.Holder) { h.Down = "" })
	}
	var late []es.Recorded // overtaken by all that come after
	for r, ok := w.Log.Next(); ok; r, ok = w.Log.Next() {
		if r.Aggregate.Type == docket.AggregateType && len(late) == 0 {
			late = append(late, r)
		} else if err := w.Carrier.React(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if s := w.State(access); len(late) == 0 || s.Outcome != request.Complete {
		t.Fatalf("the access ended as %d", s.Outcome)
	}
	w.Clock.To(w.Clock.Now().Add(5 * time.Second))
	if err := w.Carrier.React(t.Context(), late[0]); err != nil {
		t.Fatal(err)
	}
	w.Run(soon(w))
	checkErased(t, w, later)
}

func TestAnErasureThatYieldedGoesOnWhereverItIsCutOff(t *testing.T) {
	for _, point := range []string{carry.PointRefused, carry.PointYielded} {
		for _, dies := range []bool{false, true} {
			t.Run(point, func(t *testing.T) {
				w, _, _ := world(t)
				access := es.DeriveID(fake.Tenant, "submit", "a")
				at := func(cmd docket.Command) error {
					_, err := w.Handlers.Dockets.Handle(t.Context(), carry.DocketOf(fake.Tenant, fake.JaneRef), es.Command[docket.Command]{
						ID: fmt.Sprintf("%T", cmd), At: w.Clock.Now(), Data: cmd,
					})
					return err
				}
				came, met := false, false
				w.Crash = func(here string) error {
					switch {
					case here == carry.PointPermitted && !came:
						came = true
						return at(docket.Enter{Request: access, Right: docket.Access})
					case here == point && !met: // the access ends meanwhile, and the commit that says so is handled first
						met = true
						err := at(docket.Leave{Request: access, Fulfilled: true})
						for r, ok := w.Log.Next(); ok && err == nil; r, ok = w.Log.Next() {
							if r.Aggregate.Type == docket.AggregateType {
								err = w.Carrier.React(t.Context(), r)
							}
						}
						if dies && err == nil {
							err = fake.ErrCrash
						}
						return err
					}
					return nil
				}
				later := erasure(w)
				w.Settle()
				if err := w.Carrier.Resume(t.Context(), later); err != nil { // as it is swept
					t.Fatal(err)
				}
				w.Run(soon(w))
				if !met {
					t.Error("this point was not met")
				}
				checkErased(t, w, later)
			})
		}
	}
}

func TestARequestThatWaitsAsksForItsTurnThoughNobodyWakesIt(t *testing.T) {
	w, _, _ := world(t)
	access := es.DeriveID(fake.Tenant, "submit", "a")
	at := func(cmd docket.Command) {
		_, err := w.Handlers.Dockets.Handle(t.Context(), carry.DocketOf(fake.Tenant, fake.JaneRef), es.Command[docket.Command]{
			ID: fmt.Sprintf("%T", cmd), At: w.Clock.Now(), Data: cmd,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	at(docket.Enter{Request: access, Right: docket.Access})
	later := erasure(w)
	w.Settle()
	if s := w.State(later); s.Stage() != request.Waiting {
		t.Fatalf("it is at %d", s.Stage())
	}
	at(docket.Leave{Request: access})
	w.Log.Next() // nobody is told
	w.Run(soon(w))
	checkErased(t, w, later)
}

func TestAnAccessGoesBeforeAnErasureThatAHoldBindsWhateverItHasDestroyed(t *testing.T) {
	for _, first := range []bool{false, true} { // which comes first: the access or the hold
		for _, dies := range []bool{false, true} {
			t.Run(fmt.Sprintf("access first %t, dies %t", first, dies), func(t *testing.T) {
				w, shop, crm := world(t)
				crm.Set(func(h *fake.Holder) { h.Broken = connector.ErrBusy })
				later := erasure(w)
				w.Run(w.Clock.Now().Add(time.Minute))
				if shop.Of(fake.Jane) != 1 || crm.Of(fake.Jane) != 2 {
					t.Fatal("the erasure is not half way")
				}
				w.Crash = func(here string) error {
					if died := dies && here == carry.PointPaused; died {
						dies = false
						return fake.ErrCrash
					}
					return nil
				}
				hold := func() {
					w.Peers.Set(func(p *fake.Peers) { p.Held = true })
					w.Run(w.Clock.Now().Add(2 * time.Hour))
				}
				if !first {
					hold()
				}
				access := w.Submit(request.Access, "a")
				w.Settle()
				w.Verify(access)
				w.Settle()
				if first {
					hold()
				}
				w.Run(w.Clock.Now().Add(day))
				if s := w.State(access); s.Outcome != request.Complete {
					t.Fatalf("the access is at %d, ended as %d: %+v", s.Stage(), s.Outcome, request.Explain(s))
				}
				if crm.Of(fake.Jane) != 2 {
					t.Fatal("the hold was ignored")
				}
				crm.Set(func(h *fake.Holder) { h.Broken = "" })
				released(t, w)
				w.Run(soon(w))
				checkErased(t, w, later)
			})
		}
	}
}
