package carry_test

import (
	"sync"
	"testing"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
)

func TestANoticeThatTwoDeliverAtOnceGoesOutOnce(t *testing.T) {
	const races = 50
	for range races {
		w := fake.NewWorld(t)
		w.AddSystem("shop")
		agg := w.Submit(request.Erasure, "r1")
		if err := w.Carrier.Carry(t.Context(), agg); err != nil {
			t.Fatal(err)
		}
		n := carry.NoticeOf(fake.Tenant, agg.ID, request.TemplateAcknowledged)
		var both sync.WaitGroup
		start := make(chan struct{})
		for range 2 {
			both.Go(func() {
				<-start
				if err := w.Carrier.Deliver(t.Context(), n); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		both.Wait()
		if got := len(w.Post.Sent); got != 1 {
			t.Fatalf("sent %d times", got)
		}
	}
}
