package calendar_test

import (
	"testing"
	"time"
	_ "time/tzdata" // zones of the test, on machines that have none

	"habeas.internal/services/internal/calendar"
)

func TestEaster(t *testing.T) {
	for _, want := range []string{
		"1818-03-22", "1943-04-25", "1954-04-18", "1981-04-19", "2000-04-23", "2008-03-23", "2019-04-21", "2024-03-31",
		"2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25", "2049-04-18", "2076-04-19", "2100-03-28",
	} {
		if got := calendar.Easter(date(t, want).Year); got != date(t, want) {
			t.Errorf("Easter is on %s, want %s", got, want)
		}
	}
}

func TestHolidays(t *testing.T) {
	for code, days := range map[string]map[string]bool{
		"none": {"2026-12-25": false},
		"us": {
			"2026-01-19": true, "2026-02-16": true, "2026-05-25": true, "2026-06-19": true, "2026-07-03": true,
			"2026-09-07": true, "2026-10-12": true, "2026-11-11": true, "2026-11-26": true, "2026-11-27": false,
			"2020-06-19": false, "2021-12-31": true, "2027-07-05": true, "2026-12-25": true,
		},
		"us-ca": {
			"2026-03-31": true, "2026-10-12": false, "2026-11-27": true, "2026-07-03": false, "2029-11-23": true,
			"2024-11-29": true, "2024-11-22": false, "2023-11-10": true,
		},
		"gb-eng": {
			"2026-01-01": true, "2026-04-03": true, "2026-04-06": true, "2026-05-04": true, "2026-05-25": true,
			"2026-08-31": true, "2026-12-25": true, "2026-12-28": true, "2026-12-29": false, "2023-05-08": true,
			"2021-12-27": true, "2021-12-28": true, "2022-12-26": true, "2022-12-27": true, "2022-01-03": true,
		},
		"de": {"2026-04-03": true, "2026-05-14": true, "2026-05-25": true, "2026-10-03": true, "2026-12-28": false},
		"eu": {"2026-04-06": true, "2026-05-01": true, "2026-04-03": false},
	} {
		c := of(t, code)
		for day, want := range days {
			if got := c.IsHoliday(date(t, day)); got != want {
				t.Errorf("%s: %s is a holiday: %t, want %t", code, day, got, want)
			}
		}
	}
	if _, ok := calendar.Of("atlantis"); ok {
		t.Error("a calendar that is not known was found")
	}
	for _, code := range calendar.Codes() {
		if c := of(t, code); c.Code != code || c.Version == "" {
			t.Errorf("calendar %s is %q, version %q", code, c.Code, c.Version)
		}
	}
}

func TestADayStartsWhereClocksChangeAtMidnight(t *testing.T) {
	for _, tc := range []struct{ name, zone, day, want string }{
		{"an ordinary day", "Europe/Berlin", "2026-06-11", "2026-06-10T22:00:00Z"},
		{"midnight is skipped", "America/Sao_Paulo", "2017-10-15", "2017-10-15T03:00:00Z"},
		{"midnight comes twice", "America/Havana", "2025-11-02", "2025-11-02T04:00:00Z"},
		{"the hour before midnight comes twice", "America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z"},
		{"the day itself is skipped", "Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},
		{"far east", "Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00:00Z"},
		{"without a zone's changes", "UTC", "2026-01-01", "2026-01-01T00:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := date(t, tc.day).Start(zone(t, tc.zone)).Format(time.RFC3339)
			if got != tc.want {
				t.Errorf("starts at %s, want %s", got, tc.want)
			}
		})
	}
}

func TestWorkingDaysAfter(t *testing.T) {
	for _, tc := range []struct {
		name, code, from string
		days             int
		want             string
	}{
		{"in the week", "us", "2026-11-16", 2, "2026-11-18"},
		{"over a weekend", "none", "2026-11-20", 2, "2026-11-24"},
		{"from a Saturday", "none", "2026-11-21", 2, "2026-11-24"},
		{"over Thanksgiving", "us", "2026-11-24", 2, "2026-11-27"},
		{"over Thanksgiving in California", "us-ca", "2026-11-24", 2, "2026-11-30"},
		{"none", "us", "2026-11-26", 0, "2026-11-26"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := of(t, tc.code).After(date(t, tc.from), tc.days); got != date(t, tc.want) {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func of(t *testing.T, code string) calendar.Calendar {
	t.Helper()
	c, ok := calendar.Of(code)
	if !ok {
		t.Fatalf("no calendar %q", code)
	}
	return c
}

func date(t *testing.T, text string) calendar.Date {
	t.Helper()
	at, err := time.Parse("2006-01-02", text)
	if err != nil {
		t.Fatal(err)
	}
	return calendar.DateOf(at, time.UTC)
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}
