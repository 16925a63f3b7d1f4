package carry_test

import (
	"slices"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

func TestNothingCountsAsErasedThatNoTryHasErased(t *testing.T) {
	w, shop, _ := world(t)
	w.Peers.Keep = map[string]bool{}
	shop.Set(func(h *fake.Holder) { h.Broken = connector.ErrBusy })
	later := erasure(w)
	w.Run(w.Clock.Now().Add(time.Minute))
	w.Peers.Set(func(p *fake.Peers) { delete(p.Known, fake.Jane); p.Known["jane.new@example.com"] = fake.JaneRef })
	shop.Set(func(h *fake.Holder) { h.Broken = "" })
	w.Run(soon(w))
	s := w.State(later)
	if s.Outcome != request.CompleteWithRetained || shop.Of(fake.Jane) != 2 {
		t.Errorf("ended as %d with %d values of hers in the shop: %s", s.Outcome, shop.Of(fake.Jane), outcomes(s))
	}
	for _, l := range s.LeavesOf("shop") {
		if l.RowsFound > 0 && (l.Outcome != request.Retained || l.Because.Reason != request.NoLongerFound) {
			t.Errorf("%s ended as %d: %+v", l.Collection, l.Outcome, l.Because)
		}
	}
}

func TestWhatIsErasedLateIsRememberedForAsLongAsItsBackupsLive(t *testing.T) {
	w, shop, _ := world(t)
	shop.Set(func(h *fake.Holder) { h.Broken = connector.ErrBusy })
	later := erasure(w)
	w.Run(w.Clock.Now().Add(time.Minute))
	w.Clock.To(w.Clock.Now().Add(60 * day)) // nobody was at work
	shop.Set(func(h *fake.Holder) { h.Broken = "" })
	w.Peers.Set(func(p *fake.Peers) { p.Away["ForgetSubject"] = true })
	w.Run(w.Clock.Now().Add(2 * time.Hour))
	s := w.State(later)
	if until := w.Peers.Remembered["shop.customer.email="+fake.Jane]; shop.Erasures == 0 || until.Before(w.Clock.Now().AddDate(0, 0, 30)) {
		t.Errorf("erased %d times, remembered until %s, though backups live for 30 days from now, %s", shop.Erasures, until, w.Clock.Now())
	}
	w.Peers.Set(func(p *fake.Peers) { p.Away["ForgetSubject"], p.Held = false, true })
	w.Clock.To(w.Clock.Now().Add(60 * day))
	w.Run(w.Clock.Now().Add(day))
	release(t, w)
	w.Run(w.Clock.Now().Add(time.Hour))
	s = w.State(later)
	if until := w.Peers.Remembered["habeas.identifier.email="+fake.Jane]; !s.Closed || until.Before(s.ClosedAt.AddDate(0, 0, 30)) {
		t.Errorf("closed %t at %s, her address is remembered until %s", s.Closed, s.ClosedAt, until)
	}
}

func TestNobodyIsForgottenUnderAnAccessThatGoesFirst(t *testing.T) {
	w, shop, crm := world(t)
	for _, h := range []*fake.Holder{shop, crm} { // all that is held must be kept
		h.Rows = h.Rows[1:2]
	}
	access := es.DeriveID(fake.Tenant, "submit", "a")
	at := func(id string, cmd docket.Command) {
		_, err := w.Handlers.Dockets.Handle(t.Context(), carry.DocketOf(fake.Tenant, fake.JaneRef), es.Command[docket.Command]{
			ID: id, At: w.Clock.Now(), Data: cmd,
		})
		if err != nil {
			t.Error(err)
		}
	}
	came := false
	w.Crash = func(here string) error {
		if here == carry.PointCompleted && !came {
			came = true
			at("enter", docket.Enter{Request: access, Right: docket.Access})
		}
		return nil
	}
	later := erasure(w)
	w.Settle()
	forgot := func() bool { return slices.Contains(w.Peers.Seen(), "ForgetSubject "+fake.JaneRef) }
	if s := w.State(later); !came || forgot() || s.Stage() != request.Waiting || s.Behind != access {
		t.Fatalf("forgotten %t; the erasure is at %d behind %q", forgot(), s.Stage(), s.Behind)
	}
	at("leave", docket.Leave{Request: access, Fulfilled: true})
	w.Run(soon(w))
	if s := w.State(later); !forgot() || s.Outcome != request.CompleteWithRetained {
		t.Errorf("forgotten %t; the erasure ended as %d", forgot(), s.Outcome)
	}
}

func TestAHoldThatComesAfterTheForgettingKeepsNobodyWaiting(t *testing.T) {
	w, _, _ := world(t)
	crashed := false
	w.Crash = func(at string) error {
		if at == carry.PointForgotten && !crashed {
			crashed = true
			w.Peers.Set(func(p *fake.Peers) { p.Held = true })
			w.Clock.To(w.Clock.Now().Add(2 * time.Minute))
			return fake.ErrCrash
		}
		return nil
	}
	later := erasure(w)
	w.Run(soon(w))
	checkErased(t, w, later)
}
