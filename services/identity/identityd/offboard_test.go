package identityd_test

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// stepped calls as a named person who has proven themselves once more.
func (d *running) stepped(t *testing.T, who, tenant string, roles ...string) *api {
	t.Helper()
	claims := rpctest.With(rpctest.Claims(time.Now(), roles...), "tenant", tenant)
	claims = rpctest.With(rpctest.With(rpctest.With(claims, "acr", "phr"), "auth_time", time.Now().Unix()), "sub", who)
	return d.dial(t, &tls.Config{}, grpc.WithPerRPCCredentials(bearer(d.world.issuer.Sign(claims))))
}

func offboards(change func(*identityv1.OffboardTenantRequest)) call {
	r := &identityv1.OffboardTenantRequest{RequestId: newRequestID(), Tenant: tenant, Reason: "contract_ended"}
	change(r)
	return func(ctx context.Context, c *api) error { _, err := c.OffboardTenant(ctx, r); return err }
}

func approves(id string) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.ApproveOffboarding(ctx, &identityv1.ApproveOffboardingRequest{RequestId: id})
		return err
	}
}

func stays(id string) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.CancelOffboarding(ctx, &identityv1.CancelOffboardingRequest{RequestId: id})
		return err
	}
}

func stageOf(t *testing.T, c *api) *identityv1.Offboarding {
	t.Helper()
	return must(c.GetTenant(deadline(t), &identityv1.GetTenantRequest{}))(t).GetOffboarding()
}

func TestAnOffboardingIsTakenBackRefusedAndApproved(t *testing.T) {
	w := newWorld(t)
	w.more = w.witnessed(t)
	d := w.start(t)
	d.create(t, tenant)
	d.create(t, "umbrella")
	ann, bob := d.stepped(t, "ann", tenant, "platform_admin"), d.stepped(t, "bob", tenant, "approver")
	good := func(*identityv1.OffboardTenantRequest) {}
	expect(t, offboards(good)(deadline(t), d.as(t, tenant, "platform_admin")), codes.PermissionDenied, "STEP_UP_REQUIRED")
	expect(t, offboards(good)(deadline(t), d.stepped(t, "ann", tenant, "dpo")), codes.PermissionDenied, "ROLE_REQUIRED")
	expect(t, offboards(good)(deadline(t), d.stepped(t, "ann", "umbrella", "platform_admin")), codes.InvalidArgument, "INVALID_ARGUMENT")
	expect(t, offboards(func(r *identityv1.OffboardTenantRequest) { r.Reason = "" })(deadline(t), ann), codes.InvalidArgument, "INVALID_ARGUMENT")
	expect(t, stays(newRequestID())(deadline(t), ann), codes.FailedPrecondition, "OFFBOARDING_NOT_BEGUN")
	expect(t, offboards(good)(deadline(t), ann), codes.OK, "")
	if got := stageOf(t, ann); got.GetStage() != identityv1.OffboardingStage_OFFBOARDING_STAGE_WAITING || got.GetDueAt().AsTime().Before(time.Now().Add(29*24*time.Hour)) {
		t.Errorf("got %v", got)
	}
	expect(t, offboards(good)(deadline(t), ann), codes.FailedPrecondition, "OFFBOARDING_BEGUN")
	expect(t, stays(newRequestID())(deadline(t), ann), codes.OK, "")
	if got := stageOf(t, ann); got != nil {
		t.Errorf("after it was taken back: %v", got)
	}
	_, err := identityv1.NewSettingsServiceClient(ann.conn).UpdateSettings(deadline(t), &identityv1.UpdateSettingsRequest{
		RequestId: newRequestID(), Settings: &identityv1.Settings{DisplayName: "Acme", TimeZone: "UTC", Approval: true},
	})
	expect(t, err, codes.OK, "")
	expect(t, offboards(good)(deadline(t), ann), codes.OK, "")
	if got := stageOf(t, ann); got.GetStage() != identityv1.OffboardingStage_OFFBOARDING_STAGE_ASKED {
		t.Errorf("got %v", got)
	}
	expect(t, approves(newRequestID())(deadline(t), ann), codes.FailedPrecondition, "APPROVER_IS_AUTHOR")
	expect(t, approves(newRequestID())(deadline(t), bob), codes.OK, "")
	expect(t, approves(newRequestID())(deadline(t), bob), codes.FailedPrecondition, "OFFBOARDING_APPROVED")
	if got := len(w.history(t, "tenant", tenant, tenant)); got == 0 {
		t.Error("no history")
	}
}

