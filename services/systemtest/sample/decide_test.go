package sample_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/internal/personal"
	"habeas.internal/services/systemtest/sample"

	"github.com/google/go-cmp/cmp"
)

func TestDecide(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	opened, ada := sample.Opened{ClosesAt: noon}, personal.Clear("Ada")
	for _, tc := range []struct {
		name  string
		given []sample.Event
		when  sample.Command
		then  []sample.Event
		err   error
	}{
		{"a book opens", nil, sample.Open{ClosesAt: noon, At: noon.Add(-1)}, []sample.Event{opened}, nil},
		{"opening twice is a no-op", []sample.Event{opened}, sample.Open{ClosesAt: noon}, nil, nil},
		{"a book can't close before it opens", nil, sample.Open{ClosesAt: noon, At: noon}, nil, sample.ErrClosesInPast},
		{"nobody signs a book that is not there", nil, sample.Sign{}, nil, sample.ErrNoBook},
		{
			"a guest signs",
			[]sample.Event{opened, sample.Signed{Entry: 1}},
			sample.Sign{Guest: "g", Name: ada, At: noon.Add(-1)},
			[]sample.Event{sample.Signed{Entry: 2, Guest: "g", Name: ada}},
			nil,
		},
		{
			"a guest who comes at closing time is refused",
			[]sample.Event{opened},
			sample.Sign{At: noon},
			[]sample.Event{sample.SigningRefused{Reason: "BOOK_CLOSED"}},
			sample.ErrClosed,
		},
		{
			"a guest of a closed book is refused",
			[]sample.Event{opened, sample.Closed{}},
			sample.Sign{At: noon.Add(-1)},
			[]sample.Event{sample.SigningRefused{Reason: "BOOK_CLOSED"}},
			sample.ErrClosed,
		},
		{"a book closes", []sample.Event{opened}, sample.Close{ByTimer: true}, []sample.Event{sample.Closed{ByTimer: true}}, nil},
		{"closing twice is a no-op", []sample.Event{opened, sample.Closed{}}, sample.Close{}, nil, nil},
		{"an open book is not announced", []sample.Event{opened}, sample.Announce{}, nil, nil},
		{"a closed book is announced once", []sample.Event{opened, sample.Closed{}, sample.Announced{}}, sample.Announce{}, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s sample.Book
			for _, ev := range tc.given {
				s = sample.Evolve(s, ev)
			}
			got, err := sample.Decide(s, tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}
