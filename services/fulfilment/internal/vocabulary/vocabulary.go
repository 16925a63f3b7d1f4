// Package vocabulary knows which names of categories a tenant uses: those of its
// posted policies, those of its rules, and those of the standard taxonomy. Rules
// find what they keep by name. A name that nobody knows may be a slip of the pen
// for one that must be kept, and is not taken for one that nothing keeps.
package vocabulary

import (
	"context"
	"fmt"
	"slices"
	"sync"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"

	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Vocabulary looks names up. It is safe for concurrent use.
type Vocabulary struct {
	policies  consentv1.PolicyServiceClient
	retention retentionv1.RetentionServiceClient

	mu   sync.Mutex
	seen map[key]names
}

// key is a posted version of a policy, which never changes.
type key struct {
	tenant, policy string
	version        uint32
}

// names are those of one document.
type names struct {
	categories []string
	rules      []rule
}

// maxSeen bounds what is remembered.
const maxSeen = 1000

// New makes a Vocabulary.
func New(p consentv1.PolicyServiceClient, r retentionv1.RetentionServiceClient) *Vocabulary {
	return &Vocabulary{policies: p, retention: r, seen: map[key]names{}}
}

// Of are the names that a tenant uses now. A version of a policy that was posted
// once counts for ever: data that it named may still be there. ctx must name the
// tenant for calls to other services.
func (v *Vocabulary) Of(ctx context.Context, tenant string) (Known, error) {
	out := Known{named: map[string]bool{}}
	posted, err := v.posted(ctx)
	if err != nil {
		return out, err
	}
	var policies []string
	for _, p := range posted {
		n, err := v.names(ctx, key{tenant, p.GetPolicy(), p.GetVersion()})
		if err != nil {
			return out, err
		}
		for _, c := range n.categories {
			out.named[c] = true
		}
		out.rules = append(out.rules, n.rules...)
		policies = append(policies, p.GetPolicy())
	}
	for _, policy := range slices.Compact(policies) {
		got, err := v.retention.GetSchedule(ctx, &retentionv1.GetScheduleRequest{Policy: policy})
		if status.Code(err) == codes.NotFound {
			continue // its version is still to come, or has no rules
		}
		if err != nil {
			return out, fmt.Errorf("get schedule: %w", err)
		}
		for _, r := range got.GetRules() {
			out.rules = append(out.rules, rule{r.GetCategory(), r.GetSystems()})
		}
	}
	return out, nil
}

// posted are the versions of policies that were ever posted, by policy.
func (v *Vocabulary) posted(ctx context.Context) ([]*consentv1.PolicyVersion, error) {
	var out []*consentv1.PolicyVersion
	token := ""
	for {
		page, err := v.policies.ListPolicies(ctx, &consentv1.ListPoliciesRequest{PageToken: token})
		if err != nil {
			return nil, fmt.Errorf("list policies: %w", err)
		}
		for _, p := range page.GetVersions() {
			if p.GetPostedAt() != nil {
				out = append(out, p)
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			return out, nil
		}
	}
}

func (v *Vocabulary) names(ctx context.Context, k key) (names, error) {
	v.mu.Lock()
	n, ok := v.seen[k]
	v.mu.Unlock()
	if ok {
		return n, nil
	}
	doc, err := v.policies.GetPolicy(ctx, &consentv1.GetPolicyRequest{Policy: k.policy, Version: k.version})
	if err != nil {
		return n, fmt.Errorf("get policy: %w", err)
	}
	if n, err = read(doc.GetDocument()); err != nil {
		return n, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen) >= maxSeen {
		clear(v.seen)
	}
	v.seen[k] = n
	return n, nil
}

// read takes the names out of a document, which consent has checked.
func read(document []byte) (names, error) {
	var doc struct {
		Categories []struct {
			ID string `yaml:"id"`
		} `yaml:"categories"`
		Retention []struct {
			Category string   `yaml:"category"`
			Systems  []string `yaml:"systems"`
		} `yaml:"retention"`
	}
	if err := yaml.Unmarshal(document, &doc); err != nil {
		return names{}, fmt.Errorf("read policy: %w", err)
	}
	var out names
	for _, c := range doc.Categories {
		out.categories = append(out.categories, c.ID)
	}
	for _, r := range doc.Retention {
		out.rules = append(out.rules, rule{r.Category, r.Systems})
	}
	return out, nil
}
