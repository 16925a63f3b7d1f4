package mandates

import (
	"context"
	"errors"
	"testing"
	"time"

	"habeas.internal/services/identity/agent"
	"habeas.internal/services/internal/rpc/limit"
)

// away is a limiter whose Redis does not answer, with what is counted in the
// process instead.
type away struct{ open int }

func (a *away) Allow(context.Context, string, ...limit.Key) error { return limit.ErrUnavailable }

func (a *away) AllowOpen(_ context.Context, _ string, keys ...limit.Key) error {
	a.open += len(keys)
	return nil
}

func TestWithoutACountNothingIsTakenButOptOuts(t *testing.T) {
	l := &away{}
	d := &Desk{Limiter: l}
	if err := d.count(t.Context(), "shop", agent.Agent{ID: "ACME", PerDay: 10}, false); !errors.Is(err, limit.ErrUnavailable) {
		t.Errorf("a request: %v", err)
	}
	if err := d.count(t.Context(), "shop", agent.Agent{ID: "ACME", PerDay: 10}, true); err != nil || l.open != 1 {
		t.Errorf("an opt-out: %v, counted %d", err, l.open)
	}
}

func TestNoDayHoldsMoreThanWasAgreed(t *testing.T) {
	for _, n := range []uint32{2, 3, 4, 7, 10, 999, 100_000} {
		r := PerDay(n)
		if err := r.Check(); err != nil {
			t.Errorf("%d a day: %v", n, err)
		}
		if most := r.Burst + int(24*time.Hour/r.Every); most > int(n)+1 || most < int(n)-1 {
			t.Errorf("%d a day: %d in one day at most", n, most)
		}
	}
}
