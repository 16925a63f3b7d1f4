package person_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/consent/person"

	"github.com/google/go-cmp/cmp"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// act is a decision on mail, explicit and proven, recorded when it was made.
func act(s person.Status, at time.Time, change ...func(*person.Decision)) person.DecisionRecorded {
	d := person.Decision{Status: s, Explicit: true, Evidence: "e", Version: 1, DecidedAt: at, RecordedAt: at}
	for _, c := range change {
		c(&d)
	}
	return person.DecisionRecorded{Policy: "p", Purpose: "mail", Decision: d}
}

func implied(d *person.Decision)  { d.Explicit, d.Evidence = false, "" }
func unproven(d *person.Decision) { d.Evidence = "" }

// record is the command that has an act as its event.
func record(e person.DecisionRecorded) person.Record {
	d := e.Decision
	return person.Record{
		Policy: e.Policy, Version: 1, Evidence: d.Evidence, Circumstances: e.Circumstances, DecidedAt: d.DecidedAt, At: d.RecordedAt,
		Choices: []person.Choice{{
			Purpose: e.Purpose, Category: e.Category, Known: true, Status: d.Status, Explicit: d.Explicit,
			Recipients: d.Recipients, ExpiresAt: d.ExpiresAt,
		}},
	}
}

func unknown(r person.Record) person.Record {
	r.Choices[0].Known = false
	return r
}

func about(category string, e person.DecisionRecorded) person.DecisionRecorded {
	e.Purpose, e.Category = "", category
	return e
}

type decision struct {
	name  string
	given []person.Event
	when  person.Command
	then  []person.Event
	err   error
}

