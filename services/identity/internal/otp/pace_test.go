package otp_test

import (
	"testing"
	"time"

	"habeas.internal/services/identity/internal/otp"
)

func TestNobodyIsSentMoreCodesThanAPersonNeeds(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	p := otp.NewPace(2, time.Hour)
	for _, tc := range []struct {
		name   string
		tenant string
		ref    string
		at     time.Duration
		want   bool
	}{
		{"a first code goes out", "a", "jane", 0, true},
		{"so does a second", "a", "jane", 30 * time.Minute, true},
		{"a third is too many", "a", "jane", 59 * time.Minute, false},
		{"but not for somebody else", "a", "john", 59 * time.Minute, true},
		{"nor in another tenant", "b", "jane", 59 * time.Minute, true},
		{"after an hour the first does not count", "a", "jane", 60 * time.Minute, true},
		{"while the second does", "a", "jane", 61 * time.Minute, false},
		{"what was refused does not count", "a", "jane", 90 * time.Minute, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := p.Allow(tc.tenant, tc.ref, noon.Add(tc.at)); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
