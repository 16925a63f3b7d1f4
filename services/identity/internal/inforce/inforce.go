// Package inforce reads the policies that a tenant has in force from consent,
// whose they are.
package inforce

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/identity/internal/facts"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/rpc/client"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Read returns the policies that are in force in a tenant now.
func Read(ctx context.Context, policies consentv1.PolicyServiceClient, tenant string) ([]policydoc.Document, error) {
	if policies == nil {
		return nil, facts.ErrNotConnected
	}
	ctx = client.WithTenant(ctx, tenant)
	names, err := Posted(ctx, policies)
	if err != nil {
		return nil, err
	}
	var out []policydoc.Document
	for _, name := range names {
		got, err := policies.GetPolicy(ctx, &consentv1.GetPolicyRequest{Policy: name})
		if c := status.Code(err); c == codes.NotFound || c == codes.FailedPrecondition {
			continue // none of its versions is in force
		}
		if err != nil {
			return nil, fmt.Errorf("%w: get policy: %w", facts.ErrAway, err)
		}
		doc, err := policydoc.Read(got.GetDocument())
		if err != nil {
			return nil, fmt.Errorf("read policy: %w", err)
		}
		out = append(out, doc)
	}
	return out, nil
}

// Posted are the names of the policies that are posted. ctx names the tenant for
// calls to other services.
func Posted(ctx context.Context, policies consentv1.PolicyServiceClient) ([]string, error) {
	var names []string
	token := ""
	for {
		page, err := policies.ListPolicies(ctx, &consentv1.ListPoliciesRequest{PageToken: token})
		if err != nil {
			return nil, fmt.Errorf("%w: list policies: %w", facts.ErrAway, err)
		}
		for _, v := range page.GetVersions() {
			if v.GetPostedAt() != nil && !slices.Contains(names, v.GetPolicy()) {
				names = append(names, v.GetPolicy())
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			return names, nil
		}
	}
}

// Memory is how long a Reader keeps an answer: a policy that comes into force
// binds that much later, at most.
const Memory = 5 * time.Second

// Reader reads the same and remembers it for a moment. It may be used by several
// goroutines. Failures are not remembered.
type Reader struct {
	Policies consentv1.PolicyServiceClient // nil: consent is not connected
	Now      func() time.Time

	known sync.Map // of tenant ids to remembered
}

type remembered struct {
	docs []policydoc.Document
	at   time.Time
}

// In returns the policies that are in force in a tenant. Nobody may change them.
func (r *Reader) In(ctx context.Context, tenant string) ([]policydoc.Document, error) {
	now := r.Now()
	if have, ok := r.known.Load(tenant); ok {
		if m, ok := have.(remembered); ok && now.Sub(m.at) < Memory && !now.Before(m.at) {
			return m.docs, nil
		}
	}
	docs, err := Read(ctx, r.Policies, tenant)
	if err != nil {
		return nil, err
	}
	r.known.Store(tenant, remembered{docs, now}) // as of before it was asked
	return docs, nil
}
