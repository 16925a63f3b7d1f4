package carry_test

import (
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
)

const rules = `categories: [{id: user.financial}]
retention: [{rule: tax, category: user.financial}]
`

// misspelt makes a world in which a system's description calls what must be kept
// by a name that nobody knows.
func misspelt(t *testing.T, name string) (*fake.World, *fake.Holder) {
	t.Helper()
	w := fake.NewWorld(t)
	w.Peers.Document, w.Peers.Keep["user.financial"] = rules, true
	shop := w.AddSystem("shop")
	shop.Collection[1].Category = name
	for i, r := range shop.Rows {
		if r.Collection == "invoice" {
			shop.Rows[i].Values = map[string]string{name: "12.50"}
		}
	}
	return w, shop
}

func TestWhatNobodyKnowsIsNotErased(t *testing.T) {
	for name, want := range map[string]string{"user.finacial": "CATEGORY_UNKNOWN", "user": "CATEGORY_TOO_WIDE"} {
		t.Run(want, func(t *testing.T) {
			w, shop := misspelt(t, name)
			agg := erasure(w)
			w.Run(soon(w))
			s := w.State(agg)
			if x := request.Explain(s); s.Planned || x.Reason != want || x.NextTryAt.IsZero() || shop.Of(fake.Jane) != 2 {
				t.Fatalf("planned %t, %+v, %d values left of 2", s.Planned, x, shop.Of(fake.Jane))
			}
			shop.Set(func(h *fake.Holder) { // the description is mended
				h.Collection[1].Category = "user.financial"
				for i, r := range h.Rows {
					if r.Collection == "invoice" {
						h.Rows[i].Values = map[string]string{"user.financial": "12.50"}
					}
				}
			})
			w.Run(w.Clock.Now().Add(2 * time.Hour))
			s = w.State(agg)
			if s.Outcome != request.CompleteWithRetained || shop.Of(fake.Jane) != 1 {
				t.Errorf("ended as %d: %s; %d values left of 1", s.Outcome, outcomes(s), shop.Of(fake.Jane))
			}
		})
	}
}

func TestASystemThatIsAwayIsNotPlannedByNamesThatNobodyKnows(t *testing.T) {
	w, shop := misspelt(t, "user.finacial")
	shop.Down = connector.ErrUnreachable
	agg := erasure(w)
	w.Run(soon(w))
	if s := w.State(agg); s.Planned || request.Explain(s).Reason != "CATEGORY_UNKNOWN" {
		t.Errorf("planned %t, %+v", s.Planned, request.Explain(s))
	}
}

func TestARuleThatComesLaterStopsWhatItWouldPartlyKeep(t *testing.T) {
	w, shop := misspelt(t, "user")
	w.Peers.Document = "categories: [{id: user}]"
	shop.Broken = connector.ErrBusy
	agg := erasure(w)
	w.Run(soon(w))
	if s := w.State(agg); !s.Planned || request.Explain(s).Reason != "SYSTEM_BUSY" {
		t.Fatalf("planned %t, %+v", s.Planned, request.Explain(s))
	}
	w.Peers.Set(func(p *fake.Peers) { p.Document = rules })
	w.Restart() // what a version says never changes, but a test's may
	shop.Set(func(h *fake.Holder) { h.Broken = "" })
	w.Run(w.Clock.Now().Add(2 * time.Hour))
	if s := w.State(agg); request.Explain(s).Reason != "CATEGORY_TOO_WIDE" || shop.Of(fake.Jane) != 2 {
		t.Errorf("%+v, %d values left of 2", request.Explain(s), shop.Of(fake.Jane))
	}
}
