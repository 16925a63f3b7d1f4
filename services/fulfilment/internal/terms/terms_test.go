package terms_test

import (
	"context"
	"errors"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/internal/rulepack"
	"habeas.internal/services/fulfilment/internal/terms"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es/eventpb/eventpbtest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// policies is consent as far as terms ask it.
type policies struct {
	consentv1.PolicyServiceClient
	document string
	posted   []string
}

func (p policies) GetPolicy(_ context.Context, r *consentv1.GetPolicyRequest, _ ...grpc.CallOption) (*consentv1.GetPolicyResponse, error) {
	for _, name := range p.posted {
		if name == r.GetPolicy() {
			return &consentv1.GetPolicyResponse{Policy: name, Version: 7, Document: []byte(p.document)}, nil
		}
	}
	return nil, fake.Refuse(codes.NotFound, "POLICY_NOT_FOUND")
}

func (p policies) ListPolicies(context.Context, *consentv1.ListPoliciesRequest, ...grpc.CallOption) (*consentv1.ListPoliciesResponse, error) {
	out := &consentv1.ListPoliciesResponse{Versions: []*consentv1.PolicyVersion{{Policy: "draft", Version: 1}}}
	for _, name := range p.posted {
		out.Versions = append(out.Versions, &consentv1.PolicyVersion{Policy: name, Version: 7, PostedAt: timestamppb.Now()})
	}
	return out, nil
}

// tenants is identity as far as terms ask it.
type tenants struct {
	identityv1.TenantServiceClient
	zone, calendar string
	assurance      *identityv1.Assurance
}

func (t tenants) GetTenant(context.Context, *identityv1.GetTenantRequest, ...grpc.CallOption) (*identityv1.GetTenantResponse, error) {
	if t.zone == "" {
		return nil, fake.Refuse(codes.NotFound, "TENANT_NOT_FOUND")
	}
	return &identityv1.GetTenantResponse{TimeZone: t.zone, Calendar: t.calendar, Assurance: t.assurance}, nil
}

// TestALevelIsThePolicysOrElseTheTenants, and never below the law's. Who asks does not
// get by with less by naming another policy.
func TestALevelIsThePolicysOrElseTheTenants(t *testing.T) {
	packs, err := rulepack.Load("gdpr")
	if err != nil {
		t.Fatal(err)
	}
	shop := func(access, erasure uint32) *identityv1.PolicyAssurance {
		return &identityv1.PolicyAssurance{Policy: "shop", Access: access, Erasure: erasure}
	}
	for _, tc := range []struct {
		name   string
		wants  *identityv1.Assurance
		policy string
		right  request.Right
		level  uint32
		theirs uint32 // where who asks has chosen the policy
	}{
		{"nobody asks for more", nil, "shop", request.Erasure, 3, 3},
		{"the tenant does", &identityv1.Assurance{Erasure: 4}, "shop", request.Erasure, 4, 4},
		{"for the other right", &identityv1.Assurance{Erasure: 4}, "shop", request.Access, 3, 3},
		{"the policy does", &identityv1.Assurance{Policies: []*identityv1.PolicyAssurance{shop(0, 4)}}, "shop", request.Erasure, 4, 4},
		{"for the other right", &identityv1.Assurance{Policies: []*identityv1.PolicyAssurance{shop(0, 4)}}, "shop", request.Access, 3, 3},
		{"another policy does", &identityv1.Assurance{Policies: []*identityv1.PolicyAssurance{shop(4, 4)}}, "app", request.Erasure, 3, 4},
		{"the policy asks for less than the tenant", &identityv1.Assurance{Erasure: 4, Policies: []*identityv1.PolicyAssurance{shop(0, 3)}}, "shop", request.Erasure, 3, 4},
		{"the policy says nothing of it", &identityv1.Assurance{Erasure: 4, Policies: []*identityv1.PolicyAssurance{shop(4, 0)}}, "shop", request.Erasure, 4, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := terms.Pinner{
				Tenants:  tenants{zone: "Europe/Berlin", calendar: "de", assurance: tc.wants},
				Policies: policies{posted: []string{"shop", "app"}}, Packs: packs,
			}
			for theirs, want := range map[bool]uint32{false: tc.level, true: tc.theirs} {
				got, err := p.Pin(t.Context(), fake.Tenant, terms.Asked{
					Right: tc.right, Policy: tc.policy, Theirs: theirs, ReceivedAt: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC),
				})
				if err != nil || got.Level != want {
					t.Errorf("chosen by who asks %t: level %d, %v; want %d", theirs, got.Level, err, want)
				}
			}
		})
	}
}

