package schedule

import (
	"slices"
	"strings"
	"time"
)

// Decide returns the events that cmd causes.
func Decide(s Schedule, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Put:
		return put(s, c)
	case List:
		if slices.Contains(s.Policies, c.Policy) {
			return nil, nil
		}
		return []Event{PolicyListed(c)}, nil
	}
	return nil, errUnknown
}

func put(s Schedule, c Put) ([]Event, error) {
	next := Version{
		Number: uint32(len(s.Versions)) + 1, PolicyVersion: c.PolicyVersion, From: latest(c.From, c.At), Rules: c.Rules,
		Limits: s.limits(c),
	}
	if last, ok := s.lastOf(c.PolicyVersion); ok && last.same(next, c.At) {
		return nil, nil
	}
	err := check(s, next, c.At)
	switch {
	case err == nil:
		return []Event{Replaced{Policy: c.Policy, Version: next}}, nil
	case len(s.Versions) == 0: // no schedule yet that a refusal could be told of
		return nil, err
	}
	return []Event{ReplacementRefused{PolicyVersion: c.PolicyVersion, Reason: err.Error()}}, err
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lastOf is the last version that comes from a policy version.
func (s Schedule) lastOf(policyVersion uint32) (Version, bool) {
	for i := len(s.Versions) - 1; i >= 0; i-- {
		if s.Versions[i].PolicyVersion == policyVersion {
			return s.Versions[i], true
		}
	}
	return Version{}, false
}

// same says that putting next at a moment would change nothing: neither what
// is kept, nor from when on.
func (v Version) same(next Version, at time.Time) bool {
	from := v.From.Equal(next.From) || !v.From.After(at) && !next.From.After(at)
	return from && v.PolicyVersion == next.PolicyVersion && slices.EqualFunc(v.Rules, next.Rules, Rule.equal) &&
		slices.EqualFunc(v.Limits, next.Limits, Limit.equal)
}

func (r Rule) equal(o Rule) bool {
	return r.ID == o.ID && r.Category == o.Category && slices.Equal(r.Systems, o.Systems) &&
		r.Period == o.Period && r.Ground == o.Ground && r.Authority == o.Authority
}

// check finds what forbids a version. One of an older policy version than the
// one that decides already would never decide; while the newer one's time is
// still to come, it may, so that the order in which the two come is all one.
func check(s Schedule, next Version, at time.Time) error {
	if now, err := s.InForce(at); err == nil && next.PolicyVersion < now.PolicyVersion {
		return ErrPolicyVersionOld
	}
	seen := map[string]bool{}
	for _, r := range next.Rules {
		switch {
		case r.ID == "" || !dotted(r.Category):
			return ErrRuleMalformed
		case r.Period.IsZero():
			return ErrRuleWithoutEnd
		case r.Period.tooLong():
			return ErrRuleTooLong
		case r.Ground == "" || r.Authority == "" || infeasible(r.Ground):
			return ErrRuleWithoutGround
		case seen[r.ID]:
			return ErrRuleTwice
		}
		seen[r.ID] = true
	}
	return checkLimits(next.Limits)
}

// dotted says that a text is a name of parts between dots.
func dotted(name string) bool {
	return !slices.Contains(strings.Split(name, "."), "")
}

// infeasible says that a ground is nothing but that erasing is hard: that
// defers an erasure, and is no reason to keep.
func infeasible(ground string) bool {
	first, _, _ := strings.Cut(ground, ".")
	return first == "infeasible"
}
