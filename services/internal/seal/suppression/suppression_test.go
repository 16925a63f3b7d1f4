package suppression_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/suppression"
)

const tenant = "t1"

type bench struct {
	*testing.T
	*sealtest.World
	set *suppression.Set
}

func newBench(t *testing.T) *bench {
	t.Helper()
	w := sealtest.NewWorld(nil)
	return &bench{T: t, World: w, set: open(t, w)}
}

func open(t *testing.T, w *sealtest.World) *suppression.Set {
	t.Helper()
	set, err := suppression.New(suppression.Config{
		Rows: w.Rows, Peppers: w.Start(t, nil).Peppers, Now: w.Now, Lease: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func entry(value string) suppression.Entry {
	return suppression.Entry{Tenant: tenant, System: "shop", Column: "customers.email", Value: value}
}

func (b *bench) add(e suppression.Entry, ref string, days int) {
	b.Helper()
	if err := b.set.Add(b.Context(), e, ref, b.Now().AddDate(0, 0, days)); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) expect(set *suppression.Set, e suppression.Entry, want string) {
	b.Helper()
	got, found, err := set.Contains(b.Context(), e)
	if err != nil || got != want || found != (want != "") {
		b.Errorf("contains: %q, %t, %v; want %q", got, found, err, want)
	}
}

func (b *bench) rotate() {
	b.Helper()
	if err := b.set.Rotate(b.Context(), tenant); err != nil {
		b.Fatal(err)
	}
}

func TestAnErasedValueIsRecognisedUntilItsTime(t *testing.T) {
	b := newBench(t)
	jane := entry("jane@example.com")
	b.expect(b.set, jane, "")
	b.add(jane, "e1", 30)
	b.expect(b.set, jane, "e1")
	b.expect(b.set, entry("joan@example.com"), "")
	b.Clock.Advance(30*24*time.Hour - time.Second)
	b.expect(b.set, jane, "e1")
	b.Clock.Advance(time.Second)
	b.expect(b.set, jane, "")
	if n, err := b.set.Expire(t.Context()); err != nil || n != 1 {
		t.Errorf("%d rows expired (%v), want 1", n, err)
	}
	for row, err := range b.Rows.List(t.Context(), "habeas.suppression.>", 0) {
		t.Errorf("row %s is left (%v)", row.Subject, err)
	}
}

func TestEntriesDifferByEveryPart(t *testing.T) {
	b := newBench(t)
	b.add(entry("v"), "e1", 30)
	for name, other := range map[string]suppression.Entry{
		"tenant": {Tenant: "t2", System: "shop", Column: "customers.email", Value: "v"},
		"system": {Tenant: tenant, System: "crm", Column: "customers.email", Value: "v"},
		"column": {Tenant: tenant, System: "shop", Column: "orders.email", Value: "v"},
		"value":  {Tenant: tenant, System: "shop", Column: "customers.email", Value: "w"},
		"cut":    {Tenant: tenant, System: "shopc", Column: "ustomers.email", Value: "v"},
	} {
		t.Run("another "+name, func(t *testing.T) { b.expect(b.set, other, "") })
	}
}

func TestOfSeveralErasuresTheLongestStands(t *testing.T) {
	b := newBench(t)
	jane := entry("jane@example.com")
	b.add(jane, "e1", 30)
	b.add(jane, "e2", 10)
	b.expect(b.set, jane, "e1")
	b.add(jane, "e3", 60)
	b.expect(b.set, jane, "e3")
	b.add(jane, "e3", 60)
	b.expect(b.set, jane, "e3")
}

func TestAnOldPepperLivesAsLongAsItsRows(t *testing.T) {
	b := newBench(t)
	old, fresh := entry("old@example.com"), entry("new@example.com")
	b.add(old, "e1", 30)
	other := open(t, b.World)
	b.expect(other, old, "e1") // it knows one epoch now
	b.rotate()
	b.add(fresh, "e2", 90)
	for _, set := range []*suppression.Set{b.set, other} {
		b.expect(set, old, "e1")
		b.expect(set, fresh, "e2")
	}
	b.rotate()
	if events := sealtest.Events[*identityv1.PepperEpochDestroyed](b.Ledger); len(events) != 0 {
		t.Errorf("%d peppers were destroyed while they were needed", len(events))
	}
	b.Clock.Advance(30 * 24 * time.Hour)
	if _, err := b.set.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.rotate()
	events := sealtest.Events[*identityv1.PepperEpochDestroyed](b.Ledger)
	if len(events) != 1 || events[0].GetEpoch() != 1 || events[0].GetPurpose() != "suppression" {
		t.Errorf("events: %v, want the end of the first epoch", events)
	}
	b.expect(b.set, fresh, "e2")
	b.expect(other, fresh, "e2")
}

func TestAnIncompleteEntryIsRefused(t *testing.T) {
	b := newBench(t)
	for _, e := range []suppression.Entry{{}, {Tenant: tenant, System: "s", Column: "c"}, {Tenant: tenant, System: "s", Value: "v"}} {
		if err := b.set.Add(t.Context(), e, "e1", b.Now()); !errors.Is(err, suppression.ErrIncomplete) {
			t.Errorf("add: %v, want ErrIncomplete", err)
		}
	}
	if err := b.set.Add(t.Context(), entry("v"), "", b.Now()); !errors.Is(err, suppression.ErrIncomplete) {
		t.Errorf("add without an erasure: %v, want ErrIncomplete", err)
	}
}

func TestAnEntryPrintsAsRedacted(t *testing.T) {
	printed := fmt.Sprintf("%v %+v %#v %s", entry("jane"), entry("jane"), entry("jane"), entry("jane").LogValue())
	if strings.Contains(printed, "jane") || strings.Contains(printed, "shop") {
		t.Errorf("the entry is printed: %s", printed)
	}
}
