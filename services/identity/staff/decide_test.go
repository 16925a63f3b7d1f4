package staff_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"habeas.internal/services/identity/staff"

	"github.com/google/go-cmp/cmp"
)

var (
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	year  = noon.AddDate(1, 0, 0)
	week  = noon.AddDate(0, 0, 7)
	debt  = staff.Owed{Grant: "grant-1", Due: week}
	bound = staff.Bound{Until: year, Evidence: "contract-1", By: "dpo", At: noon}
)

func need(purpose, of string) staff.Need {
	return staff.Need{Purpose: purpose, Case: of, Until: week}
}

func many() (out []staff.Event) {
	for i := range staff.MaxNeeds {
		out = append(out, staff.Granted{Need: need("", fmt.Sprint("case-", i)), At: noon})
	}
	return out
}

func TestDecide(t *testing.T) {
	refused := func(r staff.Refusal) []staff.Event { return []staff.Event{staff.Refused{Reason: string(r), By: "x"}} }
	for _, tc := range []struct {
		name  string
		given []staff.Event
		when  staff.Command
		then  []staff.Event
		err   error
	}{
		{"a person is bound", nil, staff.Bind{Until: year, Evidence: "contract-1", By: "dpo", At: noon}, []staff.Event{bound}, nil},
		{"nobody binds themselves", nil, staff.Bind{Until: year, By: "x", Self: true, At: noon}, refused(staff.ErrSelf), staff.ErrSelf},
		{"an undertaking ends ahead", nil, staff.Bind{Until: noon, At: noon}, nil, staff.ErrUntil},
		{"and not in the far future", nil, staff.Bind{Until: noon.AddDate(3, 0, 0), At: noon}, nil, staff.ErrUntil},
		{"it is ended", []staff.Event{bound}, staff.Unbind{By: "dpo", At: noon}, []staff.Event{staff.Unbound{By: "dpo", At: noon}}, nil},
		{"what is not there needs no end", nil, staff.Unbind{At: noon}, nil, nil},
		{
			"a need is granted", nil,
			staff.Grant{Need: need("case.identity", ""), By: "dpo", At: noon},
			[]staff.Event{staff.Granted{Need: need("case.identity", ""), By: "dpo", At: noon}},
			nil,
		},
		{"nobody grants themselves a need", nil, staff.Grant{Need: need("", "case-1"), By: "x", Self: true, At: noon}, refused(staff.ErrSelf), staff.ErrSelf},
		{"a need is for something", nil, staff.Grant{Need: need("", ""), At: noon}, nil, staff.ErrNeed},
		{"and for one thing", nil, staff.Grant{Need: need("p", "case-1"), At: noon}, nil, staff.ErrNeed},
		{"a need ends ahead", nil, staff.Grant{Need: need("p", ""), At: week}, nil, staff.ErrUntil},
		{"needs are few", many(), staff.Grant{Need: need("p", ""), By: "x", At: noon}, refused(staff.ErrTooMany), staff.ErrTooMany},
		{
			"one of many is renewed", many(),
			staff.Grant{Need: need("", "case-0"), At: noon},
			[]staff.Event{staff.Granted{Need: need("", "case-0"), At: noon}},
			nil,
		},
		{
			"a need is ended",
			[]staff.Event{staff.Granted{Need: need("", "case-1"), At: noon}},
			staff.End{Need: staff.Need{Case: "case-1"}, By: "dpo", At: noon},
			[]staff.Event{staff.Ended{Case: "case-1", By: "dpo", At: noon}},
			nil,
		},
		{"a review is owed", nil, staff.Owe{Owed: debt}, []staff.Event{staff.ReviewOwed{Owed: debt}}, nil},
		{"once", []staff.Event{staff.ReviewOwed{Owed: debt}}, staff.Owe{Owed: debt}, nil, nil},
		{"and settled", []staff.Event{staff.ReviewOwed{Owed: debt}}, staff.Settle{Grant: "grant-1"}, []staff.Event{staff.ReviewSettled{Grant: "grant-1"}}, nil},
		{"what is not owed needs no settling", []staff.Event{staff.ReviewOwed{Owed: debt}}, staff.Settle{Grant: "grant-2"}, nil, nil},
		{"one that is not there needs no end", nil, staff.End{Need: staff.Need{Case: "case-1"}, At: noon}, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := staff.Decide(after(tc.given...), tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func after(events ...staff.Event) (s staff.Staff) {
	for _, ev := range events {
		s = staff.Evolve(s, ev)
	}
	return s
}

func TestMay(t *testing.T) {
	purpose := staff.Granted{Need: need("case.identity", ""), At: noon}
	jane := staff.Granted{Need: staff.Need{Case: "case-1", Subject: "jane", Until: week}, At: noon}
	asked := staff.Look{Purpose: "case.identity", At: noon}
	for _, tc := range []struct {
		name  string
		given []staff.Event
		look  staff.Look
		want  staff.Verdict
	}{
		{"a stranger may not look", nil, asked, staff.Verdict{Refusal: staff.ErrNotBound}},
		{"a need without an undertaking is not enough", []staff.Event{purpose}, asked, staff.Verdict{Refusal: staff.ErrNotBound}},
		{"an undertaking without a need is not enough", []staff.Event{bound}, asked, staff.Verdict{Refusal: staff.ErrNoNeed}},
		{"both are", []staff.Event{bound, purpose}, asked, staff.Verdict{}},
		{"another purpose is no need", []staff.Event{bound, purpose}, staff.Look{Purpose: "marketing", At: noon}, staff.Verdict{Refusal: staff.ErrNoNeed}},
		{"a need runs out", []staff.Event{bound, purpose}, staff.Look{Purpose: "case.identity", At: week}, staff.Verdict{Refusal: staff.ErrNoNeed}},
		{"an undertaking lapses", []staff.Event{bound, purpose}, staff.Look{Purpose: "case.identity", At: year}, staff.Verdict{Refusal: staff.ErrNotBound}},
		{"an ended undertaking counts no more", []staff.Event{bound, purpose, staff.Unbound{At: noon}}, asked, staff.Verdict{Refusal: staff.ErrNotBound}},
		{"an ended need counts no more", []staff.Event{bound, purpose, staff.Ended{Purpose: "case.identity", At: noon}}, asked, staff.Verdict{Refusal: staff.ErrNoNeed}},
		{"a case shows its person alone", []staff.Event{bound, jane}, staff.Look{Case: "case-1", At: noon}, staff.Verdict{Subject: "jane"}},
		{"a case that is not named shows nobody", []staff.Event{bound, jane}, asked, staff.Verdict{Refusal: staff.ErrNoNeed}},
		{"a wider need counts beside a case", []staff.Event{bound, jane, purpose}, staff.Look{Case: "case-1", Purpose: "case.identity", At: noon}, staff.Verdict{}},
		{"a refusal changes nothing", []staff.Event{bound, purpose, staff.Refused{Reason: "X"}}, asked, staff.Verdict{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := after(tc.given...).May(tc.look); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestAReviewIsOverdueFromTheMomentThatItIsDue(t *testing.T) {
	owing := after(staff.ReviewOwed{Owed: staff.Owed{Grant: "grant-0", Due: year}}, staff.ReviewOwed{Owed: debt})
	for _, tc := range []struct {
		name string
		who  staff.Staff
		at   time.Time
		want bool
	}{
		{"who owes none", staff.Staff{}, year, false},
		{"before", owing, week.Add(-1), false},
		{"at the moment", owing, week, true},
		{"after", owing, week.Add(1), true},
		{"settled", staff.Evolve(owing, staff.ReviewSettled{Grant: "grant-1"}), week, false},
		{"another one, settled", staff.Evolve(owing, staff.ReviewSettled{Grant: "grant-0"}), week, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.who.Overdue(tc.at); got != tc.want {
				t.Errorf("overdue: %t, want %t", got, tc.want)
			}
		})
	}
}
