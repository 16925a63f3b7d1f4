package person

import "time"

// Expire records what has ended by its time.
type Expire struct{ At time.Time }

func (Expire) command() {}

// expire records nothing of somebody who was erased.
func expire(s Person, c Expire) []Event {
	if s.Erased {
		return nil
	}
	return expired(s, c.At)
}

// Ending is a yes that ends by its time, of which that was not recorded yet.
type Ending struct {
	Topic
	Explicit             bool
	DecidedAt, ExpiresAt time.Time
}

// Endings are what of a person will end, after one more event. It knows no more of
// the person than before says: what it returns may be in force no more, and nothing
// that will end is missing.
func Endings(before []Ending, ev Event) []Ending {
	recorded, ok := ev.(DecisionRecorded)
	if len(before) == 0 && (!ok || recorded.Decision.ExpiresAt.IsZero()) {
		return nil
	}
	s := Person{Purposes: map[Topic]Purpose{}}
	for _, e := range before {
		s.Purposes[e.Topic] = Purpose{Decision: Decision{Status: Given, Explicit: e.Explicit, DecidedAt: e.DecidedAt, ExpiresAt: e.ExpiresAt}}
	}
	if s = Evolve(s, ev); s.Erased {
		return nil
	}
	var out []Ending
	for _, t := range s.topics(func(p Purpose) bool { return p.Decision.ending() }) {
		d := s.Purposes[t].Decision
		out = append(out, Ending{Topic: t, Explicit: d.Explicit, DecidedAt: d.DecidedAt, ExpiresAt: d.ExpiresAt})
	}
	return out
}

// ending reports whether a decision has an end to come, or to be recorded.
func (d Decision) ending() bool { return d.gives() && d.Status != Expired && !d.ExpiresAt.IsZero() }
