package rpc_test

import (
	"slices"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/fake"

	"google.golang.org/grpc/codes"
)

func provider(levels ...uint32) *identityv1.IdentityProvider {
	out := &identityv1.IdentityProvider{Issuer: "https://login.example", ClientId: "portal"}
	for _, l := range levels {
		out.Levels = append(out.Levels, &identityv1.ProviderLevel{Value: "x", Level: l})
	}
	return out
}

// TestAnExplanationOffersWhatTheTenantCanTake: before anything is proven, and
// nothing that the tenant has not set up.
func TestAnExplanationOffersWhatTheTenantCanTake(t *testing.T) {
	for _, tc := range []struct {
		name     string
		provider *identityv1.IdentityProvider
		asks     *identityv1.Assurance
		away     string
		needed   uint32
		suffices []string
		signIn   bool
	}{
		{"without a provider, a channel", nil, nil, "", 3, []string{"settled_channel", "staff"}, false},
		{"with a plain one, no sign-in is enough", provider(), nil, "", 3, []string{"settled_channel", "staff"}, true},
		{"with a second factor one is", provider(3), nil, "", 3, []string{"settled_channel", "staff", "assertion_second_factor"}, true},
		{"a tenant that wants level 4 takes the best alone", provider(3, 4), &identityv1.Assurance{Erasure: 4}, "", 4, []string{"staff", "assertion_phishing_resistant"}, true},
		{"its wish for copies is none for erasures", provider(4), &identityv1.Assurance{Access: 4}, "", 3, []string{"settled_channel", "staff", "assertion_second_factor"}, true},
		{"what can't be asked is not offered", provider(3), nil, "GetVerification", 3, []string{"settled_channel", "staff", "assertion_second_factor"}, false},
		{"nor what is not known", provider(3), nil, "GetTenant", 3, []string{"settled_channel", "staff"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t)
			s.Peers.Set(func(p *fake.Peers) { p.Provider, p.Assurance = tc.provider, tc.asks })
			c := s.as(t, fake.Tenant, actor, "intake", "agent")
			id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE)
			s.Settle()
			s.Peers.Set(func(p *fake.Peers) { p.Away[tc.away] = tc.away != "" })
			got, err := c.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: id})
			if err != nil {
				t.Fatal(err)
			}
			if got.GetNeededLevel() != tc.needed || !slices.Equal(got.GetSuffices(), tc.suffices) {
				t.Errorf("level %d is needed, would suffice: %v", got.GetNeededLevel(), got.GetSuffices())
			}
			if in := got.GetSignIn(); (in != nil) != tc.signIn || in != nil && (in.GetNonce() == "" || in.GetIssuer() != "https://login.example") {
				t.Errorf("sign in: %v", in)
			}
		})
	}
}

func TestAnIDTokenGoesTheWayOfACode(t *testing.T) {
	s := serve(t)
	s.Peers.Set(func(p *fake.Peers) { p.Provider, p.Level = provider(3), 3 })
	c := s.as(t, fake.Tenant, actor, "intake", "agent")
	id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE)
	s.Settle()
	hand := func(key, code, token string) (*fulfilmentv1.VerifyRequestResponse, error) {
		return c.VerifyRequest(deadline(t), &fulfilmentv1.VerifyRequestRequest{RequestId: key, Request: id, Code: code, IdToken: token})
	}
	for _, both := range []string{"", "12345678"} {
		if _, err := hand(key2, both, both); !hasField(fieldsOf(err), "code") {
			t.Errorf("code and token %q: %v", both, err)
		}
	}
	got, err := hand(key2, "", "wrong")
	if err != nil || got.GetState() != identityv1.VerificationState_VERIFICATION_STATE_OPEN || got.GetAttemptsLeft() != 4 {
		t.Errorf("a wrong token is answered with %v, %v", got, err)
	}
	got, err = hand(key3, "", s.Peers.Code)
	if err != nil || got.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED || got.GetReason() != "" {
		t.Errorf("a right token is answered with %v, %v", got, err)
	}
	s.Settle()
	x, err := c.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: id})
	if err != nil || x.GetAssuranceLevel() != 3 || x.GetSignIn() != nil || len(x.GetSuffices()) != 0 {
		t.Errorf("explained as %v, %v", x, err)
	}
}

func TestWhyNoTokenCanBeTakenIsSaid(t *testing.T) {
	for reason, code := range map[string]codes.Code{
		"PROVIDER_NOT_CONFIGURED": codes.FailedPrecondition, "PROVIDER_UNAVAILABLE": codes.Unavailable,
	} {
		s := serve(t)
		c := s.as(t, fake.Tenant, actor, "intake", "agent")
		id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE)
		s.Settle()
		s.Peers.Set(func(p *fake.Peers) { p.Refuses = fake.Refuse(code, reason) })
		_, err := c.VerifyRequest(deadline(t), &fulfilmentv1.VerifyRequestRequest{RequestId: key2, Request: id, IdToken: "a.b.c"})
		if got, why, _ := answer(err); got != code || why != reason {
			t.Errorf("got %v (%s), want %v (%s)", got, why, code, reason)
		}
	}
}

func fieldsOf(err error) []string {
	_, _, fields := answer(err)
	return fields
}
