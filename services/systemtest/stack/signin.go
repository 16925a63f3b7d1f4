package stack

import (
	"errors"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/testwait"

	"github.com/google/uuid"
)

// Portal is the client as which tenants' people sign in.
const Portal = "portal"

// SignInAt lets a tenant's people prove themselves by a sign-in at the stack's
// provider: acr "mfa" and amr "otp" are level 3, acr "phr" is level 4.
func (s *Stack) SignInAt(tenant string) {
	s.t.Helper()
	s.settings(tenant, func(want *identityv1.Settings) {
		want.Provider = &identityv1.IdentityProvider{
			Issuer: s.Provider.Server.URL, ClientId: Portal, Levels: []*identityv1.ProviderLevel{
				{Claim: identityv1.AssuranceClaim_ASSURANCE_CLAIM_ACR, Value: "mfa", Level: 3},
				{Claim: identityv1.AssuranceClaim_ASSURANCE_CLAIM_ACR, Value: "phr", Level: 4},
				{Claim: identityv1.AssuranceClaim_ASSURANCE_CLAIM_AMR, Value: "otp", Level: 3},
			},
		}
	})
}

// Assure has a tenant ask for a level of assurance for erasures.
func (s *Stack) Assure(tenant string, erasure uint32) {
	s.t.Helper()
	s.settings(tenant, func(want *identityv1.Settings) { want.Assurance = &identityv1.Assurance{Erasure: erasure} })
}

// settings changes a tenant's settings. What has to be confirmed is.
func (s *Stack) settings(tenant string, change func(*identityv1.Settings)) {
	s.t.Helper()
	officer := s.Proven(tenant, "settings-officer", "dpo")
	now, err := officer.Settings.GetSettings(Deadline(s.t), &identityv1.GetSettingsRequest{})
	if err != nil {
		s.t.Fatalf("get settings: %v", err)
	}
	change(now.GetSettings())
	done, err := officer.Settings.UpdateSettings(Deadline(s.t), &identityv1.UpdateSettingsRequest{
		RequestId: uuid.NewString(), Revision: now.GetRevision(), Settings: now.GetSettings(),
	})
	if err == nil && done.GetDueAt() != nil {
		err = s.confirm(tenant)
	}
	if err != nil {
		_, reason, field := Answer(err)
		s.t.Fatalf("change settings: %v (%s %s)", err, reason, field)
	}
}

// confirm is a second officer's word for settings that wait.
func (s *Stack) confirm(tenant string) error {
	s.t.Helper()
	second := s.Proven(tenant, "second-officer", "dpo")
	now, err := second.Settings.GetSettings(Deadline(s.t), &identityv1.GetSettingsRequest{})
	if err != nil {
		return err
	}
	_, err = second.Settings.ConfirmSettings(Deadline(s.t), &identityv1.ConfirmSettingsRequest{
		RequestId: uuid.NewString(), Number: now.GetPending().GetNumber(),
	})
	return err
}

// SSO is the identifier of somebody who signs in at the stack's provider.
func (s *Stack) SSO(sub string) *identityv1.Identifier {
	return &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_SSO, Value: s.Provider.Server.URL + " " + sub}
}

// SignIn waits until a request offers a sign-in.
func (s *Stack) SignIn(tenant, request string) *fulfilmentv1.SignIn {
	s.t.Helper()
	intake := s.As(tenant, "intake").Requests
	var in *fulfilmentv1.SignIn
	testwait.For(s.t, 30*time.Second, func() error {
		x, err := intake.ExplainRequest(Deadline(s.t), &fulfilmentv1.ExplainRequestRequest{Request: request})
		if in = x.GetSignIn(); err == nil && in == nil {
			err = errors.New("no sign-in is offered")
		}
		return err
	})
	return in
}
