package pepper_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"
)

func noWait(context.Context) error { return nil }

// lent is a source of peppers that were lent to somebody.
type lent struct{ set pepper.Set }

func (l lent) Set(context.Context, string) (pepper.Set, error)   { return l.set, nil }
func (l lent) Fresh(context.Context, string) (pepper.Set, error) { return l.set, nil }

// finds tries telephone numbers with what somebody was lent.
func finds(t *testing.T, set pepper.Set, digest []byte) bool {
	t.Helper()
	for _, guess := range []string{"+493012340001", "+493012340002", "+493012340003"} {
		same, err := pepper.DigestWith(lent{set}).Same(t.Context(), tenant, digest, []byte(guess))
		if err != nil {
			t.Fatal(err)
		}
		if same {
			return true
		}
	}
	return false
}

func TestNobodyFindsAValueByADigestOfAnotherService(t *testing.T) {
	k := sealtest.NewWorld(nil).Start(t, nil).Peppers
	digest, err := pepper.NewDigester(k, time.Now, time.Minute).Digest(t.Context(), tenant, []byte("+493012340002"))
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"consent", "fulfilment", "retention"} {
		purpose, ok := pepper.DigestOf(service)
		if !ok || finds(t, live(t, k, tenant, purpose), digest) {
			t.Errorf("%s: lent %t, and finds the value with it", service, ok)
		}
	}
	if !finds(t, live(t, k, tenant, pepper.Idempotency), digest) { // what the rest shows is not for want of trying
		t.Error("who has the pepper finds nothing")
	}
	for _, service := range []string{"", "identity", "audit", "stranger"} {
		if purpose, ok := pepper.DigestOf(service); ok {
			t.Errorf("%q is lent %s", service, purpose)
		}
	}
	for _, purpose := range pepper.Digests() {
		if !slices.Contains(pepper.Purposes(), purpose) {
			t.Errorf("%s does not end with its tenant", purpose)
		}
	}
}

func due(tenants ...string) (out []pepper.Owned) {
	for _, tenant := range tenants {
		out = append(out, pepper.Owned{Tenant: tenant, Purpose: pepper.Idempotency})
	}
	return out
}

func TestADigestEndsWithTheTurnOfItsPepper(t *testing.T) {
	w := sealtest.NewWorld(nil)
	k := w.Start(t, nil).Peppers
	copied := live(t, k, tenant, pepper.Idempotency)
	live(t, k, "t2", pepper.Idempotency)
	waits := 0
	if err := k.Turn(t.Context(), due(tenant, "t2"), func(context.Context) error { waits++; return nil }); err != nil {
		t.Fatal(err)
	}
	if waits != 2 {
		t.Errorf("waited %d times for two tenants, want twice for all", waits)
	}
	for _, of := range []string{tenant, "t2"} {
		if set := live(t, k, of, pepper.Idempotency); len(set) != 1 || set[0].Epoch != 2 || mac(set[0]) == mac(copied[0]) {
			t.Errorf("live in %s: %v", of, epochs(set))
		}
	}
	if events := sealtest.Events[*identityv1.PepperEpochDestroyed](w.Ledger); len(events) != 2 || events[0].GetEpoch() != 1 {
		t.Errorf("events: %v", events)
	}
}

func TestAnOldPepperOutlivesItsUsersAndIsBuriedAfterThem(t *testing.T) {
	w := sealtest.NewWorld(nil)
	k := w.Start(t, nil).Peppers
	live(t, k, tenant, pepper.Idempotency)
	var seen [][]uint64
	err := k.Turn(t.Context(), due(tenant), func(ctx context.Context) error {
		seen = append(seen, epochs(live(t, k, tenant, pepper.Idempotency)))
		if n := len(sealtest.Events[*identityv1.PepperEpochDestroyed](w.Ledger)); n != 0 {
			t.Error("recorded before its users have forgotten it")
		}
		return nil
	})
	if err != nil || len(seen) != 2 || !slices.Equal(seen[0], []uint64{1, 2}) || !slices.Equal(seen[1], []uint64{2}) {
		t.Errorf("live at the waits: %v (%v)", seen, err)
	}
}

func TestATurnSurvivesACrashAtEveryStep(t *testing.T) {
	for n := 1; ; n++ {
		w := sealtest.NewWorld(nil)
		live(t, w.Start(t, nil).Peppers, tenant, pepper.Idempotency)
		err := w.Start(t, sealtest.Crash(n)).Peppers.Turn(t.Context(), due(tenant), noWait)
		next := w.Start(t, nil).Peppers
		if err != nil {
			if err := next.Turn(t.Context(), due(tenant), noWait); err != nil {
				t.Fatalf("crash at step %d: %v", n, err)
			}
		}
		set, events := live(t, next, tenant, pepper.Idempotency), sealtest.Events[*identityv1.PepperEpochDestroyed](w.Ledger)
		if len(events) == 0 || len(set) != 1 || set[0].Epoch != uint64(len(events))+1 {
			t.Fatalf("crash at step %d: epoch %v is live after %d were destroyed", n, epochs(set), len(events))
		}
		if err == nil {
			return
		}
	}
}

func TestATurnThatFailsForOneTenantIsDoneForTheOthers(t *testing.T) {
	w := sealtest.NewWorld(nil)
	k := w.Start(t, nil).Peppers
	live(t, k, tenant, pepper.Idempotency)
	live(t, k, "sick", pepper.Idempotency)
	for row, err := range w.Rows.List(t.Context(), rows.VaultSubject("*", "pepper", "sick", ">"), 0) {
		if err == nil {
			err = w.Rows.Delete(t.Context(), row.Subject, row.Rev)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	interrupted := errors.New("interrupted")
	if err := k.Turn(t.Context(), due(tenant), func(context.Context) error { return interrupted }); !errors.Is(err, interrupted) {
		t.Errorf("got %v, want what interrupted it", err)
	}
	if err := k.Turn(t.Context(), due("sick", tenant), noWait); !errors.Is(err, pepper.ErrLost) {
		t.Errorf("got %v, want ErrLost of one", err)
	}
	if set := live(t, k, tenant, pepper.Idempotency); len(set) != 1 || set[0].Epoch != 2 {
		t.Errorf("live: %v", epochs(set))
	}
}
