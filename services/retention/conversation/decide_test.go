package conversation_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/retention/conversation"

	"github.com/google/go-cmp/cmp"
)

func at(day int) time.Time { return time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC) }

func midnight(day int) time.Time { return time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC) }

func begun(number uint32, day int, archive string) conversation.PeriodBegun {
	return conversation.PeriodBegun{
		Number: number, Begins: midnight(day), Ends: midnight(day + 1),
		Terms: conversation.Terms{Archive: archive, Authority: "PT-05", KeepUntil: midnight(day + 4)},
	}
}

func started() conversation.Started {
	return conversation.Started{Plan: "plan", Participants: []string{"ada", "bob"}, At: at(1)}
}

func one(archive string, more ...conversation.Event) []conversation.Event {
	return append([]conversation.Event{started(), begun(1, 1, archive)}, more...)
}

func no(reason conversation.Refusal) []conversation.Event {
	return []conversation.Event{conversation.Refused{Period: 1, Reason: reason.Reason()}}
}

type check struct {
	name  string
	given []conversation.Event
	when  conversation.Command
	then  []conversation.Event
	err   error
}

func run(t *testing.T, table []check) {
	t.Helper()
	for _, tc := range table {
		t.Run(tc.name, func(t *testing.T) {
			got, err := conversation.Decide(fold(tc.given...), tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func fold(events ...conversation.Event) conversation.Conversation {
	var s conversation.Conversation
	for _, ev := range events {
		s = conversation.Evolve(s, ev)
	}
	return s
}

const (
	nowhere = "none"
	paid    = "paid"
	own     = conversation.ClientServers
)

func TestPeriods(t *testing.T) {
	enter := func(day int, begins, ends time.Time) conversation.Enter {
		e := begun(0, 2, nowhere)
		return conversation.Enter{Terms: e.Terms, Begins: begins, Ends: ends, At: at(day)}
	}
	second := begun(2, 2, nowhere)
	late := second
	late.Begins = midnight(2)
	run(t, []check{
		{"nothing happens in a conversation that there is not", nil, enter(2, midnight(2), midnight(3)), nil, conversation.ErrNoConversation},
		{"within a period none begins", one(nowhere), enter(1, midnight(1), midnight(2)), nil, nil},
		{"a clock that goes slow finds the last one", one(nowhere, second), enter(1, midnight(1), midnight(2)), nil, nil},
		{"after it the next begins", one(nowhere), enter(2, midnight(2), midnight(3)), []conversation.Event{second}, nil},
		{
			"none begins before the last has ended, whatever the calendar says now",
			one(nowhere), enter(2, midnight(1).Add(-time.Hour), midnight(3)),
			[]conversation.Event{late},
			nil,
		},
		{
			"people are added once",
			one(nowhere),
			conversation.Add{Participants: []string{"bob", "eve"}, At: at(2)},
			[]conversation.Event{conversation.Added{Participants: []string{"eve"}, At: at(2)}},
			nil,
		},
		{"and not without end", one(nowhere), conversation.Add{Participants: make([]string, 257)}, nil, conversation.ErrTooMany},
	})
}

func TestReceipts(t *testing.T) {
	handed := conversation.HandedOver{Period: 1, Digest: "d", Messages: 3, At: at(2)}
	receipt := conversation.Receive{Period: 1, Digest: "d", Signature: []byte("s"), At: at(3)}
	other := conversation.Receive{Period: 1, Digest: "e", At: at(3)}
	run(t, []check{
		{"a receipt for what was handed over is taken", one(own, handed), receipt, []conversation.Event{conversation.Received(receipt)}, nil},
		{"once", one(own, handed, conversation.Received(receipt)), receipt, nil, nil},
		{"a receipt for something else is refused", one(own, handed), other, no(conversation.ErrReceiptDiffers), conversation.ErrReceiptDiffers},
		{"so is another one later", one(own, handed, conversation.Received(receipt)), other, no(conversation.ErrReceiptDiffers), conversation.ErrReceiptDiffers},
		{"a receipt for what was not handed over is refused", one(own), receipt, no(conversation.ErrNotHandedOver), conversation.ErrNotHandedOver},
		{"a receipt for another period is refused", one(own, handed), conversation.Receive{Period: 2, Digest: "d"}, nil, conversation.ErrNoPeriod},
		{"a receipt where we archive ourselves is refused", one(paid, handed), receipt, no(conversation.ErrNoClientArchive), conversation.ErrNoClientArchive},
		{"an open period is not handed over", one(own), conversation.HandOver{Period: 1, Digest: "d", At: at(1)}, no(conversation.ErrPeriodOpen), conversation.ErrPeriodOpen},
		{"a period that has ended is", one(own), conversation.HandOver(handed), []conversation.Event{handed}, nil},
		{
			"what was receipted is not handed over otherwise",
			one(own, handed, conversation.Received(receipt)),
			conversation.HandOver{Period: 1, Digest: "e", At: at(4)},
			no(conversation.ErrReceiptDiffers), conversation.ErrReceiptDiffers,
		},
	})
}

func TestEnds(t *testing.T) {
	first := []uint32{1}
	begin := func(day int) conversation.Begin { return conversation.Begin{Periods: first, At: at(day)} }
	held := conversation.Deferred{Periods: first, HeldFor: "ada", At: at(5)}
	handed := conversation.HandedOver{Period: 1, Digest: "d", At: at(2)}
	over := conversation.End{Periods: first, ResidueEnds: at(20), At: at(6)}
	run(t, []check{
		{"nothing goes before it is due", one(nowhere), begin(4), nil, conversation.ErrNotDue},
		{"what is due goes", one(nowhere), begin(5), []conversation.Event{conversation.Begun(begin(5))}, nil},
		{"a paid archive goes at its end too", one(paid), begin(5), []conversation.Event{conversation.Begun(begin(5))}, nil},
		{"without a receipt nothing goes, however late", one(own, handed), begin(30), nil, conversation.ErrNotDue},
		{
			"with one it goes",
			one(own, handed, conversation.Received{Period: 1, Digest: "d", At: at(3)}), begin(5),
			[]conversation.Event{conversation.Begun(begin(5))},
			nil,
		},
		{
			"but not before the plan's time",
			one(own, handed, conversation.Received{Period: 1, Digest: "d", At: at(3)}), begin(4), nil, conversation.ErrNotDue,
		},
		{"a hold defers", one(nowhere), conversation.Defer(held), []conversation.Event{held}, nil},
		{"and says so once", one(nowhere, held), conversation.Defer(held), nil, nil},
		{"and when it has ended the duty goes on", one(nowhere, held), begin(6), []conversation.Event{conversation.Begun(begin(6))}, nil},
		{"what was begun is not begun again", one(nowhere, conversation.Begun(begin(5))), begin(6), nil, nil},
		{"what was not begun has not ended", one(nowhere), over, nil, conversation.ErrNotDue},
		{"what was begun ends", one(nowhere, conversation.Begun(begin(5))), over, []conversation.Event{conversation.Ended(over)}, nil},
		{"once", one(nowhere, conversation.Begun(begin(5)), conversation.Ended(over)), over, nil, nil},
		{"what has ended is not due", one(nowhere, conversation.Begun(begin(5)), conversation.Ended(over)), begin(7), nil, conversation.ErrNotDue},
	})
}

func TestStages(t *testing.T) {
	held := conversation.Deferred{Periods: []uint32{1}, HeldFor: "ada", At: at(5)}
	for _, tc := range []struct {
		name  string
		given []conversation.Event
		day   int
		want  conversation.Stage
	}{
		{"open while it lasts", one(own), 1, conversation.Open},
		{"kept until it is due", one(paid), 3, conversation.Kept},
		{"awaiting the client's receipt", one(own), 30, conversation.AwaitingReceipt},
		{"due when its time has come", one(nowhere), 5, conversation.DueNow},
		{"on hold while somebody is", one(nowhere, held), 5, conversation.OnHold},
		{"destroyed for ever", one(nowhere, conversation.Ended{Periods: []uint32{1}, At: at(6)}), 30, conversation.Destroyed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, _ := fold(tc.given...).Period(1)
			if got := p.Stage(at(tc.day)); got != tc.want {
				t.Errorf("stage %d, want %d", got, tc.want)
			}
		})
	}
}

func TestAConversationThatIsClosedEndsItsPeriod(t *testing.T) {
	closed := conversation.Closed{At: at(1), KeepUntil: at(3)}
	run(t, []check{
		{"it is closed", one(nowhere), conversation.Close(closed), []conversation.Event{closed}, nil},
		{"once", one(nowhere, closed), conversation.Close{At: at(2)}, nil, nil},
		{"no other period begins", one(nowhere, closed), conversation.Enter{At: at(1)}, nil, conversation.ErrClosed},
	})
	s := fold(one(nowhere, closed)...)
	if due := s.Due(at(3).Add(-1)); len(due) != 0 {
		t.Errorf("%v are due before their time", due)
	}
	if due := s.Due(at(3)); len(due) != 1 {
		t.Errorf("%v are due from the closing on", due)
	}
	if due := fold(one(nowhere)...).Due(at(3)); len(due) != 0 {
		t.Errorf("%v are due of one that goes on", due)
	}
	ended := fold(one(nowhere, conversation.Closed{At: at(9), KeepUntil: at(20)})...)
	if p, _ := ended.Period(1); !p.KeepUntil.Equal(midnight(5)) {
		t.Errorf("a period that had ended before is kept until %s", p.KeepUntil)
	}
}
