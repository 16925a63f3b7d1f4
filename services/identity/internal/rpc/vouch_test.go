package rpc

import (
	"testing"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	kit "habeas.internal/services/internal/rpc"
)

func TestIdentityVouchesForNothingButItsOwnErasures(t *testing.T) {
	for _, tc := range []struct {
		name, service, subject, ref, right, submitter string
		want                                          bool
	}{
		{"its own erasure, as fulfilment tells", "fulfilment", "", "jane", "erasure", "identity", true},
		{"not for another right of the same id", "fulfilment", "", "jane", "access", "identity", false},
		{"not for what somebody else has submitted", "fulfilment", "", "jane", "erasure", "", false},
		{"nor another service", "fulfilment", "", "jane", "erasure", "consent", false},
		{"not to another service", "consent", "", "jane", "erasure", "identity", false},
		{"not to staff", "", "actor", "jane", "erasure", "identity", false},
		{"not to staff through a service", "fulfilment", "actor", "jane", "erasure", "identity", false},
		{"not for nobody", "fulfilment", "", "", "erasure", "identity", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := vouches(kit.Principal{Service: tc.service, Subject: tc.subject}, &identityv1.StartVerificationRequest{
				SubjectRef: tc.ref, Right: tc.right, Submitter: tc.submitter,
			})
			if got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
