package notice_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/notice"

	"github.com/google/go-cmp/cmp"
)

func TestDecide(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	drafted := notice.Drafted{Request: "r", Template: "erased", At: noon}
	first := notice.Attempted{Attempt: 1, MessageID: "m", At: noon}
	failed := notice.Failed{Reason: "X", NextTryAt: noon.Add(5 * time.Second), At: noon}
	for _, tc := range []struct {
		name  string
		given []notice.Event
		when  notice.Command
		then  []notice.Event
		err   error
	}{
		{"a notice is drafted", nil, notice.Draft(drafted), []notice.Event{drafted}, nil},
		{"drafting twice is a no-op", []notice.Event{drafted}, notice.Draft(drafted), nil, nil},
		{"nobody sends a notice that is not there", nil, notice.Attempt{At: noon}, nil, notice.ErrNoNotice},
		{"an attempt is recorded first", []notice.Event{drafted}, notice.Attempt{MessageID: "m", At: noon}, []notice.Event{first}, nil},
		{"a second one waits for the first", []notice.Event{drafted, first}, notice.Attempt{At: noon.Add(time.Minute)}, nil, notice.ErrNotDue},
		{
			"one that was cut off is made again under the same name",
			[]notice.Event{drafted, first},
			notice.Attempt{MessageID: "other", At: noon.Add(2 * time.Minute)},
			[]notice.Event{notice.Attempted{Attempt: 2, MessageID: "m", At: noon.Add(2 * time.Minute)}},
			nil,
		},
		{"a failure is tried again later", []notice.Event{drafted, first}, notice.NoteFailure{Reason: "X", At: noon}, []notice.Event{failed}, nil},
		{"and not before", []notice.Event{drafted, first, failed}, notice.Attempt{At: noon.Add(time.Second)}, nil, notice.ErrNotDue},
		{
			"a refusal for good gives up",
			[]notice.Event{drafted, first},
			notice.NoteFailure{Reason: "X", Reply: 550, Final: true, At: noon},
			[]notice.Event{notice.Failed{Reason: "X", Reply: 550, At: noon}},
			nil,
		},
		{"what was sent is sent", []notice.Event{drafted, first, notice.Sent{Reply: 250}}, notice.NoteFailure{Reason: "X", At: noon}, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := notice.Decide(fold(tc.given), tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func fold(events []notice.Event) notice.Notice {
	var s notice.Notice
	for _, ev := range events {
		s = notice.Evolve(s, ev)
	}
	return s
}

func TestANoticeIsGivenUpAfterBoundedTries(t *testing.T) {
	s := fold([]notice.Event{notice.Drafted{Request: "r"}})
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for tries := 1; !s.Ended(); tries++ {
		if tries > notice.MaxAttempts {
			t.Fatalf("still tried after %d times", tries)
		}
		at = at.Add(24 * time.Hour)
		for _, cmd := range []notice.Command{notice.Attempt{MessageID: "m", At: at}, notice.NoteFailure{Reason: "X", At: at}} {
			events, err := notice.Decide(s, cmd)
			if err != nil {
				t.Fatal(err)
			}
			for _, ev := range events {
				s = notice.Evolve(s, ev)
			}
		}
	}
	if !s.GivenUp || s.Attempts != notice.MaxAttempts || s.Reason != "X" {
		t.Errorf("given up %t after %d attempts because of %q", s.GivenUp, s.Attempts, s.Reason)
	}
}
