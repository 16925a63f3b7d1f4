package carry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/internal/pack"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/policydoc"

	"go.yaml.in/yaml/v3"
)

// about is what the policy that the request pinned says of the kinds of data in
// its manifest.
func (j *journey) about(ctx context.Context) (pack.About, error) {
	got, err := j.cfg.Peers.Policies.GetPolicy(ctx, &consentv1.GetPolicyRequest{
		Policy: j.s.Terms.Policy, Version: j.s.Terms.PolicyVersion,
	})
	if err != nil {
		return pack.About{}, fmt.Errorf("get policy: %w", err)
	}
	var doc policydoc.Document // consent has checked it
	if err := yaml.Unmarshal(got.GetDocument(), &doc); err != nil {
		return pack.About{}, failPolicy
	}
	out := pack.About{Policy: j.s.Terms.Policy, Version: j.s.Terms.PolicyVersion, Title: doc.Title, Publisher: doc.Publisher}
	for _, l := range j.s.Leaves {
		where := l.System + ": " + l.Collection
		i := slices.IndexFunc(out.Kinds, func(k pack.Kind) bool { return k.Category == l.Category })
		if i < 0 {
			out.Kinds, i = append(out.Kinds, kindOf(doc, l)), len(out.Kinds)
		} else {
			out.Kinds[i].Periods = merged(out.Kinds[i].Periods, duties(doc, l))
		}
		if !slices.Contains(out.Kinds[i].Where, where) {
			out.Kinds[i].Where = append(out.Kinds[i].Where, where)
		}
	}
	for _, r := range doc.Sharing.Recipients {
		out.Recipients = append(out.Recipients, pack.Recipient{Kind: spelled(r.Kind), Consent: r.Consent, Notice: r.Notice, Clause: r.Clause})
	}
	out.Clauses = cited(doc, out)
	return out, nil
}

// kindOf is what a policy says of a leaf's category, or of the nearest that it is
// part of.
func kindOf(doc policydoc.Document, l request.Leaf) pack.Kind {
	k, nearest := pack.Kind{Category: l.Category, Unattributable: dataset.Analytics(l.Category)}, ""
	for _, c := range doc.Categories {
		if !partOf(l.Category, c.ID) || len(c.ID) < len(nearest) {
			continue
		}
		nearest = c.ID
		k.Title, k.Clause, k.Sources, k.Periods, k.Purposes = c.Title, c.Clause, c.Sources, nil, nil
		if c.Ends != nil {
			k.Periods = []pack.Period{{Text: long(c.Ends.Period), After: spelled(c.Ends.After), Authority: c.Clause}}
		}
		for _, p := range doc.Purposes {
			if slices.Contains(p.Categories, c.ID) {
				k.Purposes = append(k.Purposes, pack.Purpose{ID: p.ID, Title: p.Title, Basis: spelled(p.Basis), Clause: p.Clause})
			}
		}
	}
	k.Periods = merged(k.Periods, duties(doc, l))
	return k
}

// duties are the policy's rules that keep a leaf although somebody asks for its
// erasure.
func duties(doc policydoc.Document, l request.Leaf) []pack.Period {
	var out []pack.Period
	for _, r := range doc.Retention {
		if partOf(l.Category, r.Category) && (len(r.Systems) == 0 || slices.Contains(r.Systems, l.System)) {
			out = append(out, pack.Period{Text: long(r.Period), After: "it began, by duty", Ground: spelled(r.Ground), Authority: r.Authority})
		}
	}
	return out
}

func merged(a, b []pack.Period) []pack.Period {
	for _, p := range b {
		if !slices.Contains(a, p) {
			a = append(a, p)
		}
	}
	return a
}

// cited are the clauses that an answer refers to, in the policy's order.
func cited(doc policydoc.Document, a pack.About) []pack.Clause {
	used := map[string]bool{}
	for _, k := range a.Kinds {
		used[k.Clause] = true
		for _, p := range k.Purposes {
			used[p.Clause] = true
		}
		for _, p := range k.Periods {
			used[p.Authority] = true
		}
	}
	for _, r := range a.Recipients {
		used[r.Clause] = true
	}
	var out []pack.Clause
	for _, c := range doc.Clauses {
		if used[c.ID] {
			out = append(out, pack.Clause{ID: c.ID, Says: c.Says})
		}
	}
	return out
}

// partOf reports whether a category is another or part of it.
func partOf(category, whole string) bool {
	return category == whole || strings.HasPrefix(category, whole+".")
}

// spelled is a code in words.
func spelled(code string) string {
	return strings.NewReplacer("_", " ", ".", ", ", "-", " ").Replace(code)
}

// long is a period in words; as it is written if it is none.
func long(period string) string {
	p, err := policydoc.ParsePeriod(period)
	if err != nil {
		return period
	}
	var out []string
	for _, part := range []struct {
		n    int
		unit string
	}{{p.Years, "year"}, {p.Months, "month"}, {p.Days, "day"}} {
		switch {
		case part.n == 1:
			out = append(out, "1 "+part.unit)
		case part.n > 1:
			out = append(out, fmt.Sprintf("%d %ss", part.n, part.unit))
		}
	}
	return strings.Join(out, " ")
}
