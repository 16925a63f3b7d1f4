package rpc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/internal/compile"
	"habeas.internal/services/consent/policy"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/policydoc"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
)

// PolicyServer implements PolicyService.
type PolicyServer struct {
	consentv1.UnimplementedPolicyServiceServer
	log *log
}

// ErrNotInForce says that no version of a policy decides now.
var ErrNotInForce = errors.New("no version of the policy is in force")

// PublishPolicy adds a version.
func (s *PolicyServer) PublishPolicy(ctx context.Context, r *consentv1.PublishPolicyRequest) (*consentv1.PublishPolicyResponse, error) {
	doc, err := policydoc.Parse(r.GetDocument())
	if err != nil {
		return nil, violations(err)
	}
	effective, err := compile.Effective(doc)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(r.GetDocument())
	hash, now := hex.EncodeToString(sum[:]), s.log.Now()
	reduces, err := s.reduced(ctx, doc)
	if err != nil {
		return nil, err
	}
	cmd, err := command[policy.Command](r.GetRequestId(), r, now, policy.Publish{
		Policy: doc.Policy, Version: uint32(doc.Version), Document: r.GetDocument(), Hash: hash, TextHash: doc.TextSHA256,
		Effective: effective, Reduces: reduces, Notice: doc.Versions.Prominent && len(reduces) > 0, At: now,
	})
	if err != nil {
		return nil, err
	}
	res, err := s.log.policies.Handle(ctx, policyAggregate(ctx, doc.Policy), cmd)
	if err != nil {
		return nil, err
	}
	return &consentv1.PublishPolicyResponse{
		Policy: doc.Policy, Version: uint32(doc.Version), Hash: hash, ConsistencyToken: res.Token().Encode(),
		Reduces: reduces,
	}, nil
}

// maxViolations bounds an answer.
const maxViolations = 100

// violations turns a document's problems into fields of the request.
func violations(err error) error {
	var problems policydoc.Problems
	if !errors.As(err, &problems) {
		return err
	}
	var out fault.FieldErrors
	for _, p := range problems[:min(len(problems), maxViolations)] {
		field := "document"
		if p.Path != "" {
			field += "." + p.Path
		}
		text := p.Text
		if at := p.Place(); at != "" {
			text = at + ": " + text
		}
		out = append(out, fault.FieldError{Field: field, Rule: p.Code, Text: text})
	}
	return out
}

// PostPolicy records that people can read a version.
func (s *PolicyServer) PostPolicy(ctx context.Context, r *consentv1.PostPolicyRequest) (*consentv1.PostPolicyResponse, error) {
	now := s.log.Now()
	outside, err := s.outside(ctx, r)
	if err != nil {
		return nil, err
	}
	cmd, err := command[policy.Command](r.GetRequestId(), r, now, policy.Post{
		Policy: r.GetPolicy(), Version: r.GetVersion(), TextHash: r.GetTextHash(), PostedAt: r.GetPostedAt().AsTime(),
		Notice: r.GetProminentNotice(), Outside: outside, At: now,
	})
	if err != nil {
		return nil, err
	}
	res, err := s.log.policies.Handle(ctx, policyAggregate(ctx, r.GetPolicy()), cmd)
	if errors.Is(err, policy.ErrInFuture) {
		return nil, inFuture("posted_at")
	}
	if err != nil {
		return nil, err
	}
	return &consentv1.PostPolicyResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// outside is the store of the installation that is not where the version allows
// it, if there is one.
func (s *PolicyServer) outside(ctx context.Context, r *consentv1.PostPolicyRequest) (string, error) {
	rules, _, err := s.log.rules(ctx, policyAggregate(ctx, r.GetPolicy()))
	if err != nil {
		return "", err
	}
	v, err := version(rules, r.GetVersion())
	if errors.Is(err, policy.ErrNoVersion) { // which the policy itself will say
		return "", nil
	}
	if err != nil {
		return "", err
	}
	doc, err := policydoc.Read(v.Document)
	if err != nil {
		return "", err
	}
	store, _ := s.log.Regions.Outside(doc.Regions.Allowed)
	return store, nil
}

func inFuture(field string) error {
	return fault.FieldErrors{{Field: field, Rule: "NOT_IN_FUTURE", Text: "must not lie in the future"}}
}

// GetPolicy returns one version, or the one in force.
func (s *PolicyServer) GetPolicy(ctx context.Context, r *consentv1.GetPolicyRequest) (*consentv1.GetPolicyResponse, error) {
	agg := policyAggregate(ctx, r.GetPolicy())
	if err := s.log.sameToken(ctx, agg); err != nil {
		return nil, err
	}
	rules, _, err := s.log.rules(ctx, agg)
	if err != nil {
		return nil, err
	}
	v, err := version(rules, r.GetVersion())
	if r.GetVersion() == 0 && err == nil {
		var ok bool
		if v, _, ok = rules.inForce(s.log.Now()); !ok {
			err = ErrNotInForce
		}
	}
	if err != nil {
		return nil, err
	}
	return &consentv1.GetPolicyResponse{
		Policy: r.GetPolicy(), Version: v.Number, Hash: v.Hash, Document: v.Document, PostedAt: eventpb.Stamp(v.PostedAt),
	}, nil
}

// version finds a version by its number; zero only asks that there be any.
func version(r rules, number uint32) (policy.Version, error) {
	if len(r.state.Versions) == 0 || int64(number) > int64(len(r.state.Versions)) {
		return policy.Version{}, policy.ErrNoVersion
	}
	return r.state.Versions[max(number, 1)-1], nil
}

// sameToken holds the token that a call brought along against the history of
// an aggregate.
func (l *log) sameToken(ctx context.Context, agg es.Aggregate) error {
	want, err := es.ParseToken(kit.ConsistencyToken(ctx))
	if err != nil {
		return err
	}
	return l.sameHistory(agg, want)
}

// ListPolicies lists all versions.
func (s *PolicyServer) ListPolicies(ctx context.Context, r *consentv1.ListPoliciesRequest) (*consentv1.ListPoliciesResponse, error) {
	want, err := es.ParseToken(kit.ConsistencyToken(ctx))
	if err != nil {
		return nil, err
	}
	offset, err := pageOffset(r.GetPageToken())
	if err != nil {
		return nil, err
	}
	rows, err := s.log.Lister.List(ctx, kit.PrincipalFrom(ctx).Tenant, want)
	if err != nil {
		return nil, err
	}
	rows, next := page(rows, offset, r.GetPageSize())
	out := &consentv1.ListPoliciesResponse{NextPageToken: next}
	for _, row := range rows {
		out.Versions = append(out.Versions, &consentv1.PolicyVersion{
			Policy: row.Policy, Version: row.Version, Hash: row.Hash, PostedAt: eventpb.Stamp(row.PostedAt),
		})
	}
	return out, nil
}
