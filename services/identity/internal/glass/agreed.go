package glass

import (
	"context"
	"fmt"
	"slices"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/identity/internal/facts"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/rpc/client"
)

// Bound reports whether staff of a tenant need consent to look.
func (d *Desk) Bound(ctx context.Context, tenant string) (bool, error) {
	docs, err := d.Policies.In(ctx, tenant)
	return len(binding(docs)) > 0, err
}

// given is the reason of an answer that only an explicit, proven grant gets.
const given = "CONSENT_GIVEN"

// maxQuestions is how many one call of consent takes.
const maxQuestions = 500

// Shown is what staff are about to see.
type Shown struct {
	Refs       []string // whose data
	Policy     string   // under which it is; empty if only the registrations tell
	Categories []string // of the data; nil if they are not known
}

// Agreed reports whether each of the people has agreed that staff see this for a
// purpose: under the policy that the data is under, where that binds staff to
// consent. That is the one named, else the one that the person is registered
// under; where neither is known, any of those that bind. Two policies do not add
// up. To the empty purpose nobody agrees.
func (d *Desk) Agreed(ctx context.Context, tenant, purpose string, shown Shown) (bool, error) {
	docs, err := d.Policies.In(ctx, tenant)
	if err != nil {
		return false, err
	}
	asked := map[string][]string{} // the people whose consent is asked, by policy; "" for any
	for _, ref := range shown.Refs {
		policy := shown.Policy
		if policy == "" {
			if policy, err = d.Registered(ctx, tenant, ref); err != nil {
				return false, err
			}
		}
		if !slices.ContainsFunc(docs, func(doc policydoc.Document) bool { return doc.Policy == policy }) {
			policy = "" // it is not in force
		}
		asked[policy] = append(asked[policy], ref)
	}
	for policy, left := range asked {
		docs := slices.DeleteFunc(slices.Clone(docs), func(doc policydoc.Document) bool { return policy != "" && doc.Policy != policy })
		docs = binding(docs)
		if len(docs) == 0 {
			continue
		}
		for _, doc := range docs {
			agreed, err := d.under(ctx, tenant, doc, purpose, shown.Categories, left)
			if err != nil {
				return false, err
			}
			left = slices.DeleteFunc(slices.Clone(left), func(ref string) bool { return agreed[ref] })
		}
		if len(left) > 0 {
			return false, nil
		}
	}
	return true, nil
}

// under are those who have agreed to a purpose of one policy: to all that it
// needs. What the policy does not describe nobody has agreed to, nor to categories
// that the purpose does not list.
func (d *Desk) under(
	ctx context.Context, tenant string, doc policydoc.Document, purpose string, categories, refs []string,
) (map[string]bool, error) {
	agreed := map[string]bool{}
	i := slices.IndexFunc(doc.Purposes, func(p policydoc.Purpose) bool { return p.ID == purpose })
	if i < 0 || len(refs) == 0 {
		return agreed, nil
	}
	if slices.ContainsFunc(categories, func(c string) bool { return !slices.Contains(doc.Purposes[i].Categories, c) }) {
		return agreed, nil
	}
	if d.Consent == nil {
		return nil, facts.ErrNotConnected
	}
	var questions []*consentv1.Question
	for _, ref := range refs {
		agreed[ref] = true
		for _, category := range doc.Purposes[i].Categories {
			questions = append(questions, question(doc, ref, purpose, category))
		}
	}
	for some := range slices.Chunk(questions, maxQuestions) {
		res, err := d.Consent.BatchCheck(client.WithTenant(ctx, tenant), &consentv1.BatchCheckRequest{Questions: some})
		if err != nil {
			return nil, fmt.Errorf("%w: check consent: %w", facts.ErrAway, err)
		}
		for i, q := range some {
			if i >= len(res.GetAnswers()) || !res.GetAnswers()[i].GetAllowed() || res.GetAnswers()[i].GetReason() != given {
				agreed[q.GetSubjectRef()] = false
			}
		}
	}
	return agreed, nil
}

// question asks whether one category may be looked at. How and when the data came
// in is not known here: it is taken to have come as the policy says first, at a
// time at which every version counts.
func question(doc policydoc.Document, ref, purpose, category string) *consentv1.Question {
	q := &consentv1.Question{
		SubjectRef: ref, Policy: doc.Policy, Action: consentv1.Action_ACTION_ACCESS, Purpose: purpose, Categories: []string{category},
	}
	for _, c := range doc.Categories {
		if c.ID == category && len(c.Sources) > 0 {
			q.Source = sources()[c.Sources[0]]
		}
	}
	return q
}

// sources are those of policies, as consent is asked about them.
func sources() map[string]consentv1.Source {
	return map[string]consentv1.Source{
		"online": consentv1.Source_SOURCE_ONLINE, "offline": consentv1.Source_SOURCE_OFFLINE, "cookie": consentv1.Source_SOURCE_COOKIE,
		"affiliate": consentv1.Source_SOURCE_AFFILIATE, "third_party": consentv1.Source_SOURCE_THIRD_PARTY,
		"observed": consentv1.Source_SOURCE_OBSERVED, "registration": consentv1.Source_SOURCE_REGISTRATION,
	}
}
