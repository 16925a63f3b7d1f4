package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/seal/lookup"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"

	"github.com/google/go-cmp/cmp"
)

const (
	tenant = "t1"
	grace  = time.Minute
	lease  = time.Millisecond
)

// town is a world with a log of who holds what.
type town struct {
	*testing.T
	*sealtest.World
	log *sealtest.Holdings
}

func newTown(t *testing.T) *town {
	return &town{T: t, World: sealtest.NewWorld(nil), log: new(sealtest.Holdings)}
}

func (w *town) table(step sealtest.Step) *lookup.Table {
	w.Helper()
	if step == nil {
		step = func(context.Context, sealtest.Op) error { return nil }
	}
	table, err := lookup.New(lookup.Config{
		Rows: sealtest.Rows{Store: w.Rows, Step: step}, Peppers: w.Start(w.T, step).Peppers,
		Log: w.log, Now: w.Now, Grace: grace, Lease: lease,
	})
	if err != nil {
		w.Fatal(err)
	}
	return table
}

func value(text string) lookup.Value { return lookup.Value{Tenant: tenant, Kind: "email", Text: text} }

func jane() lookup.Value { return value("jane@example.com") }

func (w *town) claim(table *lookup.Table, v lookup.Value, ref, command string) lookup.Owner {
	w.Helper()
	owner, err := table.Claim(w.Context(), v, ref, command)
	if err != nil {
		w.Fatal(err)
	}
	return owner
}

// register claims, appends and confirms.
func (w *town) register(table *lookup.Table, v lookup.Value, ref, command string) {
	w.Helper()
	owner := w.claim(table, v, ref, command)
	if err := errors.Join(w.log.Append(v, owner), table.Confirm(w.Context(), v, owner)); err != nil {
		w.Fatal(err)
	}
}

func (w *town) expectOwner(v lookup.Value, ref string, confirmed bool) {
	w.Helper()
	table := w.table(nil)
	got, err := table.Resolve(w.Context(), v)
	if err != nil || got.SubjectRef != ref || got.Confirmed != confirmed {
		w.Errorf("resolve: %+v, %v; want %s, confirmed %t", got, err, ref, confirmed)
	}
	owners, err := table.Owners(w.Context(), v)
	if err != nil {
		w.Fatal(err)
	}
	for _, o := range owners {
		if o != got {
			w.Errorf("owners under the live epochs differ: %+v", owners)
		}
	}
}

func (w *town) expectNobody(v lookup.Value) {
	w.Helper()
	if got, err := w.table(nil).Resolve(w.Context(), v); !errors.Is(err, lookup.ErrNotFound) {
		w.Errorf("resolve: %+v, %v; want ErrNotFound", got, err)
	}
}

func (w *town) expectOwned(table *lookup.Table, v lookup.Value, by string) {
	w.Helper()
	_, err := table.Claim(w.Context(), v, "late", "late-command")
	var owned *lookup.Owned
	if !errors.As(err, &owned) || !errors.Is(err, lookup.ErrOwned) || owned.Owner.SubjectRef != by {
		w.Errorf("claim: %v, want an Owned error with %s", err, by)
	}
}

func (w *town) rotate(table *lookup.Table) {
	w.Helper()
	if err := table.Rotate(w.Context(), tenant); err != nil {
		w.Fatal(err)
	}
}

func (w *town) countRows() int {
	w.Helper()
	n := 0
	for _, err := range w.Rows.List(w.Context(), "habeas.vault.*.lookup.>", 0) {
		if err != nil {
			w.Fatal(err)
		}
		n++
	}
	return n
}

func TestAValueIsFoundFromClaimToErasure(t *testing.T) {
	w := newTown(t)
	table := w.table(nil)
	w.expectNobody(jane())
	owner := w.claim(table, jane(), "a", "c1")
	w.expectOwner(jane(), "a", false)
	if err := errors.Join(w.log.Append(jane(), owner), table.Confirm(t.Context(), jane(), owner)); err != nil {
		t.Fatal(err)
	}
	w.expectOwner(jane(), "a", true)
	w.expectOwned(table, jane(), "a")
	w.expectNobody(value("joan@example.com"))
	w.expectNobody(lookup.Value{Tenant: "t2", Kind: "email", Text: jane().Text})
	w.expectNobody(lookup.Value{Tenant: tenant, Kind: "account", Text: jane().Text})
	w.log.Erase(jane(), "a")
	if err := table.Erase(t.Context(), jane(), "a"); err != nil {
		t.Fatal(err)
	}
	w.expectNobody(jane())
	w.register(table, jane(), "b", "c2")
	w.expectOwner(jane(), "b", true)
}

