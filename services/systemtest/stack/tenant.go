package stack

import (
	"io/fs"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/policydoc"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Tenant makes a tenant in New York's time with America's holidays. It holds no
// request back and takes any known channel: its people are registered moments
// before they ask.
func (s *Stack) Tenant(id string) {
	s.t.Helper()
	s.GuardedTenant(id, &identityv1.Safeguards{Delay: durationpb.New(0), ChannelAge: durationpb.New(0)})
}

// GuardedTenant makes one with these safeguards; nil for the usual.
func (s *Stack) GuardedTenant(id string, safeguards *identityv1.Safeguards) {
	s.t.Helper()
	_, err := s.Proven(id, "admin-1", "platform_admin").Tenants.CreateTenant(Deadline(s.t), &identityv1.CreateTenantRequest{
		RequestId: uuid.NewString(), Tenant: id, DisplayName: id, TimeZone: "America/New_York", Calendar: "us",
		Safeguards: safeguards,
	})
	if err != nil {
		s.t.Fatalf("create tenant: %v", err)
	}
}

// Publish publishes and posts one of the published policies, as of a moment,
// for a tenant.
func (s *Stack) Publish(tenant, policy string, postedAt time.Time) {
	s.t.Helper()
	document, err := fs.ReadFile(policydoc.Published(), policy+".yaml")
	if err != nil {
		s.t.Fatal(err)
	}
	s.PublishDocument(tenant, document, postedAt)
}

// PublishDocument publishes and posts a policy document and returns its
// version.
func (s *Stack) PublishDocument(tenant string, document []byte, postedAt time.Time) uint32 {
	s.t.Helper()
	dpo := s.As(tenant, "dpo")
	res, err := dpo.Policies.PublishPolicy(Deadline(s.t), &consentv1.PublishPolicyRequest{RequestId: uuid.NewString(), Document: document})
	if err != nil {
		s.t.Fatalf("publish policy: %v", err)
	}
	doc, err := policydoc.Parse(document)
	if err != nil {
		s.t.Fatalf("policy: %v", err)
	}
	_, err = dpo.Policies.PostPolicy(Deadline(s.t), &consentv1.PostPolicyRequest{
		RequestId: uuid.NewString(), Policy: res.GetPolicy(), Version: res.GetVersion(),
		TextHash: doc.TextSHA256, PostedAt: timestamppb.New(postedAt), ProminentNotice: "web:front-page",
	})
	if err != nil {
		s.t.Fatalf("post policy: %v", err)
	}
	return res.GetVersion()
}

// Register makes a subject that is known by an e-mail address.
func (s *Stack) Register(tenant, email string) string {
	s.t.Helper()
	res, err := s.As(tenant, "product").Subjects.RegisterSubject(Deadline(s.t), &identityv1.RegisterSubjectRequest{
		RequestId:   uuid.NewString(),
		Identifiers: []*identityv1.Identifier{{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: email}},
	})
	if err != nil {
		s.t.Fatalf("register subject: %v", err)
	}
	return res.GetSubjectRef()
}
