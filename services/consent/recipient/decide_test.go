package recipient_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/consent/recipient"
)

func day(n int) time.Time { return time.Date(2026, 3, n, 12, 0, 0, 0, time.UTC) }

func registered(kind string) recipient.Event {
	return recipient.Registered{Profile: recipient.Profile{Kind: kind, Title: "Acme Mail"}, RecordedAt: day(1)}
}

func deal(change ...func(*recipient.Agreement)) recipient.Agree {
	a := recipient.Agreement{Undertakings: []string{"security"}, Consideration: recipient.Nothing, From: day(2), Document: "dpa-1"}
	for _, c := range change {
		c(&a)
	}
	return recipient.Agree{Agreement: a, At: day(3)}
}

func agreed() recipient.Event {
	a := deal().Agreement
	a.Number = 1
	return recipient.Agreed{Agreement: a, RecordedAt: day(3)}
}

func TestWhatBecomesOfARecipient(t *testing.T) {
	profile := recipient.Profile{Kind: "processor", Title: "Acme Mail"}
	succession := recipient.Succession{Event: "merger-1", From: day(10)}
	for name, tc := range map[string]struct {
		before []recipient.Event
		cmd    recipient.Command
		events int
		err    error
	}{
		"one is registered":                      {nil, recipient.Register{Profile: profile, At: day(1)}, 1, nil},
		"the same again does nothing":            {[]recipient.Event{registered("processor")}, recipient.Register{Profile: profile, At: day(2)}, 0, nil},
		"it may move":                            {[]recipient.Event{registered("processor")}, recipient.Register{Profile: recipient.Profile{Kind: "processor", Title: "Acme Mail", Region: "de"}}, 1, nil},
		"its kind is fixed":                      {[]recipient.Event{registered("processor")}, recipient.Register{Profile: recipient.Profile{Kind: "affiliate"}}, 1, recipient.ErrKindFixed},
		"nobody agrees with the unknown":         {nil, deal(), 0, recipient.ErrUnknown},
		"an agreement":                           {[]recipient.Event{registered("processor")}, deal(), 1, nil},
		"the same agreement does nothing":        {[]recipient.Event{registered("processor"), agreed()}, deal(), 0, nil},
		"another takes its place":                {[]recipient.Event{registered("processor"), agreed()}, deal(func(a *recipient.Agreement) { a.Associate = true }), 1, nil},
		"it ends after it begins":                {[]recipient.Event{registered("processor")}, deal(func(a *recipient.Agreement) { a.Until = day(2) }), 0, recipient.ErrPeriod},
		"nothing is confirmed before it is seen": {[]recipient.Event{registered("processor"), agreed()}, recipient.Confirm{ConfirmedAt: day(9), At: day(8)}, 0, recipient.ErrInFuture},
		"practices are confirmed":                {[]recipient.Event{registered("processor"), agreed()}, recipient.Confirm{ConfirmedAt: day(7), At: day(8)}, 1, nil},
		"there is nothing to confirm":            {[]recipient.Event{registered("processor")}, recipient.Confirm{ConfirmedAt: day(7), At: day(8)}, 1, recipient.ErrNoAgreement},
		"an agreement ends":                      {[]recipient.Event{registered("processor"), agreed()}, recipient.End{Reason: "breach", At: day(8)}, 1, nil},
		"once":                                   {[]recipient.Event{registered("processor"), agreed(), recipient.Ended{Number: 1, At: day(8)}}, recipient.End{Reason: "breach", At: day(9)}, 0, nil},
		"none ends where none is":                {[]recipient.Event{registered("processor")}, recipient.End{Reason: "breach", At: day(8)}, 0, nil},
		"a successor comes":                      {[]recipient.Event{registered("successor")}, recipient.Succeed{Succession: succession, At: day(8)}, 1, nil},
		"a processor is no successor":            {[]recipient.Event{registered("processor")}, recipient.Succeed{Succession: succession, At: day(8)}, 1, recipient.ErrNotSuccessor},
		"its day can move before it comes":       {[]recipient.Event{registered("successor"), recipient.SuccessionRecorded{Succession: succession}}, recipient.Succeed{Succession: recipient.Succession{Event: "merger-1", From: day(12)}, At: day(9)}, 1, nil},
		"and not after":                          {[]recipient.Event{registered("successor"), recipient.SuccessionRecorded{Succession: succession}}, recipient.Succeed{Succession: recipient.Succession{Event: "merger-1", From: day(12)}, At: day(10)}, 1, recipient.ErrSucceeded},
	} {
		t.Run(name, func(t *testing.T) {
			var s recipient.Recipient
			for _, ev := range tc.before {
				s = recipient.Evolve(s, ev)
			}
			events, err := recipient.Decide(s, tc.cmd)
			if len(events) != tc.events || !errors.Is(err, tc.err) {
				t.Errorf("%v, error %v", events, err)
			}
			for _, ev := range events {
				s = recipient.Evolve(s, ev)
			}
			if again, _ := recipient.Decide(s, tc.cmd); err == nil && len(again) > 0 {
				t.Errorf("again: %v", again)
			}
		})
	}
}

func TestAnAgreementThatEndedHasThatEnd(t *testing.T) {
	s := recipient.Evolve(recipient.Evolve(recipient.Recipient{}, registered("processor")), agreed())
	s = recipient.Evolve(s, recipient.Ended{Number: 1, At: day(8)})
	if !s.Agreement.Until.Equal(day(8)) {
		t.Errorf("until %s", s.Agreement.Until)
	}
}