func TestARowOfALaterClaimOutlivesTheEndOfAnEarlierOne(t *testing.T) {
	w := newTown(t)
	table := w.table(nil)
	w.register(table, jane(), "a", "c1")
	w.log.Erase(jane(), "a")
	if err := table.EraseClaim(t.Context(), jane(), "a", "c1"); err != nil {
		t.Fatal(err)
	}
	w.expectNobody(jane())
	w.register(table, jane(), "a", "c2") // given to her again
	if err := table.EraseClaim(t.Context(), jane(), "a", "c1"); err != nil {
		t.Fatal(err)
	}
	w.expectOwner(jane(), "a", true)
}

func TestACommandThatComesAgainGetsItsFirstOwner(t *testing.T) {
	w := newTown(t)
	table := w.table(nil)
	w.claim(table, jane(), "a", "c1")
	if again := w.claim(w.table(nil), jane(), "another", "c1"); again.SubjectRef != "a" {
		t.Errorf("the repeated command got %s, want a", again.SubjectRef)
	}
	w.register(table, jane(), "yet another", "c1")
	w.expectOwner(jane(), "a", true)
}

func TestAnUnsettledClaimKeepsOthersBusyForTheGracePeriod(t *testing.T) {
	for _, c := range []struct {
		name     string
		appended bool
	}{{"and is released if its event never came", false}, {"and is completed if its event is in the log", true}} {
		t.Run(c.name, func(t *testing.T) {
			w := newTown(t)
			table := w.table(nil)
			owner := w.claim(table, jane(), "a", "c1")
			if c.appended {
				if err := w.log.Append(jane(), owner); err != nil {
					t.Fatal(err)
				}
			}
			w.Clock.Advance(grace - time.Nanosecond)
			if _, err := table.Claim(t.Context(), jane(), "b", "c2"); !errors.Is(err, lookup.ErrBusy) {
				t.Errorf("claim: %v, want ErrBusy", err)
			}
			w.Clock.Advance(time.Nanosecond)
			if c.appended {
				w.expectOwned(table, jane(), "a")
				w.expectOwner(jane(), "a", true)
				return
			}
			w.register(table, jane(), "b", "c2")
			w.expectOwner(jane(), "b", true)
			if err := w.log.Append(jane(), owner); !errors.Is(err, sealtest.ErrBarred) {
				t.Errorf("the first claim's event: %v, want ErrBarred", err)
			}
		})
	}
}

func TestReleaseGivesAClaimBackAndNothingElse(t *testing.T) {
	w := newTown(t)
	table := w.table(nil)
	w.claim(table, jane(), "a", "c1")
	for _, command := range []string{"another", "c1"} {
		if err := table.Release(t.Context(), jane(), command); err != nil {
			t.Fatal(err)
		}
		if got := w.countRows(); got != map[string]int{"another": 1, "c1": 0}[command] {
			t.Errorf("%d rows after %s released", got, command)
		}
	}
	w.register(table, jane(), "a", "c2")
	if err := table.Release(t.Context(), jane(), "c2"); err != nil {
		t.Fatal(err)
	}
	w.expectOwner(jane(), "a", true)
}

