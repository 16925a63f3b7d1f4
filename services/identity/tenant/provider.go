package tenant

import "slices"

// Provider is the OpenID provider where a tenant's people sign in. Its zero value
// is none.
type Provider struct {
	Issuer string // its https address, as it names itself
	Client string // that its ID tokens have to be for
	Grades []Grade
}

// Grade says what a value of a claim proves.
type Grade struct {
	Claim string // ClaimACR or ClaimAMR
	Value string
	Level uint32
}

// Claims that say how somebody signed in.
const (
	ClaimACR = "acr"
	ClaimAMR = "amr"
)

// Levels of assurance that sign-ins reach.
const (
	LevelSignIn       uint32 = 2 // a plain one
	LevelSecondFactor uint32 = 3
	LevelUnphishable  uint32 = 4
)

const (
	// ErrGradeTwice refuses two levels for one value of a claim.
	ErrGradeTwice = Refusal("PROVIDER_LEVEL_TWICE")
	// ErrGradeMethod refuses the highest level for a method: it says how somebody
	// signed in, and not that nothing weaker would have done.
	ErrGradeMethod = Refusal("PROVIDER_LEVEL_OF_METHOD")
)

// Set reports whether there is a provider.
func (p Provider) Set() bool { return p.Issuer != "" }

// Level is what a sign-in with these claims proves, if nothing else stands
// against it. A value that the tenant has not named proves no more than a plain
// one.
func (p Provider) Level(acr string, amr []string) uint32 {
	level := LevelSignIn
	for _, g := range p.Grades {
		if g.Claim == ClaimACR && g.Value == acr || g.Claim == ClaimAMR && slices.Contains(amr, g.Value) {
			level = max(level, g.Level)
		}
	}
	return level
}

func (p Provider) forbids() Refusal {
	for i, g := range p.Grades {
		if slices.ContainsFunc(p.Grades[:i], func(other Grade) bool { return other.Claim == g.Claim && other.Value == g.Value }) {
			return ErrGradeTwice
		}
		if g.Claim == ClaimAMR && g.Level > LevelSecondFactor {
			return ErrGradeMethod
		}
	}
	return ""
}
