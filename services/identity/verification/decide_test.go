package verification_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/personal"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const end = verification.Lifetime

func started(subject string) verification.Event {
	return verification.Started{Request: "r", Subject: subject, ExpiresAt: noon.Add(end)}
}

// sent is a verification of Jane whose code is out.
func sent(more ...verification.Event) []verification.Event {
	return append([]verification.Event{started("jane"), verification.CodeDispatched{Identifier: 1}, verification.CodeSent{}}, more...)
}

func opened(subject string, more ...verification.Event) []verification.Event {
	return append([]verification.Event{started(subject)}, more...)
}

type row struct {
	name  string
	given []verification.Event
	when  verification.Command
	then  []verification.Event
	err   error
}

func sending() []row {
	code := personal.Clear("12345678")
	start := verification.Start{Request: "r", Subject: "jane", Code: code, At: noon}
	noChannel := []verification.Event{verification.CodeNotSent{Reason: "NO_KNOWN_CHANNEL"}}
	withhold := verification.Withhold{Reason: "MAIL_REFUSED"}
	return []row{
		{
			"a verification starts, for a quarter of an hour", nil, start,
			[]verification.Event{verification.Started{Request: "r", Subject: "jane", Code: code, ExpiresAt: noon.Add(end)}},
			nil,
		},
		{"starting twice is a no-op", opened("jane"), start, nil, nil},
		{"a code goes on its way", opened("jane"), verification.Send{Identifier: 1, At: noon}, []verification.Event{verification.CodeDispatched{Identifier: 1}}, nil},
		{
			"to a telephone as well", opened("jane"),
			verification.Send{Identifier: 2, Settled: true, Telephone: true, At: noon},
			[]verification.Event{verification.CodeDispatched{Identifier: 2, Settled: true, Telephone: true}},
			nil,
		},
		{"a code of nobody does not", opened(""), verification.Send{Identifier: 1, At: noon}, noChannel, nil},
		{
			"a code does not go on its way when its time is over", opened("jane"),
			verification.Send{Identifier: 1, At: noon.Add(end)},
			[]verification.Event{verification.CodeNotSent{Reason: "TOO_LATE"}},
			nil,
		},
		{"a code goes on its way once", sent(), verification.Send{Identifier: 2, At: noon}, nil, nil},
		{
			"a link goes with the code", opened("jane", verification.CodeDispatched{}),
			verification.IssueLink{Digest: []byte{1}},
			[]verification.Event{verification.LinkIssued{Digest: []byte{1}}},
			nil,
		},
		{"none goes alone", opened("jane"), verification.IssueLink{Digest: []byte{1}}, nil, nil},
		{"nor after the code has arrived", sent(), verification.IssueLink{Digest: []byte{1}}, nil, nil},
		{"a code arrives", opened("jane", verification.CodeDispatched{}), verification.Deliver{}, []verification.Event{verification.CodeSent{}}, nil},
		{"a code arrives once", sent(), verification.Deliver{}, nil, nil},
		{"a code that is not on its way does not arrive", opened("jane"), verification.Deliver{}, nil, nil},
		{"a code is withheld", opened("jane"), withhold, []verification.Event{verification.CodeNotSent{Reason: "MAIL_REFUSED"}}, nil},
		{
			"a code is withheld on its way", opened("jane", verification.CodeDispatched{}), withhold,
			[]verification.Event{verification.CodeNotSent{Reason: "MAIL_REFUSED"}},
			nil,
		},
		{"a code that has arrived is not withheld", sent(), withhold, nil, nil},
		{"a code is withheld once", opened("jane", verification.CodeNotSent{}), withhold, nil, nil},
		{"nothing is sent for what was not started", nil, verification.Send{}, nil, verification.ErrNotFound},
	}
}

