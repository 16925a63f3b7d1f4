package schedule_test

import (
	"testing"
	"time"

	"habeas.internal/services/retention/schedule"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEvaluate(t *testing.T) {
	tax := invoices()
	mail := schedule.Rule{
		ID: "mail", Category: "user.contact", Systems: []string{"crm"}, Period: schedule.Period{Days: 30}, Ground: "contract", Authority: "CW-18",
	}
	longer := schedule.Rule{ID: "longer", Category: "user", Period: schedule.Period{Months: 132}, Ground: "legal_claims", Authority: "s. 5"}
	ten := schedule.Judgement{
		Verdict: schedule.Keep, Until: time.Date(2036, 11, 1, 12, 0, 0, 0, time.UTC),
		Ground: tax.Ground, Authority: tax.Authority, By: tax.ID,
	}
	erase := schedule.Judgement{Verdict: schedule.Erase}
	item := func(system, category string, started time.Time) schedule.Item {
		return schedule.Item{System: system, Collection: "c", Category: category, StartedAt: started}
	}
	hold := schedule.Hold{ID: "h1", Ground: "legal_claim", Authority: "case 4"}
	for _, tc := range []struct {
		name  string
		rules []schedule.Rule
		holds []schedule.Hold
		item  schedule.Item
		want  schedule.Judgement
	}{
		{"what no rule names is erased", nil, nil, item("shop", "user.financial", at(1)), erase},
		{"a rule keeps its category", []schedule.Rule{tax}, nil, item("shop", "user.financial", at(1)), ten},
		{"and what is below it", []schedule.Rule{tax}, nil, item("shop", "user.financial.account", at(1)), ten},
		{"but not what only begins alike", []schedule.Rule{tax}, nil, item("shop", "user.financials", at(1)), erase},
		{"nor what is above it", []schedule.Rule{tax}, nil, item("shop", "user", at(1)), erase},
		{"a rule of a system keeps there", []schedule.Rule{mail}, nil, item("crm", "user.contact", at(1)), schedule.Judgement{
			Verdict: schedule.Keep, Until: at(1).AddDate(0, 0, 30), Ground: "contract", Authority: "CW-18", By: "mail",
		}},
		{"and nowhere else", []schedule.Rule{mail}, nil, item("shop", "user.contact", at(1)), erase},
		{"the longest rule wins", []schedule.Rule{tax, longer, mail}, nil, item("shop", "user.financial", at(1)), schedule.Judgement{
			Verdict: schedule.Keep, Until: time.Date(2037, 11, 1, 12, 0, 0, 0, time.UTC), Ground: "legal_claims", Authority: "s. 5", By: "longer",
		}},
		{"in whichever order", []schedule.Rule{longer, tax}, nil, item("shop", "user.financial", at(1)), schedule.Judgement{
			Verdict: schedule.Keep, Until: time.Date(2037, 11, 1, 12, 0, 0, 0, time.UTC), Ground: "legal_claims", Authority: "s. 5", By: "longer",
		}},
		{"a rule whose time is over keeps nothing", []schedule.Rule{mail}, nil, item("crm", "user.contact", at(10).AddDate(0, 0, -30)), erase},
		{"until the very end it keeps", []schedule.Rule{mail}, nil, item("crm", "user.contact", at(10).AddDate(0, 0, -30).Add(1)), schedule.Judgement{
			Verdict: schedule.Keep, Until: at(10).Add(1), Ground: "contract", Authority: "CW-18", By: "mail",
		}},
		{"what has no start is kept from now", []schedule.Rule{mail}, nil, item("crm", "user.contact", time.Time{}), schedule.Judgement{
			Verdict: schedule.Keep, Until: at(10).AddDate(0, 0, 30), Ground: "contract", Authority: "CW-18", By: "mail",
		}},
		{"a hold wins over all, and hides no rule", []schedule.Rule{tax}, []schedule.Hold{hold, {ID: "h2"}}, item("shop", "user.financial", at(1)), schedule.Judgement{
			Verdict: schedule.Wait, Ground: "legal_claim", Authority: "case 4", By: "h1", Beneath: &ten,
		}},
		{"a hold keeps what no rule names", nil, []schedule.Hold{hold}, item("shop", "x", at(1)), schedule.Judgement{
			Verdict: schedule.Wait, Ground: "legal_claim", Authority: "case 4", By: "h1", Beneath: &erase,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := schedule.Evaluate(schedule.Question{
				Rules: tc.rules, Holds: tc.holds, Items: []schedule.Item{tc.item}, At: at(10), Zone: time.UTC,
			})
			if diff := cmp.Diff([]schedule.Judgement{tc.want}, got); diff != "" {
				t.Errorf("judgement (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPeriodEndsByTheCalendarOfTheZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		period schedule.Period
		start  time.Time
		zone   *time.Location
		want   string
	}{
		{"a month ends on its last day", schedule.Period{Months: 1}, time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC), time.UTC, "2026-02-28T23:59:59Z"},
		{"a leap day's year ends on the 28th", schedule.Period{Months: 12}, time.Date(2024, 2, 29, 9, 0, 0, 0, time.UTC), time.UTC, "2025-02-28T23:59:59Z"},
		{"the date is that of the zone", schedule.Period{Months: 1}, time.Date(2026, 1, 30, 23, 30, 0, 0, time.UTC), berlin, "2026-02-28T22:59:59Z"},
		{"the clock of the zone is kept across a change", schedule.Period{Months: 6}, time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC), berlin, "2026-07-15T08:00:00Z"},
		{"days follow months", schedule.Period{Months: 1, Days: 1}, time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC), time.UTC, "2026-03-01T23:59:59Z"},
		{"what is stored may be too long, and ends with the year 9999", schedule.Period{Months: 12 * 99_999}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC, "9999-12-31T23:59:59Z"},
		{"a start that is far off ends then too", schedule.Period{Months: 12}, time.Date(9999, 6, 1, 0, 0, 0, 0, time.UTC), berlin, "9999-12-31T23:59:59Z"},
		{"December is followed by January", schedule.Period{Months: 13}, time.Date(2026, 12, 31, 9, 0, 0, 0, time.UTC), time.UTC, "2028-01-31T09:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.period.After(tc.start, tc.zone).Format(time.RFC3339); got != tc.want {
				t.Errorf("ends %s, want %s", got, tc.want)
			}
		})
	}
}

