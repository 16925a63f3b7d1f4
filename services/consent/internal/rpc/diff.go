package rpc

import (
	"context"
	"strings"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/policy"
	"habeas.internal/services/internal/policydiff"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/rpc/fault"
)

// reduced lists the earlier versions over which a document reduces rights, those
// too that nobody has posted. One that is called minor may reduce none.
func (s *PolicyServer) reduced(ctx context.Context, doc policydoc.Document) ([]uint32, error) {
	rules, _, err := s.log.rules(ctx, policyAggregate(ctx, doc.Policy))
	if err != nil {
		return nil, err
	}
	var out []uint32
	for _, v := range rules.state.Versions[:min(len(rules.state.Versions), doc.Version-1)] {
		earlier, err := policydoc.Read(v.Document)
		if err != nil {
			return nil, err
		}
		if policydiff.Compare(earlier, doc).Reduces() {
			out = append(out, v.Number)
		}
	}
	if len(out) > 0 && doc.Change == policydoc.Minor {
		return nil, fault.FieldErrors{{Field: "document.change", Rule: "CHANGE_NOT_MINOR", Text: "it reduces rights; call it significant"}}
	}
	return out, nil
}

// DiffPolicy says what changes for people, or for one person.
func (s *PolicyServer) DiffPolicy(ctx context.Context, r *consentv1.DiffPolicyRequest) (*consentv1.DiffPolicyResponse, error) {
	if err := oneEach(r); err != nil {
		return nil, err
	}
	round, err := s.log.round(ctx, &consentv1.CheckRequest{Consistency: consentv1.Consistency_CONSISTENCY_FULL})
	if err != nil {
		return nil, err
	}
	rules, err := round.policy(ctx, r.GetPolicy())
	if err != nil {
		return nil, err
	}
	to, err := newer(rules, r)
	if err != nil {
		return nil, err
	}
	from, err := s.older(ctx, round, rules, r)
	if err != nil {
		return nil, err
	}
	out := &consentv1.DiffPolicyResponse{}
	for _, number := range from {
		earlier, err := policydoc.Read(rules.state.Versions[number-1].Document)
		if err != nil {
			return nil, err
		}
		diff := &consentv1.PolicyDiff{FromVersion: number, ToVersion: uint32(to.Version)} //nolint:gosec // a version is small
		changes := policydiff.Compare(earlier, to)
		for _, c := range changes {
			diff.Changes = append(diff.Changes, &consentv1.PolicyChange{Path: c.Path, Clause: c.Clause, Effect: effect(c.Effect), Says: c.Says})
		}
		diff.Reduces = changes.Reduces()
		out.Diffs, out.Reduces = append(out.Diffs, diff), out.Reduces || diff.Reduces
	}
	return out, nil
}

// oneEach refuses a question that names two older or two newer versions.
func oneEach(r *consentv1.DiffPolicyRequest) error {
	only := func(field string) error {
		return fault.FieldErrors{{Field: field, Rule: "ONE_OF", Text: "only one of the two may be given"}}
	}
	switch {
	case r.GetSubjectRef() != "" && r.GetFromVersion() != 0:
		return only("from_version")
	case len(r.GetDocument()) > 0 && r.GetToVersion() != 0:
		return only("to_version")
	}
	return nil
}

// newer is the version that somebody is to be bound by.
func newer(rules rules, r *consentv1.DiffPolicyRequest) (policydoc.Document, error) {
	if len(r.GetDocument()) == 0 {
		v, err := version(rules, r.GetToVersion())
		if err == nil && r.GetToVersion() == 0 {
			v = rules.state.Versions[len(rules.state.Versions)-1]
		}
		if err != nil {
			return policydoc.Document{}, err
		}
		return policydoc.Read(v.Document)
	}
	doc, err := policydoc.Parse(r.GetDocument())
	if err != nil {
		return doc, violations(err)
	}
	if doc.Policy != r.GetPolicy() {
		return doc, fault.FieldErrors{{Field: "document.policy", Rule: "OTHER_POLICY", Text: "is another policy than was asked about"}}
	}
	return doc, nil
}

// older lists the versions that the newer one is held against.
func (s *PolicyServer) older(ctx context.Context, round *round, rules rules, r *consentv1.DiffPolicyRequest) ([]uint32, error) {
	if r.GetSubjectRef() == "" {
		if err := own(ctx, ""); err != nil {
			return nil, err
		}
		v, err := version(rules, r.GetFromVersion())
		if err != nil || r.GetFromVersion() != 0 {
			return []uint32{v.Number}, err
		}
		v, _, ok := rules.inForce(round.now)
		if !ok {
			err = ErrNotInForce
		}
		return []uint32{v.Number}, err
	}
	if err := own(ctx, r.GetSubjectRef()); err != nil {
		return nil, err
	}
	if len(rules.state.Versions) == 0 {
		return nil, policy.ErrNoVersion
	}
	known, err := round.whole(ctx, r.GetSubjectRef(), false, round.now)
	if err != nil {
		return nil, err
	}
	var out []uint32
	for _, v := range rules.at(r.GetPolicy(), round.now).Binding(under(r.GetPolicy(), known.state), round.now) {
		out = append(out, v.Number)
	}
	if len(out) == 0 {
		return nil, ErrNotInForce
	}
	return out, nil
}

// effect is the name that the contract gives an effect; the names are the same.
func effect(e policydiff.Effect) consentv1.PolicyEffect {
	return consentv1.PolicyEffect(consentv1.PolicyEffect_value["POLICY_EFFECT_"+strings.ToUpper(string(e))])
}
