package person_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/retention/person"

	"pgregory.net/rapid"
)

// world is what an observer outside knows: which permits were handed out, and
// from when on which hold was said to be effective.
type world struct {
	s         person.Person
	now       time.Time
	handed    map[string]person.PermitGiven
	back      map[string]bool
	effective map[string]time.Time
	names     int
}

// TestNothingCanBeDestroyedWhileAHoldIsEffective runs any sequence of commands
// and plays the holder of every permit, who destroys whenever it is allowed to,
// by a clock that may be wrong by nearly the slack.
func TestNothingCanBeDestroyedWhileAHoldIsEffective(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := &world{now: noon(), handed: map[string]person.PermitGiven{}, back: map[string]bool{}, effective: map[string]time.Time{}}
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			w.now = w.now.Add(time.Duration(rapid.Int64Range(0, int64(25*time.Second)).Draw(r, "pause")))
			w.step(r)
			w.observe(r)
		}
	})
}

func (w *world) step(r *rapid.T) {
	w.names++
	name := fmt.Sprint(w.names)
	switch rapid.SampledFrom([]string{"place", "review", "call", "release", "permit", "permit", "permit", "end"}).Draw(r, "step") {
	case "place":
		w.do(r, person.PlaceHold{Hold: name, Ground: "g", Authority: "a", ReviewAt: w.now.Add(time.Hour), At: w.now})
	case "review":
		if len(w.s.Holds) > 0 {
			w.do(r, person.ReviewHold{Hold: rapid.SampledFrom(w.s.Holds).Draw(r, "hold").ID, ReviewAt: w.now.Add(time.Minute), At: w.now})
		}
	case "call":
		if len(w.s.Holds) > 0 {
			w.do(r, person.CallReview{Hold: rapid.SampledFrom(w.s.Holds).Draw(r, "hold").ID, At: w.now})
		}
	case "release":
		if len(w.s.Holds) > 0 {
			hold := rapid.SampledFrom(w.s.Holds).Draw(r, "hold").ID
			w.do(r, person.ReleaseHold{Hold: hold, At: w.now})
			delete(w.effective, hold)
		}
	case "permit":
		w.do(r, person.RequestPermit{
			Permit: name, Request: rapid.SampledFrom([]string{"r1", "r2"}).Draw(r, "request"),
			System: rapid.SampledFrom([]string{"crm", "shop"}).Draw(r, "system"), At: w.now,
		})
	case "end":
		if len(w.s.Permits) > 0 {
			w.do(r, person.EndPermit{Permit: rapid.SampledFrom(w.s.Permits).Draw(r, "permit").ID, At: w.now})
		}
	}
}

// do decides, checks that a repeat adds nothing new, and notes what an
// observer learns.
func (w *world) do(r *rapid.T, cmd person.Command) {
	events, err := person.Decide(w.s, cmd)
	for _, ev := range events {
		w.s = person.Evolve(w.s, ev)
		switch e := ev.(type) { //nolint:gochecksumtype // the others are no part of the protocol
		case person.PermitGiven:
			w.handed[e.Permit] = e
		case person.PermitEnded:
			w.back[e.Permit] = true
		case person.HoldPlaced, person.HoldReviewed, person.HoldReviewDue, person.HoldReleased, person.PermitRefused:
		}
	}
	again, _ := person.Decide(w.s, cmd)
	if err == nil && len(again) > 0 {
		r.Fatalf("%T repeated does something", cmd)
	}
}

func (w *world) observe(r *rapid.T) {
	var open []string
	for _, h := range w.s.Holds {
		e := w.s.Effect(h.ID, w.now)
		if e.Effective && w.effective[h.ID].IsZero() {
			w.effective[h.ID] = w.now
		}
		if !e.Effective && h.Binds() && w.now.Sub(h.PlacedAt) >= time.Minute {
			r.Fatalf("hold %s is not effective after a minute", h.ID)
		}
		if since, ok := w.effective[h.ID]; ok && !e.Effective && h.Binds() {
			r.Fatalf("hold %s was effective at %s and is no longer", h.ID, since)
		}
	}
	wrong := rapid.Int64Range(0, int64(person.Slack-1)).Draw(r, "wrong clock")
	for id, p := range w.handed {
		if !w.back[id] && w.now.Add(-time.Duration(wrong)).Before(p.ExpiresAt) {
			open = append(open, p.Request+"/"+p.System)
		}
	}
	if len(open) > 0 && len(w.effective) > 0 {
		r.Fatalf("%v may be destroyed while a hold is effective", open)
	}
	slices.Sort(open)
	if both := slices.Compact(slices.Clone(open)); len(both) != len(open) {
		r.Fatalf("two permits at once: %v", open)
	}
}

// TestTheStateStaysSmall: however many permits are given, the state keeps the
// last ones, and never forgets an open one.
func TestTheStateStaysSmall(t *testing.T) {
	var s person.Person
	now := noon()
	for i := range 500 {
		now = now.Add(5 * time.Second)
		id := fmt.Sprint(i)
		s = person.Evolve(s, given(id, id, "shop", now))
		if i%3 == 0 {
			s = person.Evolve(s, person.PermitEnded{Permit: id})
		}
		for back := 0; back < 11 && back <= i; back++ {
			if _, ok := s.Permit(fmt.Sprint(i - back)); !ok && (i-back)%3 != 0 {
				t.Fatalf("permit %d is forgotten at %d", i-back, i)
			}
		}
	}
	if len(s.Permits) > 64 {
		t.Errorf("%d permits are kept", len(s.Permits))
	}
}
