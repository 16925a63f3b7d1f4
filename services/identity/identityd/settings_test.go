package identityd_test

import (
	"context"
	"testing"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"google.golang.org/grpc/codes"
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

func settingsMethods() []method {
	return []method{
		{
			name: identityv1.SettingsService_UpdateSettings_FullMethodName, role: "dpo", wrong: "auditor",
			good: updates("UTC", 0),
			bad:  []malformed{{"settings.time_zone", updates("Nowhere/Land", 0)}, {"settings.kinds[0].name", updates("UTC", 0, &identityv1.DeclaredKind{Name: "A b"})}},
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
	product, dpo := d.as(t, tenant, "product"), d.as(t, tenant, "dpo")
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
