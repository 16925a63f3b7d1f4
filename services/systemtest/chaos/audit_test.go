package chaos_test

import (
	"context"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
)

// settleAll sends once more what no writer learnt the outcome of. After that,
// every command that was ever sent is acknowledged.
func settleAll(t *testing.T, c crew, r *reader) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	refresh(t, r)
	for _, e := range r.open() {
		if err := c.settle(ctx, e); err != nil {
			t.Errorf("settle: %v", err)
		}
	}
	refresh(t, r)
	if left := r.open(); len(left) > 0 {
		t.Errorf("%d commands could not be settled, the first is %s", len(left), left[0].command)
	}
}

func refresh(t *testing.T, r *reader) {
	t.Helper()
	if err := r.refresh(); err != nil {
		t.Fatal(err)
	}
}

// audit holds what the writers were told against what the log holds: every
// acknowledged command stands where it was acknowledged, none stands twice,
// nothing stands that nobody sent, and the state is the sum of them.
func audit(t *testing.T, log *jetstream.Log, h counterHandler, r *reader) {
	t.Helper()
	promised, doubts, again := map[string]map[string]uint64{}, 0, 0
	for _, e := range r.entries {
		switch e.what {
		case sent:
			if promised[e.counter] == nil {
				promised[e.counter] = map[string]uint64{}
			}
			promised[e.counter][e.command] = 0
		case doubted:
			doubts++
		case done:
			promised[e.counter][e.command] = e.seq
			if e.again {
				again++
			}
		}
	}
	for counter, commands := range promised {
		auditCounter(t, log, h, counter, commands)
	}
	t.Logf("%d commands acknowledged on %d counters; %d outcomes unknown, %d commands found carried out when sent again",
		r.acknowledged, len(promised), doubts, again)
	if r.acknowledged == 0 {
		t.Error("nothing was written at all")
	}
}

func auditCounter(t *testing.T, log *jetstream.Log, h counterHandler, counter string, promised map[string]uint64) {
	t.Helper()
	agg := es.Aggregate{Context: domain, Tenant: tenant, Type: "counter", ID: counter}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var state estest.Counter
	stands := map[string]uint64{}
	_, err := es.Fold(ctx, log.Verifier(), es.Head{}, log.Load(ctx, agg, 0, es.Leader), func(rec es.Recorded) error {
		if first, twice := stands[rec.CommandID]; twice {
			t.Errorf("command %s stands at %d and at %d", rec.CommandID, first, rec.Position.Seq)
		}
		stands[rec.CommandID] = rec.Position.Seq
		events, err := h.Registry.DecodeAll(rec.Commit)
		for _, e := range events {
			state = estest.EvolveCounter(state, e)
		}
		return err
	})
	if err != nil {
		t.Errorf("fold: %v", err)
	}
	for command, seq := range promised {
		if stands[command] != seq {
			t.Errorf("command %s was acknowledged at %d and stands at %d", command, seq, stands[command])
		}
	}
	for command := range stands {
		if _, ok := promised[command]; !ok {
			t.Errorf("command %s was sent by nobody", command)
		}
	}
	if state.Sum != uint64(len(stands)) {
		t.Errorf("the counter holds %d, %d commands stand in the log", state.Sum, len(stands))
	}
}
