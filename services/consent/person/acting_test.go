package person_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/consent/person"
)

func TestWhoActsForAPersonNeedsTheAuthorityForIt(t *testing.T) {
	no := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	now := no.AddDate(0, 1, 0)
	young, grown := aged(true), aged(false)
	parent, guardian, agent, consent := person.Acting{By: person.Parent}, person.Acting{By: person.LegalGuardian}, person.Acting{By: person.Representative}, person.Acting{By: person.ParentalConsent}
	internal, covered, elsewhere := young(consent), young(parent), young(parent)
	internal.Internal, covered.Overrides, elsewhere.Decided = true, []time.Time{no}, true
	for _, tc := range []struct {
		name       string
		actor      person.Actor
		acting     person.Acting
		status     person.Status
		recipients []string
		said       bool // the person had said no
		want       person.Refusal
	}{
		{"nobody may act for the person", person.Guardian, person.Acting{}, person.Withdrawn, nil, false, person.ErrNoMandate},
		{"somebody else may", person.Guardian, person.Acting{Others: true}, person.Withdrawn, nil, false, person.ErrOtherMandate},
		{"a representative is no guardian", person.Guardian, young(agent), person.Given, nil, false, person.ErrOtherMandate},
		{"a parent is no agent", person.Agent, young(parent), person.Given, nil, false, person.ErrOtherMandate},
		{"a parent agrees for a child", person.Guardian, young(parent), person.Given, nil, false, ""},
		{"a parent whose consent alone is known agrees for a child", person.Guardian, young(consent), person.Given, nil, false, ""},
		{"a parent agrees for somebody who decides", person.Guardian, grown(parent), person.Given, nil, false, person.ErrOfAge},
		{"a parent offers to somebody who decides", person.Guardian, grown(parent), person.Offered, nil, false, person.ErrOfAge},
		{"a parent agrees for somebody whose age nobody knows", person.Guardian, parent, person.Given, nil, false, person.ErrAgeUnknown},
		{"a parent withdraws for somebody whose age nobody knows", person.Guardian, parent, person.Withdrawn, nil, false, ""},
		{"a parent lets others have data", person.Guardian, young(consent), person.Given, []string{"helper"}, false, ""},
		{"a parent by an e-mail lets others have data", person.Guardian, internal, person.Given, []string{"helper"}, false, person.ErrInternal},
		{"a parent by an e-mail agrees", person.Guardian, internal, person.Given, nil, false, ""},
		{"a legal guardian agrees for a grown person", person.Guardian, grown(guardian), person.Given, nil, false, ""},
		{"a legal guardian agrees where age is unknown", person.Guardian, guardian, person.Given, nil, false, ""},
		{"a legal guardian, against the person's no", person.Guardian, grown(guardian), person.Given, nil, true, person.ErrDecided},
		{"a parent, against a no that the child decided on", person.Guardian, young(parent), person.Given, nil, true, person.ErrDecided},
		{"a parent, against a no that was not the child's to decide", person.Guardian, covered, person.Given, nil, true, ""},
		{"a parent, against a no by another reference", person.Guardian, elsewhere, person.Given, nil, false, person.ErrDecided},
		{"a representative agrees for a child", person.Agent, young(agent), person.Given, nil, false, ""},
		{"a representative agrees for somebody who decides", person.Agent, grown(agent), person.Given, nil, false, person.ErrAgentAgrees},
		{"a representative refuses for somebody who decides", person.Agent, grown(agent), person.Refused, nil, false, ""},
		{"the person, whom nobody needs to ask", person.Self, person.Acting{}, person.Given, nil, true, ""},
		{"staff, as the person told them", person.Staff, person.Acting{}, person.Given, nil, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := person.Person{Since: no, Purposes: map[person.Topic]person.Purpose{}}
			if tc.said {
				s.Purposes[person.Topic{Policy: "p", Name: "news"}] = person.Purpose{Decision: person.Decision{Status: person.Withdrawn, Explicit: true, DecidedAt: no}}
			}
			events, err := person.Decide(s, person.Record{
				Policy: "p", Version: 1, Evidence: "e", DecidedAt: now, At: now, Acting: tc.acting,
				Circumstances: person.Circumstances{Actor: tc.actor},
				Choices:       []person.Choice{{Purpose: "news", Known: true, Status: tc.status, Explicit: true, Recipients: tc.recipients}},
			})
			if tc.want == "" && err == nil {
				recordedBy(t, events[0], tc.actor, tc.acting)
				return
			}
			if !errors.Is(err, tc.want) || len(events) != 1 || events[0] != (person.DecisionRefused{Policy: "p", Reason: tc.want.Reason()}) {
				t.Errorf("%v, error %v", events, err)
			}
		})
	}
}

// aged is somebody who acts for a person whose age is known.
func aged(young bool) func(person.Acting) person.Acting {
	return func(a person.Acting) person.Acting { a.AgeKnown, a.Young = true, young; return a }
}

// recordedBy: the act says by what a guardian or an agent acted, and of nobody else.
func recordedBy(t *testing.T, ev person.Event, actor person.Actor, acting person.Acting) {
	t.Helper()
	want := acting.By
	if actor != person.Guardian && actor != person.Agent {
		want = 0
	}
	if rec, ok := ev.(person.DecisionRecorded); !ok || rec.Circumstances.Authority != want {
		t.Errorf("recorded %+v", ev)
	}
}

func TestWhoWithdrawsAllForAPersonNeedsAuthority(t *testing.T) {
	now := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	s := person.Person{Since: now}
	all := person.WithdrawAll{DecidedAt: now, At: now, Circumstances: person.Circumstances{Actor: person.Guardian}}
	if events, err := person.Decide(s, all); !errors.Is(err, person.ErrNoMandate) || len(events) != 1 {
		t.Errorf("%v, error %v", events, err)
	}
	all.Acting = person.Acting{By: person.Parent}
	events, err := person.Decide(s, all)
	if err != nil || len(events) != 1 || events[0].(person.AllWithdrawn).Circumstances.Authority != person.Parent {
		t.Errorf("%v, error %v", events, err)
	}
}
