package schedule

import (
	"slices"
	"strings"
	"time"
)

// Item is data of one category in one collection of a system.
type Item struct {
	System     string
	Collection string
	Category   string
	// StartedAt is the latest start event among the rows; the zero moment
	// counts as the moment asked about, so that what has no date is kept.
	StartedAt time.Time
}

// Verdict is what is to become of an item.
type Verdict int

// The verdicts. None is no verdict: nothing may be destroyed.
const (
	None Verdict = iota
	Erase
	Keep
	Wait // for the end of a hold
)

// Hold is a hold that binds the person.
type Hold struct{ ID, Ground, Authority string }

// Judgement is the verdict on an item and its reasons.
type Judgement struct {
	Verdict   Verdict
	Until     time.Time // with Keep
	Ground    string    // with Keep and Wait
	Authority string
	By        string // the rule, or the hold, that decided; empty with Erase
	// Beneath is what the rules alone say; set with Wait. The end of a hold ends
	// no duty to keep.
	Beneath *Judgement
}

// Question is about a person's data.
type Question struct {
	Rules []Rule
	Holds []Hold // those that bind, in the order placed
	Items []Item
	At    time.Time
	Zone  *time.Location // of the controller's establishment
}

// Evaluate answers for each item, in order. A hold wins over every rule; the
// rule that keeps longest wins over the others, the first of equals; a rule
// whose time is over keeps nothing.
func Evaluate(q Question) []Judgement {
	out := make([]Judgement, len(q.Items))
	for i, item := range q.Items {
		out[i] = q.judge(item)
	}
	return out
}

func (q Question) judge(item Item) Judgement {
	byRules := q.rule(item)
	if len(q.Holds) == 0 {
		return byRules
	}
	h := q.Holds[0]
	return Judgement{Verdict: Wait, Ground: h.Ground, Authority: h.Authority, By: h.ID, Beneath: &byRules}
}

// rule is what the rules say of an item, whatever holds.
func (q Question) rule(item Item) Judgement {
	started := item.StartedAt
	if started.IsZero() {
		started = q.At
	}
	j := Judgement{Verdict: Erase}
	for _, r := range q.Rules {
		if !r.covers(item) {
			continue
		}
		until := r.Period.After(started, q.Zone)
		if until.After(q.At) && until.After(j.Until) {
			j = Judgement{Verdict: Keep, Until: until, Ground: r.Ground, Authority: r.Authority, By: r.ID}
		}
	}
	return j
}

// covers says that a rule speaks of an item: its category is the rule's or
// below it, part by part.
func (r Rule) covers(item Item) bool {
	if len(r.Systems) > 0 && !slices.Contains(r.Systems, item.System) {
		return false
	}
	rest, ok := strings.CutPrefix(item.Category, r.Category)
	return ok && (rest == "" || rest[0] == '.')
}
