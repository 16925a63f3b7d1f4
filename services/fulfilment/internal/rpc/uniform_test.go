package rpc_test

import (
	"strings"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/fake"
)

// TestAnUnverifiedRequestTellsNothingOfNotices: whether somebody is known shows
// in whether they are written to.
func TestAnUnverifiedRequestTellsNothingOfNotices(t *testing.T) {
	s := serve(t)
	c := s.as(t, fake.Tenant, actor, "intake", "agent")
	id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE)
	s.Settle()
	got, err := c.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: id})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.GetHistory()) == 0 {
		t.Error("the request has no history")
	}
	for _, step := range got.GetHistory() {
		if strings.Contains(step.GetEvent(), "notice") {
			t.Errorf("before anybody is verified the history tells of %s", step.GetEvent())
		}
	}
}