// TestMoreRulesNeverKeepShorter: adding a rule or a hold never turns a verdict
// towards erasing, and never shortens what is kept.
func TestMoreRulesNeverKeepShorter(t *testing.T) {
	category := rapid.SampledFrom([]string{"user", "user.contact", "user.contact.email", "user.financial"})
	rule := rapid.Custom(func(r *rapid.T) schedule.Rule {
		return schedule.Rule{
			ID: "r", Category: category.Draw(r, "category"), Ground: "g", Authority: "a",
			Period:  schedule.Period{Months: rapid.IntRange(0, 30).Draw(r, "months"), Days: rapid.IntRange(1, 40).Draw(r, "days")},
			Systems: rapid.SliceOfN(rapid.SampledFrom([]string{"crm", "shop"}), 0, 2).Draw(r, "systems"),
		}
	})
	rapid.Check(t, func(r *rapid.T) {
		q := schedule.Question{
			Rules: rapid.SliceOfN(rule, 0, 5).Draw(r, "rules"), At: at(10), Zone: time.UTC,
			Items: []schedule.Item{{
				System: rapid.SampledFrom([]string{"crm", "shop"}).Draw(r, "system"), Category: category.Draw(r, "category"),
				StartedAt: at(10).AddDate(0, 0, -rapid.IntRange(0, 900).Draw(r, "age")),
			}},
		}
		before := schedule.Evaluate(q)[0]
		q.Rules = append(q.Rules, rule.Draw(r, "more"))
		after := schedule.Evaluate(q)[0]
		if after.Verdict < before.Verdict || after.Until.Before(before.Until) {
			r.Fatalf("one rule more turned %+v into %+v", before, after)
		}
		if after.Verdict == schedule.Keep && !after.Until.After(q.At) {
			r.Fatalf("kept until %s, which is over", after.Until)
		}
		q.Holds = []schedule.Hold{{ID: "h"}}
		if held := schedule.Evaluate(q)[0]; held.Verdict != schedule.Wait || *held.Beneath != after {
			r.Fatalf("a hold was answered with %+v", held)
		}
	})
}

func TestWhatBeganOnALaterDayNeverEndsFirst(t *testing.T) {
	for _, p := range []schedule.Period{{Months: 1}, {Months: 12}, {Months: 120}, {Days: 30}, {Months: 6, Days: 1}} {
		at := time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)
		last := p.After(at, time.UTC)
		for range 24 * 366 * 4 {
			at = at.Add(time.Hour)
			end := p.After(at, time.UTC)
			if end.Before(last) {
				t.Fatalf("%s from %s ends %s, before %s", p, at, end, last)
			}
			last = end
		}
	}
}
