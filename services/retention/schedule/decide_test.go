package schedule_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/retention/schedule"

	"github.com/google/go-cmp/cmp"
)

func at(day int) time.Time { return time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC) }

func invoices() schedule.Rule {
	return schedule.Rule{
		ID: "invoices", Category: "user.financial", Period: schedule.Period{Months: 120},
		Ground: "legal_obligation.tax", Authority: "26 CFR 1.6001-1",
	}
}

// changed is the invoices' rule, but for something.
func changed(change func(*schedule.Rule)) []schedule.Rule {
	r := invoices()
	change(&r)
	return []schedule.Rule{r}
}

func version(number, policyVersion uint32, from time.Time, rules ...schedule.Rule) schedule.Replaced {
	return schedule.Replaced{Policy: "main", Version: schedule.Version{
		Number: number, PolicyVersion: policyVersion, From: from, Rules: rules,
	}}
}

func put(policyVersion uint32, from time.Time, rules ...schedule.Rule) schedule.Put {
	return schedule.Put{Policy: "main", PolicyVersion: policyVersion, From: from, Rules: rules, At: at(10)}
}

func refused(policyVersion uint32, no schedule.Refusal) []schedule.Event {
	return []schedule.Event{schedule.ReplacementRefused{PolicyVersion: policyVersion, Reason: no.Reason()}}
}

// check is a row of the tables below.
type check struct {
	name  string
	given []schedule.Event
	when  schedule.Put
	then  []schedule.Event
	err   error
}

func TestVersions(t *testing.T) {
	first := version(1, 1, at(1), invoices())
	run(t, []check{
		{"the first schedule is version 1", nil, put(1, at(10), invoices()), []schedule.Event{version(1, 1, at(10), invoices())}, nil},
		{"it counts from now when its time is past or unset", nil, put(1, time.Time{}, invoices()), []schedule.Event{version(1, 1, at(10), invoices())}, nil},
		{"one to come counts from then", nil, put(1, at(20), invoices()), []schedule.Event{version(1, 1, at(20), invoices())}, nil},
		{"a schedule without rules is one", nil, put(1, at(10)), []schedule.Event{version(1, 1, at(10))}, nil},
		{"versions are consecutive", []schedule.Event{first}, put(2, at(10)), []schedule.Event{version(2, 2, at(10))}, nil},
		{"unchanged content changes nothing", []schedule.Event{first}, put(1, at(10), invoices()), nil, nil},
		{"the same rules of a later policy are a version", []schedule.Event{first}, put(2, at(10), invoices()), []schedule.Event{version(2, 2, at(10), invoices())}, nil},
		{
			"the same rules at another time to come are a version",
			[]schedule.Event{version(1, 1, at(20), invoices())},
			put(1, at(25), invoices()),
			[]schedule.Event{version(2, 1, at(25), invoices())},
			nil,
		},
		{
			"what is still to come and put again changes nothing",
			[]schedule.Event{version(1, 1, at(20), invoices())},
			put(1, at(20), invoices()),
			nil, nil,
		},
		{
			"an older policy is refused once a newer decides",
			[]schedule.Event{version(1, 2, at(1), invoices())},
			put(1, at(10), invoices()), refused(1, schedule.ErrPolicyVersionOld), schedule.ErrPolicyVersionOld,
		},
		{
			"an older policy is taken while the newer is still to come",
			[]schedule.Event{version(1, 2, at(20), invoices())},
			put(1, at(10), invoices()),
			[]schedule.Event{version(2, 1, at(10), invoices())},
			nil,
		},
	})
}

func TestRulesThatAreRefused(t *testing.T) {
	first := version(1, 1, at(1), invoices())
	run(t, []check{
		{
			"a rule without an end is refused",
			[]schedule.Event{first},
			put(2, at(10), changed(func(r *schedule.Rule) { r.Period = schedule.Period{} })...),
			refused(2, schedule.ErrRuleWithoutEnd), schedule.ErrRuleWithoutEnd,
		},
		{
			"a first schedule that is refused leaves no trace", nil,
			put(1, at(10), changed(func(r *schedule.Rule) { r.Period = schedule.Period{} })...),
			nil, schedule.ErrRuleWithoutEnd,
		},
		{
			"a rule without a ground is refused",
			[]schedule.Event{first},
			put(2, at(10), changed(func(r *schedule.Rule) { r.Ground = "" })...),
			refused(2, schedule.ErrRuleWithoutGround), schedule.ErrRuleWithoutGround,
		},
		{
			"that erasing is infeasible is no ground",
			[]schedule.Event{first},
			put(2, at(10), changed(func(r *schedule.Rule) { r.Ground = "infeasible.backup" })...),
			refused(2, schedule.ErrRuleWithoutGround),
			schedule.ErrRuleWithoutGround,
		},
		{
			"a rule without an authority is refused",
			[]schedule.Event{first},
			put(2, at(10), changed(func(r *schedule.Rule) { r.Authority = "" })...),
			refused(2, schedule.ErrRuleWithoutGround), schedule.ErrRuleWithoutGround,
		},
		{
			"a rule without a category is refused",
			[]schedule.Event{first},
			put(2, at(10), changed(func(r *schedule.Rule) { r.Category = "user..name" })...),
			refused(2, schedule.ErrRuleMalformed), schedule.ErrRuleMalformed,
		},
		{
			"a rule without an id is refused",
			[]schedule.Event{first},
			put(2, at(10), changed(func(r *schedule.Rule) { r.ID = "" })...),
			refused(2, schedule.ErrRuleMalformed), schedule.ErrRuleMalformed,
		},
		{
			"two rules of one id are refused",
			[]schedule.Event{first},
			put(2, at(10), invoices(), invoices()), refused(2, schedule.ErrRuleTwice), schedule.ErrRuleTwice,
		},
	})
}

