package law_test

import (
	"testing"
	"time"

	"habeas.internal/services/fulfilment/law"
	calendars "habeas.internal/services/internal/calendar"

	"pgregory.net/rapid"
)

// anyQuestion draws a question about an erasure.
func anyQuestion(r *rapid.T, zones []*time.Location) law.Question {
	codes := calendars.Codes()
	cal, _ := law.CalendarOf(rapid.SampledFrom(codes).Draw(r, "calendar"))
	q := law.Question{
		Right: law.Erasure, Zone: rapid.SampledFrom(zones).Draw(r, "zone"), Calendar: cal,
		ReceivedAt: time.Unix(rapid.Int64Range(1_000_000_000, 3_000_000_000).Draw(r, "receipt"), 0),
		Packs:      []law.Pack{months(), days()}[rapid.IntRange(0, 1).Draw(r, "from"):],
	}
	if rapid.Bool().Draw(r, "promise") {
		period := law.Period{Days: rapid.IntRange(1, 120).Draw(r, "period")}
		q.PolicyClocks = []law.PolicyClock{{Rule: "r", Rights: []law.Right{law.Erasure}, Period: period}}
	}
	return q
}

func zones(t *testing.T) []*time.Location {
	return []*time.Location{
		time.UTC, zone(t, "Europe/Berlin"), zone(t, "America/Los_Angeles"), zone(t, "Pacific/Apia"),
		zone(t, "America/Havana"), zone(t, "Asia/Kolkata"), zone(t, "America/Sao_Paulo"),
	}
}

func answer(r *rapid.T, q law.Question) law.Answer {
	a, err := law.Due(q)
	if err != nil {
		r.Fatal(err)
	}
	return a
}

func TestALaterReceiptIsNeverDueEarlier(t *testing.T) {
	all := zones(t)
	rapid.Check(t, func(r *rapid.T) {
		q := anyQuestion(r, all)
		first := answer(r, q)
		q.ReceivedAt = q.ReceivedAt.Add(time.Duration(rapid.Int64Range(0, int64(90*24*time.Hour)).Draw(r, "later")))
		if second := answer(r, q); second.DueAt.Before(first.DueAt) {
			r.Fatalf("received later, due on %s instead of %s", second.Day, first.Day)
		}
	})
}

// TestAnEndIsNeverBeforeItsPeriod: neither rolling nor an extension nor a pause
// takes time from a clock, and the earliest clock is the one that is told.
func TestAnEndIsNeverBeforeItsPeriod(t *testing.T) {
	all := zones(t)
	rapid.Check(t, func(r *rapid.T) {
		q := anyQuestion(r, all)
		base := answer(r, q)
		received := law.DateOf(q.ReceivedAt, q.Zone)
		for _, c := range base.Clocks {
			if c.Pack == "gdpr@1" && c.Base.Compare(received.AddMonths(1)) < 0 || c.Pack == "ccpa@1" && c.Base != received.AddDays(45) {
				r.Fatalf("received %s, %s ends on %s", received, c.Pack, c.Base)
			}
			if c.Due.Compare(base.Day) < 0 {
				r.Fatalf("%s ends on %s, before the day told, %s", c.Pack, c.Due, base.Day)
			}
		}
		q = disturbed(r, q)
		after := answer(r, q)
		if !after.Stopped && after.DueAt.Before(base.DueAt) {
			r.Fatalf("what was recorded moved the end from %s back to %s", base.Day, after.Day)
		}
		if again := answer(r, q); !again.DueAt.Equal(after.DueAt) {
			r.Fatal("asked twice, answered differently")
		}
	})
}

// disturbed adds extensions and pauses, sensible or not.
func disturbed(r *rapid.T, q law.Question) law.Question {
	moment := func(label string) time.Time {
		return q.ReceivedAt.Add(time.Duration(rapid.Int64Range(0, int64(150*24*time.Hour)).Draw(r, label)))
	}
	name := rapid.SampledFrom([]string{"gdpr", "ccpa", "hipaa"})
	for range rapid.IntRange(0, 2).Draw(r, "extensions") {
		q.Extensions = append(q.Extensions, law.Extension{Pack: name.Draw(r, "pack"), Reason: "complexity", NoticeAt: moment("notice")})
	}
	for range rapid.IntRange(0, 3).Draw(r, "pauses") {
		p := law.Pause{Pack: name.Draw(r, "pack"), Cause: "identity", SentAt: moment("sent")}
		if rapid.Bool().Draw(r, "answered") {
			p.Until = moment("until")
		}
		q.Pauses = append(q.Pauses, p)
	}
	return q
}

// TestWhatTheRulesAdmitKeepsWithinTheTotal: whatever extensions and pauses
// pass their checks, California never has more than 90 days, nor Europe more
// than three months and the days waited.
func TestWhatTheRulesAdmitKeepsWithinTheTotal(t *testing.T) {
	all := zones(t)
	rapid.Check(t, func(r *rapid.T) {
		q := anyQuestion(r, all)
		q.PolicyClocks = nil
		received, waited := law.DateOf(q.ReceivedAt, q.Zone), 0
		for range rapid.IntRange(1, 6).Draw(r, "commands") {
			d := disturbed(r, law.Question{ReceivedAt: q.ReceivedAt})
			for _, e := range d.Extensions {
				if law.CheckExtension(q, e) == nil {
					q.Extensions = append(q.Extensions, e)
				}
			}
			for _, p := range d.Pauses {
				if law.CheckPause(q, p) == nil {
					q.Pauses = append(q.Pauses, p)
					waited += max(0, law.DateOf(p.SentAt, q.Zone).DaysUntil(law.DateOf(p.Until, q.Zone)))
				}
			}
		}
		for _, c := range answer(r, q).Clocks {
			limit := received.AddDays(90)
			if c.Pack == "gdpr@1" {
				limit = q.Calendar.Working(received.AddMonths(3).AddDays(waited))
			}
			if c.Due.Compare(limit) > 0 {
				r.Fatalf("%s may take until %s, past %s", c.Pack, c.Due, limit)
			}
		}
	})
}
