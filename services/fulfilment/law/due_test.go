package law_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/law"
)

func calendar(t *testing.T, code string) law.Calendar {
	t.Helper()
	c, ok := law.CalendarOf(code)
	if !ok {
		t.Fatalf("no calendar %q", code)
	}
	return c
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func date(t *testing.T, s string) law.Date {
	t.Helper()
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return law.DateOf(at, time.UTC)
}

// noon is a moment within a day.
func noon(t *testing.T, day string, z *time.Location) time.Time {
	t.Helper()
	d := date(t, day)
	return time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, z)
}

// months is a pack in the manner of the GDPR.
func months() law.Pack {
	return law.Pack{
		Name: "gdpr", Version: "1", Title: "t", Roll: law.RollFollowing, Remedy: true,
		Clocks: []law.Clock{{
			Rights: []law.Right{law.Access, law.Erasure}, Rule: "Art. 12(3)",
			Base: law.Period{Months: 1}, Extended: law.Period{Months: 3},
		}},
		Pauses: []law.PauseRule{{Cause: "identity", Rule: "Art. 12(6)"}, {Cause: "clarification", Rule: "Recital 63"}},
		Grounds: []law.Ground{
			{Code: "manifestly_unfounded", DPV: "d", Rule: "Art. 12(5)", Evidence: true},
			{Code: "legal_claims", DPV: "d", Rule: "Art. 17(3)(e)", Rights: []law.Right{law.Erasure}},
		},
		Fees: []law.FeeRule{{Code: "further_copies", Rule: "Art. 15(3)", Rights: []law.Right{law.Access}}},
	}
}

// days is a pack in the manner of the CCPA.
func days() law.Pack {
	return law.Pack{
		Name: "ccpa", Version: "1", Title: "t", Roll: law.RollNone,
		Clocks: []law.Clock{
			{
				Rights: []law.Right{law.Access, law.Erasure}, Rule: "7021",
				Base: law.Period{Days: 45}, Extended: law.Period{Days: 90}, Acknowledge: law.Period{BusinessDays: 10},
			},
			{Rights: []law.Right{law.OptOut}, Rule: "7026", Base: law.Period{BusinessDays: 15}},
		},
		Grounds: []law.Ground{{Code: "manifestly_unfounded", DPV: "d", Rule: "1798.145"}},
	}
}

func TestMonthsAreCountedByRegulation1182(t *testing.T) {
	for _, tc := range []struct {
		receipt string
		n       int
		cal     string
		want    string
	}{
		{"2026-03-05", 1, "none", "2026-04-06"},
		{"2026-03-05", 1, "eu", "2026-04-07"},
		{"2026-03-05", 1, "de", "2026-04-07"},
		{"2026-08-31", 1, "none", "2026-09-30"},
		{"2026-01-31", 1, "none", "2026-03-02"},
		{"2024-01-31", 1, "none", "2024-02-29"},
		{"2025-01-30", 1, "none", "2025-02-28"},
		{"2026-02-02", 1, "none", "2026-03-02"},
		{"2026-02-27", 1, "none", "2026-03-27"},
		{"2026-02-27", 3, "none", "2026-05-27"},
		{"2026-11-25", 1, "de", "2026-12-28"},
		{"2026-11-25", 1, "gb-eng", "2026-12-29"},
		{"2026-11-30", 3, "none", "2027-03-01"},
		{"2026-01-31", 3, "none", "2026-04-30"}, // and never 1 May
	} {
		t.Run(tc.receipt+" "+tc.cal, func(t *testing.T) {
			berlin := zone(t, "Europe/Berlin")
			q := law.Question{
				Right: law.Erasure, ReceivedAt: noon(t, tc.receipt, berlin), Zone: berlin,
				Calendar: calendar(t, tc.cal), Packs: []law.Pack{months()},
			}
			if tc.n == 3 {
				q.Extensions = []law.Extension{{Pack: "gdpr", Reason: "complexity", NoticeAt: q.ReceivedAt}}
			}
			a, err := law.Due(q)
			if err != nil {
				t.Fatal(err)
			}
			if a.Day != date(t, tc.want) {
				t.Errorf("due on %s, want %s", a.Day, tc.want)
			}
			if next := date(t, tc.want).AddDays(1); law.DateOf(a.DueAt, berlin) != next || law.DateOf(a.DueAt.Add(-1), berlin) != a.Day {
				t.Errorf("due at %s, which is not the start of %s in Berlin", a.DueAt, next)
			}
		})
	}
}

