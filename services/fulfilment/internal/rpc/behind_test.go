package rpc_test

import (
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"

	"google.golang.org/protobuf/types/known/timestamppb"
)

func explained(t *testing.T, c *api, id string) *fulfilmentv1.ExplainRequestResponse {
	t.Helper()
	got, err := c.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: id})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func shown(t *testing.T, c *api, id string) *fulfilmentv1.Request {
	t.Helper()
	got, err := c.GetRequest(deadline(t), &fulfilmentv1.GetRequestRequest{Request: id})
	if err != nil {
		t.Fatal(err)
	}
	return got.GetRequest()
}

func TestARequestBehindAnotherNamesItAndWhatItWaitsFor(t *testing.T) {
	s := serve(t)
	shop := s.AddSystem("shop")
	shop.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
	c := s.as(t, fake.Tenant, actor, "intake", "agent")
	access := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ACCESS)
	s.Settle()
	verify(t, c, access, key2, s.Peers.Code)
	s.Settle()
	erasure := submit(t, c, key3, fulfilmentv1.Right_RIGHT_ERASURE)
	s.Settle()
	if x := explained(t, c, erasure); x.GetBehind() != nil {
		t.Errorf("before anybody knows whose it is, it is behind %v", x.GetBehind())
	}
	verify(t, c, erasure, key3[:35]+"4", s.Peers.Code)
	s.Settle()

	first, second := explained(t, c, access), explained(t, c, erasure)
	if first.GetBehind() != nil || first.GetAwaited() != "collect.retry" || first.GetReason() != "SYSTEM_UNREACHABLE" {
		t.Fatalf("the first: %s, %s, behind %v", first.GetAwaited(), first.GetReason(), first.GetBehind())
	}
	if second.GetRequest().GetState() != fulfilmentv1.RequestState_REQUEST_STATE_WAITING || second.GetAwaited() != "docket.turn" {
		t.Errorf("the second is %v and awaits %s", second.GetRequest().GetState(), second.GetAwaited())
	}
	b := second.GetBehind()
	if b.GetRequest() != access || b.GetNextActor() != first.GetNextActor() || b.GetAwaited() != first.GetAwaited() || b.GetSystem() != first.GetSystem() ||
		b.GetReason() != first.GetReason() || !b.GetSince().AsTime().Equal(first.GetSince().AsTime()) ||
		!b.GetOverdueAt().AsTime().Equal(first.GetOverdueAt().AsTime()) || !b.GetNextTryAt().AsTime().Equal(first.GetNextTryAt().AsTime()) {
		t.Errorf("behind %v, which says of itself %v", b, first)
	}

	shop.Set(func(h *fake.Holder) { h.Down = "" })
	s.Run(s.Clock.Now().Add(day))
	if x := explained(t, c, erasure); x.GetBehind() != nil || x.GetRequest().GetState() != fulfilmentv1.RequestState_REQUEST_STATE_CLOSED {
		t.Errorf("after the first has ended: %v, behind %v", x.GetRequest().GetState(), x.GetBehind())
	}
}

