package check_test

import (
	"testing"
	"time"

	"habeas.internal/services/consent/check"

	"pgregory.net/rapid"
)

func TestUntilItsMomentAnAnswerStays(t *testing.T) {
	all := versions(t)
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, all)
		moment := rapid.Custom(func(t *rapid.T) time.Time {
			if rapid.Bool().Draw(t, "none") {
				return time.Time{}
			}
			return day(rapid.IntRange(0, 4).Draw(t, "day"))
		})
		if rapid.Bool().Draw(t, "given away") {
			d.ask.Action, d.ask.Recipient, d.ask.Origin = check.Disclose, "them", "us"
			d.ask.To = complete(rapid.SampledFrom([]string{"service_provider", "successor", "helper", "third_party"}).Draw(t, "kind"), d.ask)
			a := &d.ask.To.Agreement
			a.From, a.Until, a.Confirmed, a.MechanismUntil = moment.Draw(t, "from"), moment.Draw(t, "until"), moment.Draw(t, "confirmed"), moment.Draw(t, "mechanism")
			d.ask.To.Succession, d.who.Notified = moment.Draw(t, "succession"), moment.Draw(t, "notified")
		}
		if who, ok := d.who.Purposes[d.ask.Purpose]; ok {
			who.Until = moment.Draw(t, "consent ends")
			d.who.Purposes[d.ask.Purpose] = who
		}
		until := check.Until(d.policy, d.who, d.ask)
		want, later := check.Ask(d.policy, d.who, d.ask), d.ask
		for range 4 {
			later.At = d.ask.At.Add(time.Duration(rapid.IntRange(0, int(6*24*time.Hour)).Draw(t, "later")))
			if !until.IsZero() && !later.At.Before(until) {
				later.At = until.Add(-1)
			}
			if got := check.Ask(d.policy, d.who, later); got != want {
				t.Fatalf("until %s: %+v at %s, and %+v at %s", until, want, d.ask.At, got, later.At)
			}
		}
	})
}

func TestWhatEndsByItselfEndsAnAnswer(t *testing.T) {
	a := yes()
	a.give()
	for name, set := range map[string]func(at time.Time){
		"the agreement ends":       func(at time.Time) { a.q.To.Agreement.Until = at },
		"the mechanism ends":       func(at time.Time) { a.q.To.Agreement.MechanismUntil = at },
		"a version comes in force": func(at time.Time) { a.p.Versions = append(a.p.Versions, check.Version{Number: 2, InForce: at}) },
		"consent ends":             func(at time.Time) { a.decision(func(d *check.Decision) { d.Until = at }) },
		"the data is of tomorrow":  func(at time.Time) { a.q.CollectedAt = at },
	} {
		a = yes()
		a.give()
		if got := check.Until(a.p, a.who, a.q); !got.IsZero() {
			t.Errorf("%s: %s before", name, got)
		}
		set(day(25))
		if got := check.Until(a.p, a.who, a.q); !got.Equal(day(25)) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
