package subject

import (
	"time"

	"habeas.internal/services/internal/personal"
)

// Age is what is known of how old somebody is.
type Age struct {
	Source AgeSource // empty: nothing
	Birth  personal.Text
}

// AgeSource is how an age came to be known.
type AgeSource string

// The sources. An allegation has no date of birth.
const (
	AgeStatedBy   AgeSource = "stated"
	AgeDocumented AgeSource = "document"
	AgeAlleged    AgeSource = "alleged"
)

// Shown is a fact of which it is known how it was shown: a mandate by the kind of
// who acts, a parent's consent by the method of its verification. Empty: none
// stands.
type Shown struct{ How, Evidence string }

// Stands reports whether there is one.
func (s Shown) Stands() bool { return s.How != "" }

// Block is a policy that does not serve a person. Request is what the system asks
// to have them erased, and Command the id of the command by which it does, which is
// random: nobody else can make the request. Both are empty where nothing is to be
// erased.
type Block struct {
	Since            time.Time
	Request, Command string
}

// Rule is what a policy says about ages.
type Rule struct {
	Policy         string
	Minimum        int  // age in years from which it serves everybody
	Representative bool // below it, only through somebody who may act
	Cures          bool // below it, if a parent agrees
}

// Admits is the refusal of who would register under the rule, or empty. A parent's
// consent is not asked yet: without it the person is blocked at once.
func (r Rule) Admits(years int, mandate bool) Refusal {
	switch {
	case years >= r.Minimum:
		return ""
	case !r.Cures:
		return ErrTooYoung
	case r.Representative && !mandate:
		return ErrNoMandate
	}
	return ""
}

// Serves reports whether the policy serves somebody of that age. One fact never
// stands for another.
func (r Rule) Serves(years int, mandate, parental bool) bool {
	return years >= r.Minimum || r.Cures && parental && (mandate || !r.Representative)
}

// Years is the age on a day of somebody who was born on another: the birthday
// counts, and who was born on the 29th of February has it on the 1st of March.
func Years(born, day time.Time) int {
	years := day.Year() - born.Year()
	if day.Month() < born.Month() || day.Month() == born.Month() && day.Day() < born.Day() {
		years--
	}
	return years
}

// StateAge says how old somebody is.
type StateAge struct {
	Age      Age
	Evidence string
	At       time.Time
}

// GiveMandate says who may act for a person.
type GiveMandate struct {
	Mandate Shown
	At      time.Time
}

// EndMandate says that nobody may any more.
type EndMandate struct{ At time.Time }

// AgreeAsParent says that a parent agrees.
type AgreeAsParent struct {
	Consent Shown
	At      time.Time
}

// WithdrawAsParent says that a parent agrees no more.
type WithdrawAsParent struct{ At time.Time }

// BlockMinor says that a policy does not serve a person.
type BlockMinor struct {
	Policy, Request, Command string
	At                       time.Time
}

// UnblockMinor says that it does.
type UnblockMinor struct {
	Policy string
	At     time.Time
}

func (StateAge) command()         {}
func (GiveMandate) command()      {}
func (EndMandate) command()       {}
func (AgreeAsParent) command()    {}
func (WithdrawAsParent) command() {}
func (BlockMinor) command()       {}
func (UnblockMinor) command()     {}

// AgeStated says how old somebody is, or that they are said to be a minor.
type AgeStated struct {
	Age      Age
	Evidence string
	At       time.Time
}

// MandateGiven says who may act for a person.
type MandateGiven struct {
	Mandate Shown
	At      time.Time
}

// MandateEnded says that nobody may any more.
type MandateEnded struct{ At time.Time }

// ParentAgreed says that a parent agrees.
type ParentAgreed struct {
	Consent Shown
	At      time.Time
}

// ParentWithdrew says that a parent agrees no more.
type ParentWithdrew struct{ At time.Time }

// MinorBlocked says that a policy does not serve a person.
type MinorBlocked struct {
	Policy, Request, Command string
	At                       time.Time
}

// MinorUnblocked says that it does.
type MinorUnblocked struct {
	Policy string
	At     time.Time
}

func (AgeStated) event()      {}
func (MandateGiven) event()   {}
func (MandateEnded) event()   {}
func (ParentAgreed) event()   {}
func (ParentWithdrew) event() {}
func (MinorBlocked) event()   {}
func (MinorUnblocked) event() {}

// ChangeAge is what is refused about ages and who acts for whom.
const ChangeAge = "age"

const (
	// ErrTooYoung refuses somebody whom a policy never serves at their age.
	ErrTooYoung = Refusal("AGE_BELOW_MINIMUM")
	// ErrNoMandate refuses a minor for whom nobody acts.
	ErrNoMandate = Refusal("MANDATE_REQUIRED")
	// ErrAgeKnown refuses whatever is merely said about somebody whose age a
	// document has shown.
	ErrAgeKnown = Refusal("AGE_IS_KNOWN")
)
