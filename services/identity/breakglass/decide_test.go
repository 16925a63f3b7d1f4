package breakglass_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/identity/breakglass"

	"github.com/google/go-cmp/cmp"
)

var (
	noon    = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	later   = noon.Add(10 * time.Minute)
	end     = later.Add(30 * time.Minute)
	tuesday = noon.AddDate(0, 0, 4)

	asked = breakglass.Asked{
		Subject: "jane", Policy: "qcera", Ground: "law", Reason: "subpoena", Document: "case-7", Categories: []string{"leave.absence"},
		For: 30 * time.Minute, By: "vera", At: noon,
	}
	rule   = breakglass.Ground{ID: "law", Allowed: true, Document: true, Categories: true}
	opened = breakglass.Permitted{By: "dora", Until: end, ReviewBy: tuesday, At: later}
	lapsed = breakglass.Lapsed{At: end}
)

// but is what was asked for, with a change.
func but(change func(*breakglass.Ask)) breakglass.Ask {
	a := breakglass.Ask{Request: asked, Rule: rule, Bound: true}
	change(&a)
	return a
}

func permit(by string, at time.Time) breakglass.Permit {
	return breakglass.Permit{By: by, ReviewBy: tuesday, At: at}
}

func refused(r breakglass.Refusal, by string) []breakglass.Event {
	return []breakglass.Event{breakglass.Refused{Reason: string(r), By: by}}
}

func list(events ...breakglass.Event) []breakglass.Event { return events }

type step struct {
	name  string
	given []breakglass.Event
	when  breakglass.Command
	then  []breakglass.Event
	err   error
}

