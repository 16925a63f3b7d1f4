// Package schedule is what a policy says must be kept, and what must not: versions of
// rules and limits, and the verdict that follows from the rules, the holds and the age
// of the data.
package schedule

import (
	"errors"
	"time"
)

// AggregateType is the type of a schedule in the log.
const AggregateType = "schedule"

// Schedule is the state of one policy's schedule, or, in the one aggregate of a
// tenant that has no versions of its own, the list of the policies that have a
// schedule.
type Schedule struct {
	Policy   string
	Versions []Version // in order; the n-th has number n
	Policies []string  // listed, in order
}

// Version is a schedule as it was put.
type Version struct {
	Number        uint32
	PolicyVersion uint32
	From          time.Time // it decides from then on
	Rules         []Rule
	Limits        []Limit
}

// Rule is a duty or a right to keep data.
type Rule struct {
	ID        string
	Category  string   // and everything below it
	Systems   []string // empty: all
	Period    Period   // from the start event
	Ground    string
	Authority string
}

// Command is Put or List.
//
//sumtype:decl
type Command interface{ command() }

// Put replaces the schedule. What is equal to the last version changes nothing.
type Put struct {
	Policy        string
	PolicyVersion uint32
	From          time.Time // a moment before At means At
	Rules         []Rule
	Limits        []Limit
	KeepLimits    bool // those of the version before stay
	At            time.Time
}

// List adds a policy to the tenant's list. It comes before the policy's first
// Put, so that no schedule decides that is not listed.
type List struct{ Policy string }

func (Put) command()  {}
func (List) command() {}

// Event is Replaced, ReplacementRefused or PolicyListed.
//
//sumtype:decl
type Event interface{ event() }

// Replaced says that there is a new version.
type Replaced struct {
	Policy string
	Version
}

// ReplacementRefused says that a rule forbade a new version.
type ReplacementRefused struct {
	PolicyVersion uint32
	Reason        string
}

// PolicyListed says that a policy may have a schedule from now on.
type PolicyListed struct{ Policy string }

func (Replaced) event()           {}
func (ReplacementRefused) event() {}
func (PolicyListed) event()       {}

// Refusal is a rule's no, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// What a caller may be told.
const (
	// ErrRuleWithoutEnd refuses a rule that would keep for ever.
	ErrRuleWithoutEnd = Refusal("RULE_WITHOUT_END")
	// ErrRuleTooLong refuses a rule that keeps for more than MaxYears.
	ErrRuleTooLong = Refusal("RULE_TOO_LONG")
	// ErrRuleWithoutGround refuses a rule that doesn't say why and by what law
	// or clause; that erasing is infeasible is no ground.
	ErrRuleWithoutGround = Refusal("RULE_WITHOUT_GROUND")
	// ErrRuleMalformed refuses a rule without an id or a category.
	ErrRuleMalformed = Refusal("RULE_MALFORMED")
	// ErrRuleTwice refuses two rules of one id.
	ErrRuleTwice = Refusal("RULE_TWICE")
	// ErrLimitWithoutEnd refuses a limit that never ends.
	ErrLimitWithoutEnd = Refusal("LIMIT_WITHOUT_END")
	// ErrLimitMalformed refuses a limit without a category or an event, or the second
	// of a category.
	ErrLimitMalformed = Refusal("LIMIT_MALFORMED")
	// ErrPolicyVersionOld refuses the schedule of a policy version that another
	// has followed already.
	ErrPolicyVersionOld = Refusal("POLICY_VERSION_OLD")
)

var (
	// ErrNoSchedule says that a policy has no schedule, or none yet.
	ErrNoSchedule = errors.New("schedule does not exist")
	// ErrPeriod says that a text is no period.
	ErrPeriod  = errors.New("period is malformed")
	errUnknown = errors.New("unknown command")
)
