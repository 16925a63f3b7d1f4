package carry_test

import (
	"slices"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es"
)

// describe registers a later version of a system, of the parts that it has by now.
func describe(t *testing.T, w *fake.World, name string) {
	t.Helper()
	_, err := w.Handlers.Systems.Handle(t.Context(), carry.SystemOf(fake.Tenant, name), es.Command[system.Command]{
		ID: "describe-" + name, At: w.Clock.Now(), Data: system.Register{
			Description: system.Description{System: name, Connector: 3, Connection: name, Region: "us", BackupDays: 30, Collections: 2},
			At:          w.Clock.Now(),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestARequestGoesOnWithALaterDescriptionOfTheSameParts(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]connector.Part) []connector.Part
		want   uint32
	}{
		"the same":                      {slices.Clone[[]connector.Part], 2},
		"less, of which nothing was":    {func(p []connector.Part) []connector.Part { return p[:2] }, 2},
		"less, of which there was some": {func(p []connector.Part) []connector.Part { return p[1:] }, 1},
		"more than the manifest": {func(p []connector.Part) []connector.Part {
			return append(slices.Clip(p), connector.Part{Collection: "x", Category: "user"})
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w, shop, crm := world(t)
			crm.Set(func(h *fake.Holder) { h.Broken = connector.ErrMismatch })
			agg := erasure(w)
			w.Run(w.Clock.Now().Add(time.Minute))
			before := slices.Clone(crm.Collection)
			crm.Set(func(h *fake.Holder) { h.Down, h.Collection = connector.ErrMismatch, c.change(h.Collection) })
			describe(t, w, "crm")
			w.Run(w.Clock.Now().Add(2 * time.Hour))
			for _, l := range w.State(agg).LeavesOf("crm") {
				if l.Version != c.want {
					t.Errorf("%s by version %d, want %d", l.Collection, l.Version, c.want)
				}
			}
			if shop.Of(fake.Jane) != 1 || crm.Of(fake.Jane) != 2 {
				t.Errorf("%d and %d values left", shop.Of(fake.Jane), crm.Of(fake.Jane))
			}
			crm.Set(func(h *fake.Holder) {
				if h.Broken, h.Down = "", ""; c.want == 1 {
					h.Collection = before
				}
			})
			w.Run(soon(w))
			checkErased(t, w, agg)
		})
	}
}

func TestAnAccessGoesOnWithALaterDescription(t *testing.T) {
	w, _, crm := world(t)
	crm.Set(func(h *fake.Holder) { h.Down = connector.ErrMismatch })
	agg := w.Submit(request.Access, "a")
	w.Settle()
	w.Verify(agg)
	w.Run(w.Clock.Now().Add(time.Minute))
	describe(t, w, "crm")
	crm.Set(func(h *fake.Holder) { h.Down = "" })
	w.Run(soon(w))
	if s := w.State(agg); s.Outcome != request.Complete || s.LeavesOf("crm")[0].Version != 2 {
		t.Errorf("ended as %d: %s; %+v", s.Outcome, outcomes(s), request.Explain(s))
	}
}
