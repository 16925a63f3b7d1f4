package agent_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/identity/agent"

	"github.com/google/go-cmp/cmp"
)

var (
	noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	year = noon.AddDate(1, 0, 0)
	soon = noon.Add(time.Hour)
	keyA = []byte("key of A")
	keyB = []byte("key of B")
	acme = agent.Registered{ID: "ACME", Name: "Acme Agents", PerDay: 10, Public: keyA, From: noon, Until: year, By: "dpo", At: noon}
	gone = agent.WasRemoved{ID: "ACME", Reason: "contract_ended", By: "dpo", At: noon}
	held = agent.WasSuspended{ID: "ACME", Reason: "complaints", By: "dpo", At: noon}
	next = agent.KeyRotated{ID: "ACME", Number: 2, Public: keyB, From: noon, Until: year, FormerUntil: soon, By: "dpo", At: noon}
)

func events(e ...agent.Event) []agent.Event { return e }

func refused(r agent.Refusal) []agent.Event {
	return events(agent.Refused{ID: "ACME", Reason: string(r), By: "dpo"})
}

func many() (out []agent.Event) {
	for i := range agent.MaxAgents {
		out = append(out, agent.Registered{ID: string(rune('a' + i)), Public: []byte{byte(i)}, From: noon, Until: year})
	}
	return out
}

func TestDecide(t *testing.T) {
	register, rotate := agent.Register(acme), agent.RotateKey{ID: "ACME", Public: keyB, From: noon, Until: year, FormerUntil: soon, By: "dpo", At: noon}
	other := register
	other.Public = keyB
	again := rotate
	again.Public = keyA
	late := register
	late.Until = noon
	long := register
	long.Until = noon.AddDate(4, 0, 0)
	open := rotate
	open.FormerUntil = time.Time{}
	for _, tc := range []struct {
		name  string
		given []agent.Event
		when  agent.Command
		then  []agent.Event
		err   error
	}{
		{"an agent is registered", nil, register, events(acme), nil},
		{"an id is one agent's", events(acme), other, refused(agent.ErrExists), agent.ErrExists},
		{"also of one that was removed", events(acme, gone), other, refused(agent.ErrExists), agent.ErrExists},
		{"a key is one agent's", events(agent.Registered{ID: "OTHER", Public: keyA}), register, refused(agent.ErrKeyKnown), agent.ErrKeyKnown},
		{"agents are few", many(), register, refused(agent.ErrTooMany), agent.ErrTooMany},
		{"a key ends ahead", nil, late, nil, agent.ErrPeriod},
		{"and within three years", nil, long, nil, agent.ErrPeriod},
		{"a key is followed by another one", events(acme), rotate, events(next), nil},
		{"a key does not come back", events(acme), again, refused(agent.ErrKeyKnown), agent.ErrKeyKnown},
		{"it is said when the others end", events(acme), open, nil, agent.ErrPeriod},
		{"whoever was removed gets no key", events(acme, gone), rotate, refused(agent.ErrRemoved), agent.ErrRemoved},
		{"a stranger gets no key", nil, rotate, nil, agent.ErrNotFound},
		{"an agent is suspended", events(acme), agent.Suspend(held), events(held), nil},
		{"once", events(acme, held), agent.Suspend(held), nil, nil},
		{"a stranger is not", nil, agent.Suspend(held), nil, agent.ErrNotFound},
		{"whoever was removed is not", events(acme, gone), agent.Suspend(held), refused(agent.ErrRemoved), agent.ErrRemoved},
		{"an agent is reinstated", events(acme, held), agent.Reinstate{ID: "ACME", By: "dpo", At: noon}, events(agent.Reinstated{ID: "ACME", By: "dpo", At: noon}), nil},
		{"one that is active needs it not", events(acme), agent.Reinstate{ID: "ACME"}, nil, nil},
		{"whoever was removed stays so", events(acme, gone), agent.Reinstate{ID: "ACME", By: "dpo"}, refused(agent.ErrRemoved), agent.ErrRemoved},
		{"an agent is removed", events(acme), agent.Remove(gone), events(gone), nil},
		{"once and for all", events(acme, gone), agent.Remove(gone), nil, nil},
		{"a stranger is not removed", nil, agent.Remove(gone), nil, agent.ErrNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := agent.Decide(after(tc.given...), tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func after(events ...agent.Event) (d agent.Directory) {
	for _, ev := range events {
		d = agent.Evolve(d, ev)
	}
	return d
}

func TestMay(t *testing.T) {
	for _, tc := range []struct {
		name  string
		given []agent.Event
		key   uint32
		at    time.Time
		want  agent.Refusal
	}{
		{"an agent may ask by its key", events(acme), 1, noon, ""},
		{"not before the key counts", events(acme), 1, noon.Add(-time.Second), agent.ErrKeyEnded},
		{"nor at its end", events(acme), 1, year, agent.ErrKeyEnded},
		{"nor by a key that it has not", events(acme), 2, noon, agent.ErrKeyEnded},
		{"after a rotation both keys count", events(acme, next), 1, noon, ""},
		{"until the former one ends", events(acme, next), 1, soon, agent.ErrKeyEnded},
		{"and then the new one does", events(acme, next), 2, soon, ""},
		{"not while it is suspended", events(acme, held), 1, noon, agent.ErrSuspended},
		{"again once it is reinstated", events(acme, held, agent.Reinstated{ID: "ACME"}), 1, noon, ""},
		{"never after it was removed", events(acme, gone), 1, noon, agent.ErrRemoved},
		{"a refusal changes nothing", events(acme, agent.Refused{ID: "ACME"}), 1, noon, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := after(tc.given...).Find("ACME")
			if got := a.May(tc.key, tc.at); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	if (agent.Agent{}).May(1, noon) == "" {
		t.Error("nobody may ask")
	}
}
