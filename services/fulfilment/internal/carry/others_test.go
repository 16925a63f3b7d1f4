package carry_test

import (
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
)

// TestAnErasureWaitsForAnAccessByAnotherReference: John's access came first, and one
// system is away; then he is taken for Jane, who asks to be erased.
func TestAnErasureWaitsForAnAccessByAnotherReference(t *testing.T) {
	w, shop, crm := world(t)
	w.Peers.Known[john] = johnRef
	access := w.SubmitBy(john, request.Access, "r1")
	w.Settle()
	crm.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
	w.Verify(access)
	w.Run(w.Clock.Now().Add(time.Minute))
	if s := w.State(access); !s.Planned || s.Closed {
		t.Fatalf("planned %t, closed %t", s.Planned, s.Closed)
	}
	w.Peers.Set(func(p *fake.Peers) {
		p.Known[john], p.Merged = fake.JaneRef, map[string][]string{fake.JaneRef: {johnRef}}
	})
	erased := asked(w, request.Erasure, "r2")
	w.Run(w.Clock.Now().Add(time.Minute))
	e := w.State(erased)
	if !e.Planned || shop.Of(john) != 2 || shop.Of(fake.Jane) != 2 {
		t.Errorf("planned %t; of %d and %d values are destroyed while the access waits", e.Planned, shop.Of(john), shop.Of(fake.Jane))
	}
	if why := e.WaitsFor("shop"); why != "ACCESS_FIRST" {
		t.Errorf("it waits for %q", why)
	}
	crm.Set(func(h *fake.Holder) { h.Down = "" })
	w.Run(soon(w))
	if a := w.State(access); a.Outcome != request.Complete {
		t.Errorf("the access ends as %d: %+v", a.Outcome, request.Explain(a))
	}
	if e := w.State(erased); e.Outcome != request.CompleteWithRetained || !e.Forgotten {
		t.Errorf("the erasure ends as %d: %+v", e.Outcome, request.Explain(e))
	}
}