func TestDaysAreCountedAsInCalifornia(t *testing.T) {
	pacific := zone(t, "America/Los_Angeles")
	for _, tc := range []struct {
		name, receipt, cal        string
		ack, optOut, base, longer string
	}{
		{"without holidays", "2026-06-26", "none", "2026-07-10", "2026-07-17", "2026-08-10", "2026-09-24"},
		{"where 3 July is observed", "2026-06-26", "us", "2026-07-13", "2026-07-20", "2026-08-10", "2026-09-24"},
		{"where a Saturday's holiday is lost", "2026-06-26", "us-ca", "2026-07-10", "2026-07-17", "2026-08-10", "2026-09-24"},
		{"with both Thanksgiving days off", "2026-11-20", "us-ca", "2026-12-08", "2026-12-15", "2027-01-04", "2027-02-18"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := law.Question{
				Right: law.Erasure, ReceivedAt: noon(t, tc.receipt, pacific), Zone: pacific,
				Calendar: calendar(t, tc.cal), Packs: []law.Pack{days()},
			}
			a := due(t, q)
			if a.Day != date(t, tc.base) || a.AckBy != date(t, tc.ack).End(pacific) {
				t.Errorf("due %s and acknowledged by %s, want %s and %s", a.Day, a.AckBy, tc.base, tc.ack)
			}
			q.Extensions = []law.Extension{{Pack: "ccpa", Reason: "complexity", NoticeAt: q.ReceivedAt}}
			if a = due(t, q); a.Day != date(t, tc.longer) {
				t.Errorf("extended to %s, want %s", a.Day, tc.longer)
			}
			q.Right = law.OptOut
			if a = due(t, q); a.Day != date(t, tc.optOut) {
				t.Errorf("opted out by %s, want %s", a.Day, tc.optOut)
			}
		})
	}
}

