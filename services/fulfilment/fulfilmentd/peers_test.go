package fulfilmentd_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/fulfilment/internal/fake"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// identity answers as fake.Peers does, and hands out keys.
type identity struct {
	identityv1.UnimplementedSubjectServiceServer
	identityv1.UnimplementedTenantServiceServer
	identityv1.UnimplementedVerificationServiceServer
	identityv1.UnimplementedKeyServiceServer
	identityv1.UnimplementedSuppressionServiceServer
	identityv1.UnimplementedStaffServiceServer
	identityv1.UnimplementedSettingsServiceServer
	p *fake.Peers

	mu        sync.Mutex
	keys      map[string][]byte
	destroyed map[string]bool
	refusal   string // of looks at personal data
}

func (s *identity) GetSettings(ctx context.Context, r *identityv1.GetSettingsRequest) (*identityv1.GetSettingsResponse, error) {
	return s.p.GetSettings(ctx, r)
}

func (s *identity) GrantNeed(ctx context.Context, r *identityv1.GrantNeedRequest) (*identityv1.GrantNeedResponse, error) {
	return s.p.GrantNeed(ctx, r)
}

func (s *identity) EndNeed(ctx context.Context, r *identityv1.EndNeedRequest) (*identityv1.EndNeedResponse, error) {
	return s.p.EndNeed(ctx, r)
}

func (s *identity) CheckStaff(context.Context, *identityv1.CheckStaffRequest) (*identityv1.CheckStaffResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &identityv1.CheckStaffResponse{Refusal: s.refusal}, nil
}

func name(k *identityv1.KeyName) string { return k.GetHolder() + "/" + k.GetClass().String() }

func (s *identity) GetKeys(_ context.Context, r *identityv1.GetKeysRequest) (*identityv1.GetKeysResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &identityv1.GetKeysResponse{}
	for _, w := range r.GetWants() {
		n := name(w.GetKey())
		got := &identityv1.KeyGot{Version: 1, Lease: durationpb.New(30 * time.Second)}
		switch {
		case s.destroyed[n]:
			got = &identityv1.KeyGot{Reason: "KEY_DESTROYED"}
		case s.keys[n] == nil && !w.GetCreate():
			got = &identityv1.KeyGot{Reason: "KEY_NOT_FOUND"}
		case s.keys[n] == nil:
			s.keys[n] = make([]byte, 32)
			if _, err := rand.Read(s.keys[n]); err != nil {
				return nil, err
			}
		}
		if got.GetReason() == "" {
			got.Material = s.keys[n]
		}
		out.Keys = append(out.Keys, got)
	}
	return out, nil
}

func (s *identity) GetDigestKeys(context.Context, *identityv1.GetDigestKeysRequest) (*identityv1.GetDigestKeysResponse, error) {
	return &identityv1.GetDigestKeysResponse{
		Keys: []*identityv1.DigestKey{{Epoch: 1, Material: bytes.Repeat([]byte{1}, 32)}}, Lease: durationpb.New(30 * time.Second),
	}, nil
}

func (s *identity) DestroyKeys(_ context.Context, r *identityv1.DestroyKeysRequest) (*identityv1.DestroyKeysResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range r.GetKeys() {
		s.destroyed[name(k)] = true
	}
	return &identityv1.DestroyKeysResponse{ResidueEndsAt: timestamppb.Now()}, nil
}

func (s *identity) ResolveSubject(ctx context.Context, r *identityv1.ResolveSubjectRequest) (*identityv1.ResolveSubjectResponse, error) {
	return s.p.ResolveSubject(ctx, r)
}

func (s *identity) GetSubject(ctx context.Context, r *identityv1.GetSubjectRequest) (*identityv1.GetSubjectResponse, error) {
	return s.p.GetSubject(ctx, r)
}

func (s *identity) ListIdentifiers(ctx context.Context, r *identityv1.ListIdentifiersRequest) (*identityv1.ListIdentifiersResponse, error) {
	kit.Saw(ctx, r.GetSubjectRef())
	return s.p.ListIdentifiers(ctx, r)
}