func TestRulesThatAreTooLong(t *testing.T) {
	first := version(1, 1, at(1), invoices())
	run(t, []check{
		{
			"a rule that keeps for more than 999 years is refused",
			[]schedule.Event{first},
			put(2, at(10), changed(func(r *schedule.Rule) { r.Period = schedule.Period{Months: 12*schedule.MaxYears + 1} })...),
			refused(2, schedule.ErrRuleTooLong), schedule.ErrRuleTooLong,
		},
		{
			"nor do days make it more",
			[]schedule.Event{first},
			put(2, at(10), changed(func(r *schedule.Rule) { r.Period = schedule.Period{Months: 12 * schedule.MaxYears, Days: 800} })...),
			refused(2, schedule.ErrRuleTooLong), schedule.ErrRuleTooLong,
		},
	})
}

func run(t *testing.T, table []check) {
	t.Helper()
	for _, tc := range table {
		t.Run(tc.name, func(t *testing.T) {
			got, err := schedule.Decide(fold(tc.given...), tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPolicyIsListedOnce(t *testing.T) {
	var list schedule.Schedule
	for _, policy := range []string{"shop", "staff", "shop"} {
		events, err := schedule.Decide(list, schedule.List{Policy: policy})
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			list = schedule.Evolve(list, ev)
		}
	}
	if diff := cmp.Diff([]string{"shop", "staff"}, list.Policies); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}

func fold(events ...schedule.Event) schedule.Schedule {
	var s schedule.Schedule
	for _, ev := range events {
		s = schedule.Evolve(s, ev)
	}
	return s
}

func TestTheVersionInForceIsTheNewestWhoseTimeHasCome(t *testing.T) {
	s := fold(version(1, 1, at(1)), version(2, 2, at(20)), version(3, 1, at(10)), schedule.ReplacementRefused{})
	for day, want := range map[int]uint32{1: 1, 9: 1, 10: 3, 19: 3, 20: 2, 30: 2} {
		if v, err := s.InForce(at(day)); err != nil || v.Number != want {
			t.Errorf("on day %d version %d decides, error %v; want %d", day, v.Number, err, want)
		}
	}
	if _, err := s.InForce(at(1).Add(-1)); !errors.Is(err, schedule.ErrNoSchedule) {
		t.Errorf("before the first: error %v", err)
	}
	if v, err := s.Version(2); err != nil || v.PolicyVersion != 2 {
		t.Errorf("version 2 comes from policy version %d, error %v", v.PolicyVersion, err)
	}
	for _, number := range []uint32{0, 4} {
		if _, err := s.Version(number); !errors.Is(err, schedule.ErrNoSchedule) {
			t.Errorf("version %d: error %v", number, err)
		}
	}
}

func TestParsePeriod(t *testing.T) {
	for text, want := range map[string]schedule.Period{
		"P10Y": {Months: 120}, "P6M": {Months: 6}, "P1Y6M": {Months: 18}, "P30D": {Days: 30}, "P1Y2M3D": {Months: 14, Days: 3}, "P0D": {},
	} {
		got, err := schedule.ParsePeriod(text)
		if err != nil || got != want {
			t.Errorf("%s is %+v, error %v", text, got, err)
		}
		if again, err := schedule.ParsePeriod(got.String()); err != nil || again != got {
			t.Errorf("%s printed as %s is %+v, error %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "P", "10Y", "PY", "P1D1Y", "P1W", "P-1D", "P100000D", "P1"} {
		if _, err := schedule.ParsePeriod(text); !errors.Is(err, schedule.ErrPeriod) {
			t.Errorf("%q: error %v", text, err)
		}
	}
}
