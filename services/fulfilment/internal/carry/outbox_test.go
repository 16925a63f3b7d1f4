package carry_test

import (
	"sync"
	"testing"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/personal"
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

func TestANoticeNamesNoDayOfAZoneThatIsNotKnown(t *testing.T) {
	for _, zone := range []string{"Mars/Olympus", ""} {
		w := fake.NewWorld(t)
		w.AddSystem("shop")
		agg, now := carry.RequestOf(fake.Tenant, es.DeriveID(fake.Tenant, "submit", zone)), w.Clock.Now()
		_, err := w.Handlers.Requests.Handle(t.Context(), agg, es.Command[request.Command]{
			ID: "r1", At: now, Data: request.Submit{
				Right: request.Erasure, Kind: 1, Identifier: personal.Clear(fake.Jane), Channel: "web", ReceivedAt: now, At: now,
				Terms: request.Terms{Policy: "shop", PolicyVersion: 3, Pack: "gdpr@1", Zone: zone, DueAt: now.AddDate(0, 1, 0)},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.Settle()
		n, _, err := w.Handlers.Notices.Load(t.Context(), carry.NoticeOf(fake.Tenant, agg.ID, request.TemplateAcknowledged), es.Leader)
		if err != nil || len(w.Post.Sent) != 0 || n.Reason != "ZONE_UNKNOWN" || n.Ended() {
			t.Errorf("zone %q: %d sent, reason %q, ended %t, error %v", zone, len(w.Post.Sent), n.Reason, n.Ended(), err)
		}
	}
}
