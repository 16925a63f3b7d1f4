package check

import (
	"testing"
	"time"
)

func TestWhatCarriesDataAcrossBorders(t *testing.T) {
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 12, 0, 0, 0, time.UTC) }
	now := day(2026, 3, 1)
	for name, tc := range map[string]struct {
		kind, origin, destination string
		at                        time.Time
		want                      bool
	}{
		"clauses, between any places":            {"standard_contractual_clauses", "de", "in", now, true},
		"rules of a group":                       {"binding_corporate_rules", "fr", "us", now, true},
		"safe harbor, on its last day":           {"safe_harbor", "de", "us", day(2015, 10, 5), true},
		"not on the day of the judgment":         {"safe_harbor", "de", "us", day(2015, 10, 6), false},
		"not before it was decided":              {"safe_harbor", "de", "us", day(2000, 7, 25), false},
		"not today":                              {"safe_harbor", "de", "us", now, false},
		"the shield while it stood, from London": {"privacy_shield", "gb", "us", day(2019, 1, 1), true},
		"the shield no longer":                   {"privacy_shield", "de", "us", day(2020, 7, 16), false},
		"the framework of today":                 {"data_privacy_framework", "de", "us", now, true},
		"to a part of the country":               {"data_privacy_framework", "de-by", "us-ca", now, true},
		"not from elsewhere":                     {"data_privacy_framework", "br", "us", now, false},
		"not from a state that has left":         {"data_privacy_framework", "gb", "us", now, false},
		"not to elsewhere":                       {"data_privacy_framework", "de", "in", now, false},
		"not back":                               {"data_privacy_framework", "us", "de", now, false},
		"nothing that nobody knows":              {"handshake", "de", "us", now, false},
		"nothing without a name":                 {"", "de", "us", now, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := carries(tc.kind, tc.origin, tc.destination, tc.at); got != tc.want {
				t.Errorf("carries: %t", got)
			}
		})
	}
}
