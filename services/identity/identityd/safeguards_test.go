package identityd_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/testwait"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
)

func settingsOf(t *testing.T, c *api) *identityv1.GetSettingsResponse {
	t.Helper()
	return must(identityv1.NewSettingsServiceClient(c.conn).GetSettings(deadline(t), &identityv1.GetSettingsRequest{}))(t)
}

// set changes a tenant's present settings.
func set(t *testing.T, c *api, change func(*identityv1.Settings)) *identityv1.UpdateSettingsResponse {
	t.Helper()
	now := settingsOf(t, c)
	change(now.GetSettings())
	return must(identityv1.NewSettingsServiceClient(c.conn).UpdateSettings(deadline(t), &identityv1.UpdateSettingsRequest{
		RequestId: newRequestID(), Revision: now.GetRevision(), Settings: now.GetSettings(),
	}))(t)
}

const officers = "dpo@acme.example"

func guard(s *identityv1.Settings)   { s.Approval, s.Officers = true, officers }
func unguard(s *identityv1.Settings) { s.Approval = false }

func TestWhatLowersASafeguardWaitsForASecondPersonAndIsToldTheOfficers(t *testing.T) {
	w, d := found(t)
	ann, bob := d.stepped(t, "ann", tenant, "dpo"), d.stepped(t, "bob", tenant, "approver")
	expect(t, updates("UTC", 0)(deadline(t), d.as(t, tenant, "dpo")), codes.PermissionDenied, "STEP_UP_REQUIRED")
	if got := set(t, ann, guard); got.GetDueAt() != nil || got.GetNumber() != 0 || got.GetRevision() != 1 {
		t.Errorf("what raises a safeguard waits: %v", got)
	}
	got := set(t, ann, unguard)
	want := []identityv1.Safeguard{identityv1.Safeguard_SAFEGUARD_APPROVAL}
	if diff := cmp.Diff(want, got.GetLowers()); diff != "" || got.GetRevision() != 1 || got.GetNumber() != 1 || got.GetDueAt().AsTime().Before(time.Now().Add(23*time.Hour)) {
		t.Errorf("got %v\n%s", got, diff)
	}
	now := settingsOf(t, bob)
	if p := now.GetPending(); !now.GetSettings().GetApproval() || p.GetNumber() != 1 || p.GetSettings().GetApproval() || p.GetBy() == "" || p.GetBy() == "ann" {
		t.Errorf("settings show %v", now)
	}
	testwait.For(t, time.Minute, func() error {
		if text := w.mails.textTo(officers); !strings.Contains(text, "erasures are approved by a second person") {
			return errors.New("the officers were told: " + text)
		}
		return nil
	})
	expect(t, updates("UTC", 1)(deadline(t), ann), codes.FailedPrecondition, "SETTINGS_WAIT")
	expect(t, confirms(1)(deadline(t), ann), codes.FailedPrecondition, "CONFIRMER_IS_AUTHOR")
	expect(t, withdraws(newRequestID())(deadline(t), d.as(t, tenant, "approver")), codes.OK, "")
	expect(t, confirms(1)(deadline(t), bob), codes.FailedPrecondition, "NO_SETTINGS_WAIT")
	if now := settingsOf(t, bob); now.GetPending() != nil || !now.GetSettings().GetApproval() {
		t.Errorf("after they were withdrawn: %v", now)
	}
	set(t, ann, unguard)
	expect(t, confirms(2)(deadline(t), bob), codes.OK, "")
	if now := settingsOf(t, bob); now.GetPending() != nil || now.GetSettings().GetApproval() || now.GetRevision() != 2 {
		t.Errorf("after a second person's word: %v", now)
	}
	history := w.history(t, "tenant", tenant, tenant)
	if i := slices.Index(history, "tenant.settings_confirmed"); i < 0 || i+1 >= len(history) || history[i+1] != "tenant.settings_changed" {
		t.Errorf("the log says %v", history)
	}
}

// The twin of waiting for a second person: nobody says anything for as long as the
// tenant's people would have noticed.
func TestSettingsThatNobodyWithdrawsComeIntoForce(t *testing.T) {
	w := newWorld(t)
	w.more = []string{"HABEAS_SETTINGS_WAIT=1s"}
	d := w.start(t)
	d.create(t, tenant)
	ann := d.stepped(t, "ann", tenant, "dpo")
	set(t, ann, guard)
	set(t, ann, unguard)
	testwait.For(t, time.Minute, func() error {
		if settingsOf(t, ann).GetSettings().GetApproval() {
			return errNotYet
		}
		return nil
	})
	if history := w.history(t, "tenant", tenant, tenant); slices.Contains(history, "tenant.settings_confirmed") {
		t.Errorf("the log says %v", history)
	}
}

// TestATenantIsMadeByItsOwnTokenOrThePlatforms, as an id is never free again and
// its first safeguards are its creator's.
func TestATenantIsMadeByItsOwnTokenOrThePlatforms(t *testing.T) {
	_, d := found(t)
	makes := func(id string) call { return creates(func(r *identityv1.CreateTenantRequest) { r.Tenant = id }) }
	mallory := d.stepped(t, "mallory", tenant, "platform_admin")
	if code, reason, field := answer(makes("victim")(deadline(t), mallory)); code != codes.InvalidArgument || reason != "INVALID_ARGUMENT" || field != "tenant" {
		t.Errorf("a foreign tenant is answered with %s %s %s", code, reason, field)
	}
	expect(t, makes("victim")(deadline(t), d.as(t, "victim", "platform_admin")), codes.PermissionDenied, "STEP_UP_REQUIRED")
	expect(t, makes("victim")(deadline(t), d.stepped(t, "vera", "victim", "platform_admin")), codes.OK, "")
	expect(t, makes("another")(deadline(t), d.stepped(t, "pat", "platform", "platform_admin")), codes.OK, "")
	expect(t, makes("more")(deadline(t), d.stepped(t, "pat", "platform", "dpo")), codes.PermissionDenied, "ROLE_REQUIRED")
}
