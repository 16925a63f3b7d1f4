package request_test

import (
	"testing"
	"time"

	"habeas.internal/services/fulfilment/request"
)

func TestARequestIsOverdueFromTheLawsDayOnThoughACodeIsWaitedFor(t *testing.T) {
	s := request.Request{Submitted: true, Verification: "v", VerificationAt: after(time.Hour), Terms: request.Terms{DueAt: noon().AddDate(-1, 0, 0)}}
	if x := request.Explain(s); !x.OverdueAt.Equal(s.Terms.DueAt) || x.Actor != request.ActorPerson {
		t.Errorf("explained as %+v", x)
	}
	s.Terms.DueAt = noon().AddDate(1, 0, 0)
	if x := request.Explain(s); !x.OverdueAt.Equal(s.VerificationAt) {
		t.Errorf("explained as %+v", x)
	}
}
