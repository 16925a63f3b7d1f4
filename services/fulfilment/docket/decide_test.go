package docket_test

import (
	"testing"
	"time"

	"habeas.internal/services/fulfilment/docket"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func entered(request string, r docket.Right, p docket.Place, behind string) docket.Event {
	return docket.Entered{Request: request, Right: r, Place: p, Behind: behind}
}

func TestAMandateIsTakenBack(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	decided(t, []decision{
		{
			"a mandate is taken back", nil,
			docket.RevokeAgent{Agent: "A", At: noon},
			[]docket.Event{docket.AgentRevoked{Agent: "A", At: noon}},
		},
		{"once", []docket.Event{docket.AgentRevoked{Agent: "A", At: noon}}, docket.RevokeAgent{Agent: "A", At: noon}, nil},
		{
			"what an agent asked before its mandate was taken back gets no place",
			[]docket.Event{docket.AgentRevoked{Agent: "A", At: noon}},
			docket.Enter{Request: "a", Right: docket.Erasure, Agent: "A", Asked: noon},
			nil,
		},
		{
			"what it asks later does",
			[]docket.Event{docket.AgentRevoked{Agent: "A", At: noon}},
			docket.Enter{Request: "a", Right: docket.Erasure, Agent: "A", Asked: noon.Add(1)},
			[]docket.Event{docket.Entered{Request: "a", Right: docket.Erasure, Place: docket.Active, Agent: "A", Asked: noon.Add(1)}},
		},
		{
			"and what another one asks",
			[]docket.Event{docket.AgentRevoked{Agent: "A", At: noon}},
			docket.Enter{Request: "a", Right: docket.Erasure, Agent: "B", Asked: noon},
			[]docket.Event{docket.Entered{Request: "a", Right: docket.Erasure, Place: docket.Active, Agent: "B", Asked: noon}},
		},
		{
			"and the person themselves",
			[]docket.Event{docket.AgentRevoked{Agent: "A", At: noon}},
			docket.Enter{Request: "a", Right: docket.Erasure},
			[]docket.Event{entered("a", docket.Erasure, docket.Active, "")},
		},
	})
}

func TestDecide(t *testing.T) {
	active := entered("a", docket.Erasure, docket.Active, "")
	duplicate := entered("b", docket.Erasure, docket.Duplicate, "a")
	decided(t, []decision{
		{"the first request is active", nil, docket.Enter{Request: "a", Right: docket.Erasure}, []docket.Event{active}},
		{"entering twice is a no-op", []docket.Event{active}, docket.Enter{Request: "a", Right: docket.Erasure}, nil},
		{"the same right again is a duplicate", []docket.Event{active}, docket.Enter{Request: "b", Right: docket.Erasure}, []docket.Event{duplicate}},
		{
			"an erasure that has not begun yields to an access",
			[]docket.Event{active},
			docket.Enter{Request: "c", Right: docket.Access},
			[]docket.Event{docket.Yielded{Request: "a", To: "c"}, entered("c", docket.Access, docket.Active, "")},
		},
		{
			"an erasure waits for an access",
			[]docket.Event{entered("c", docket.Access, docket.Active, "")},
			docket.Enter{Request: "a", Right: docket.Erasure},
			[]docket.Event{entered("a", docket.Erasure, docket.Behind, "c")},
		},
		{"a stranger who leaves is nobody", []docket.Event{active}, docket.Leave{Request: "x", Fulfilled: true}, nil},
		{"a request that left does not come back", []docket.Event{active, docket.Left{Request: "a"}}, docket.Enter{Request: "a", Right: docket.Erasure}, nil},
		{
			"a request that was carried out answers its duplicates",
			[]docket.Event{active, duplicate},
			docket.Leave{Request: "a", Fulfilled: true},
			[]docket.Event{docket.Left{Request: "a", Fulfilled: true}, docket.Answered{Request: "b", With: "a"}},
		},
		{
			"one that was not is replaced by its duplicate",
			[]docket.Event{active, duplicate},
			docket.Leave{Request: "a"},
			[]docket.Event{docket.Left{Request: "a"}, docket.Promoted{Request: "b"}},
		},
		{
			"an access goes before an erasure that waits",
			[]docket.Event{
				entered("a", docket.Access, docket.Active, ""), entered("e", docket.Erasure, docket.Behind, "a"),
				entered("f", docket.Access, docket.Duplicate, "a"),
			},
			docket.Leave{Request: "a"},
			[]docket.Event{docket.Left{Request: "a"}, docket.Promoted{Request: "f"}},
		},
		{
			"a duplicate that leaves changes nothing for the others",
			[]docket.Event{active, duplicate},
			docket.Leave{Request: "b"},
			[]docket.Event{docket.Left{Request: "b"}},
		},
	})
}

func TestDecideWhoMayDestroy(t *testing.T) {
	active := entered("a", docket.Erasure, docket.Active, "")
	decided(t, []decision{
		{
			"an access waits for an erasure that has begun",
			[]docket.Event{active, docket.Begun{Request: "a"}},
			docket.Enter{Request: "c", Right: docket.Access},
			[]docket.Event{entered("c", docket.Access, docket.Behind, "a")},
		},
		{"an active request may begin", []docket.Event{active}, docket.Begin{Request: "a"}, []docket.Event{docket.Begun{Request: "a"}}},
		{
			"one that a hold binds gives its turn to an access that waits, whatever it has begun",
			[]docket.Event{active, docket.Begun{Request: "a"}, entered("c", docket.Access, docket.Behind, "a")},
			docket.Pause{Request: "a"},
			[]docket.Event{docket.Yielded{Request: "a", To: "c"}, docket.Promoted{Request: "c"}},
		},
		{"nobody waits for one that a hold binds", []docket.Event{active, docket.Begun{Request: "a"}}, docket.Pause{Request: "a"}, nil},
		{"it begins once", []docket.Event{active, docket.Begun{Request: "a"}}, docket.Begin{Request: "a"}, nil},
		{
			"one that has yielded may not begin",
			[]docket.Event{active, docket.Yielded{Request: "a", To: "c"}, entered("c", docket.Access, docket.Active, "")},
			docket.Begin{Request: "a"},
			nil,
		},
		{
			"an erasure that has yielded goes on when the access has ended",
			[]docket.Event{active, docket.Yielded{Request: "a", To: "c"}, entered("c", docket.Access, docket.Active, "")},
			docket.Leave{Request: "c", Fulfilled: true},
			[]docket.Event{docket.Left{Request: "c", Fulfilled: true}, docket.Promoted{Request: "a"}},
		},
		{
			"a second access is a duplicate of the one that was let through",
			[]docket.Event{active, docket.Yielded{Request: "a", To: "c"}, entered("c", docket.Access, docket.Active, "")},
			docket.Enter{Request: "d", Right: docket.Access},
			[]docket.Event{entered("d", docket.Access, docket.Duplicate, "c")},
		},
		{
			"an erasure of a person who was erased is answered with that",
			[]docket.Event{active, docket.Left{Request: "a", Fulfilled: true}},
			docket.Enter{Request: "b", Right: docket.Erasure},
			[]docket.Event{docket.Answered{Request: "b", With: "a"}},
		},
	})
}

func TestAListOfDisclosuresIsMadeOnceAYear(t *testing.T) {
	enter := func(request, topic string) docket.Enter {
		return docket.Enter{Request: request, Right: docket.DisclosureList, Topic: topic}
	}
	active := docket.Entered{Request: "a", Right: docket.DisclosureList, Topic: "p/2025", Place: docket.Active}
	left := docket.Left{Request: "a", Fulfilled: true}
	anew := enter("b", "p/2025")
	anew.Anew = true
	decided(t, []decision{
		{"the first is active", nil, enter("a", "p/2025"), []docket.Event{active}},
		{
			"a second in the same year waits for its answer",
			[]docket.Event{active},
			enter("b", "p/2025"),
			[]docket.Event{docket.Entered{Request: "b", Right: docket.DisclosureList, Topic: "p/2025", Place: docket.Duplicate, Behind: "a"}},
		},
		{
			"and has it once it is there",
			[]docket.Event{active, left},
			enter("b", "p/2025"),
			[]docket.Event{docket.Answered{Request: "b", With: "a"}},
		},
		{
			"another year is another list",
			[]docket.Event{active, left},
			enter("b", "p/2026"),
			[]docket.Event{docket.Entered{Request: "b", Right: docket.DisclosureList, Topic: "p/2026", Place: docket.Active}},
		},
		{
			"one that was not answered answers nobody",
			[]docket.Event{active, docket.Left{Request: "a"}},
			enter("b", "p/2025"),
			[]docket.Event{docket.Entered{Request: "b", Right: docket.DisclosureList, Topic: "p/2025", Place: docket.Active}},
		},
		{
			"an answer that is gone is given anew",
			[]docket.Event{active, left},
			anew,
			[]docket.Event{docket.Entered{Request: "b", Right: docket.DisclosureList, Topic: "p/2025", Place: docket.Active}},
		},
		{
			"an accounting is made as often as it is asked for",
			[]docket.Event{docket.Entered{Request: "a", Right: docket.Accounting, Place: docket.Active}, left},
			docket.Enter{Request: "b", Right: docket.Accounting},
			[]docket.Event{docket.Entered{Request: "b", Right: docket.Accounting, Place: docket.Active}},
		},
		{
			"an erasure that has not begun yields to a list",
			[]docket.Event{docket.Entered{Request: "e", Right: docket.Erasure, Place: docket.Active}},
			enter("a", "p/2025"),
			[]docket.Event{docket.Yielded{Request: "e", To: "a"}, active},
		},
	})
}

type decision struct {
	name  string
	given []docket.Event
	when  docket.Command
	then  []docket.Event
}

func decided(t *testing.T, cases []decision) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			got, err := docket.Decide(fold(tc.given), tc.when)
			if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func fold(events []docket.Event) docket.Docket {
	var s docket.Docket
	for _, ev := range events {
		s = docket.Evolve(s, ev)
	}
	return s
}

// TestOneIsActiveAndNobodyIsForgotten lets requests come and go in any order.
func TestOneIsActiveAndNobodyIsForgotten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s docket.Docket
		names := []string{"a", "b", "c", "d", "e", "f"}
		for range rapid.IntRange(1, 40).Draw(t, "commands") {
			name := rapid.SampledFrom(names).Draw(t, "request")
			var cmd docket.Command = docket.Enter{Request: name, Right: rapid.SampledFrom([]docket.Right{docket.Access, docket.Erasure}).Draw(t, "right")}
			if rapid.Bool().Draw(t, "leaves") {
				cmd = docket.Leave{Request: name, Fulfilled: rapid.Bool().Draw(t, "fulfilled")}
			}
			if rapid.IntRange(0, 4).Draw(t, "begins") == 0 {
				cmd = docket.Begin{Request: name}
			}
			events, err := docket.Decide(s, cmd)
			if err != nil {
				t.Fatal(err)
			}
			for _, ev := range events {
				s = docket.Evolve(s, ev)
			}
			active := 0
			for _, e := range s.Entries {
				if e.Place == docket.Active {
					active++
				}
			}
			if active > 1 || (active == 0 && len(s.Entries) > 0) {
				t.Fatalf("%d of %d are active: %v", active, len(s.Entries), s.Entries)
			}
			for _, e := range s.Entries {
				if _, there := s.Find(e.Behind); e.Place == docket.Duplicate && !there {
					t.Fatalf("%s waits for one that is gone: %v", e.Request, s.Entries)
				}
			}
		}
	})
}
