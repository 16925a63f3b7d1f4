package identityd_test

import (
	"context"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"

	"google.golang.org/protobuf/types/known/timestamppb"
)

func registers(id string, ids ...*identityv1.Identifier) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.RegisterSubject(ctx, &identityv1.RegisterSubjectRequest{RequestId: id, Identifiers: ids})
		return err
	}
}

func links(ref string, id *identityv1.Identifier) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.LinkIdentifier(ctx, &identityv1.LinkIdentifierRequest{RequestId: newRequestID(), SubjectRef: ref, Identifier: id})
		return err
	}
}

func unlinks(ref string, id *identityv1.Identifier) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.UnlinkIdentifier(ctx, &identityv1.UnlinkIdentifierRequest{RequestId: newRequestID(), SubjectRef: ref, Identifier: id})
		return err
	}
}

func resolves(id *identityv1.Identifier) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.ResolveSubject(ctx, &identityv1.ResolveSubjectRequest{Identifier: id})
		return err
	}
}

func getsSubject(r *identityv1.GetSubjectRequest) call {
	return func(ctx context.Context, c *api) error { _, err := c.GetSubject(ctx, r); return err }
}

func lists(ref string) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.ListIdentifiers(withPurpose(ctx), &identityv1.ListIdentifiersRequest{SubjectRef: ref})
		return err
	}
}

func forgets(id, ref, why string) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.ForgetSubject(ctx, &identityv1.ForgetSubjectRequest{RequestId: id, SubjectRef: ref, Request: why})
		return err
	}
}

func starts(r *identityv1.StartVerificationRequest) call {
	return func(ctx context.Context, c *api) error { _, err := c.StartVerification(ctx, r); return err }
}

func checks(id, code string) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.CheckCode(ctx, &identityv1.CheckCodeRequest{RequestId: newRequestID(), Verification: id, Code: code})
		return err
	}
}

func getsVerification(id string) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.GetVerification(ctx, &identityv1.GetVerificationRequest{Verification: id})
		return err
	}
}

func creates(change func(*identityv1.CreateTenantRequest)) call {
	r := &identityv1.CreateTenantRequest{RequestId: newRequestID(), Tenant: tenant, DisplayName: "Third", TimeZone: "UTC"}
	change(r)
	return func(ctx context.Context, c *api) error { _, err := c.CreateTenant(ctx, r); return err }
}

func getsTenant(token string) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.GetTenant(ctx, &identityv1.GetTenantRequest{ConsistencyToken: token})
		return err
	}
}

func getsKeys(holder string, class sealv1.KeyClass) call {
	r := &identityv1.GetKeysRequest{Wants: []*identityv1.KeyWant{{Key: &identityv1.KeyName{Holder: holder, Class: class}}}}
	return func(ctx context.Context, c *api) error { _, err := c.GetKeys(withPurpose(ctx), r); return err }
}

func getsMessageKey(conversation string) call {
	r := &identityv1.GetMessageKeyRequest{Conversation: conversation}
	return func(ctx context.Context, c *api) error { _, err := c.GetMessageKey(withPurpose(ctx), r); return err }
}

func destroys(holder, reason string) call {
	r := &identityv1.DestroyKeysRequest{
		RequestId: "d", Reason: reason,
		Keys: []*identityv1.KeyName{{Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_REQUEST}},
	}
	return func(ctx context.Context, c *api) error { _, err := c.DestroyKeys(ctx, r); return err }
}

func digests(ctx context.Context, c *api) error {
	_, err := c.GetDigestKeys(ctx, &identityv1.GetDigestKeysRequest{})
	return err
}

func joins(r *identityv1.FollowDropsRequest) call {
	return func(ctx context.Context, c *api) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := c.FollowDrops(ctx)
		if err != nil {
			return err
		}
		_ = stream.Send(r) // what went wrong, Recv says
		_, err = stream.Recv()
		return err
	}
}

func suppresses(ref string, until *timestamppb.Timestamp, v ...*identityv1.SuppressedValue) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.Suppress(ctx, &identityv1.SuppressRequest{Values: v, ErasureRef: ref, Until: until})
		return err
	}
}

func keeps(until *timestamppb.Timestamp, day string, ids ...*identityv1.Identifier) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.KeepRefusals(ctx, &identityv1.KeepRefusalsRequest{
			Identifiers: ids, Until: until, Refusals: []*identityv1.KeptRefusal{{Policy: "qcera", Purpose: "mail.periodic", Channel: "email", RefusedOn: day}},
		})
		return err
	}
}

func looks(v ...*identityv1.SuppressedValue) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.CheckSuppressed(ctx, &identityv1.CheckSuppressedRequest{Values: v})
		return err
	}
}