func (s *identity) FixIdentifiers(ctx context.Context, r *identityv1.FixIdentifiersRequest) (*identityv1.FixIdentifiersResponse, error) {
	return s.p.FixIdentifiers(ctx, r)
}

func (s *identity) RecordTouch(ctx context.Context, r *identityv1.RecordTouchRequest) (*identityv1.RecordTouchResponse, error) {
	return s.p.RecordTouch(ctx, r)
}

func (s *identity) ForgetSubject(ctx context.Context, r *identityv1.ForgetSubjectRequest) (*identityv1.ForgetSubjectResponse, error) {
	return s.p.ForgetSubject(ctx, r)
}

func (s *identity) GetTenant(ctx context.Context, r *identityv1.GetTenantRequest) (*identityv1.GetTenantResponse, error) {
	return s.p.GetTenant(ctx, r)
}

func (s *identity) StartVerification(ctx context.Context, r *identityv1.StartVerificationRequest) (*identityv1.StartVerificationResponse, error) {
	return s.p.StartVerification(ctx, r)
}

func (s *identity) CheckCode(ctx context.Context, r *identityv1.CheckCodeRequest) (*identityv1.CheckCodeResponse, error) {
	return s.p.CheckCode(ctx, r)
}

func (s *identity) GetVerification(ctx context.Context, r *identityv1.GetVerificationRequest) (*identityv1.GetVerificationResponse, error) {
	return s.p.GetVerification(ctx, r)
}

func (s *identity) Suppress(ctx context.Context, r *identityv1.SuppressRequest) (*identityv1.SuppressResponse, error) {
	return s.p.Suppress(ctx, r)
}

// consent answers as fake.Peers does.
type consent struct {
	consentv1.UnimplementedConsentServiceServer
	consentv1.UnimplementedPolicyServiceServer
	p *fake.Peers
}

func (s *identity) KeepRefusals(ctx context.Context, r *identityv1.KeepRefusalsRequest) (*identityv1.KeepRefusalsResponse, error) {
	return s.p.KeepRefusals(ctx, r)
}

func (s *consent) ListRefusals(ctx context.Context, r *consentv1.ListRefusalsRequest) (*consentv1.ListRefusalsResponse, error) {
	kit.Saw(ctx, r.GetSubjectRef())
	return s.p.ListRefusals(ctx, r)
}

func (s *consent) ApplyFact(ctx context.Context, r *consentv1.ApplyFactRequest) (*consentv1.ApplyFactResponse, error) {
	return s.p.ApplyFact(ctx, r)
}

func (s *consent) GetPolicy(ctx context.Context, r *consentv1.GetPolicyRequest) (*consentv1.GetPolicyResponse, error) {
	return s.p.GetPolicy(ctx, r)
}

func (s *consent) ListPolicies(ctx context.Context, r *consentv1.ListPoliciesRequest) (*consentv1.ListPoliciesResponse, error) {
	return s.p.ListPolicies(ctx, r)
}

// retention answers as fake.Peers does.
type retention struct {
	retentionv1.UnimplementedRetentionServiceServer
	p *fake.Peers
}

func (s *retention) Evaluate(ctx context.Context, r *retentionv1.EvaluateRequest) (*retentionv1.EvaluateResponse, error) {
	return s.p.Evaluate(ctx, r)
}

func (s *retention) GetSchedule(ctx context.Context, r *retentionv1.GetScheduleRequest) (*retentionv1.GetScheduleResponse, error) {
	got, err := s.p.GetSchedule(ctx, r)
	if status.Code(err) == codes.NotFound {
		return nil, fault.New(codes.NotFound, "SCHEDULE_NOT_FOUND", "no schedule")
	}
	return got, err
}

func (s *retention) RequestPermit(ctx context.Context, r *retentionv1.RequestPermitRequest) (*retentionv1.RequestPermitResponse, error) {
	return s.p.RequestPermit(ctx, r)
}

func (s *retention) EndPermit(ctx context.Context, r *retentionv1.EndPermitRequest) (*retentionv1.EndPermitResponse, error) {
	return s.p.EndPermit(ctx, r)
}
