package impersonation_test

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"
)

// changed is the answer to somebody who changes the present settings of a tenant.
func (w world) changed(tenant string, c stack.Clients, change func(*identityv1.Settings)) (*identityv1.UpdateSettingsResponse, error) {
	w.Helper()
	now, err := c.Settings.GetSettings(stack.Deadline(w.T), &identityv1.GetSettingsRequest{})
	if err != nil {
		w.Fatal(tenant, err)
	}
	change(now.GetSettings())
	return c.Settings.UpdateSettings(stack.Deadline(w.T), &identityv1.UpdateSettingsRequest{
		RequestId: uuid.NewString(), Revision: now.GetRevision(), Settings: now.GetSettings(),
	})
}

// loneOfficer: an officer takes the hold away by which the victim could cancel,
// and puts their own provider in place of the tenant's. The twin: a colleague
// agrees.
func loneOfficer(w world) {
	const tenant = "tempting"
	w.GuardedTenant(tenant, nil)
	mallory := w.Proven(tenant, "mallory", "dpo", "platform_admin")
	lower := func(s *identityv1.Settings) {
		s.Safeguards = &identityv1.Safeguards{Delay: durationpb.New(0), ChannelAge: durationpb.New(0)}
		s.Provider = &identityv1.IdentityProvider{Issuer: "https://login.evil.example", ClientId: "portal"}
	}
	_, err := w.changed(tenant, w.Named(tenant, "mallory", "dpo"), lower)
	if _, reason, _ := stack.Answer(err); reason != "STEP_UP_REQUIRED" {
		w.Errorf("a borrowed session is answered with %q", reason)
	}
	res, err := w.changed(tenant, mallory, lower)
	if err != nil || len(res.GetLowers()) != 3 || res.GetDueAt() == nil {
		w.Fatalf("got %v, %v", res, err)
	}
	confirm := func(c stack.Clients) error {
		_, err := c.Settings.ConfirmSettings(stack.Deadline(w.T), &identityv1.ConfirmSettingsRequest{RequestId: uuid.NewString(), Number: 1})
		return err
	}
	if _, reason, _ := stack.Answer(confirm(mallory)); reason != "CONFIRMER_IS_AUTHOR" {
		w.Errorf("their own word is answered with %q", reason)
	}
	if t := w.tenant(tenant); t.GetSafeguards().GetDelay().AsDuration() == 0 || t.GetProvider() != nil {
		w.Errorf("one person alone has lowered the safeguards: %v", t)
	}
	if err := confirm(w.Proven(tenant, "colleague", "approver")); err != nil {
		w.Errorf("a colleague's word: %v", err)
	}
	if t := w.tenant(tenant); t.GetSafeguards().GetDelay().AsDuration() != 0 || t.GetProvider() == nil {
		w.Errorf("with a colleague's word nothing changed: %v", t)
	}
}

func (w world) tenant(tenant string) *identityv1.GetTenantResponse {
	w.Helper()
	t, err := w.As(tenant, "dpo").Tenants.GetTenant(stack.Deadline(w.T), &identityv1.GetTenantRequest{})
	if err != nil {
		w.Fatal(err)
	}
	return t
}

// foreignTenant: an administrator of one tenant makes another organisation's,
// without safeguards, before it does so itself. The twin: the organisation.
func foreignTenant(w world) {
	const victim = "victim-corp"
	found := func(c stack.Clients) error {
		_, err := c.Tenants.CreateTenant(stack.Deadline(w.T), &identityv1.CreateTenantRequest{
			RequestId: uuid.NewString(), Tenant: victim, DisplayName: "Victim", TimeZone: "UTC", Safeguards: &identityv1.Safeguards{},
		})
		return err
	}
	if _, _, field := stack.Answer(found(w.Proven(open, "mallory", "platform_admin"))); field != "tenant" {
		w.Errorf("the refusal is about %q", field)
	}
	if err := found(w.Proven(victim, "vera", "platform_admin")); err != nil {
		w.Errorf("the organisation itself: %v", err)
	}
}
