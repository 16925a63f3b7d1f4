package rpc_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"
)

var told = regexp.MustCompile(`this code: ([a-z2-7]{26})`)

// TestWhoWasToldCancelsWhatSomebodyElseHasAskedFor: the request is the impostor's,
// and the code is the person's. Without it a request is like none, and is left as
// it was.
func TestWhoWasToldCancelsWhatSomebodyElseHasAskedFor(t *testing.T) {
	s := serve(t)
	s.AddSystem("shop")
	s.Peers.Set(func(p *fake.Peers) { p.Safeguards = &identityv1.Safeguards{Delay: durationpb.New(72 * time.Hour)} })
	id := submit(t, s.as(t, fake.Tenant, "mallory", "subject"), key1, fulfilmentv1.Right_RIGHT_ERASURE)
	agg := carry.RequestOf(fake.Tenant, id)
	s.Settle()
	s.Verify(agg)
	s.Run(s.Clock.Now().Add(time.Hour))
	code := ""
	for _, m := range s.Post.Sent {
		if found := told.FindStringSubmatch(m.Text); found != nil {
			code = found[1]
		}
	}
	jane := s.as(t, fake.Tenant, "jane", "subject")
	asked := func(command, request, typed string) string {
		_, err := jane.CancelRequest(deadline(t), &fulfilmentv1.CancelRequestRequest{
			RequestId: command, Request: request, Code: typed, Reason: fulfilmentv1.CancelReason_CANCEL_REASON_NOT_ME,
		})
		_, reason, _ := answer(err)
		return reason
	}
	events := s.State(agg).Events
	for name, request := range map[string]string{"a wrong code": id, "no such request": strings.Repeat("a", 26)} {
		if got := asked(uuid.NewString(), request, strings.Repeat("b", 26)); got != "CANCEL_CODE_WRONG" {
			t.Errorf("%s is answered with %q", name, got)
		}
	}
	if got := s.State(agg); got.Events != events || got.Cancelled != "" {
		t.Errorf("a wrong code has left %d events", got.Events-events)
	}
	again := uuid.NewString()
	for range 2 { // the second time is the same command
		if got := asked(again, id, code); got != "" {
			t.Errorf("the right code is answered with %q", got)
		}
		s.Settle()
	}
	if got := s.State(agg); got.Cancelled != "NOT_ME" {
		t.Errorf("it goes on: %q", got.Cancelled)
	}
}
