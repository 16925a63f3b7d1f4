package agent

import (
	"slices"
	"time"
)

// Evolve folds one event into the state.
func Evolve(d Directory, ev Event) Directory {
	switch e := ev.(type) {
	case Registered:
		d.Agents = append(slices.Clip(d.Agents), Agent{
			ID: e.ID, Name: e.Name, Web: e.Web, PerDay: e.PerDay, Status: Active,
			Keys: []Key{{Number: 1, Public: e.Public, From: e.From, Until: e.Until}},
		})
	case KeyRotated:
		d.Agents = changed(d.Agents, e.ID, func(a *Agent) {
			keys := slices.Clone(a.Keys)
			for i := range keys {
				keys[i].Until = earlier(keys[i].Until, e.FormerUntil)
			}
			a.Keys = append(keys, Key{Number: e.Number, Public: e.Public, From: e.From, Until: e.Until})
		})
	case WasSuspended:
		d.Agents = changed(d.Agents, e.ID, func(a *Agent) { a.Status, a.Reason = Suspended, e.Reason })
	case Reinstated:
		d.Agents = changed(d.Agents, e.ID, func(a *Agent) { a.Status, a.Reason = Active, "" })
	case WasRemoved:
		d.Agents = changed(d.Agents, e.ID, func(a *Agent) { a.Status, a.Reason = Removed, e.Reason })
	case Refused:
	}
	return d
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// changed is a copy of the agents in which f has changed that of an id.
func changed(agents []Agent, id string, f func(*Agent)) []Agent {
	out := slices.Clone(agents)
	for i := range out {
		if out[i].ID == id {
			f(&out[i])
		}
	}
	return out
}
