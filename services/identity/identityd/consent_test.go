package identityd_test

import (
	"context"
	"io/fs"
	"sync"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/policydoc"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// consent stands for that service: it has the policies that a test has
// published, in every tenant alike, and knows who has agreed to what.
type consent struct {
	consentv1.UnimplementedPolicyServiceServer
	consentv1.UnimplementedConsentServiceServer

	mu     sync.Mutex
	docs   map[string][]byte
	agreed map[string]bool // "ref purpose"
	away   bool
	asked  []*consentv1.Question

	refusals map[string]string // told, by reference
}

// serveConsent starts it, and returns where it answers.
func serveConsent(t *testing.T, w *world) (*consent, string) {
	t.Helper()
	c := &consent{docs: map[string][]byte{}, agreed: map[string]bool{}}
	return c, w.serve(t, "consent", c, &consentv1.PolicyService_ServiceDesc, &consentv1.ConsentService_ServiceDesc)
}

// publish puts one of the published policies into force.
func (c *consent) publish(t *testing.T, policy string) {
	t.Helper()
	document, err := fs.ReadFile(policydoc.Published(), policy+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.docs[policy] = document
}

// agree records whether somebody agrees to a purpose.
func (c *consent) agree(ref, purpose string, yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.agreed[ref+" "+purpose] = yes
}

// leave has it answer nothing, or answer again.
func (c *consent) leave(away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = away
}

func (c *consent) here() error {
	if c.away {
		return status.Error(codes.Unavailable, "away")
	}
	return nil
}

func (c *consent) ListPolicies(context.Context, *consentv1.ListPoliciesRequest) (*consentv1.ListPoliciesResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := &consentv1.ListPoliciesResponse{}
	for policy := range c.docs {
		out.Versions = append(out.Versions, &consentv1.PolicyVersion{Policy: policy, Version: 1, PostedAt: timestamppb.Now()})
	}
	return out, c.here()
}

func (c *consent) GetPolicy(_ context.Context, r *consentv1.GetPolicyRequest) (*consentv1.GetPolicyResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &consentv1.GetPolicyResponse{Policy: r.GetPolicy(), Version: 1, Document: c.docs[r.GetPolicy()]}, c.here()
}

func (c *consent) BatchCheck(_ context.Context, r *consentv1.BatchCheckRequest) (*consentv1.BatchCheckResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := &consentv1.BatchCheckResponse{}
	for _, q := range r.GetQuestions() {
		c.asked = append(c.asked, q)
		a := &consentv1.Answer{Reason: "CONSENT_MISSING"}
		if c.agreed[q.GetSubjectRef()+" "+q.GetPurpose()] {
			a = &consentv1.Answer{Allowed: true, Reason: "CONSENT_GIVEN"}
		}
		out.Answers = append(out.Answers, a)
	}
	return out, c.here()
}