func TestARightThatNeitherPolicyNorLawGrantsHasNoTerms(t *testing.T) {
	packs, err := rulepack.Load("gdpr")
	if err != nil {
		t.Fatal(err)
	}
	asked := terms.Asked{Right: request.Accounting, ReceivedAt: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}
	p := terms.Pinner{Tenants: tenants{zone: "UTC"}, Policies: policies{posted: []string{"shop"}}, Packs: packs}
	if _, err := p.Pin(t.Context(), fake.Tenant, asked); !errors.Is(err, terms.ErrNoRight) {
		t.Errorf("an accounting under no law that knows it: error %v", err)
	}
	if p.Packs, err = rulepack.Load("hipaa"); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Pin(t.Context(), fake.Tenant, asked); err != nil || got.DueAt.Format(time.DateOnly) != "2026-05-02" {
		t.Errorf("under one that does: due at %s, error %v", got.DueAt, err)
	}
}

func TestTermsArePinned(t *testing.T) {
	packs, err := rulepack.Load("gdpr")
	if err != nil {
		t.Fatal(err)
	}
	berlin := tenants{zone: "Europe/Berlin", calendar: "de"}
	received := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name     string
		tenant   tenants
		policies policies
		asked    string
		rule     string // of the pack or the policy
		err      error
	}{
		{"the tenant's only policy is taken", berlin, policies{posted: []string{"shop"}}, "", "gdpr", nil},
		{"one of several has to be named", berlin, policies{posted: []string{"shop", "app"}}, "", "", terms.ErrWhichPolicy},
		{"and then is taken", berlin, policies{posted: []string{"shop", "app"}}, "app", "gdpr", nil},
		{"a draft is no policy", berlin, policies{}, "", "", terms.ErrNoPolicy},
		{"nor is one that nobody knows", berlin, policies{posted: []string{"shop"}}, "other", "", terms.ErrNoPolicy},
		{
			"a promise that ends earlier than the law wins", berlin,
			policies{posted: []string{"shop"}, document: "clocks:\n  - {right: erasure, period: P10D, clause: PT-17}\n"},
			"", "policy", nil,
		},
		{"an unknown tenant has no terms", tenants{}, policies{}, "", "", terms.ErrNoTenant},
		{"a zone that does not exist gives no day", tenants{zone: "Mars/Olympus"}, policies{posted: []string{"shop"}}, "", "", terms.ErrSettings},
		{"nor does a calendar", tenants{zone: "UTC", calendar: "mars"}, policies{posted: []string{"shop"}}, "", "", terms.ErrSettings},
		{"nor a document that can't be read", berlin, policies{posted: []string{"shop"}, document: "clocks: {"}, "", "", terms.ErrSettings},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := terms.Pinner{Tenants: tc.tenant, Policies: tc.policies, Packs: packs}
			got, err := p.Pin(t.Context(), fake.Tenant, terms.Asked{Right: request.Erasure, Policy: tc.asked, ReceivedAt: received})
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err != nil {
				return
			}
			if got.PolicyVersion != 7 || got.Zone != "Europe/Berlin" || !got.DueAt.After(received) || got.Rule == "" {
				t.Errorf("terms %+v", got)
			}
			if name := got.Pack[:min(len(got.Pack), len(tc.rule))]; name != tc.rule {
				t.Errorf("decided by %s, want %s", got.Pack, tc.rule)
			}
		})
	}
}

func TestAnErasureForAgeHasThePolicysOwnClock(t *testing.T) {
	packs, err := rulepack.Load("gdpr")
	if err != nil {
		t.Fatal(err)
	}
	document := "ages: {minimum: 13, erase: P10D, clause: QC-10}\nclocks:\n  - {right: erasure, period: P20D, clause: PT-17}\n"
	p := terms.Pinner{
		Tenants: tenants{zone: "Europe/Berlin", calendar: "de"}, Packs: packs, Policies: policies{posted: []string{"shop"}, document: document},
	}
	received := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for channel, want := range map[string]struct {
		rule string
		days int
	}{request.ChannelAge: {"QC-10", 10}, "web": {"PT-17", 20}} {
		got, err := p.Pin(t.Context(), fake.Tenant, terms.Asked{Right: request.Erasure, Channel: channel, ReceivedAt: received})
		if err != nil {
			t.Fatal(err)
		}
		if last := got.DueAt.Add(-time.Second).Sub(received); got.Rule != want.rule || int(last.Hours()/24) != want.days {
			t.Errorf("%s: due %v by %s, want %d days by %s", channel, got.DueAt, got.Rule, want.days, want.rule)
		}
	}
}

func TestAPeerThatIsAwayGivesNoTerms(t *testing.T) {
	peers := fake.NewPeers(fake.NewClock(time.Now()), new(eventpbtest.Keys))
	for _, method := range []string{"GetTenant", "ListPolicies", "GetPolicy"} {
		peers.Away = map[string]bool{method: true}
		if _, err := (terms.Pinner{Tenants: peers, Policies: peers}).Pin(t.Context(), fake.Tenant, terms.Asked{Right: request.Access, ReceivedAt: time.Now()}); err == nil {
			t.Errorf("without %s: no error", method)
		}
	}
}
