package carry_test

import (
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
)

func TestACategoryThatNobodyKnowsIsNamedWithItsSystem(t *testing.T) {
	w, _ := misspelt(t, "user.finacial")
	agg := erasure(w)
	w.Run(soon(w))
	x := request.Explain(w.State(agg))
	if x.Actor != request.ActorOwner || x.System != "shop" || x.Category != "user.finacial" || x.Reason != "CATEGORY_UNKNOWN" || x.Awaited != "plan.retry" {
		t.Errorf("explained as %+v", x)
	}
}

func TestWhereNoSystemIsRegisteredItsOwnersAreWaitedFor(t *testing.T) {
	w := fake.NewWorld(t)
	agg := erasure(w)
	w.Run(soon(w))
	if x := request.Explain(w.State(agg)); x.Actor != request.ActorOwner || x.Awaited != "system.register" || x.Reason != request.NoSystems || x.NextTryAt.IsZero() {
		t.Errorf("explained as %+v", x)
	}
	w.AddSystem("shop")
	w.Run(w.Clock.Now().Add(time.Hour))
	if s := w.State(agg); !s.Closed || len(s.Leaves) == 0 {
		t.Errorf("once there is a system: %s; %+v", outcomes(s), request.Explain(s))
	}
}

func TestAnAccessNamesTheSystemThatItCannotBeCollectedFrom(t *testing.T) {
	for _, reason := range []connector.Error{connector.ErrUnreachable, connector.ErrBusy} {
		w, _, crm := world(t)
		crm.Set(func(h *fake.Holder) { h.Down = reason })
		agg := w.Submit(request.Access, "a")
		w.Settle()
		w.Verify(agg)
		w.Run(soon(w))
		if x := request.Explain(w.State(agg)); x.Actor != request.ActorSystem || x.System != "crm" || x.Reason != reason.Reason() {
			t.Errorf("explained as %+v", x)
		}
	}
}

func TestWhileAPermitOfADeadProcessIsOpenItsEndIsWaitedFor(t *testing.T) {
	w, _, _ := world(t)
	agg := erasure(w)
	w.Crash = func(at string) error {
		if at == carry.PointSuppressed {
			return fake.ErrCrash
		}
		return nil
	}
	w.Settle()
	s := w.State(agg)
	if x := request.Explain(s); x.Reason != request.PermitOpen || x.System == "" || !x.NextTryAt.After(w.Clock.Now()) || !x.NextTryAt.Equal(s.SystemOf(x.System).PermitAt) {
		t.Errorf("explained as %+v", x)
	}
	w.Crash = nil
	w.Run(soon(w))
	checkErased(t, w, agg)
}

func TestARequestThatWaitsNamesItsTurnAndNotWhatFailedBefore(t *testing.T) {
	w, shop, crm := world(t)
	for _, h := range []*fake.Holder{shop, crm} {
		h.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
	}
	agg := erasure(w)
	w.Run(w.Clock.Now().Add(time.Minute))
	access := w.Submit(request.Access, "a")
	w.Settle()
	w.Verify(access)
	w.Run(w.Clock.Now().Add(time.Minute))
	if x := request.Explain(w.State(agg)); x.Awaited != "docket.turn" || x.Reason != "" || x.System != "" {
		t.Errorf("explained as %+v", x)
	}
}