// A tenant goes while another instance holds its keys; another tenant stays.
func TestNothingOfATenantThatIsGoneOpensAnywhere(t *testing.T) {
	w := newWorld(t)
	w.alone, w.more = "false", append(w.witnessed(t),
		"HABEAS_OFFBOARD_GRACE=1s", "HABEAS_OFFBOARD_SETTLE=500ms", "HABEAS_OFFBOARD_MEMORY=200ms",
		"HABEAS_LIMIT_READS=100000", "HABEAS_LIMIT_REFUSALS=100000",
	)
	first, second := w.start(t), w.start(t)
	first.create(t, tenant)
	first.create(t, "umbrella")
	jane := first.register(t, email("jane@example.com"))
	other := must(first.as(t, "umbrella", "product").RegisterSubject(deadline(t), &identityv1.RegisterSubjectRequest{
		RequestId: newRequestID(), Identifiers: []*identityv1.Identifier{email("jane@example.com")},
	}))(t).GetSubjectRef()
	holder := second.holder(t, "fulfilment", true)
	id, theirs := keyOf(t, tenant, seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST), keyOf(t, "umbrella", seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST)
	box, kept := holder.seal(t, id, "Jane Example"), holder.seal(t, theirs, "Jane Example")
	ann := first.stepped(t, "ann", tenant, "platform_admin")
	expect(t, offboards(func(*identityv1.OffboardTenantRequest) {})(deadline(t), ann), codes.OK, "")

	var proof *identityv1.OffboardingProof
	testwait.For(t, time.Minute, func() error {
		if proof = stageOf(t, ann).GetProof(); proof == nil {
			return errNotYet
		}
		return nil
	})
	if proof.GetKeys() < 2 || proof.GetLookupRows() == 0 || proof.GetPeppers() < 2 || len(proof.GetDigest()) != 32 ||
		proof.GetResidueHorizon() == nil || len(proof.GetPartitions()) == 0 {
		t.Errorf("proof: %v", proof)
	}
	if _, err := holder.Open(deadline(t), "fulfilment", place(tenant), box); err == nil {
		t.Error("the other instance's holder still opens")
	}
	if _, err := holder.Open(deadline(t), "fulfilment", place("umbrella"), kept); err != nil {
		t.Errorf("another tenant's: %v", err)
	}
	if got := stageOf(t, second.as(t, "umbrella", "product")); got != nil {
		t.Errorf("the other tenant is leaving: %v", got)
	}
	must(second.as(t, "umbrella", "verifier").ListIdentifiers(withPurpose(deadline(t)), &identityv1.ListIdentifiersRequest{SubjectRef: other}))(t)
	for _, d := range []*running{first, second} {
		testwait.For(t, time.Minute, func() error { // an instance remembers a tenant for a moment
			if _, reason, _ := answer(lists(jane)(deadline(t), d.as(t, tenant, "verifier"))); reason != "TENANT_OFFBOARDED" {
				return errors.New(reason)
			}
			return nil
		})
		for _, m := range methods(jane, request) {
			switch m.name {
			case identityv1.TenantService_GetTenant_FullMethodName, identityv1.TenantService_CreateTenant_FullMethodName,
				identityv1.KeyService_FollowDrops_FullMethodName: // of a service, not of a tenant
				continue
			}
			if _, reason, _ := answer(m.good(deadline(t), m.caller(t, d, tenant))); reason != "TENANT_OFFBOARDED" {
				t.Errorf("%s: %s", m.name, reason)
			}
		}
	}
	expect(t, creates(func(r *identityv1.CreateTenantRequest) { r.Tenant = tenant })(deadline(t), first.stepped(t, "pat", "platform", "platform_admin")), codes.FailedPrecondition, "TENANT_OFFBOARDED")
}
