package rpc_test

import (
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/fake"

	"google.golang.org/grpc/codes"
)

// TestNobodyButAServiceAsksForItself: neither staff nor a person can make a request
// look as if the system had made it.
func TestNobodyButAServiceAsksForItself(t *testing.T) {
	s := serve(t)
	for _, role := range []string{"intake", "subject"} {
		r := submission(key1, fulfilmentv1.Right_RIGHT_ERASURE)
		r.Channel = fulfilmentv1.RequestChannel_REQUEST_CHANNEL_SYSTEM_AGE
		_, err := s.as(t, fake.Tenant, actor, role).SubmitRequest(deadline(t), r)
		if code, _, fields := answer(err); code != codes.InvalidArgument || !hasField(fields, "channel") {
			t.Errorf("%s: %v, %v", role, err, fields)
		}
	}
	submit(t, s.as(t, fake.Tenant, actor, "intake"), key2, fulfilmentv1.Right_RIGHT_ERASURE)
	s.Settle()
	if asked := s.Peers.Asked[0]; asked.GetSubmitter() != "" || asked.GetRight() != "erasure" {
		t.Errorf("what staff took in is submitted by %q", asked.GetSubmitter())
	}
}
