package conformance_test

import (
	"slices"
	"testing"

	"habeas.internal/services/internal/policydoc"
)

// declining shows CW-06 and PT-02 with every category of the policy: declining
// it denies every use of it and no other, and names exactly the features that
// the policy says depend on it; giving it after all restores everything.
func declining(policy string, narrower change, without string) func(t *testing.T, w *world) {
	return func(t *testing.T, w *world) {
		doc := document(t, policy)
		p := w.stranger(policy, policy)
		p.grants(ofBasis(doc, optIn)...)
		asks := every(doc)
		before := p.answers(asks)
		for _, c := range doc.Categories {
			lost := p.decides(act{category: c.ID, decision: "refused"})
			if want := features(doc, c.ID); !slices.Equal(lost, want) {
				t.Errorf("without %s these features are said to be lost: %v; the policy says %v", c.ID, lost, want)
			}
			for i, got := range p.answers(asks) {
				if hit := asks[i].category == c.ID && !slices.Contains(ofBasis(doc, legal), asks[i].purpose); hit {
					w.expect(asks[i].category+" for "+asks[i].purpose+", declined", got, false, "CATEGORY_DECLINED")
				} else if got.String() != before[i].String() {
					t.Errorf("without %s, %s for %s: %v, before %v", c.ID, asks[i].category, asks[i].purpose, got, before[i])
				}
			}
			if lost := p.decides(act{category: c.ID, decision: "given"}); len(lost) > 0 {
				t.Errorf("giving %s loses %v", c.ID, lost)
			}
		}
		for i, got := range p.answers(asks) {
			if got.String() != before[i].String() {
				t.Errorf("in the end, %s for %s: %v, before %v", asks[i].category, asks[i].purpose, got, before[i])
			}
		}
		p.cannot(act{category: "no.such.category", decision: "refused"}, "CATEGORY_UNKNOWN")
		other := w.stranger(w.tenantOf(policy, narrower), policy)
		if got := other.decides(act{category: without, decision: "refused"}); len(got)+1 != len(features(doc, without)) {
			t.Errorf("where the policy names one feature less for %s, these are lost: %v", without, got)
		}
	}
}

// features are those that need a category, by the policy.
func features(doc policydoc.Document, category string) []string {
	i := slices.IndexFunc(doc.Categories, func(c policydoc.Category) bool { return c.ID == category })
	return slices.Sorted(slices.Values(doc.Categories[i].Features))
}