func check(t *testing.T, steps []step) {
	t.Helper()
	for _, tc := range steps {
		t.Run(tc.name, func(t *testing.T) {
			got, err := breakglass.Decide(after(tc.given...), tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func after(events ...breakglass.Event) (g breakglass.Grant) {
	for _, ev := range events {
		g = breakglass.Evolve(g, ev)
	}
	return g
}

func TestAsking(t *testing.T) {
	check(t, []step{
		{"a bound person asks on a ground of the policy", nil, but(func(*breakglass.Ask) {}), list(asked), nil},
		{"once", list(asked), but(func(*breakglass.Ask) {}), nil, breakglass.ErrPhase},
		{"for somebody", nil, but(func(a *breakglass.Ask) { a.Request.Subject = "" }), nil, breakglass.ErrScope},
		{"or for a case, but not for both", nil, but(func(a *breakglass.Ask) { a.Request.Case = "case-1" }), nil, breakglass.ErrScope},
		{"for an hour at most", nil, but(func(a *breakglass.Ask) { a.Request.For = time.Hour + 1 }), nil, breakglass.ErrPeriod},
		{"and not for nothing", nil, but(func(a *breakglass.Ask) { a.Request.For = 0 }), nil, breakglass.ErrPeriod},
		{"who is not bound does not", nil, but(func(a *breakglass.Ask) { a.Bound = false }), refused(breakglass.ErrNotBound, "vera"), breakglass.ErrNotBound},
		{"nor whose last grant nobody has looked at in time", nil, but(func(a *breakglass.Ask) { a.Overdue = true }), refused(breakglass.ErrOverdue, "vera"), breakglass.ErrOverdue},
		{"a ground that the policy does not know is none", nil, but(func(a *breakglass.Ask) { a.Rule.Allowed = false }), refused(breakglass.ErrGround, "vera"), breakglass.ErrGround},
		{"another ground's rule does not count", nil, but(func(a *breakglass.Ask) { a.Request.Ground = "fraud" }), refused(breakglass.ErrGround, "vera"), breakglass.ErrGround},
		{"law has a document", nil, but(func(a *breakglass.Ask) { a.Request.Document = "" }), refused(breakglass.ErrDocument, "vera"), breakglass.ErrDocument},
		{"danger is imminent", nil, but(func(a *breakglass.Ask) { a.Rule.Imminent = true }), refused(breakglass.ErrImminent, "vera"), breakglass.ErrImminent},
		{"what is needed has a name", nil, but(func(a *breakglass.Ask) { a.Request.Categories = nil }), refused(breakglass.ErrCategories, "vera"), breakglass.ErrCategories},
	})
}

func TestGranting(t *testing.T) {
	waiting, last := list(asked), noon.Add(breakglass.AskLives-1)
	shorter := breakglass.Permitted{By: "dora", Until: later.Add(time.Minute), ReviewBy: tuesday, At: later}
	check(t, []step{
		{"a second person grants it", waiting, permit("dora", later), list(opened), nil},
		{"for less time than asked for", waiting, breakglass.Permit{By: "dora", For: time.Minute, ReviewBy: tuesday, At: later}, list(shorter), nil},
		{"not for more than an hour", waiting, breakglass.Permit{By: "dora", For: 61 * time.Minute, ReviewBy: tuesday, At: later}, nil, breakglass.ErrPeriod},
		{"nobody grants their own", waiting, permit("vera", later), refused(breakglass.ErrSecond, "vera"), breakglass.ErrSecond},
		{"nobody is no second person", waiting, permit("", later), refused(breakglass.ErrSecond, ""), breakglass.ErrSecond},
		{"what is not there is not granted", nil, permit("dora", later), nil, breakglass.ErrNotFound},
		{"nor what is open", list(asked, opened), permit("dora", later), refused(breakglass.ErrPhase, "dora"), breakglass.ErrPhase},
		{"nor what was declined", list(asked, breakglass.Denied{By: "dora", At: later}), permit("dora", later), refused(breakglass.ErrPhase, "dora"), breakglass.ErrPhase},
		{"a day later it is too late", waiting, permit("dora", noon.Add(breakglass.AskLives)), refused(breakglass.ErrStale, "dora"), breakglass.ErrStale},
		{"until then it is not", waiting, permit("dora", last), list(breakglass.Permitted{By: "dora", Until: last.Add(30 * time.Minute), ReviewBy: tuesday, At: last}), nil},
		{"an overdue review suspends who asked", waiting, breakglass.Permit{By: "dora", ReviewBy: tuesday, AskerOverdue: true, At: later}, refused(breakglass.ErrOverdue, "dora"), breakglass.ErrOverdue},
		{"and who would grant", waiting, breakglass.Permit{By: "dora", ReviewBy: tuesday, GranterOverdue: true, At: later}, refused(breakglass.ErrOverdue, "dora"), breakglass.ErrOverdue},
		{"a review is not due before the end", waiting, breakglass.Permit{By: "dora", ReviewBy: end, At: later}, nil, breakglass.ErrReviewBy},
		{"it is declined", waiting, breakglass.Decline{By: "dora", Reason: "no", At: later}, list(breakglass.Denied{By: "dora", Reason: "no", At: later}), nil},
		{"not by who has asked", waiting, breakglass.Decline{By: "vera", At: later}, refused(breakglass.ErrSecond, "vera"), breakglass.ErrSecond},
		{"nor when it is open", list(asked, opened), breakglass.Decline{By: "dora", At: later}, refused(breakglass.ErrPhase, "dora"), breakglass.ErrPhase},
		{"nor when there is none", nil, breakglass.Decline{By: "dora"}, nil, breakglass.ErrNotFound},
	})
}

func TestUsing(t *testing.T) {
	open := list(asked, opened)
	used, again := breakglass.Used{By: "vera", Method: "/a", At: later}, later.Add(breakglass.UseWindow)
	use := func(by, method string, at time.Time) breakglass.Use {
		return breakglass.Use{By: by, Method: method, At: at}
	}
	many := open
	for i := range breakglass.MaxUses {
		many = append(slices.Clone(many), breakglass.Used{By: "vera", Method: fmt.Sprint("/", i), At: later})
	}
	check(t, []step{
		{"a use is recorded", open, use("vera", "/a", later), list(used), nil},
		{"the next one soon after is not", append(slices.Clone(open), used), use("vera", "/a", later.Add(breakglass.UseWindow-1)), nil, nil},
		{"five minutes later it is", append(slices.Clone(open), used), use("vera", "/a", again), list(breakglass.Used{By: "vera", Method: "/a", At: again}), nil},
		{"another method's is", append(slices.Clone(open), used), use("vera", "/b", later), list(breakglass.Used{By: "vera", Method: "/b", At: later}), nil},
		{"but not without end", many, use("vera", "/z", later), nil, nil},
		{"nobody else uses it", open, use("dora", "/a", later), nil, breakglass.ErrClosed},
		{"nor anybody at its end", open, use("vera", "/a", end), nil, breakglass.ErrClosed},
		{"nor before it is granted", list(asked), use("vera", "/a", later), nil, breakglass.ErrClosed},
		{"nor when it is closed", append(slices.Clone(open), breakglass.Closed{By: "dora", At: later}), use("vera", "/a", later), nil, breakglass.ErrClosed},
	})
}

func TestEnding(t *testing.T) {
	open := list(asked, opened)
	closed := breakglass.Closed{By: "dora", At: later}
	lapse := func(at time.Time) breakglass.Lapse { return breakglass.Lapse{At: at} }
	check(t, []step{
		{"a grant is closed", open, breakglass.Close{By: "dora", At: later}, list(closed), nil},
		{"what was asked for is taken back", list(asked), breakglass.Close{By: "vera", At: later}, list(breakglass.Closed{By: "vera", At: later}), nil},
		{"what is over needs no end", append(slices.Clone(open), closed), breakglass.Close{By: "dora", At: later}, nil, nil},
		{"what is not there has none", nil, breakglass.Close{By: "dora"}, nil, breakglass.ErrNotFound},
		{"a grant does not run out early", open, lapse(end.Add(-1)), nil, nil},
		{"it does at its end", open, lapse(end), list(lapsed), nil},
		{"also when nobody looks for long", open, lapse(tuesday), list(lapsed), nil},
		{"once", append(slices.Clone(open), lapsed), lapse(tuesday), nil, nil},
		{"what waits runs out", list(asked), lapse(noon.Add(breakglass.AskLives)), list(breakglass.Lapsed{At: noon.Add(breakglass.AskLives)}), nil},
		{"after a day", list(asked), lapse(noon.Add(breakglass.AskLives - 1)), nil, nil},
	})
}

func TestReviewing(t *testing.T) {
	open := list(asked, opened)
	over := list(asked, opened, lapsed)
	review := func(by string, at time.Time) breakglass.Review {
		return breakglass.Review{By: by, Justified: true, Reason: "as_stated", At: at}
	}
	judged := breakglass.Judged{By: "rita", Justified: true, Reason: "as_stated", At: end}
	belated := breakglass.Judged{By: "rita", Justified: true, Reason: "as_stated", At: tuesday}
	check(t, []step{
		{"a third person reviews", over, review("rita", end), list(judged), nil},
		{"also before its end was noted", open, review("rita", end), list(lapsed, judged), nil},
		{"but not before it has ended", open, review("rita", end.Add(-1)), refused(breakglass.ErrPhase, "rita"), breakglass.ErrPhase},
		{"not who has asked", over, review("vera", end), refused(breakglass.ErrReviewer, "vera"), breakglass.ErrReviewer},
		{"not who has granted", over, review("dora", end), refused(breakglass.ErrReviewer, "dora"), breakglass.ErrReviewer},
		{"not nobody", over, review("", end), refused(breakglass.ErrReviewer, ""), breakglass.ErrReviewer},
		{"once", append(slices.Clone(over), judged), review("rita", end), refused(breakglass.ErrPhase, "rita"), breakglass.ErrPhase},
		{"late is better than not", append(slices.Clone(over), breakglass.Missed{At: tuesday}), review("rita", tuesday), list(belated), nil},
		{"what is not there has no review", nil, review("rita", end), nil, breakglass.ErrNotFound},
		{"nor what was never open", list(asked, breakglass.Denied{By: "dora"}), review("rita", end), refused(breakglass.ErrPhase, "rita"), breakglass.ErrPhase},
		{"a review is overdue from the moment that it is due", over, breakglass.Warn{At: tuesday}, list(breakglass.Missed{At: tuesday}), nil},
		{"and not before", over, breakglass.Warn{At: tuesday.Add(-1)}, nil, nil},
		{"once", append(slices.Clone(over), breakglass.Missed{At: tuesday}), breakglass.Warn{At: tuesday}, nil, nil},
		{"not after it was reviewed", append(slices.Clone(over), judged), breakglass.Warn{At: tuesday}, nil, nil},
	})
}

func TestAGrantOpensForOnePersonAndOneThing(t *testing.T) {
	about := asked
	about.Subject, about.Case = "", "case-1"
	person, matter := after(asked, opened), after(about, opened)
	for _, tc := range []struct {
		name      string
		grant     breakglass.Grant
		actor, of string
		at        time.Time
		want      bool
	}{
		{"for who has asked", person, "vera", "", later, true},
		{"with any case", person, "vera", "case-1", later, true},
		{"not for who has granted", person, "dora", "", later, false},
		{"not for nobody", breakglass.Grant{Phase: breakglass.Open, Until: end}, "", "", later, false},
		{"not at its end", person, "vera", "", end, false},
		{"for its case", matter, "vera", "case-1", later, true},
		{"not for another", matter, "vera", "case-2", later, false},
		{"not for none", matter, "vera", "", later, false},
		{"not before it is granted", after(asked), "vera", "", later, false},
		{"not when it is closed", after(asked, opened, breakglass.Closed{At: later}), "vera", "", later, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.grant.Opens(tc.actor, tc.of, tc.at); got != tc.want {
				t.Errorf("opens: %t, want %t", got, tc.want)
			}
		})
	}
}
