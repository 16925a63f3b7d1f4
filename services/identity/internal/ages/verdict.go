package ages

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es/eventpb"
)

// posted is what a tenant's policies in force say about ages.
type posted struct {
	names []string // of all that are in force
	rules []subject.Rule
	free  bool // one says nothing about ages: it serves everybody
}

// verdicts say of each policy with a rule whether it serves a person.
type verdicts struct {
	served map[string]bool
	free   bool // another policy serves everybody
}

func (p posted) verdicts(s subject.Subject, born, day time.Time) verdicts {
	out := verdicts{served: map[string]bool{}, free: p.free}
	for _, r := range p.rules {
		out.served[r.Policy] = s.Served(r, born, day)
	}
	return out
}

// policies are those with a rule, in order.
func (v verdicts) policies() []string { return slices.Sorted(maps.Keys(v.served)) }

// due is the policy by which the erasure of somebody is to be asked for, if it is:
// none that they are under serves them at an age that is known. Whoever may be
// under another one keeps their data.
func (v verdicts) due(s subject.Subject) string {
	if s.Phase != subject.Active || s.Age.Source == "" || s.Age.Source == subject.AgeAlleged {
		return ""
	}
	out := ""
	for _, policy := range v.policies() {
		switch {
		case !s.Under(policy):
		case v.served[policy]:
			return ""
		case out == "":
			out = policy
		}
	}
	if s.Policy == "" && v.free {
		return ""
	}
	return out
}

// same reports whether consent knows already what is recorded.
func (v verdicts) same(told verdicts, s subject.Subject) bool {
	if told.served == nil {
		return false
	}
	for policy, served := range v.served {
		_, blocked := s.Blocks[policy]
		if was, known := told.served[policy]; !known || was != (served && !blocked) {
			return false
		}
	}
	return true
}

// Rules are what the tenant's policies in force say about ages, by policy.
func (d Desk) Rules(ctx context.Context, tenant string) (map[string]subject.Rule, error) {
	if err := d.connected(); err != nil {
		return nil, err
	}
	p, err := d.posted(ctx, tenant)
	out := map[string]subject.Rule{}
	for _, r := range p.rules {
		out[r.Policy] = r
	}
	return out, err
}

// verdicts says of every policy whether it serves a person.
func (d Desk) verdicts(ctx context.Context, tenant, ref string, s subject.Subject, p posted) (verdicts, error) {
	if s.Phase != subject.Active {
		return verdicts{}, nil
	}
	day, err := d.Today(ctx, tenant)
	if err != nil {
		return verdicts{}, err
	}
	born, _, err := d.born(ctx, tenant, ref, s, day)
	if err != nil {
		return verdicts{}, err
	}
	return p.verdicts(s, born, day), nil
}

// born is a person's date of birth, if it is known.
func (d Desk) born(ctx context.Context, tenant, ref string, s subject.Subject, day time.Time) (born time.Time, known bool, err error) {
	if s.Age.Source == "" || s.Age.Source == subject.AgeAlleged {
		return time.Time{}, false, nil
	}
	text, err := eventpb.Open(ctx, d.Opener, purposeAge, registry.Aggregate(tenant, ref), s.Age.Birth)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("open date of birth: %w", err)
	}
	born, err = Born(text, day)
	return born, err == nil, err
}
