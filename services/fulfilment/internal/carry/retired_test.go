package carry_test

import (
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es"
)

func retire(t *testing.T, w *fake.World, name string) {
	t.Helper()
	_, err := w.Handlers.Systems.Handle(t.Context(), carry.SystemOf(fake.Tenant, name), es.Command[system.Command]{
		ID: "retire-" + name, At: w.Clock.Now(), Data: system.Retire{Reason: "shut_down", At: w.Clock.Now()},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnErasureEndsThoughASystemOfItIsRetiredAndDoesNotSayThatItWasErased(t *testing.T) {
	w, shop, crm := world(t)
	crm.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
	agg := erasure(w)
	w.Run(w.Clock.Now().Add(time.Minute))
	retire(t, w, "crm")
	w.Run(soon(w))
	s := w.State(agg)
	const want = "crm.customer=lost crm.invoice=lost crm.ticket=lost shop.customer=erased shop.invoice=retained shop.ticket=not-held"
	if got := outcomes(s); got != want || s.Outcome != request.Incomplete || !s.Finished {
		t.Fatalf("ended as %d, finished %t: %s; %+v", s.Outcome, s.Finished, got, request.Explain(s))
	}
	if why := s.LeavesOf("crm")[0].Because.Reason; why != "SYSTEM_RETIRED" || crm.Of(fake.Jane) != 2 || shop.Of(fake.Jane) != 1 {
		t.Errorf("because of %s; %d and %d values left", why, crm.Of(fake.Jane), shop.Of(fake.Jane))
	}
}

func TestAnAccessIsAnsweredWithoutASystemThatIsRetired(t *testing.T) {
	w, _, crm := world(t)
	crm.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
	agg := w.Submit(request.Access, "a")
	w.Settle()
	w.Verify(agg)
	w.Run(w.Clock.Now().Add(time.Minute))
	retire(t, w, "crm")
	w.Run(soon(w))
	s := w.State(agg)
	const want = "crm.customer=lost crm.invoice=lost crm.ticket=lost shop.customer=collected shop.invoice=collected shop.ticket=not-held"
	if got := outcomes(s); got != want || s.Outcome != request.Incomplete || !s.Package.Ready || s.Conclusion() != request.TemplateReady {
		t.Errorf("ended as %d, package ready %t: %s; %+v", s.Outcome, s.Package.Ready, got, request.Explain(s))
	}
}

func TestARetiredSystemTakesPartInNoNewRequest(t *testing.T) {
	w, shop, crm := world(t)
	retire(t, w, "crm")
	agg := erasure(w)
	w.Run(soon(w))
	if s := w.State(agg); !s.Finished || len(s.LeavesOf("crm")) > 0 || crm.Of(fake.Jane) != 2 || shop.Of(fake.Jane) != 1 {
		t.Errorf("finished %t: %s", s.Finished, outcomes(s))
	}
}

func TestWhatIsDoneUnderAPermitIsDoneToItsEndThoughTheSystemIsRetired(t *testing.T) {
	w, _, _ := world(t)
	retired := false
	w.Crash = func(at string) error {
		if at == carry.PointSuppressed && !retired {
			retired = true
			retire(t, w, "crm")
			retire(t, w, "shop")
		}
		return nil
	}
	agg := erasure(w)
	w.Run(soon(w))
	s := w.State(agg)
	erased := 0
	for name, h := range w.Systems.Holders {
		switch l := s.LeavesOf(name)[0]; {
		case l.Outcome == request.Erased && h.Of(fake.Jane) == 1:
			erased++
		case l.Outcome != request.Lost || h.Of(fake.Jane) != 2:
			t.Errorf("%s ended as %d with %d values", name, l.Outcome, h.Of(fake.Jane))
		}
	}
	if !s.Finished || erased == 0 {
		t.Errorf("finished %t, %d erased: %+v", s.Finished, erased, request.Explain(s))
	}
}
