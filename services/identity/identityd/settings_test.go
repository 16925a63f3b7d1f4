package identityd_test

import (
	"context"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/calendar"
	"habeas.internal/services/internal/rpc/rpctest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
)

func updates(zone string, revision uint32, kinds ...*identityv1.DeclaredKind) call {
	return func(ctx context.Context, c *api) error {
		_, err := identityv1.NewSettingsServiceClient(c.conn).UpdateSettings(ctx, &identityv1.UpdateSettingsRequest{
			RequestId: newRequestID(), Revision: revision,
			Settings: &identityv1.Settings{DisplayName: "Acme", TimeZone: zone, Kinds: kinds},
		})
		return err
	}
}

func update(change func(s *identityv1.Settings)) call {
	return func(ctx context.Context, c *api) error {
		s := &identityv1.Settings{DisplayName: "Acme", TimeZone: "UTC"}
		change(s)
		_, err := identityv1.NewSettingsServiceClient(c.conn).UpdateSettings(ctx, &identityv1.UpdateSettingsRequest{RequestId: newRequestID(), Settings: s})
		return err
	}
}

// signsIn names where people sign in, and a level of one of its sign-ins.
func signsIn(issuer, client string, level uint32) call {
	return update(func(s *identityv1.Settings) {
		s.Provider = &identityv1.IdentityProvider{Issuer: issuer, ClientId: client, Levels: []*identityv1.ProviderLevel{
			{Claim: identityv1.AssuranceClaim_ASSURANCE_CLAIM_ACR, Value: "mfa", Level: level},
		}}
	})
}

func confirms(number uint32) call {
	return func(ctx context.Context, c *api) error {
		_, err := identityv1.NewSettingsServiceClient(c.conn).ConfirmSettings(ctx, &identityv1.ConfirmSettingsRequest{RequestId: newRequestID(), Number: number})
		return err
	}
}

func withdraws(id string) call {
	return func(ctx context.Context, c *api) error {
		_, err := identityv1.NewSettingsServiceClient(c.conn).WithdrawSettings(ctx, &identityv1.WithdrawSettingsRequest{RequestId: id})
		return err
	}
}

// asks wants a level of assurance for erasures.
func asks(level uint32) call {
	return update(func(s *identityv1.Settings) { s.Assurance = &identityv1.Assurance{Erasure: level} })
}

func TestATenantSaysWhereItsPeopleSignInAndHowWellTheyHaveToProveThemselves(t *testing.T) {
	_, d := found(t)
	dpo, verifier := d.stepped(t, "dan", tenant, "dpo"), d.as(t, tenant, "verifier")
	id := d.verify(t, "step-1", d.register(t, email("jane@example.com")))
	_, err := verifier.CheckCode(deadline(t), &identityv1.CheckCodeRequest{RequestId: newRequestID(), Verification: id, IdToken: "a.b.c"})
	expect(t, err, codes.FailedPrecondition, "PROVIDER_NOT_CONFIGURED")
	both := &identityv1.CheckCodeRequest{RequestId: newRequestID(), Verification: id, IdToken: "a.b.c", Code: "12345678"}
	_, err = verifier.CheckCode(deadline(t), both)
	expect(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	want := &identityv1.Settings{
		DisplayName: "Acme", TimeZone: "UTC", Officers: "dpo@acme.example",
		Assurance: &identityv1.Assurance{Erasure: 4, Policies: []*identityv1.PolicyAssurance{{Policy: "qcera", Access: 4}}},
		Provider: &identityv1.IdentityProvider{Issuer: "https://127.0.0.1:1", ClientId: "portal", Levels: []*identityv1.ProviderLevel{
			{Claim: identityv1.AssuranceClaim_ASSURANCE_CLAIM_AMR, Value: "otp", Level: 3},
		}},
	}
	expect(t, update(func(s *identityv1.Settings) { proto.Merge(s, want) })(deadline(t), dpo), codes.OK, "")
	expect(t, confirms(1)(deadline(t), d.stepped(t, "ann", tenant, "approver")), codes.OK, "")
	want.Safeguards = &identityv1.Safeguards{Delay: durationpb.New(72 * time.Hour), ChannelAge: durationpb.New(7 * 24 * time.Hour)}
	got := must(identityv1.NewSettingsServiceClient(dpo.conn).GetSettings(deadline(t), &identityv1.GetSettingsRequest{}))(t)
	if diff := cmp.Diff(want, got.GetSettings(), protocmp.Transform()); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	told := must(d.service(t, "fulfilment", tenant).GetTenant(deadline(t), &identityv1.GetTenantRequest{}))(t)
	if told.GetProvider().GetClientId() != "portal" || told.GetAssurance().GetErasure() != 4 {
		t.Errorf("other services are told of %v, %v", told.GetProvider(), told.GetAssurance())
	}
	_, err = verifier.CheckCode(deadline(t), &identityv1.CheckCodeRequest{RequestId: newRequestID(), Verification: id, IdToken: "a.b.c"})
	expect(t, err, codes.Unavailable, "PROVIDER_UNAVAILABLE")
	v := must(verifier.GetVerification(deadline(t), &identityv1.GetVerificationRequest{Verification: id}))(t)
	if v.GetState() != identityv1.VerificationState_VERIFICATION_STATE_OPEN || len(v.GetNonce()) != 26 {
		t.Errorf("the verification is %v with the nonce %q", v.GetState(), v.GetNonce())
	}
}

func settingsMethods() []method {
	return []method{
		{
			name: identityv1.SettingsService_UpdateSettings_FullMethodName, role: "dpo", wrong: "auditor", stepUp: true,
			good: updates("UTC", 0),
			bad: []malformed{
				{"settings.provider.issuer", signsIn("https://a@login.example", "portal", 3)},
				{"settings.provider.issuer", signsIn("http://login.example", "portal", 3)},
				{"settings.provider.client_id", signsIn(rpctest.TokenIssuer, rpctest.TokenAudience, 3)},
				{"settings.provider.levels[0].level", signsIn("https://login.example", "portal", 2)},
				{"settings.assurance.erasure", asks(2)},
				{"settings.officers", update(func(s *identityv1.Settings) { s.Officers = "nobody" })},
				{"settings.safeguards.delay", update(func(s *identityv1.Settings) {
					s.Safeguards = &identityv1.Safeguards{Delay: durationpb.New(15 * 24 * time.Hour)}
				})},
				{"settings.assurance.policies[0].policy", update(func(s *identityv1.Settings) {
					s.Assurance = &identityv1.Assurance{Policies: []*identityv1.PolicyAssurance{{Policy: "A b"}}}
				})},
				{"settings.time_zone", updates("Nowhere/Land", 0)},
				{"settings.calendar", update(func(s *identityv1.Settings) { s.Calendar = "fr" })},
				{"settings.kinds[0].name", updates("UTC", 0, &identityv1.DeclaredKind{Name: "A b"})},
				{"settings.kinds[0].name", updates("UTC", 0, &identityv1.DeclaredKind{Name: "email"})},
			},
		},
		{
			name: identityv1.SettingsService_ConfirmSettings_FullMethodName, role: "approver", wrong: "auditor", stepUp: true,
			good: confirms(1), bad: []malformed{{"number", confirms(0)}},
		},
		{
			name: identityv1.SettingsService_WithdrawSettings_FullMethodName, role: "dpo", wrong: "auditor",
			good: withdraws(newRequestID()), bad: []malformed{{"request_id", withdraws("no")}},
		},
		{
			name: identityv1.SettingsService_GetSettings_FullMethodName, role: "auditor", wrong: "subject",
			good: func(ctx context.Context, c *api) error {
				_, err := identityv1.NewSettingsServiceClient(c.conn).GetSettings(ctx, &identityv1.GetSettingsRequest{})
				return err
			},
		},
	}
}

func own(value string) *identityv1.Identifier {
	return &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_DECLARED, Value: value}
}

