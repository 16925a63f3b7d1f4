package tenant

import "slices"

// Levels are the tenant's own levels of assurance; zero is the usual one.
type Levels struct {
	Access, Erasure uint32
	Policies        []PolicyLevels
}

// PolicyLevels are those of requests under one policy; zero is the tenant's.
type PolicyLevels struct {
	Policy          string
	Access, Erasure uint32
}

// under are the levels in force for a policy. Whatever is asked for, the usual
// one is the least.
func (l Levels) under(policy string) (access, erasure uint32) {
	access, erasure = l.Access, l.Erasure
	for _, p := range l.Policies {
		if p.Policy != policy {
			continue
		}
		if p.Access > 0 {
			access = p.Access
		}
		if p.Erasure > 0 {
			erasure = p.Erasure
		}
	}
	return max(access, LevelSecondFactor), max(erasure, LevelSecondFactor)
}

// lower reports whether next asks for less anywhere.
func (l Levels) lower(next Levels) bool {
	policies := []string{""} // that nothing names
	for _, p := range slices.Concat(l.Policies, next.Policies) {
		policies = append(policies, p.Policy)
	}
	return slices.ContainsFunc(policies, func(policy string) bool {
		access, erasure := l.under(policy)
		nextAccess, nextErasure := next.under(policy)
		return nextAccess < access || nextErasure < erasure
	})
}

// twice reports whether a policy is named twice.
func (l Levels) twice() bool {
	for i, p := range l.Policies {
		if slices.ContainsFunc(l.Policies[:i], func(other PolicyLevels) bool { return other.Policy == p.Policy }) {
			return true
		}
	}
	return false
}
