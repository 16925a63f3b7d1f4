package messageplan_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/retention/messageplan"
)

func TestAPlanHasAKeyOfReceiptsWhereTheClientArchives(t *testing.T) {
	key := make([]byte, 32)
	for _, tc := range []struct {
		name string
		plan messageplan.Plan
		err  error
	}{
		{"transient without", messageplan.Plan{ID: "p", Archive: messageplan.Nowhere}, nil},
		{"paid without", messageplan.Plan{ID: "p", Archive: messageplan.Paid}, nil},
		{"own with", messageplan.Plan{ID: "p", Archive: messageplan.ClientServers, ReceiptKey: key}, nil},
		{"own without", messageplan.Plan{ID: "p", Archive: messageplan.ClientServers}, messageplan.ErrReceiptKey},
		{"own with a short one", messageplan.Plan{ID: "p", Archive: messageplan.ClientServers, ReceiptKey: key[1:]}, messageplan.ErrReceiptKey},
		{"paid with", messageplan.Plan{ID: "p", Archive: messageplan.Paid, ReceiptKey: key}, messageplan.ErrReceiptKey},
	} {
		t.Run(tc.name, func(t *testing.T) {
			events, err := messageplan.Decide(messageplan.Plan{}, messageplan.Put{Plan: tc.plan})
			if !errors.Is(err, tc.err) || (err == nil) != (len(events) == 1) {
				t.Fatalf("%d events, error %v, want %v", len(events), err, tc.err)
			}
			for _, ev := range events {
				again, err := messageplan.Decide(messageplan.Evolve(messageplan.Plan{}, ev), messageplan.Put{Plan: tc.plan})
				if err != nil || len(again) != 0 {
					t.Errorf("put again: %d events, error %v", len(again), err)
				}
			}
		})
	}
}

func TestAPeriodIsOneOfTheControllersCalendar(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	day := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 0, 0, 0, 0, berlin) }
	for _, tc := range []struct {
		name         string
		length       messageplan.Length
		at           time.Time
		begins, ends time.Time
	}{
		{"a day begins at midnight there", messageplan.Day, time.Date(2026, 11, 21, 23, 30, 0, 0, time.UTC), day(11, 22), day(11, 23)},
		{"a day in which clocks go back is longer", messageplan.Day, day(10, 25).Add(24 * time.Hour), day(10, 25), day(10, 26)},
		{"a week begins on Monday", messageplan.Week, day(11, 22), day(11, 16), day(11, 23)},
		{"on Monday too", messageplan.Week, day(11, 23), day(11, 23), day(11, 30)},
		{"a month begins on the first", messageplan.Month, day(11, 30), day(11, 1), day(12, 1)},
		{"and ends with the year", messageplan.Month, day(12, 31), day(12, 1), day(13, 1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			begins, ends := messageplan.Plan{Length: tc.length}.Span(tc.at, berlin)
			if !begins.Equal(tc.begins) || !ends.Equal(tc.ends) {
				t.Errorf("%s to %s, want %s to %s", begins, ends, tc.begins, tc.ends)
			}
		})
	}
}