func due(t *testing.T, q law.Question) law.Answer {
	t.Helper()
	a, err := law.Due(q)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// erasure is a question about a request received on a day in Berlin.
func erasure(t *testing.T, day string, packs ...law.Pack) law.Question {
	t.Helper()
	berlin := zone(t, "Europe/Berlin")
	return law.Question{
		Right: law.Erasure, ReceivedAt: noon(t, day, berlin), Zone: berlin,
		Calendar: calendar(t, "de"), Packs: packs,
	}
}

func TestTheEarliestClockBinds(t *testing.T) {
	sixty := law.PolicyClock{Rule: "PT-17", Rights: []law.Right{law.Erasure}, Period: law.Period{Days: 60}}
	q := erasure(t, "2026-03-05", days(), months())
	q.PolicyClocks = []law.PolicyClock{sixty}
	a := due(t, q)
	if a.Pack != "gdpr@1" || a.Rule != "Art. 12(3)" || a.Day != date(t, "2026-04-07") || len(a.Clocks) != 3 {
		t.Errorf("one month decides first, got %+v", a)
	}
	q.Extensions = []law.Extension{{Pack: "gdpr", Reason: "complexity", NoticeAt: q.ReceivedAt}}
	if a = due(t, q); a.Pack != "ccpa@1" || a.Day != date(t, "2026-04-19") {
		t.Errorf("45 days decide once the month is extended, got %s of %s", a.Day, a.Pack)
	}
	q.Extensions = append(q.Extensions, law.Extension{Pack: "ccpa", Reason: "complexity", NoticeAt: q.ReceivedAt})
	if a = due(t, q); a.Pack != law.PolicyPack || a.Rule != "PT-17" || a.Day != date(t, "2026-05-04") {
		t.Errorf("the promise of 60 days holds whatever the laws give, got %s of %s", a.Day, a.Pack)
	}
}

func TestAPolicysDayDoesNotRoll(t *testing.T) {
	q := erasure(t, "2026-10-26") // 60 days later is Christmas Day
	q.PolicyClocks = []law.PolicyClock{{Rule: "PT-17", Rights: []law.Right{law.Erasure}, Period: law.Period{Days: 60}}}
	if a := due(t, q); a.Day != date(t, "2026-12-25") {
		t.Errorf("due on %s, want Christmas Day itself", a.Day)
	}
}

func TestNoClockIsAnError(t *testing.T) {
	q := erasure(t, "2026-03-05", months())
	q.Right = law.OptOut
	if _, err := law.Due(q); !errors.Is(err, law.ErrNoClock) {
		t.Errorf("error %v", err)
	}
	if _, err := law.Due(law.Question{Right: law.Erasure, Packs: q.Packs, Zone: q.Zone}); !errors.Is(err, law.ErrQuestion) {
		t.Errorf("without receipt: error %v", err)
	}
	if _, err := law.Due(law.Question{Right: law.Erasure, Packs: q.Packs, ReceivedAt: q.ReceivedAt}); !errors.Is(err, law.ErrQuestion) {
		t.Errorf("without zone: error %v", err)
	}
}

func TestTheZoneIsTheControllers(t *testing.T) {
	q := erasure(t, "2026-03-05", months())
	q.ReceivedAt = time.Date(2026, 3, 31, 22, 30, 0, 0, time.UTC) // half past midnight on 1 April in Berlin
	q.Calendar = law.Calendar{}
	if a := due(t, q); a.Day != date(t, "2026-05-01") || !a.DueAt.Equal(time.Date(2026, 5, 1, 22, 0, 0, 0, time.UTC)) {
		t.Errorf("due on %s at %s", a.Day, a.DueAt)
	}
}

func TestPauses(t *testing.T) {
	at := func(day string) time.Time { return noon(t, day, zone(t, "Europe/Berlin")) }
	stop := func(cause, from, until string) law.Pause {
		p := law.Pause{Pack: "gdpr", Cause: cause, SentAt: at(from)}
		if until != "" {
			p.Until = at(until)
		}
		return p
	}
	for _, tc := range []struct {
		name    string
		pauses  []law.Pause
		want    string
		stopped bool
	}{
		{"none", nil, "2026-07-13", false},
		{"ten days of waiting move the end by ten days, and roll it", []law.Pause{stop("identity", "2026-06-15", "2026-06-25")}, "2026-07-21", false},
		{"days that two pauses share count once", []law.Pause{
			stop("identity", "2026-06-15", "2026-06-25"), stop("clarification", "2026-06-20", "2026-06-26"),
		}, "2026-07-22", false},
		{"a pause within another adds nothing", []law.Pause{
			stop("clarification", "2026-06-17", "2026-06-18"), stop("identity", "2026-06-15", "2026-06-25"),
		}, "2026-07-21", false},
		{"while the answer is awaited the clock stands", []law.Pause{stop("identity", "2026-06-15", "")}, "2026-07-13", true},
		{"a cause that the pack doesn't know stops nothing", []law.Pause{stop("fee", "2026-06-15", "2026-06-25")}, "2026-07-13", false},
		{"a pause after the end revives nothing", []law.Pause{stop("identity", "2026-07-14", "2026-07-30")}, "2026-07-13", false},
		{"a pause that ends before it begins adds nothing", []law.Pause{stop("identity", "2026-06-15", "2026-06-10")}, "2026-07-13", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := erasure(t, "2026-06-11", months()) // 11 July is a Saturday
			q.Pauses = tc.pauses
			a := due(t, q)
			if a.Day != date(t, tc.want) || a.Stopped != tc.stopped {
				t.Errorf("due on %s, stopped %t; want %s, %t", a.Day, a.Stopped, tc.want, tc.stopped)
			}
		})
	}
}

func TestAStoppedClockLeavesTheOthersRunning(t *testing.T) {
	q := erasure(t, "2026-06-11", months(), days())
	q.Pauses = []law.Pause{
		{Pack: "gdpr", Cause: "identity", SentAt: q.ReceivedAt},
		{Pack: "ccpa", Cause: "identity", SentAt: q.ReceivedAt},
	}
	if a := due(t, q); a.Pack != "ccpa@1" || a.Stopped || a.Day != date(t, "2026-07-26") {
		t.Errorf("California's 45 days run on whatever verification takes, got %s of %s", a.Day, a.Pack)
	}
}

func TestAnExtensionWithoutTimelyNoticeCountsForNothing(t *testing.T) {
	q := erasure(t, "2026-06-11", months())
	base := due(t, q)
	for _, e := range []law.Extension{
		{Pack: "gdpr", Reason: "complexity"},
		{Pack: "gdpr", NoticeAt: q.ReceivedAt},
		{Pack: "gdpr", Reason: "complexity", NoticeAt: base.DueAt},
		{Pack: "ccpa", Reason: "complexity", NoticeAt: q.ReceivedAt},
	} {
		q.Extensions = []law.Extension{e}
		if a := due(t, q); a.Day != base.Day {
			t.Errorf("%+v moved the end to %s", e, a.Day)
		}
	}
}
