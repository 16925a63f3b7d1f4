package carry_test

import (
	"testing"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"

	"google.golang.org/protobuf/proto"
)

// due tells fulfilment that the time of parts of Jane's data is over, twice.
func due(t *testing.T, w *fake.World, clocks ...*retentionv1.ClockName) es.Aggregate {
	t.Helper()
	id := es.DeriveID(fake.Tenant, "due", clocks[0].String())
	data, err := proto.Marshal(&retentionv1.ErasureDue{Request: id, Policy: "shop", Clocks: clocks, At: eventpb.Stamp(w.Clock.Now())})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err = w.Carrier.Holds().React(t.Context(), es.Recorded{Commit: es.Commit{
			ID:        "cccccccccccccccccccccccccq",
			Aggregate: es.Aggregate{Context: "retention", Tenant: fake.Tenant, Type: "person", ID: fake.JaneRef},
			Events:    []es.Event{{Type: "person.erasure_due", Schema: 1, Data: data}},
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return carry.RequestOf(fake.Tenant, id)
}

func TestOnlyWhatIsDueIsErased(t *testing.T) {
	w := fake.NewWorld(t)
	shop, crm := w.AddSystem("shop"), w.AddSystem("crm")
	agg := due(t, w, &retentionv1.ClockName{Policy: "shop", Category: "user.financial", System: "shop"})
	w.Run(soon(w))
	s := w.State(agg)
	if got := outcomes(s); !s.Finished || s.Outcome != request.Complete || got != "shop.invoice=erased" {
		t.Fatalf("finished %t, outcome %d, leaves %s; %+v", s.Finished, s.Outcome, got, request.Explain(s))
	}
	if shop.Of(fake.Jane) != 1 || crm.Of(fake.Jane) != 2 || shop.Violations > 0 {
		t.Errorf("left: %d in the shop, %d in the crm, want her address and everything", shop.Of(fake.Jane), crm.Of(fake.Jane))
	}
	if len(w.Peers.Facts) > 0 || len(s.Notices) > 0 || s.Forgotten {
		t.Errorf("the person stays: facts %v, notices %v, forgotten %t", w.Peers.Facts, s.Notices, s.Forgotten)
	}
}

func TestWhatIsDueIsKeptWhereARuleKeepsIt(t *testing.T) {
	w, shop, _ := world(t) // keeps what is financial
	agg := due(t, w, &retentionv1.ClockName{Policy: "shop", Category: "user"})
	w.Run(soon(w))
	s := w.State(agg)
	if s.Outcome != request.CompleteWithRetained || shop.Of(fake.Jane) != 1 {
		t.Errorf("outcome %d, %d left; %s", s.Outcome, shop.Of(fake.Jane), outcomes(s))
	}
	for _, l := range s.Leaves {
		if l.Outcome == request.Retained && (l.Why().Until.IsZero() || l.Why().Reason == "") {
			t.Errorf("kept without end or ground: %+v", l)
		}
	}
}

func TestAPartIsNoAnswerToWhoAsksForEverything(t *testing.T) {
	w, shop, crm := world(t)
	w.Peers.Set(func(p *fake.Peers) { p.Held = true })
	part := due(t, w, &retentionv1.ClockName{Policy: "shop", Category: "user.contact"})
	w.Run(soon(w))
	if x := request.Explain(w.State(part)); x.Reason != request.OnHold {
		t.Fatalf("under a hold: %+v", x)
	}
	other := due(t, w, &retentionv1.ClockName{Policy: "shop", Category: "user.content"})
	all := erasure(w)
	w.Run(soon(w))
	released(t, w)
	w.Run(soon(w))
	if s := w.State(all); !s.Finished || !s.Forgotten || s.Outcome != request.CompleteWithRetained {
		t.Errorf("everything: finished %t, forgotten %t, outcome %d", s.Finished, s.Forgotten, s.Outcome)
	}
	for _, agg := range []es.Aggregate{part, other} {
		if s := w.State(agg); !s.Closed || s.Outcome == request.Duplicate {
			t.Errorf("a part ended with %d", s.Outcome)
		}
	}
	if shop.Of(fake.Jane) != 1 || crm.Of(fake.Jane) != 1 {
		t.Error("more than the invoices is left")
	}
}

func TestWhatIsNotDueAnyMoreIsNotTouched(t *testing.T) {
	w := fake.NewWorld(t)
	shop := w.AddSystem("shop")
	w.Peers.Set(func(p *fake.Peers) { p.NotDue = true })
	agg := due(t, w, &retentionv1.ClockName{Policy: "shop", Category: "user"})
	w.Run(soon(w))
	if s := w.State(agg); !s.Finished || s.Outcome != request.NotVerified || shop.Erasures > 0 {
		t.Errorf("finished %t, outcome %d, %d erasures", s.Finished, s.Outcome, shop.Erasures)
	}
}

func TestAPartThatNoSystemDescribesWaitsForWhoDescribesIt(t *testing.T) {
	w := fake.NewWorld(t)
	w.AddSystem("shop")
	agg := due(t, w, &retentionv1.ClockName{Policy: "shop", Category: "contacts.calendar"})
	w.Run(w.Clock.Now().Add(time.Hour))
	if x := request.Explain(w.State(agg)); x.Actor != request.ActorOwner || x.Reason != request.NoScope {
		t.Errorf("waits for %+v", x)
	}
}
