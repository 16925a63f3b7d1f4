// Package rpc answers identity's calls: decode, hand to the registry, the desk
// or the vault, encode. Every answer is that of the leader of the log, so a
// consistency token is always met already.
package rpc

import (
	"context"
	"fmt"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/tenants"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// command wraps what a client asks for; its data is filled in further down. The
// body is the request itself.
func command[C any](now time.Time, id string, request proto.Message) (es.Command[C], error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return es.Command[C]{}, fmt.Errorf("encode command body: %w", err)
	}
	return es.Command[C]{ID: id, Client: true, Body: body, At: now, Meta: es.Meta{Correlation: id}}, nil
}

// tenantOf is the only tenant that a call may touch.
func tenantOf(ctx context.Context) string { return kit.PrincipalFrom(ctx).Tenant }

// stamp is a moment, or nothing.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// Admit refuses a call for a tenant that does not exist, or is gone, whatever it asks. It
// is rpc.Config's Limit.
func Admit(directory *tenants.Directory) func(ctx context.Context, method string) error {
	return func(ctx context.Context, method string) error {
		switch method {
		case identityv1.TenantService_CreateTenant_FullMethodName, identityv1.KeyService_FollowDrops_FullMethodName:
			return nil
		case identityv1.TenantService_GetTenant_FullMethodName: // shows the proof of one that is gone
			_, err := directory.Any(ctx, tenantOf(ctx))
			return err
		}
		_, err := directory.Get(ctx, tenantOf(ctx))
		return err
	}
}

// Services are the implementations of identity's gRPC services.
type Services struct {
	Tenants       *Tenants
	Subjects      *Subjects
	Settings      *Settings
	Merges        *Merges
	Ages          *Ages
	Verifications *Verifications
	Checks        *Checks
	Keys          *Keys
	Suppression   *Suppression
	Staff         *Staff
	Agents        *Agents
	BreakGlass    *BreakGlass
}

// Register lists them with their descriptions.
func (s Services) Register() []kit.Service {
	return []kit.Service{
		{Desc: &identityv1.TenantService_ServiceDesc, Impl: s.Tenants},
		{Desc: &identityv1.SubjectService_ServiceDesc, Impl: s.Subjects},
		{Desc: &identityv1.SettingsService_ServiceDesc, Impl: s.Settings},
		{Desc: &identityv1.MergeService_ServiceDesc, Impl: s.Merges},
		{Desc: &identityv1.AgeService_ServiceDesc, Impl: s.Ages},
		{Desc: &identityv1.VerificationService_ServiceDesc, Impl: s.Verifications},
		{Desc: &identityv1.CheckService_ServiceDesc, Impl: s.Checks},
		{Desc: &identityv1.KeyService_ServiceDesc, Impl: s.Keys},
		{Desc: &identityv1.SuppressionService_ServiceDesc, Impl: s.Suppression},
		{Desc: &identityv1.StaffService_ServiceDesc, Impl: s.Staff},
		{Desc: &identityv1.AgentService_ServiceDesc, Impl: s.Agents},
		{Desc: &identityv1.BreakGlassService_ServiceDesc, Impl: s.BreakGlass},
	}
}

// Callers says which services may call which of identity's. What ends a person
// or a key, shows identifiers or verifies anybody is for the one service that
// carries requests out.
func Callers() map[string][]string {
	fulfilment, peers := []string{"fulfilment"}, []string{"consent", "retention", "fulfilment"}
	return map[string][]string{
		identityv1.TenantService_ServiceDesc.ServiceName:           peers,
		identityv1.TenantService_CreateTenant_FullMethodName:       nil,
		identityv1.SubjectService_ServiceDesc.ServiceName:          fulfilment,
		identityv1.SubjectService_GetSubject_FullMethodName:        peers,
		identityv1.SubjectService_ResolveSubject_FullMethodName:    {"consent", "fulfilment"},
		identityv1.SubjectService_EnrolSubjects_FullMethodName:     {"consent"},
		identityv1.SettingsService_ServiceDesc.ServiceName:         nil,
		identityv1.SettingsService_GetSettings_FullMethodName:      peers,
		identityv1.AgeService_ServiceDesc.ServiceName:              nil,
		identityv1.AgeService_GetAgeStatus_FullMethodName:          peers,
		identityv1.AgeService_CheckActing_FullMethodName:           {"consent"},
		identityv1.MergeService_ServiceDesc.ServiceName:            nil,
		identityv1.SubjectService_RecordTouch_FullMethodName:       peers,
		identityv1.MergeService_ListMerges_FullMethodName:          peers,
		identityv1.VerificationService_ServiceDesc.ServiceName:     fulfilment,
		identityv1.CheckService_ServiceDesc.ServiceName:            fulfilment,
		identityv1.KeyService_ServiceDesc.ServiceName:              peers,
		identityv1.KeyService_DestroyKeys_FullMethodName:           {"retention", "fulfilment"},
		identityv1.SuppressionService_ServiceDesc.ServiceName:      fulfilment,
		identityv1.StaffService_ServiceDesc.ServiceName:            nil,
		identityv1.BreakGlassService_ServiceDesc.ServiceName:       nil,
		identityv1.StaffService_CheckStaff_FullMethodName:          fulfilment,
		identityv1.StaffService_GrantNeed_FullMethodName:           fulfilment,
		identityv1.StaffService_EndNeed_FullMethodName:             fulfilment,
		identityv1.AgentService_ServiceDesc.ServiceName:            nil,
		identityv1.AgentService_UseMandate_FullMethodName:          fulfilment,
		identityv1.AgentService_GetMandate_FullMethodName:          fulfilment,
		identityv1.TenantService_OffboardTenant_FullMethodName:     nil,
		identityv1.TenantService_ApproveOffboarding_FullMethodName: nil,
		identityv1.TenantService_CancelOffboarding_FullMethodName:  nil,
	}
}