func check(t *testing.T, cases []decision) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var s person.Person
			for _, ev := range tc.given {
				s = person.Evolve(s, ev)
			}
			got, err := person.Decide(s, tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecisions(t *testing.T) {
	at := noon()
	yes := act(person.Given, at)
	known := []person.Event{act(person.Refused, at.Add(-1))}
	erased := []person.Event{person.FactApplied{Fact: person.Erased, Cause: "r", RecordedAt: at}}
	closed := []person.Event{person.FactApplied{Fact: person.Closed, Cause: "r", RecordedAt: at}}
	refuse := func(r person.Refusal) []person.Event {
		return []person.Event{person.DecisionRefused{Policy: "p", Reason: r.Reason()}}
	}
	future := record(yes)
	future.DecidedAt = at.Add(1)
	offer, declined := act(person.Offered, at), about("phone", act(person.Refused, at))
	check(t, []decision{
		{"a person gives", nil, record(yes), []person.Event{yes}, nil},
		{"a person acts before it is recorded", nil, future, nil, person.ErrInFuture},
		{"a grant without evidence makes nobody known", nil, record(act(person.Given, at, unproven)), nil, person.ErrNoEvidence},
		{"a grant of a known person without evidence is recorded as refused", known, record(act(person.Given, at, unproven)), refuse(person.ErrNoEvidence), person.ErrNoEvidence},
		{"a purpose that can't be granted", known, unknown(record(yes)), refuse(person.ErrNotDescribed), person.ErrNotDescribed},
		{"a purpose that can't be granted can be refused", nil, unknown(record(act(person.Refused, at))), []person.Event{act(person.Refused, at)}, nil},
		{"silence is no yes after a no", known, record(act(person.Given, at, implied)), refuse(person.ErrImplied), person.ErrImplied},
		{"silence is a yes of its own kind before", nil, record(act(person.Given, at, implied)), []person.Event{act(person.Given, at, implied)}, nil},
		{"a yes after a no", known, record(yes), []person.Event{yes}, nil},
		{"a way out is offered", nil, record(offer), []person.Event{offer}, nil},
		{"an erased person grants nothing", erased, record(yes), refuse(person.ErrErased), person.ErrErased},
		{"an erased person can withdraw", erased, record(act(person.Withdrawn, at)), []person.Event{act(person.Withdrawn, at)}, nil},
		{"a closed account grants nothing", closed, record(yes), refuse(person.ErrClosed), person.ErrClosed},
		{"a category is declined", nil, record(declined), []person.Event{declined}, nil},
		{"a category that the policy doesn't name", known, unknown(record(declined)), refuse(person.ErrCategoryUnknown), person.ErrCategoryUnknown},
		{"a category is not offered", known, record(about("phone", offer)), refuse(person.ErrNoOffer), person.ErrNoOffer},
	})
}

func TestWithdrawalsAcceptancesAndFacts(t *testing.T) {
	at := noon()
	fact := func(f person.Fact, cause string) person.FactApplied {
		return person.FactApplied{Fact: f, Cause: cause, RecordedAt: at}
	}
	apply := func(f person.Fact, cause string) person.Apply { return person.Apply{Fact: f, Cause: cause, At: at} }
	restricted := []person.Event{fact(person.Restricted, "a")}
	accept := person.Accept{Policy: "p", Version: 2, PostedAt: at.Add(-1), Explicit: true, Evidence: "e", AcceptedAt: at, At: at}
	accepted := person.PolicyAccepted{Policy: "p", Version: 2, Explicit: true, Evidence: "e", AcceptedAt: at, RecordedAt: at}
	early, byUse, unproven := accept, accept, accept
	early.AcceptedAt = at.Add(-2)
	byUse.Explicit, byUse.Evidence = false, ""
	unproven.Evidence = ""
	used := person.PolicyAccepted{Policy: "p", Version: 2, AcceptedAt: at, RecordedAt: at}
	later := act(person.Given, at.Add(time.Hour))
	mail := []person.Topic{{Policy: "p", Name: "mail"}}
	check(t, []decision{
		{"everything given is withdrawn", []person.Event{act(person.Given, at)}, person.WithdrawAll{DecidedAt: at, At: at}, []person.Event{person.AllWithdrawn{Purposes: mail, DecidedAt: at, RecordedAt: at}}, nil},
		{"what was only offered is withdrawn too", []person.Event{act(person.Offered, at)}, person.WithdrawAll{DecidedAt: at, At: at}, []person.Event{person.AllWithdrawn{Purposes: mail, DecidedAt: at, RecordedAt: at}}, nil},
		{"the wish is recorded where nothing was given", []person.Event{act(person.Refused, at)}, person.WithdrawAll{DecidedAt: at, At: at}, []person.Event{person.AllWithdrawn{DecidedAt: at, RecordedAt: at}}, nil},
		{"and of somebody of whom nothing is known", nil, person.WithdrawAll{DecidedAt: at, At: at}, []person.Event{person.AllWithdrawn{DecidedAt: at, RecordedAt: at}}, nil},
		{"an older wish than one that is known changes nothing", []person.Event{person.AllWithdrawn{DecidedAt: at, RecordedAt: at}}, person.WithdrawAll{DecidedAt: at.Add(-1), At: at}, nil, nil},
		{"what was given after the act stays", []person.Event{later}, person.WithdrawAll{DecidedAt: at, At: at.Add(2 * time.Hour)}, []person.Event{person.AllWithdrawn{DecidedAt: at, RecordedAt: at.Add(2 * time.Hour)}}, nil},
		{"a withdrawal lies not ahead", nil, person.WithdrawAll{DecidedAt: at.Add(1), At: at}, nil, person.ErrInFuture},
		{"a version is accepted", nil, accept, []person.Event{accepted}, nil},
		{"a version is accepted once", []person.Event{accepted}, accept, nil, nil},
		{"use before posting accepts nothing", restricted, early, []person.Event{person.AcceptanceRefused{Policy: "p", Reason: "VERSION_NOT_POSTED"}}, person.ErrNotPosted},
		{"use is an acceptance of its own kind", []person.Event{accepted}, byUse, []person.Event{used}, nil},
		{"an explicit acceptance is shown", nil, unproven, nil, person.ErrNoEvidence},
		{"a signal is recorded as it came", nil, person.Receive{Policy: "p", Signals: []person.Received{{Signal: person.DNT}}, ReceivedAt: at, At: at}, []person.Event{person.SignalReceived{Policy: "p", Signal: person.DNT, ReceivedAt: at, RecordedAt: at}}, nil},
		{"a signal does not come from the future", nil, person.Receive{ReceivedAt: at.Add(1), At: at}, nil, person.ErrInFuture},
		{"a restriction", nil, apply(person.Restricted, "a"), []person.Event{fact(person.Restricted, "a")}, nil},
		{"the same restriction again", restricted, apply(person.Restricted, "a"), nil, nil},
		{"another restriction", restricted, apply(person.Restricted, "b"), []person.Event{fact(person.Restricted, "b")}, nil},
		{"its end", restricted, apply(person.Unrestricted, "a"), []person.Event{fact(person.Unrestricted, "a")}, nil},
		{"the end of what was none", restricted, apply(person.Unrestricted, "b"), nil, nil},
		{"an erasure is for good", []person.Event{fact(person.Erased, "a")}, apply(person.Erased, "b"), nil, nil},
	})
}

func TestOneDecisionIsEffective(t *testing.T) {
	at := noon()
	before, after := at.Add(-time.Hour), at.Add(time.Hour)
	topic := person.Topic{Policy: "p", Name: "mail"}
	for _, tc := range []struct {
		name   string
		events []person.Event
		want   person.Event
	}{
		{"the last act", []person.Event{act(person.Given, at), act(person.Withdrawn, after)}, act(person.Withdrawn, after)},
		{"the last act, though it was recorded first", []person.Event{act(person.Withdrawn, after), act(person.Given, at)}, act(person.Withdrawn, after)},
		{"a no of the same moment", []person.Event{act(person.Refused, at), act(person.Given, at)}, act(person.Refused, at)},
		{"a yes, then a no of the same moment", []person.Event{act(person.Given, at), act(person.Refused, at)}, act(person.Refused, at)},
		{"what was said, not what was implied later", []person.Event{act(person.Given, before), act(person.Given, at, implied)}, act(person.Given, before)},
		{"what was said after what was implied", []person.Event{act(person.Given, before, implied), act(person.Given, at)}, act(person.Given, at)},
		{"what was said, though it was recorded after what was implied later", []person.Event{act(person.Given, at, implied), act(person.Given, before)}, act(person.Given, before)},
		{"an offer takes nothing back", []person.Event{act(person.Withdrawn, before), act(person.Offered, at)}, act(person.Withdrawn, before)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s person.Person
			for _, ev := range tc.events {
				s = person.Evolve(s, ev)
			}
			want, _ := tc.want.(person.DecisionRecorded)
			if diff := cmp.Diff(want.Decision, s.Purposes[topic].Decision); diff != "" {
				t.Errorf("effective (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTwoGrantsNeverAddUp(t *testing.T) {
	at := noon()
	to := func(recipient string) func(*person.Decision) {
		return func(d *person.Decision) { d.Recipients = []string{recipient} }
	}
	var s person.Person
	for _, ev := range []person.Event{act(person.Given, at, to("a")), act(person.Given, at.Add(1), to("b"))} {
		s = person.Evolve(s, ev)
	}
	got := s.Purposes[person.Topic{Policy: "p", Name: "mail"}].Decision.Recipients
	if diff := cmp.Diff([]string{"b"}, got); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
}
