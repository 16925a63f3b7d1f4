package pepper_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"

	"github.com/google/go-cmp/cmp"
)

const tenant = "t1"

func live(t testing.TB, k *pepper.Keeper, tenant string, purpose pepper.Purpose) pepper.Set {
	t.Helper()
	set, err := k.Live(t.Context(), tenant, purpose)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func epochs(set pepper.Set) []uint64 {
	var out []uint64
	for _, p := range set {
		out = append(out, p.Epoch)
	}
	return out
}

func mac(p pepper.Pepper) [32]byte { return p.MAC("label", []byte("value")) }

func TestATenantHasOnePepperForAPurpose(t *testing.T) {
	w := sealtest.NewWorld(nil)
	macs := make(chan [32]byte, 8)
	var all sync.WaitGroup
	for range cap(macs) {
		k := w.Start(t, nil).Peppers
		all.Go(func() { macs <- mac(live(t, k, tenant, pepper.Lookup).Newest()) })
	}
	all.Wait()
	close(macs)
	first := <-macs
	for m := range macs {
		if m != first {
			t.Error("two callers hash differently")
		}
	}
	k := w.Start(t, nil).Peppers
	if mac(live(t, k, tenant, pepper.Suppression).Newest()) == first || mac(live(t, k, "t2", pepper.Lookup).Newest()) == first {
		t.Error("two purposes or two tenants share a pepper")
	}
}

func TestPartsAreToldApart(t *testing.T) {
	p := live(t, sealtest.NewWorld(nil).Start(t, nil).Peppers, tenant, pepper.Lookup).Newest()
	if p.MAC("l", []byte("ab"), []byte("c")) == p.MAC("l", []byte("a"), []byte("bc")) {
		t.Error("two lists of parts have one MAC")
	}
}

func TestAPepperPrintsAsRedacted(t *testing.T) {
	p := live(t, sealtest.NewWorld(nil).Start(t, nil).Peppers, tenant, pepper.Lookup).Newest()
	for _, printed := range []string{fmt.Sprintf("%v", p), fmt.Sprintf("%#v", p), p.LogValue().String(), fmt.Sprint(pepper.Set{p})} {
		if !strings.Contains(printed, "[redacted]") || strings.Count(printed, " ") > 3 {
			t.Errorf("printed as %q", printed)
		}
	}
}

func TestAnEpochLivesBesideTheNextUntilItIsRetired(t *testing.T) {
	w := sealtest.NewWorld(nil)
	k := w.Start(t, nil).Peppers
	old := mac(live(t, k, tenant, pepper.Lookup).Newest())
	if err := k.Retire(t.Context(), tenant, pepper.Lookup, 1, 0); !errors.Is(err, pepper.ErrNotLive) {
		t.Errorf("retire the only epoch: %v, want ErrNotLive", err)
	}
	for range 2 {
		set, err := k.Begin(t.Context(), tenant, pepper.Lookup)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]uint64{1, 2}, epochs(set)); diff != "" {
			t.Errorf("live epochs differ (-want +got):\n%s", diff)
		}
		if mac(set[0]) != old || mac(set[1]) == old {
			t.Error("the old pepper changed, or the new one is the same")
		}
	}
	for range 2 {
		if err := k.Retire(t.Context(), tenant, pepper.Lookup, 1, 7); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]uint64{2}, epochs(live(t, k, tenant, pepper.Lookup))); diff != "" {
		t.Errorf("live epochs differ (-want +got):\n%s", diff)
	}
	if _, err := k.Begin(t.Context(), tenant, pepper.Lookup); !errors.Is(err, pepper.ErrUnburied) {
		t.Errorf("begin before the burial: %v, want ErrUnburied", err)
	}
	for range 2 {
		if err := k.Bury(t.Context(), tenant, pepper.Lookup, 1); err != nil {
			t.Fatal(err)
		}
	}
	events := sealtest.Events[*identityv1.PepperEpochDestroyed](w.Ledger)
	if len(events) != 1 || events[0].GetEpoch() != 1 || events[0].GetRowsCarried() != 7 || events[0].GetPurpose() != "lookup" {
		t.Errorf("events: %v", events)
	}
	if retired, err := k.Retired(t.Context(), tenant, pepper.Lookup); err != nil || retired != 0 {
		t.Errorf("retired: %d (%v), want none", retired, err)
	}
}

func TestARetiredPepperEndsWithItsPartitionsKEK(t *testing.T) {
	w := sealtest.NewWorld(nil)
	p := w.Start(t, nil)
	if _, err := p.Peppers.Begin(t.Context(), tenant, pepper.Lookup); err != nil {
		t.Fatal(err)
	}
	second := mac(live(t, p.Peppers, tenant, pepper.Lookup).Newest())
	if err := p.Peppers.Retire(t.Context(), tenant, pepper.Lookup, 1, 0); err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(sealtest.Epoch)
	if n, err := p.Keeper.RotateDirty(t.Context()); err != nil || n != 1 {
		t.Errorf("%d partitions rotated (%v), want 1", n, err)
	}
	if mac(live(t, p.Peppers, tenant, pepper.Lookup).Newest()) != second {
		t.Error("the live pepper changed")
	}
}

