package carry_test

import (
	"strings"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/personal"
)

// systems has identity ask for Jane's erasure by itself, by a method of proof.
func systems(t *testing.T, w *fake.World, method string) es.Aggregate {
	t.Helper()
	return systemsUnder(t, w, method, request.Terms{Policy: "shop", Zone: "UTC", DueAt: w.Clock.Now().AddDate(0, 1, 0)})
}

func systemsUnder(t *testing.T, w *fake.World, method string, terms request.Terms) es.Aggregate {
	t.Helper()
	w.Peers.Set(func(p *fake.Peers) { p.Method, p.Level = method, 4 })
	agg := carry.RequestOf(fake.Tenant, es.DeriveID(fake.Tenant, "submit", "system"))
	now := w.Clock.Now()
	_, err := w.Handlers.Requests.Handle(t.Context(), agg, es.Command[request.Command]{
		ID: "system", At: now, Data: request.Submit{
			Right: request.Erasure, Kind: 1, Identifier: personal.Clear(fake.Jane), Channel: "system.age", Service: "identity",
			ReceivedAt: now, At: now, Terms: terms,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.Verify(agg)
	return agg
}

// corrected is a request of the system's own that a hold keeps waiting, until what
// it was made for is corrected, and the hold is released.
func corrected(t *testing.T, method string) (*fake.World, request.Request) {
	t.Helper()
	w, _, _ := world(t)
	w.Peers.Set(func(p *fake.Peers) { p.Held = true })
	agg := systems(t, w, method)
	w.Run(soon(w))
	if x := request.Explain(w.State(agg)); x.Actor != request.ActorRetention {
		t.Fatalf("under a hold: %+v", x)
	}
	w.Peers.Set(func(p *fake.Peers) { p.TakenBack = true })
	released(t, w)
	w.Run(soon(w))
	return w, w.State(agg)
}

// TestWhatIdentityTakesBackDestroysNothing: nobody had to prove anything for it, so
// identity is asked again before anything is destroyed.
func TestWhatIdentityTakesBackDestroysNothing(t *testing.T) {
	w, s := corrected(t, "system")
	if !s.Closed || s.Outcome != request.NotVerified || s.Unverified != "NOT_VOUCHED_FOR" || s.Forgotten || s.Destroys() {
		t.Errorf("closed %t as %d by %q, forgotten %t", s.Closed, s.Outcome, s.Unverified, s.Forgotten)
	}
	if !s.RestrictionEnded {
		t.Error("she stays restricted")
	}
	for _, n := range s.Notices {
		if n.Template != request.TemplateAcknowledged {
			t.Errorf("she is told %q of what she never asked", n.Template)
		}
	}
	for _, name := range []string{"shop", "crm"} {
		if h := w.Systems.Holders[name]; h.Of(fake.Jane) == 0 || h.Erasures > 0 {
			t.Errorf("%s: %d erasures, %d values are left", name, h.Erasures, h.Of(fake.Jane))
		}
	}
	asked := w.Peers.Asked[0]
	if asked.GetRight() != "erasure" || asked.GetSubmitter() != "identity" {
		t.Errorf("identity was asked for %q of %q", asked.GetRight(), asked.GetSubmitter())
	}
}

// TestWithoutAskingAgainACorrectionComesTooLate: whoever has proven who they are is
// not asked about again; so would the system's own request not be.
func TestWithoutAskingAgainACorrectionComesTooLate(t *testing.T) {
	w, s := corrected(t, "code")
	if s.Outcome == request.NotVerified || !s.Forgotten || w.Systems.Holders["shop"].Erasures == 0 {
		t.Errorf("closed as %d, forgotten %t", s.Outcome, s.Forgotten)
	}
}

// TestWhatHasBegunIsCarriedOut: half an erasure would be neither.
func TestWhatHasBegunIsCarriedOut(t *testing.T) {
	w, _, _ := world(t)
	w.Crash = func(at string) error {
		if strings.HasPrefix(at, carry.PointErased) {
			w.Peers.Set(func(p *fake.Peers) { p.TakenBack = true })
		}
		return nil
	}
	agg := systems(t, w, "system")
	w.Run(soon(w))
	checkErased(t, w, agg)
}

// TestWhatTheSystemAsksForIsHeldUntilItCanBeCorrected: a date of birth may be mistyped,
// or put in by somebody with a borrowed session. The twins are not corrected: one is
// erased when the hold has ended, one without a hold at once, and none can be cancelled.
func TestWhatTheSystemAsksForIsHeldUntilItCanBeCorrected(t *testing.T) {
	const days = 24 * time.Hour
	for _, tc := range []struct {
		name             string
		delay, due, held time.Duration
		corrected, gone  bool
	}{
		{"corrected in time", 3 * days, 10 * days, 3 * days, true, false},
		{"not corrected", 3 * days, 10 * days, 3 * days, false, true},
		{"no longer than the law leaves", 14 * days, 10 * days, 5 * days, false, true},
		{"a tenant that holds nothing", 0, 10 * days, 0, false, true},
		{"due already", 3 * days, -days, 0, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, _, _ := world(t)
			began := w.Clock.Now()
			agg := systemsUnder(t, w, request.MethodSystem, request.Terms{
				Policy: "shop", Zone: "UTC", DueAt: began.Add(tc.due), Level: 3, Delay: tc.delay,
			})
			if tc.held > 0 {
				w.Run(began.Add(tc.held - time.Hour))
				if s := w.State(agg); s.Placed || s.DelayChannels > 0 || len(s.Told()) > 0 {
					t.Errorf("an hour before: placed %t, told %v", s.Placed, s.Told())
				}
			}
			w.Peers.Set(func(p *fake.Peers) { p.TakenBack = tc.corrected })
			w.Run(began.Add(tc.held + 6*time.Hour))
			if s, n := w.State(agg), w.Systems.Holders["shop"].Erasures; s.Destroys() != tc.gone || n > 0 != tc.gone {
				t.Errorf("afterwards: destroys %t, %d erasures, %+v", s.Destroys(), n, request.Explain(s))
			}
		})
	}
}
