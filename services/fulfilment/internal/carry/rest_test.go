package carry_test

import (
	"testing"

	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

func TestAClosedRequestNamesWhatIsLeftAndTriesItAgainWhenAsked(t *testing.T) {
	w, _, _ := world(t)
	w.Peers.Set(func(p *fake.Peers) { p.Away["DestroyKeys"] = true })
	agg := erasure(w)
	w.Run(soon(w))
	s := w.State(agg)
	x := request.Explain(s)
	if !s.Closed || s.Finished || x.Actor != request.ActorFulfilment || x.Awaited != "destroy_key.retry" || x.Reason != "PEER_UNAVAILABLE" ||
		x.NextTryAt.IsZero() {
		t.Fatalf("closed %t, finished %t, explained as %+v", s.Closed, s.Finished, x)
	}
	w.Peers.Set(func(p *fake.Peers) { p.Away["DestroyKeys"] = false })
	retry := func(id string) error {
		_, err := w.Handlers.Requests.Handle(t.Context(), agg, es.Command[request.Command]{
			ID: id, At: w.Clock.Now(), Data: request.Retry{At: w.Clock.Now()},
		})
		return err
	}
	if err := retry("one"); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	checkErased(t, w, agg)
	if x := request.Explain(w.State(agg)); x.Actor != request.ActorNobody {
		t.Errorf("explained as %+v", x)
	}
	if err := retry("two"); err == nil || err.Error() != "REQUEST_CLOSED" {
		t.Errorf("a finished request is tried again: %v", err)
	}
}