// TestAPepperThatIsAddedTooLateStillLasts stops whoever adds a pepper at the
// worst moment: the KEK is chosen, and two rotations pass before it is used.
func TestAPepperThatIsAddedTooLateStillLasts(t *testing.T) {
	w := sealtest.NewWorld(nil)
	first := mac(live(t, w.Start(t, nil).Peppers, tenant, pepper.Lookup).Newest())
	reached, resume := make(chan struct{}), make(chan struct{})
	var once sync.Once
	late := w.Start(t, func(_ context.Context, op sealtest.Op) error {
		if op.Name == "use" && !op.After && strings.HasSuffix(op.Subject, "/1") {
			once.Do(func() { close(reached); <-resume })
		}
		return nil
	})
	got := make(chan pepper.Set, 1)
	go func() {
		set, err := late.Peppers.Begin(t.Context(), tenant, pepper.Lookup)
		if err != nil {
			t.Errorf("begin: %v", err)
		}
		got <- set
	}()
	<-reached
	other := w.Start(t, nil)
	part := kek.Partition{Tenant: tenant, Name: es.Partition(tenant, "lookup")}
	for range 2 {
		if err := other.Keeper.Rotate(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	close(resume)
	set := <-got
	if err := other.Keeper.Rotate(t.Context(), part); err != nil {
		t.Fatal(err)
	}
	stands := live(t, other.Peppers, tenant, pepper.Lookup)
	if mac(stands[0]) != first || mac(set[0]) != first || mac(stands[1]) != mac(set[1]) {
		t.Error("a pepper that was returned does not stand")
	}
}

func TestPepperRotationSurvivesACrashAtEveryStep(t *testing.T) {
	for n := 0; ; n++ {
		w := sealtest.NewWorld(nil)
		live(t, w.Start(t, nil).Peppers, tenant, pepper.Lookup)
		turn := func(k *pepper.Keeper) error {
			if retired, err := k.Retired(t.Context(), tenant, pepper.Lookup); err != nil || retired != 0 {
				return errors.Join(err, k.Bury(t.Context(), tenant, pepper.Lookup, retired))
			}
			set, err := k.Begin(t.Context(), tenant, pepper.Lookup)
			if err != nil {
				return err
			}
			if err := k.Retire(t.Context(), tenant, pepper.Lookup, set[0].Epoch, 0); err != nil {
				return err
			}
			return k.Bury(t.Context(), tenant, pepper.Lookup, set[0].Epoch)
		}
		err := turn(w.Start(t, sealtest.Crash(n)).Peppers)
		next := w.Start(t, nil).Peppers
		if err != nil {
			if err := turn(next); err != nil {
				t.Fatalf("crash at step %d: %v", n, err)
			}
		}
		set := live(t, next, tenant, pepper.Lookup)
		events := sealtest.Events[*identityv1.PepperEpochDestroyed](w.Ledger)
		if len(set) != 1 || set[0].Epoch != uint64(len(events))+1 {
			t.Fatalf("crash at step %d: epoch %v is live after %d were destroyed", n, epochs(set), len(events))
		}
		if err == nil {
			if n < 25 {
				t.Fatalf("only %d steps were seen", n)
			}
			return
		}
	}
}

func TestADigestTellsBodiesApartWhileItsPepperLives(t *testing.T) {
	w := sealtest.NewWorld(nil)
	k := w.Start(t, nil).Peppers
	newDigester := func() *pepper.Digester { return pepper.NewDigester(k, w.Clock.Now, 30*time.Second) }
	d := newDigester()
	old, err := d.Digest(t.Context(), tenant, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	expect := func(why string, d *pepper.Digester, tenant, body string, digest []byte, want bool) {
		t.Helper()
		got, err := d.Same(t.Context(), tenant, digest, []byte(body))
		if err != nil || got != want {
			t.Errorf("%s: same is %t (%v), want %t", why, got, err, want)
		}
	}
	expect("the same body", d, tenant, "body", old, true)
	expect("another body", d, tenant, "other", old, false)
	expect("another tenant", d, "t2", "body", old, false)
	expect("half a digest", d, tenant, "body", old[:5], false)
	expect("a cut digest", d, tenant, "body", old[:39], false)

	if _, err := k.Begin(t.Context(), tenant, pepper.Idempotency); err != nil {
		t.Fatal(err)
	}
	fresh, err := newDigester().Digest(t.Context(), tenant, []byte("body"))
	if err != nil || bytes.Equal(fresh, old) {
		t.Fatalf("a digest under the next pepper: %v, equal %t", err, bytes.Equal(fresh, old))
	}
	expect("a newer digest than the reader knows", d, tenant, "body", fresh, true)
	expect("another body under the newer pepper", d, tenant, "other", fresh, false)
	if err := k.Retire(t.Context(), tenant, pepper.Idempotency, 1, 0); err != nil {
		t.Fatal(err)
	}
	expect("any body, once the pepper is gone", newDigester(), tenant, "other", old, true)
}

// TestALostPepperIsNeverMadeAgain: with another one nobody would be found any more,
// and everybody be taken for new.
func TestALostPepperIsNeverMadeAgain(t *testing.T) {
	w := sealtest.NewWorld(nil)
	was := mac(live(t, w.Start(t, nil).Peppers, tenant, pepper.Lookup).Newest())
	var lost []rows.Row
	for row, err := range w.Rows.List(t.Context(), rows.VaultSubject("*", "pepper", tenant, ">"), 0) {
		if err != nil {
			t.Fatal(err)
		}
		lost = append(lost, row)
	}
	if err := w.Rows.Delete(t.Context(), lost[0].Subject, lost[0].Rev); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Start(t, nil).Peppers.Live(t.Context(), tenant, pepper.Lookup); !errors.Is(err, pepper.ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
	live(t, w.Start(t, nil).Peppers, tenant, pepper.Suppression) // never was
	if _, err := w.Rows.Put(t.Context(), lost[0].Subject, lost[0].Value, 0); err != nil {
		t.Fatal(err)
	}
	if mac(live(t, w.Start(t, nil).Peppers, tenant, pepper.Lookup).Newest()) != was {
		t.Error("the row of the backup holds another pepper")
	}
}