func checking() []row {
	failed := func(n uint32) []verification.Event {
		return []verification.Event{verification.AttemptFailed{Attempts: n}}
	}
	passed := verification.Succeeded{Request: "r", Subject: "jane", Level: 2, Method: "code"}
	right, wrong := verification.Check{Right: true, At: noon}, verification.Check{At: noon}
	refused := []verification.Event{verification.CheckRefused{Reason: "VERIFICATION_CLOSED"}}
	texted, mailed := passed, passed
	texted.Method, mailed.Level = verification.MethodText, 3
	return []row{
		{
			"a code to a telephone of long standing is little", opened("jane", verification.CodeDispatched{Identifier: 1, Settled: true, Telephone: true}),
			right,
			[]verification.Event{texted},
			nil,
		},
		{
			"one to a mailbox of long standing is more", opened("jane", verification.CodeDispatched{Identifier: 1, Settled: true}),
			right,
			[]verification.Event{mailed},
			nil,
		},
		{"the right code passes", sent(), right, []verification.Event{passed}, nil},
		{
			"over a channel of long standing it proves more",
			opened("jane", verification.CodeDispatched{Identifier: 1, Settled: true}), right,
			[]verification.Event{verification.Succeeded{Request: "r", Subject: "jane", Level: 3, Method: "code"}},
			nil,
		},
		{
			"so does the link that went with it", sent(verification.LinkIssued{Digest: []byte{1}}),
			verification.Check{Right: true, Link: true, At: noon},
			[]verification.Event{verification.Succeeded{Request: "r", Subject: "jane", Level: 2, Method: "link"}},
			nil,
		},
		{"it passes while the mail service has not answered", opened("jane", verification.CodeDispatched{}), right, []verification.Event{passed}, nil},
		{"a wrong code is counted", sent(), wrong, failed(1), nil},
		{"the right code passes at the last moment", sent(), verification.Check{Right: true, At: noon.Add(end - 1)}, []verification.Event{passed}, nil},
		{
			"when its time is over it fails", sent(),
			verification.Check{Right: true, At: noon.Add(end)},
			[]verification.Event{verification.Ended{Request: "r", Reason: "EXPIRED"}},
			nil,
		},
		{"the fifth attempt may be right", sent(failed(4)...), right, []verification.Event{passed}, nil},
		{
			"the fifth wrong one ends it", sent(failed(4)...), wrong,
			append(failed(5), verification.Ended{Request: "r", Reason: "ATTEMPTS_EXHAUSTED"}), nil,
		},
		{"after that the right code is refused", sent(append(failed(5), verification.Ended{})...), right, refused, verification.ErrClosed},
		{"a code passes once", sent(passed), right, refused, verification.ErrClosed},
		{"no code of nobody passes", opened("", verification.CodeNotSent{}), right, failed(1), nil},
		{"nor one that never went out", opened("jane"), right, failed(1), nil},
		{"nor one that was withheld", opened("jane", verification.CodeDispatched{}, verification.CodeNotSent{}), right, failed(1), nil},
		{"what was not started can't be passed", nil, right, nil, verification.ErrNotFound},
	}
}

func TestDecide(t *testing.T) {
	for _, tc := range append(sending(), checking()...) {
		t.Run(tc.name, func(t *testing.T) {
			var s verification.Verification
			for _, ev := range tc.given {
				s = verification.Evolve(s, ev)
			}
			got, err := verification.Decide(s, tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnOpenVerificationHasFailedWhenItsTimeIsOver(t *testing.T) {
	s := verification.Evolve(verification.Verification{}, started("jane"))
	if s.PhaseAt(noon) != verification.Open || s.AttemptsLeft(noon) != 5 {
		t.Errorf("in time: phase %d, %d attempts", s.PhaseAt(noon), s.AttemptsLeft(noon))
	}
	late := noon.Add(end)
	if s.PhaseAt(late) != verification.Failed || s.AttemptsLeft(late) != 0 {
		t.Errorf("too late: phase %d, %d attempts", s.PhaseAt(late), s.AttemptsLeft(late))
	}
	s = verification.Evolve(s, verification.Succeeded{Subject: "jane", Level: 2})
	if s.PhaseAt(late) != verification.Passed {
		t.Errorf("passed in time: phase %d", s.PhaseAt(late))
	}
}