func TestATenantDeclaresKindsOfIdentifiers(t *testing.T) {
	_, d := found(t)
	product, dpo := d.as(t, tenant, "product"), d.stepped(t, "dan", tenant, "dpo")
	jane := d.register(t, email("jane@example.com"))
	link := func(value string) error {
		_, err := product.LinkIdentifier(deadline(t), &identityv1.LinkIdentifierRequest{RequestId: newRequestID(), SubjectRef: jane, Identifier: own(value)})
		return err
	}
	expect(t, link("card:A-1"), codes.InvalidArgument, "INVALID_ARGUMENT")
	card, visit := &identityv1.DeclaredKind{Name: "card", Fold: true}, &identityv1.DeclaredKind{Name: "visit", Analytics: true}
	expect(t, updates("UTC", 0, card, visit)(deadline(t), dpo), codes.OK, "")
	expect(t, updates("UTC", 0, card)(deadline(t), dpo), codes.FailedPrecondition, "SETTINGS_REVISION")
	expect(t, updates("UTC", 1, card)(deadline(t), dpo), codes.FailedPrecondition, "KIND_IS_DECLARED")
	expect(t, link("card:A-1"), codes.OK, "")
	expect(t, link("visit:1"), codes.FailedPrecondition, "IDENTIFIER_IS_ANALYTICS")
	expect(t, link("other:1"), codes.InvalidArgument, "INVALID_ARGUMENT")
	got := must(product.ResolveSubject(deadline(t), &identityv1.ResolveSubjectRequest{Identifier: own("card:a-1")}))(t)
	if got.GetSubjectRef() != jane {
		t.Error("a folded value is not found by its other spelling")
	}
	d.register(t, own("visit:1"))
	_, err := product.RegisterSubject(deadline(t), &identityv1.RegisterSubjectRequest{
		RequestId: newRequestID(), Identifiers: []*identityv1.Identifier{own("visit:2"), email("john@example.com")},
	})
	expect(t, err, codes.InvalidArgument, "IDENTIFIER_IS_ANALYTICS")
}

// TestNoTenantHasACalendarThatNobodyCanCountBy, as none of its requests would be
// taken in. The twin: each that there is.
func TestNoTenantHasACalendarThatNobodyCanCountBy(t *testing.T) {
	_, d := found(t)
	dpo, revision := d.stepped(t, "dan", tenant, "dpo"), uint32(0)
	set := func(code string) error {
		return update(func(s *identityv1.Settings) { s.Calendar = code })(deadline(t), dpo)
	}
	if _, reason, _ := answer(set("fr")); reason != "INVALID_ARGUMENT" {
		t.Errorf("a calendar that is not there is answered with %q", reason)
	}
	for _, code := range append(calendar.Codes(), "") {
		_, err := identityv1.NewSettingsServiceClient(dpo.conn).UpdateSettings(deadline(t), &identityv1.UpdateSettingsRequest{
			RequestId: newRequestID(), Revision: revision, Settings: &identityv1.Settings{DisplayName: "Acme", TimeZone: "UTC", Calendar: code},
		})
		if err != nil {
			t.Fatalf("calendar %q: %v", code, err)
		}
		revision++
	}
}
