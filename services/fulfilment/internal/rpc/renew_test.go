package rpc_test

import (
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/fake"

	"github.com/google/uuid"
)

// TestNoCodeIsAskedForThatCanProveNoMore: another one to the same young address would
// be asked for over and over; where the address has become old, or a sign-in would do,
// it is.
func TestNoCodeIsAskedForThatCanProveNoMore(t *testing.T) {
	factor := &identityv1.IdentityProvider{Issuer: "https://login.example", ClientId: "portal", Levels: []*identityv1.ProviderLevel{
		{Claim: identityv1.AssuranceClaim_ASSURANCE_CLAIM_ACR, Value: "mfa", Level: 3},
	}}
	for _, tc := range []struct {
		name     string
		young    bool
		provider *identityv1.IdentityProvider
		want     string
	}{
		{"every channel is young", true, nil, "CHANNELS_TOO_YOUNG"},
		{"the channel is not young any more", false, nil, ""},
		{"a sign-in with a second factor would do", true, factor, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t)
			s.Peers.Set(func(p *fake.Peers) { p.Level, p.Young, p.Provider = 2, tc.young, tc.provider })
			c := s.as(t, fake.Tenant, actor, "intake")
			id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE)
			s.Settle()
			_, err := c.VerifyRequest(deadline(t), &fulfilmentv1.VerifyRequestRequest{RequestId: uuid.NewString(), Request: id, Code: s.Peers.Code})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.RenewVerification(deadline(t), &fulfilmentv1.RenewVerificationRequest{RequestId: uuid.NewString(), Request: id})
			if _, reason, _ := answer(err); reason != tc.want {
				t.Errorf("answered with %q (%v), want %q", reason, err, tc.want)
			}
		})
	}
}
