package rpc

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/internal/offboard"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/keycache"
	"habeas.internal/services/internal/seal/vault"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// messaging is the purpose for which products have keys of conversations.
const messaging = "messaging"

var (
	errNoPeriod   = errors.New("retention knows no such conversation or period")
	errTalkOver   = errors.New("conversation is closed")
	errPeriodAway = errors.New("retention has not said whether there is such a period")
)

// Periods is the part of retention that knows the periods of conversations.
type Periods interface {
	EnterPeriod(ctx context.Context, in *retentionv1.EnterPeriodRequest, opts ...grpc.CallOption) (*retentionv1.EnterPeriodResponse, error)
}

// GetMessageKey hands out the key of a conversation's period, once retention has
// said that the period has its clock. Only the one of now is made; a tombstone
// keeps a call that is late from making one that went.
func (s *Keys) GetMessageKey(ctx context.Context, r *identityv1.GetMessageKeyRequest) (*identityv1.GetMessageKeyResponse, error) {
	if kit.PurposeFrom(ctx) != messaging {
		return nil, fmt.Errorf("get message key: %w", errKeyPurpose)
	}
	if s.Periods == nil {
		return nil, offboard.ErrNotConnected
	}
	tenant := tenantOf(ctx)
	period, err := s.Periods.EnterPeriod(client.WithTenant(ctx, tenant), &retentionv1.EnterPeriodRequest{
		Conversation: r.GetConversation(), Period: r.GetPeriod(),
	})
	if err != nil {
		return nil, periodError(err)
	}
	holder, err := seal.NewConversation(r.GetConversation(), strconv.FormatUint(uint64(period.GetPeriod()), 10))
	if err != nil {
		return nil, err
	}
	want := keycache.Want{
		ID: seal.KeyID{Tenant: tenant, Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_MESSAGE}, Create: r.GetPeriod() == 0,
	}
	source := vault.Local{Vault: s.Vault, Reader: "product/" + kit.PrincipalFrom(ctx).Subject}
	got, err := source.Keys(ctx, messaging, []keycache.Want{want})
	if err != nil {
		return nil, err
	}
	if got[0].Err != nil {
		return nil, got[0].Err
	}
	defer got[0].Key.Destroy()
	material, err := got[0].Key.Material()
	if err != nil {
		return nil, err
	}
	return &identityv1.GetMessageKeyResponse{
		Material: material, Version: got[0].Key.Version(), Period: period.GetPeriod(), EndsAt: period.GetEndsAt(), Lease: durationpb.New(got[0].For),
	}, nil
}

// periodError is what retention's refusal means here. Only what it says for
// certain is told as certain.
func periodError(err error) error {
	s := status.Convert(err)
	switch {
	case s.Code() == codes.NotFound:
		return errNoPeriod
	case s.Code() == codes.FailedPrecondition && reasonOf(s) == "KEY_DESTROYED":
		return seal.ErrErased
	case s.Code() == codes.FailedPrecondition && reasonOf(s) == "CONVERSATION_CLOSED":
		return errTalkOver
	}
	return fmt.Errorf("%w: %w", errPeriodAway, err)
}

func reasonOf(s *status.Status) string {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
