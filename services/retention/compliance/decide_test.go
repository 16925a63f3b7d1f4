package compliance_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"habeas.internal/services/retention/compliance"

	"github.com/google/go-cmp/cmp"
)

func TestDecide(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	due := noon.Add(time.Hour)
	ask := compliance.Schedule{Scope: "minimisation", Period: compliance.Period{Months: 12}, By: "dora", DueAt: due, At: noon}
	scheduled := compliance.Scheduled(ask)
	missed := compliance.Missed{Scope: "minimisation", DueAt: due, At: due}
	sign := compliance.Complete{Scope: "minimisation", By: "dora", Findings: []string{"category_without_purpose"}, Report: "DMS 7", Zone: time.UTC, At: due}
	completed := compliance.Completed{
		Scope:      "minimisation",
		Completion: compliance.Completion{By: "dora", Findings: []string{"category_without_purpose"}, Report: "DMS 7", DueAt: due, At: due},
		NextDue:    time.Date(2027, 11, 22, 0, 0, 0, 0, time.UTC),
	}
	later := ask
	later.DueAt = due.Add(time.Hour)
	escape := later
	escape.At = due
	never, always, past := ask, ask, ask
	never.Period, always.Period, past.DueAt = compliance.Period{Months: 61}, compliance.Period{}, noon
	type events = []compliance.Event
	for _, tc := range []struct {
		name  string
		given events
		when  compliance.Command
		then  events
		err   error
	}{
		{"a review has a date", nil, ask, events{scheduled}, nil},
		{"the same again changes nothing", events{scheduled}, ask, nil, nil},
		{"before it is due it may get another date", events{scheduled}, later, events{compliance.Scheduled(later)}, nil},
		{"not in the past", nil, past, nil, compliance.ErrInPast},
		{"it comes again", nil, always, nil, compliance.ErrPeriod},
		{"within five years", nil, never, nil, compliance.ErrPeriod},
		{"their number is bounded", crowd(noon), ask, nil, compliance.ErrTooMany},
		{"in time nothing is missed", events{scheduled}, call(due.Add(-1)), nil, nil},
		{"who does not do it misses it", events{scheduled}, call(due), events{missed}, nil},
		{"that is announced once", events{scheduled, missed}, call(due.Add(time.Hour)), nil, nil},
		{"what nobody scheduled is not missed", nil, call(due), nil, nil},
		{
			"nobody escapes one that is due by another date",
			events{scheduled},
			escape,
			events{compliance.Refused{Scope: "minimisation", Reason: "REVIEW_MISSED"}},
			compliance.ErrMissed,
		},
		{"it is signed, and the next is due", events{scheduled}, sign, events{completed}, nil},
		{"late too", events{scheduled, missed}, sign, events{completed}, nil},
		{"then it is missed no more", events{scheduled, missed, completed}, call(due.Add(time.Hour)), nil, nil},
		{
			"until the next date",
			events{scheduled, missed, completed},
			call(completed.NextDue),
			events{compliance.Missed{Scope: "minimisation", DueAt: completed.NextDue, At: completed.NextDue}},
			nil,
		},
		{"what nobody scheduled is not signed", nil, sign, nil, compliance.ErrNoReview},
	} {
		then, err := compliance.Decide(after(tc.given), tc.when)
		if diff := cmp.Diff(tc.then, then); diff != "" || !errors.Is(err, tc.err) {
			t.Errorf("%s: error %v, want %v; events (-want +got):\n%s", tc.name, err, tc.err, diff)
		}
	}
}

func call(at time.Time) compliance.Command {
	return compliance.CallMissed{Scope: "minimisation", At: at}
}

func after(given []compliance.Event) (s compliance.Compliance) {
	for _, ev := range given {
		s = compliance.Evolve(s, ev)
	}
	return s
}

func crowd(at time.Time) []compliance.Event {
	var out []compliance.Event
	for i := range 200 {
		out = append(out, compliance.Scheduled{Scope: fmt.Sprintf("scope_%d", i), DueAt: at.Add(time.Hour)})
	}
	return out
}
