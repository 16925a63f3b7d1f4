package law_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/law"
)

func TestEaster(t *testing.T) {
	for _, want := range []string{
		"1818-03-22", "1943-04-25", "1954-04-18", "1981-04-19", "2000-04-23", "2008-03-23", "2019-04-21", "2024-03-31",
		"2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25", "2049-04-18", "2076-04-19", "2100-03-28",
	} {
		if got := law.Easter(date(t, want).Year); got != date(t, want) {
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
		c := calendar(t, code)
		for day, want := range days {
			if got := c.IsHoliday(date(t, day)); got != want {
				t.Errorf("%s: %s is a holiday: %t, want %t", code, day, got, want)
			}
		}
	}
	if _, ok := law.CalendarOf("atlantis"); ok {
		t.Error("a calendar that is not known was found")
	}
	for _, code := range law.CalendarCodes() {
		if c := calendar(t, code); c.Code != code || c.Version == "" {
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

func TestParsePeriod(t *testing.T) {
	for text, want := range map[string]law.Period{
		"": {}, "P1M": {Months: 1}, "P45D": {Days: 45}, "P2W": {Days: 14}, "P10B": {BusinessDays: 10},
		"P1Y6M": {Months: 18}, "P1Y2M3D": {Months: 14, Days: 3},
	} {
		got, err := law.ParsePeriod(text)
		if err != nil || got != want {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
		if again, err := law.ParsePeriod(got.String()); err != nil || again != got {
			t.Errorf("%q printed as %q is %+v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"P", "1M", "P0D", "PM", "P-1D", "P1D1M", "P1M1M", "P1H", "P1000000D", "P99999999999999999999D", "P1", "p1m", " P1M"} {
		if _, err := law.ParsePeriod(text); !errors.Is(err, law.ErrPeriod) {
			t.Errorf("%q: error %v", text, err)
		}
	}
}