func TestTheDayOfTheAnswerIsTheTenantsDay(t *testing.T) {
	s := serve(t) // whose tenant is in New York
	c := s.as(t, fake.Tenant, actor, "intake", "agent")
	for i, tc := range []struct {
		name     string
		received time.Time
		due      string
	}{
		{"in the afternoon", time.Date(2026, 11, 2, 20, 0, 0, 0, time.UTC), "2026-12-02"},
		{"in the last second of that day there", time.Date(2026, 11, 3, 4, 59, 59, 0, time.UTC), "2026-12-02"},
		{"in the first second of the next", time.Date(2026, 11, 3, 5, 0, 0, 0, time.UTC), "2026-12-03"},
		{"before the clocks went back", time.Date(2026, 10, 8, 3, 59, 59, 0, time.UTC), "2026-11-09"}, // the 7th is a Saturday
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := submission(key1[:35]+string(rune('1'+i)), fulfilmentv1.Right_RIGHT_ERASURE)
			r.ReceivedAt = timestamppb.New(tc.received)
			got, err := c.SubmitRequest(deadline(t), r)
			if err != nil {
				t.Fatal(err)
			}
			zone, err := time.LoadLocation("America/New_York")
			if err != nil {
				t.Fatal(err)
			}
			// The instant is the end of the day that is named.
			if end := got.GetDueAt().AsTime().In(zone).Add(-time.Second).Format(time.DateOnly); got.GetDueOn() != tc.due || end != tc.due {
				t.Errorf("due on %s, by %s, want %s", got.GetDueOn(), got.GetDueAt().AsTime().In(zone), tc.due)
			}
			if q := shown(t, c, got.GetRequest()); q.GetDueOn() != tc.due || !q.GetDueAt().AsTime().Equal(got.GetDueAt().AsTime()) {
				t.Errorf("the request says %s and %v", q.GetDueOn(), q.GetDueAt().AsTime())
			}
		})
	}
}

// TestUnderAHoldNothingHasFailed is a pair: a leaf that a hold defers is open, one
// of a system that does not answer has failed for now; neither request has an outcome.
func TestUnderAHoldNothingHasFailed(t *testing.T) {
	for _, tc := range []struct {
		name    string
		brake   func(s *service, h *fake.Holder)
		mend    func(s *service, h *fake.Holder)
		outcome fulfilmentv1.LeafOutcome
		reason  string
		actor   string
	}{
		{
			"a hold", func(s *service, _ *fake.Holder) { s.Peers.Set(func(p *fake.Peers) { p.Held = true }) },
			func(s *service, _ *fake.Holder) { s.Peers.Set(func(p *fake.Peers) { p.Held = false }) },
			fulfilmentv1.LeafOutcome_LEAF_OUTCOME_UNSPECIFIED, "PERSON_ON_HOLD", request.ActorRetention,
		},
		{
			"a system that refuses", func(_ *service, h *fake.Holder) { h.Set(func(h *fake.Holder) { h.Broken = connector.ErrConstraint }) },
			func(_ *service, h *fake.Holder) { h.Set(func(h *fake.Holder) { h.Broken = "" }) },
			fulfilmentv1.LeafOutcome_LEAF_OUTCOME_FAILED, "SYSTEM_CONSTRAINT", request.ActorSystem,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t)
			shop := s.AddSystem("shop")
			tc.brake(s, shop)
			c := s.as(t, fake.Tenant, actor, "intake", "agent")
			id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE)
			s.Settle()
			verify(t, c, id, key2, s.Peers.Code)
			s.Settle()
			q := shown(t, c, id)
			if q.GetState() != fulfilmentv1.RequestState_REQUEST_STATE_RUNNING || q.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_UNSPECIFIED {
				t.Errorf("the request is %v, outcome %v", q.GetState(), q.GetOutcome())
			}
			if q.GetClosedAt() != nil || len(q.GetLeaves()) == 0 {
				t.Errorf("closed at %v with %d leaves", q.GetClosedAt(), len(q.GetLeaves()))
			}
			for _, l := range q.GetLeaves() {
				if l.GetOutcome() != tc.outcome || l.GetReason() != tc.reason || l.GetUntil() != nil {
					t.Errorf("leaf %d is %v because of %q until %v", l.GetLeaf(), l.GetOutcome(), l.GetReason(), l.GetUntil())
				}
			}
			if x := explained(t, c, id); x.GetNextActor() != tc.actor || x.GetReason() != tc.reason || x.GetNextTryAt() == nil {
				t.Errorf("%s must act because of %q, next try at %v", x.GetNextActor(), x.GetReason(), x.GetNextTryAt())
			}
			tc.mend(s, shop)
			s.Run(s.Clock.Now().Add(day))
			if q := shown(t, c, id); q.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE {
				t.Errorf("in the end: %v", q.GetOutcome())
			}
		})
	}
}
