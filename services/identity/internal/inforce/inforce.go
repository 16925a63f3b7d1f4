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
	versions, err := list(ctx, policies)
	if err != nil {
		return nil, err
	}
	return read(ctx, policies, names(versions))
}

// read reads those of the named policies that are in force.
func read(ctx context.Context, policies consentv1.PolicyServiceClient, names []string) ([]policydoc.Document, error) {
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
	versions, err := list(ctx, policies)
	return names(versions), err
}

// list lists the versions that are posted.
func list(ctx context.Context, policies consentv1.PolicyServiceClient) ([]*consentv1.PolicyVersion, error) {
	var out []*consentv1.PolicyVersion
	token := ""
	for {
		page, err := policies.ListPolicies(ctx, &consentv1.ListPoliciesRequest{PageToken: token})
		if err != nil {
			return nil, fmt.Errorf("%w: list policies: %w", facts.ErrAway, err)
		}
		for _, v := range page.GetVersions() {
			if v.GetPostedAt() != nil {
				out = append(out, v)
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			return out, nil
		}
	}
}

func names(versions []*consentv1.PolicyVersion) []string {
	var out []string
	for _, v := range versions {
		if !slices.Contains(out, v.GetPolicy()) {
			out = append(out, v.GetPolicy())
		}
	}
	return out
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
	list string // of what was posted, where it is known
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
	r.known.Store(tenant, remembered{docs: docs, at: now}) // as of before it was asked
	return docs, nil
}

// Anew is how long Posted goes without the documents while nothing is posted: one
// that was posted for a later day comes into force that much late, at most.
const Anew = 10 * time.Minute

// Posted returns the same as In, for whoever asks often and may be late by Anew. It
// asks what is posted each time, and reads documents only where that has changed.
func (r *Reader) Posted(ctx context.Context, tenant string) ([]policydoc.Document, error) {
	if r.Policies == nil {
		return nil, facts.ErrNotConnected
	}
	now, asking := r.Now(), client.WithTenant(ctx, tenant)
	versions, err := list(asking, r.Policies)
	if err != nil {
		return nil, err
	}
	posted := ""
	for _, v := range versions {
		posted += fmt.Sprintf("%s %d %s %s\n", v.GetPolicy(), v.GetVersion(), v.GetHash(), v.GetPostedAt().AsTime())
	}
	if have, ok := r.known.Load(tenant); ok {
		if m, ok := have.(remembered); ok && m.list == posted && posted != "" && now.Sub(m.at) < Anew && !now.Before(m.at) {
			return m.docs, nil
		}
	}
	docs, err := read(asking, r.Policies, names(versions))
	if err != nil {
		return nil, err
	}
	r.known.Store(tenant, remembered{docs: docs, at: now, list: posted})
	return docs, nil
}
