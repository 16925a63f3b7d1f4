package vault_test

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/vault"

	"github.com/google/go-cmp/cmp"
)

const tenant = "t1"

func access() vault.Access { return vault.Access{Reader: "test", Purpose: "testing"} }

func newID(t testing.TB) seal.KeyID {
	t.Helper()
	holder, err := seal.RandomHolder(seal.Subject, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return seal.KeyID{Tenant: tenant, Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_PROFILE}
}

func create(t testing.TB, v *vault.Vault, id seal.KeyID) *seal.Key {
	t.Helper()
	lease, err := v.GetOrCreate(t.Context(), access(), id)
	if err != nil {
		t.Fatal(err)
	}
	return lease.Key
}

func order(id seal.KeyID) vault.Order {
	return vault.Order{Key: id, Reason: "REQUEST", CommandID: "cmd-1"}
}

func destroy(t testing.TB, v *vault.Vault, id seal.KeyID) {
	t.Helper()
	if err := v.Destroy(t.Context(), order(id)); err != nil {
		t.Fatal(err)
	}
}

func expectErased(t testing.TB, v *vault.Vault, id seal.KeyID) {
	t.Helper()
	_, err := v.GetOrCreate(t.Context(), access(), id)
	var gone *seal.Erased
	if !errors.As(err, &gone) || gone.Reason != "REQUEST" || gone.At.IsZero() || gone.ID != id {
		t.Errorf("get or create: %v, want an Erased error with its reason", err)
	}
	got, err := v.GetMany(t.Context(), access(), []seal.KeyID{id})
	if err != nil || !errors.Is(got[0].Err, seal.ErrErased) {
		t.Errorf("get: %v %v, want ErrErased", got, err)
	}
}

func TestAHolderHasOneKeyOfAClass(t *testing.T) {
	w := sealtest.NewWorld(nil)
	id := newID(t)
	commits := make(chan [32]byte, 16)
	var all sync.WaitGroup
	for range cap(commits) {
		v := w.Serve(t, nil).Vault
		all.Go(func() {
			lease, err := v.GetOrCreate(t.Context(), access(), id)
			if err != nil {
				t.Error(err)
				return
			}
			commits <- lease.Key.Commit()
		})
	}
	all.Wait()
	close(commits)
	first := <-commits
	for c := range commits {
		if c != first {
			t.Fatal("two callers got two keys")
		}
	}
	other := id
	other.Class = sealv1.KeyClass_KEY_CLASS_EVIDENCE
	if create(t, w.Serve(t, nil).Vault, other).Commit() == first {
		t.Error("two classes share a key")
	}
}

func TestABatchIsAnsweredInItsOrder(t *testing.T) {
	w := sealtest.NewWorld(nil)
	v := w.Serve(t, nil).Vault
	var ids []seal.KeyID
	want := map[seal.KeyID][32]byte{}
	for i := range 30 {
		id := newID(t)
		ids = append(ids, id)
		if i%3 > 0 {
			want[id] = create(t, v, id).Commit()
		}
		if i%3 == 2 {
			destroy(t, v, id)
		}
	}
	got, err := v.GetMany(t.Context(), access(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		switch i % 3 {
		case 0:
			if !errors.Is(got[i].Err, vault.ErrNoKey) {
				t.Errorf("key %d: %v, want ErrNoKey", i, got[i].Err)
			}
		case 1:
			if got[i].Err != nil || got[i].Lease.Key.Commit() != want[id] || got[i].Lease.For != sealtest.Lease {
				t.Errorf("key %d: %v, want its own key", i, got[i].Err)
			}
		case 2:
			if !errors.Is(got[i].Err, seal.ErrErased) {
				t.Errorf("key %d: %v, want ErrErased", i, got[i].Err)
			}
		}
	}
}

func TestNoKeyLeavesUnrecorded(t *testing.T) {
	w := sealtest.NewWorld(nil)
	p := w.Serve(t, nil)
	create(t, p.Vault, newID(t))
	if diff := cmp.Diff([]vault.Access{access()}, p.Reads.All()); diff != "" {
		t.Errorf("records differ (-want +got):\n%s", diff)
	}
	for _, a := range []vault.Access{{Reader: "test"}, {Purpose: "testing"}} {
		if _, err := p.Vault.GetOrCreate(t.Context(), a, newID(t)); !errors.Is(err, vault.ErrPurpose) {
			t.Errorf("get or create: %v, want ErrPurpose", err)
		}
	}
	broken := errors.New("no room for records")
	v, err := vault.New(vault.Config{
		Rows: w.Rows, Keeper: p.Keeper, Fence: p.Fence, Ledger: w.Ledger, Now: w.Clock.Now,
		Record: func(context.Context, vault.Access, []seal.KeyID) error { return broken },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.ReplayDestructions(t.Context(), replay(w.Ledger)); err != nil {
		t.Fatal(err)
	}
	if _, err := v.GetOrCreate(t.Context(), access(), newID(t)); !errors.Is(err, broken) {
		t.Errorf("get or create: %v, want the recorder's error", err)
	}
}

func TestADestroyedKeyIsNeverMadeAgain(t *testing.T) {
	w := sealtest.NewWorld(nil)
	v := w.Serve(t, nil).Vault
	id := newID(t)
	key := create(t, v, id)
	destroy(t, v, id)
	expectErased(t, v, id)
	destroy(t, v, id)
	events := sealtest.Events[*identityv1.KeyDestroyed](w.Ledger)
	if len(events) != 1 {
		t.Fatalf("%d events, want 1", len(events))
	}
	commit := key.Commit()
	ev := events[0]
	if ev.GetHolder() != id.Holder.String() || string(ev.GetKeyCommit()) != string(commit[:]) || ev.GetKeyVersion() != 1 ||
		ev.GetKekEpoch() != 1 || ev.GetReason() != "REQUEST" || ev.GetRequestedBy() != "cmd-1" {
		t.Error("the event does not name the key, its commitment, its epoch, the reason and the command")
	}
	if want := w.Clock.Now().Add(sealtest.Epoch + sealtest.Window); !ev.GetResidueHorizon().AsTime().Equal(want) {
		t.Errorf("residue horizon %s, want %s", ev.GetResidueHorizon().AsTime(), want)
	}
}

func TestAKeyThatNeverWasCanBeForbidden(t *testing.T) {
	w := sealtest.NewWorld(nil)
	v := w.Serve(t, nil).Vault
	id := newID(t)
	destroy(t, v, id)
	expectErased(t, v, id)
	events := sealtest.Events[*identityv1.KeyDestroyed](w.Ledger)
	if len(events) != 1 || events[0].GetKeyVersion() != 0 {
		t.Errorf("%d events, want one of a key with version 0", len(events))
	}
}

func TestAnIncompleteOrderIsRefused(t *testing.T) {
	v := sealtest.NewWorld(nil).Serve(t, nil).Vault
	for _, o := range []vault.Order{{Key: newID(t), Reason: "R"}, {Key: newID(t), CommandID: "c"}, {Reason: "R", CommandID: "c"}} {
		if err := v.Destroy(t.Context(), o); !errors.Is(err, seal.ErrInvalid) {
			t.Errorf("destroy: %v, want ErrInvalid", err)
		}
	}
}

// dropper is a member of the fence that looks at the world while it is told.
type dropper func()

func (d dropper) Drop(context.Context, seal.KeyID) error { d(); return nil }

func TestTheFenceStandsBetweenTheLastUnwrapAndTheEvent(t *testing.T) {
	w := sealtest.NewWorld(nil)
	w.Lease = time.Second // long enough for the member to answer on a busy machine
	p := w.Serve(t, nil)
	id := newID(t)
	create(t, p.Vault, id)
	fenced := make(chan struct{})
	p.Fence.Join("cache", dropper(func() {
		defer close(fenced)
		expectErased(t, p.Vault, id)
		if n := len(sealtest.Events[*identityv1.KeyDestroyed](w.Ledger)); n != 0 {
			t.Errorf("%d events before the fence, want none", n)
		}
	}))
	destroy(t, p.Vault, id)
	<-fenced // a fence that nobody was told of would never close it
}

// TestDestructionSurvivesACrashAtEveryStep kills the process before and after
// every call that it makes, and lets another one resume.
func TestDestructionSurvivesACrashAtEveryStep(t *testing.T) {
	for n := 0; ; n++ {
		w := sealtest.NewWorld(nil)
		id, bystander := newID(t), newID(t)
		create(t, w.Serve(t, nil).Vault, id)
		kept := create(t, w.Serve(t, nil).Vault, bystander).Commit()

		err := w.Start(t, sealtest.Crash(n)).Vault.Destroy(t.Context(), order(id))
		begun := len(listed(t, w.Rows, "habeas.vault.*.pending.>")) > 0
		next := w.Serve(t, nil)
		finished, resumeErr := next.Vault.Resume(t.Context())
		if resumeErr != nil {
			t.Fatalf("crash at step %d: resume: %v", n, resumeErr)
		}
		if begun != (finished == 1) {
			t.Fatalf("crash at step %d: begun %t, but %d resumed", n, begun, finished)
		}
		if begun || err == nil {
			expectErased(t, next.Vault, id)
			if events := sealtest.Events[*identityv1.KeyDestroyed](w.Ledger); len(events) != 1 {
				t.Fatalf("crash at step %d: %d events, want 1", n, len(events))
			}
		}
		if left := listed(t, w.Rows, "habeas.vault.*.pending.>"); len(left) != 0 {
			t.Fatalf("crash at step %d: the note of destruction is left", n)
		}
		if create(t, next.Vault, bystander).Commit() != kept {
			t.Fatalf("crash at step %d: another key was lost", n)
		}
		if err == nil {
			if n < 18 {
				t.Fatalf("only %d steps were seen", n)
			}
			return
		}
	}
}

func listed(t testing.TB, s rows.Store, filter string) []rows.Row {
	t.Helper()
	var out []rows.Row
	for row, err := range s.List(t.Context(), filter, 0) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	return out
}

func replay(l *sealtest.Ledger) func(func(vault.Destroyed, error) bool) {
	return func(yield func(vault.Destroyed, error) bool) {
		for _, e := range l.Entries() {
			ev, ok := e.Event.(*identityv1.KeyDestroyed)
			if ok && !yield(vault.Destroyed{Tenant: e.Tenant, Event: ev}, nil) {
				return
			}
		}
	}
}

func TestARestoredVaultReplaysDestructionsBeforeItServes(t *testing.T) {
	w := sealtest.NewWorld(nil)
	before := w.Serve(t, nil).Vault
	erased, never, kept := newID(t), newID(t), newID(t)
	create(t, before, erased)
	keptCommit := create(t, before, kept).Commit()
	backup := new(rows.Memory)
	for _, row := range listed(t, w.Rows, "habeas.vault.>") {
		if _, err := backup.Put(t.Context(), row.Subject, row.Value, 0); err != nil {
			t.Fatal(err)
		}
	}
	destroy(t, before, erased)
	destroy(t, before, never)

	w.Rows = backup
	restored := w.Start(t, nil).Vault
	if _, err := restored.GetOrCreate(t.Context(), access(), erased); !errors.Is(err, vault.ErrNotReady) {
		t.Fatalf("get before the replay: %v, want ErrNotReady", err)
	}
	ended, err := restored.ReplayDestructions(t.Context(), replay(w.Ledger))
	if err != nil || ended != 2 {
		t.Fatalf("replay ended %d keys (%v), want 2", ended, err)
	}
	expectErased(t, restored, erased)
	expectErased(t, restored, never)
	if create(t, restored, kept).Commit() != keptCommit {
		t.Error("another key was lost")
	}
	if n := len(sealtest.Events[*identityv1.KeyDestroyed](w.Ledger)); n != 2 {
		t.Errorf("%d events, want the 2 from before", n)
	}
	if ended, err := w.Start(t, nil).Vault.ReplayDestructions(t.Context(), replay(w.Ledger)); err != nil || ended != 0 {
		t.Errorf("a second replay ended %d keys (%v), want 0", ended, err)
	}
}

func TestAFailedReplayLeavesTheVaultClosed(t *testing.T) {
	w := sealtest.NewWorld(nil)
	v := w.Start(t, nil).Vault
	broken := errors.New("log is away")
	_, err := v.ReplayDestructions(t.Context(), func(yield func(vault.Destroyed, error) bool) { yield(vault.Destroyed{}, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("replay: %v, want the log's error", err)
	}
	if _, err := v.GetOrCreate(t.Context(), access(), newID(t)); !errors.Is(err, vault.ErrNotReady) {
		t.Errorf("get: %v, want ErrNotReady", err)
	}
}
