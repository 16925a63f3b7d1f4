package subject_test

import (
	"slices"
	"testing"

	"habeas.internal/services/identity/subject"
)

// TestWhatLiftsABlockIsNamed: all that lacks, and nothing that would not help.
func TestWhatLiftsABlockIsNamed(t *testing.T) {
	shown := subject.Shown{How: "parent", Evidence: "form:1"}
	never, cures, both := subject.Rule{Minimum: 18}, subject.Rule{Minimum: 13, Cures: true}, subject.Rule{Minimum: 18, Cures: true, Representative: true}
	stated := subject.Age{Source: subject.AgeStatedBy}
	for name, tc := range map[string]struct {
		who  subject.Subject
		rule subject.Rule
		want []string
	}{
		"of whom it is only said, an age":          {subject.Subject{Age: subject.Age{Source: subject.AgeAlleged}}, both, []string{subject.LiftAge}},
		"nothing where the policy knows no cure":   {subject.Subject{Age: stated}, never, nil},
		"a parent's consent":                       {subject.Subject{Age: stated}, cures, []string{subject.LiftParental}},
		"mandate and consent, each for itself":     {subject.Subject{Age: stated}, both, []string{subject.LiftMandate, subject.LiftParental}},
		"the consent alone where a mandate stands": {subject.Subject{Age: stated, Mandate: shown}, both, []string{subject.LiftParental}},
		"the mandate alone where a parent agrees":  {subject.Subject{Age: stated, Parental: shown}, both, []string{subject.LiftMandate}},
	} {
		if got := tc.who.Lifts(tc.rule); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