func TestAConfirmationThatComesAfterTheErasureBringsNothingBack(t *testing.T) {
	w := newTown(t)
	table := w.table(nil)
	owner := w.claim(table, jane(), "a", "c1")
	if err := w.log.Append(jane(), owner); err != nil {
		t.Fatal(err)
	}
	w.log.Erase(jane(), "a")
	if err := table.Erase(t.Context(), jane(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := table.Confirm(t.Context(), jane(), owner); !errors.Is(err, lookup.ErrGone) {
		t.Errorf("confirm: %v, want ErrGone", err)
	}
	if n := w.countRows(); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestRowsMoveToTheNextPepper(t *testing.T) {
	w := newTown(t)
	table := w.table(nil)
	for i := range 20 {
		w.register(table, value(fmt.Sprintf("p%d@example.com", i)), fmt.Sprintf("s%d", i), fmt.Sprintf("c%d", i))
	}
	stale := value("stale@example.com")
	w.register(table, stale, "gone", "cs")
	w.log.Erase(stale, "gone") // the erasure crashed before it reached the rows
	for range 2 {
		w.rotate(table)
		for i := range 20 {
			w.expectOwner(value(fmt.Sprintf("p%d@example.com", i)), fmt.Sprintf("s%d", i), true)
		}
		if n := w.countRows(); n != 20 {
			t.Errorf("%d rows, want 20", n)
		}
	}
	events := sealtest.Events[*identityv1.PepperEpochDestroyed](w.Ledger)
	if len(events) != 2 || events[0].GetRowsCarried() != 20 || events[1].GetEpoch() != 2 {
		t.Errorf("events: %v", events)
	}
}

func TestAnUnsettledClaimHoldsARotationUp(t *testing.T) {
	w := newTown(t)
	table := w.table(nil)
	w.claim(table, jane(), "a", "c1")
	if err := table.Rotate(t.Context(), tenant); !errors.Is(err, lookup.ErrUnsettled) {
		t.Errorf("rotate: %v, want ErrUnsettled", err)
	}
	w.claim(w.table(nil), value("joan@example.com"), "b", "c2") // it knows of the new epoch
	w.Clock.Advance(grace)
	if _, err := w.table(nil).Claim(t.Context(), value("late@example.com"), "c", "c3"); err != nil {
		t.Fatal(err)
	}
	w.rotate(table)
	w.expectNobody(jane())
	w.expectOwner(value("late@example.com"), "c", false)
}

func TestASweepReadsOnlyWhatItHasNotSettled(t *testing.T) {
	w := newTown(t)
	seen := 0
	table := w.table(func(_ context.Context, op sealtest.Op) error {
		if op.Name == "list" {
			seen++
		}
		return nil
	})
	for i := range 30 {
		w.register(table, value(fmt.Sprintf("p%d", i)), "s", fmt.Sprintf("c%d", i))
	}
	w.claim(table, jane(), "a", "c")
	sweep := func(wantSeen, wantReleased int) {
		t.Helper()
		seen = 0
		completed, released, err := table.Sweep(t.Context())
		if diff := cmp.Diff([]int{wantSeen, 0, wantReleased}, []int{seen, completed, released}); err != nil || diff != "" {
			t.Errorf("rows seen, claims completed, claims released differ, %v (-want +got):\n%s", err, diff)
		}
	}
	sweep(31, 0)
	sweep(1, 0)
	w.Clock.Advance(grace)
	sweep(1, 1)
	sweep(0, 0)
	w.claim(table, jane(), "a", "c-again")
	sweep(1, 0)
}

func TestTwoOwnersInTheLogAreReportedAndNotHidden(t *testing.T) {
	w := newTown(t)
	table := w.table(nil)
	w.register(table, jane(), "a", "c1")
	second := lookup.Owner{SubjectRef: "b", CommandID: "c2"}
	if err := w.log.Append(jane(), second); err != nil { // without having claimed
		t.Fatal(err)
	}
	if err := table.Confirm(t.Context(), jane(), second); !errors.Is(err, lookup.ErrTwoOwners) {
		t.Errorf("confirm: %v, want ErrTwoOwners", err)
	}
	w.expectOwner(jane(), "a", true)
}

func TestADamagedRowIsNamedAndNotRemoved(t *testing.T) {
	w := newTown(t)
	table := w.table(nil)
	w.claim(table, jane(), "a", "c1")
	var row rows.Row
	for r, err := range w.Rows.List(t.Context(), "habeas.vault.*.lookup.>", 0) {
		if err != nil {
			t.Fatal(err)
		}
		row = r
	}
	if _, err := w.Rows.Put(t.Context(), row.Subject, []byte{0xff}, row.Rev); err != nil {
		t.Fatal(err)
	}
	if _, _, err := table.Sweep(t.Context()); err == nil {
		t.Error("the sweep reports nothing")
	}
	if w.countRows() != 1 {
		t.Error("the row was removed")
	}
}

func TestAValuePrintsAsRedacted(t *testing.T) {
	var out strings.Builder
	slog.New(slog.NewTextHandler(&out, nil)).Info("claim", "value", jane())
	fmt.Fprintf(&out, "%v %+v %#v %s", jane(), jane(), jane(), []lookup.Value{jane()})
	if strings.Contains(out.String(), "jane") {
		t.Errorf("the value is printed: %s", out.String())
	}
}
