package subject_test

import (
	"testing"
	"time"

	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/personal"
)

func day(text string) time.Time {
	d, err := time.Parse("2006-01-02", text)
	if err != nil {
		panic(err)
	}
	return d
}

func TestYearsEndOnTheBirthday(t *testing.T) {
	for _, tc := range []struct {
		name, born, day string
		want            int
	}{
		{"the day before", "2008-11-23", "2026-11-22", 17},
		{"the day itself", "2008-11-22", "2026-11-22", 18},
		{"another month", "2008-12-01", "2026-11-22", 17},
		{"a leap day, before it", "2008-02-29", "2026-02-28", 17},
		{"a leap day, after it", "2008-02-29", "2026-03-01", 18},
		{"a leap day in a leap year", "2008-02-29", "2028-02-29", 20},
		{"the day of birth", "2026-11-22", "2026-11-22", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := subject.Years(day(tc.born), day(tc.day)); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func TestEachPolicyHasItsOwnRule(t *testing.T) {
	through := subject.Rule{Minimum: 18, Representative: true, Cures: true}
	never := subject.Rule{Minimum: 13}
	for _, tc := range []struct {
		name              string
		rule              subject.Rule
		years             int
		mandate, parental bool
		admits            subject.Refusal
		serves            bool
	}{
		{"an adult", through, 18, false, false, "", true},
		{"a minor alone", through, 17, false, false, subject.ErrNoMandate, false},
		{"a minor with a mandate", through, 17, true, false, "", false},
		{"a minor with a parent's consent and no mandate", through, 17, false, true, subject.ErrNoMandate, false},
		{"a minor with both", through, 17, true, true, "", true},
		{"thirteen", never, 13, false, false, "", true},
		{"twelve", never, 12, false, false, subject.ErrTooYoung, false},
		{"twelve with everything", never, 12, true, true, subject.ErrTooYoung, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.rule.Admits(tc.years, tc.mandate); got != tc.admits {
				t.Errorf("admits: %q, want %q", got, tc.admits)
			}
			if got := tc.rule.Serves(tc.years, tc.mandate, tc.parental); got != tc.serves {
				t.Errorf("serves: %v, want %v", got, tc.serves)
			}
		})
	}
}

func TestDecideOnAges(t *testing.T) {
	stated := subject.AgeStated{Age: subject.Age{Source: subject.AgeDocumented, Birth: personal.Clear("2000-01-01")}, At: noon}
	tip := subject.StateAge{Age: subject.Age{Source: subject.AgeAlleged}, At: noon}
	parent := subject.Shown{How: "parent", Evidence: "form:7"}
	blocked := subject.MinorBlocked{Policy: "p", Request: "r", Command: "c", At: noon}
	said := subject.MinorBlocked{Policy: "p", At: noon}
	other := subject.StateAge{Age: subject.Age{Source: subject.AgeStatedBy, Birth: personal.Clear("2020-01-01")}, At: noon}
	run(t, []row{
		{"an age is stated", jane(), subject.StateAge(stated), []subject.Event{stated}, nil},
		{"a tip is recorded", jane(), tip, []subject.Event{subject.AgeStated(tip)}, nil},
		{"a tip counts nothing against a document", jane(stated), tip, refused("age", subject.ErrAgeKnown), subject.ErrAgeKnown},
		{"nor does a date that is said", jane(stated), other, refused("age", subject.ErrAgeKnown), subject.ErrAgeKnown},
		{"a document takes another's place", jane(stated), subject.StateAge(stated), []subject.Event{stated}, nil},
		{"a date that is said takes a tip's place", jane(subject.AgeStated(tip)), other, []subject.Event{subject.AgeStated(other)}, nil},
		{"a mandate is recorded", jane(), subject.GiveMandate{Mandate: parent, At: noon}, []subject.Event{subject.MandateGiven{Mandate: parent, At: noon}}, nil},
		{"and once", jane(subject.MandateGiven{Mandate: parent}), subject.GiveMandate{Mandate: parent}, nil, nil},
		{"a mandate ends", jane(subject.MandateGiven{Mandate: parent}), subject.EndMandate{At: noon}, []subject.Event{subject.MandateEnded{At: noon}}, nil},
		{"none that does not stand", jane(), subject.EndMandate{}, nil, nil},
		{"a parent agrees", jane(), subject.AgreeAsParent{Consent: parent, At: noon}, []subject.Event{subject.ParentAgreed{Consent: parent, At: noon}}, nil},
		{"a parent withdraws", jane(subject.ParentAgreed{Consent: parent}), subject.WithdrawAsParent{At: noon}, []subject.Event{subject.ParentWithdrew{At: noon}}, nil},
		{"a policy is blocked", jane(), subject.BlockMinor(blocked), []subject.Event{blocked}, nil},
		{"and once", jane(blocked), subject.BlockMinor{Policy: "p", Request: "s", Command: "d"}, nil, nil},
		{"what was only said is known now", jane(said), subject.BlockMinor(blocked), []subject.Event{blocked}, nil},
		{"what is known is not merely said", jane(blocked), subject.BlockMinor(said), nil, nil},
		{"a policy is unblocked", jane(blocked), subject.UnblockMinor{Policy: "p", At: noon}, []subject.Event{subject.MinorUnblocked{Policy: "p", At: noon}}, nil},
		{"and once", jane(), subject.UnblockMinor{Policy: "p"}, nil, nil},
		{"nothing is recorded of who is forgotten", jane(subject.ForgettingBegun{}), tip, refused("age", subject.ErrForgotten), subject.ErrForgotten},
		{"nobody is blocked who is forgotten", jane(subject.ForgettingBegun{}), subject.BlockMinor(blocked), nil, nil},
	})
}
