package vault_test

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
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/sealtest"
)

func partitionOf(id seal.KeyID) kek.Partition {
	return kek.Partition{Tenant: id.Tenant, Name: es.Partition(id.Tenant, id.Holder.String())}
}

// sameIDs makes keys of one partition.
func sameIDs(t testing.TB, n int) []seal.KeyID {
	t.Helper()
	out := []seal.KeyID{newID(t)}
	for len(out) < n {
		if id := newID(t); partitionOf(id) == partitionOf(out[0]) {
			out = append(out, id)
		}
	}
	return out
}

func rotate(t testing.TB, p *sealtest.Process, id seal.KeyID) {
	t.Helper()
	if err := p.Keeper.Rotate(t.Context(), partitionOf(id)); err != nil {
		t.Fatal(err)
	}
}

func TestARotationKeepsLiveKeysAndEndsTheOldKEK(t *testing.T) {
	w := sealtest.NewWorld(nil)
	p := w.Serve(t, nil)
	ids := sameIDs(t, 5)
	commits := map[seal.KeyID][32]byte{}
	for _, id := range ids {
		commits[id] = create(t, p.Vault, id).Commit()
	}
	destroy(t, p.Vault, ids[0])
	rotate(t, p, ids[0])

	expectErased(t, p.Vault, ids[0])
	for _, id := range ids[1:] {
		if create(t, p.Vault, id).Commit() != commits[id] {
			t.Error("a key changed")
		}
	}
	part := partitionOf(ids[0])
	if _, err := w.KMS.AEAD(t.Context(), kms.Ref{Tenant: part.Tenant, Partition: part.Name, Epoch: 1}); !errors.Is(err, kms.ErrNoKEK) {
		t.Errorf("the old KEK: %v, want ErrNoKEK", err)
	}
	events := sealtest.Events[*identityv1.KekEpochDestroyed](w.Ledger)
	if len(events) != 1 || events[0].GetEpoch() != 1 || events[0].GetLiveRewrapped() != 4 || events[0].GetDestroyedInEpoch() != 1 ||
		events[0].GetPartition() != part.Name || events[0].GetKmsReference() == "" {
		t.Errorf("event: %v", events)
	}
}

func TestOnlyPartitionsThatLostAKeyAreRotatedAndOnlyWhenDue(t *testing.T) {
	w := sealtest.NewWorld(nil)
	p := w.Serve(t, nil)
	lost, whole := newID(t), newID(t)
	create(t, p.Vault, lost)
	create(t, p.Vault, whole)
	destroy(t, p.Vault, lost)
	expectRotated := func(when string, want int) {
		t.Helper()
		got, err := p.Keeper.RotateDirty(t.Context())
		if err != nil || got != want {
			t.Errorf("%s: %d rotated (%v), want %d", when, got, err, want)
		}
	}
	expectRotated("at once", 0)
	w.Clock.Advance(sealtest.Epoch - time.Second)
	expectRotated("before the epoch's end", 0)
	w.Clock.Advance(time.Second)
	expectRotated("at the epoch's end", 1)
	expectRotated("again", 0)
	if events := sealtest.Events[*identityv1.KekEpochDestroyed](w.Ledger); len(events) != 1 || events[0].GetPartition() != partitionOf(lost).Name {
		t.Errorf("events: %v", events)
	}
}

func TestADamagedRowKeepsTheOldKEK(t *testing.T) {
	w := sealtest.NewWorld(nil)
	p := w.Serve(t, nil)
	ids := sameIDs(t, 2)
	create(t, p.Vault, ids[0])
	create(t, p.Vault, ids[1])
	part := partitionOf(ids[0])
	row := listed(t, w.Rows, fmt.Sprintf("habeas.vault.%s.key.>", part.Name))[0]
	damaged := bytes.Clone(row.Value)
	at := bytes.Index(damaged, []byte{0x22, 60}) + 10 // inside the wrapped key
	damaged[at] ^= 1
	if _, err := w.Rows.Put(t.Context(), row.Subject, damaged, row.Rev); err != nil {
		t.Fatal(err)
	}
	if err := p.Keeper.Rotate(t.Context(), part); !errors.Is(err, kek.ErrMismatch) {
		t.Errorf("rotate: %v, want ErrMismatch", err)
	}
	if _, err := w.KMS.AEAD(t.Context(), kms.Ref{Tenant: part.Tenant, Partition: part.Name, Epoch: 1}); err != nil {
		t.Errorf("the old KEK is gone: %v", err)
	}
}

func TestALostKEKIsAnErrorAndNothingIsReplaced(t *testing.T) {
	w := sealtest.NewWorld(nil)
	p := w.Serve(t, nil)
	id := newID(t)
	create(t, p.Vault, id)
	part := partitionOf(id)
	before := listed(t, w.Rows, "habeas.vault.*.key.>")
	if _, err := w.KMS.Destroy(t.Context(), kms.Ref{Tenant: part.Tenant, Partition: part.Name, Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Vault.GetOrCreate(t.Context(), access(), id); !errors.Is(err, kek.ErrLost) {
		t.Errorf("get: %v, want ErrLost", err)
	}
	if after := listed(t, w.Rows, "habeas.vault.*.key.>"); after[0].Rev != before[0].Rev {
		t.Error("the row was replaced")
	}
}

func TestARowThatWasMovedIsNotUsed(t *testing.T) {
	w := sealtest.NewWorld(nil)
	v := w.Serve(t, nil).Vault
	ids := sameIDs(t, 2)
	create(t, v, ids[0])
	row := listed(t, w.Rows, "habeas.vault.*.key.>")[0]
	elsewhere := strings.Replace(row.Subject, ids[0].Holder.String(), ids[1].Holder.String(), 1)
	if _, err := w.Rows.Put(t.Context(), elsewhere, row.Value, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := v.GetOrCreate(t.Context(), access(), ids[1]); !errors.Is(err, kek.ErrMismatch) {
		t.Errorf("get: %v, want ErrMismatch", err)
	}
}

// TestARotationSurvivesACrashAtEveryStep kills the process before and after
// every call that it makes, and lets another one finish.
func TestARotationSurvivesACrashAtEveryStep(t *testing.T) {
	ids := sameIDs(t, 3)
	for n := 0; ; n++ {
		w := sealtest.NewWorld(nil)
		first := w.Serve(t, nil)
		commits := map[seal.KeyID][32]byte{}
		for _, id := range ids {
			commits[id] = create(t, first.Vault, id).Commit()
		}
		destroy(t, first.Vault, ids[0])
		w.Clock.Advance(sealtest.Epoch)

		err := w.Start(t, sealtest.Crash(n)).Keeper.Rotate(t.Context(), partitionOf(ids[0]))
		next := w.Serve(t, nil)
		for _, id := range ids[1:] { // usable at every moment
			if create(t, next.Vault, id).Commit() != commits[id] {
				t.Fatalf("crash at step %d: a key changed", n)
			}
		}
		if _, err := next.Keeper.RotateDirty(t.Context()); err != nil {
			t.Fatalf("crash at step %d: %v", n, err)
		}
		for _, id := range ids[1:] {
			if create(t, next.Vault, id).Commit() != commits[id] {
				t.Fatalf("crash at step %d: a key changed afterwards", n)
			}
		}
		if events := sealtest.Events[*identityv1.KekEpochDestroyed](w.Ledger); len(events) != 1 {
			t.Fatalf("crash at step %d: %d epochs ended, want 1", n, len(events))
		}
		if err == nil {
			if n < 30 {
				t.Fatalf("only %d steps were seen", n)
			}
			return
		}
	}
}

// pauseAt stops the caller at one operation until it is let go.
type pauseAt struct {
	match   func(sealtest.Op) bool
	reached chan struct{}
	resume  chan error
	once    sync.Once
}

func newPause(match func(sealtest.Op) bool) *pauseAt {
	return &pauseAt{match: match, reached: make(chan struct{}), resume: make(chan error, 1)}
}

func (p *pauseAt) step(_ context.Context, op sealtest.Op) (err error) {
	if !p.match(op) {
		return nil
	}
	p.once.Do(func() {
		close(p.reached)
		err = <-p.resume
	})
	return err
}

func beforeKeyPut(op sealtest.Op) bool {
	return op.Name == "put" && !op.After && strings.Contains(op.Subject, ".key.")
}

func afterKeyPut(op sealtest.Op) bool {
	return op.Name == "put" && op.After && strings.Contains(op.Subject, ".key.")
}

func TestACreatorThatComesTooLateStillGetsALastingKey(t *testing.T) {
	for _, rotations := range []int{1, 2, 3} {
		t.Run(fmt.Sprintf("after %d rotations", rotations), func(t *testing.T) {
			w := sealtest.NewWorld(nil)
			id := newID(t)
			pause := newPause(beforeKeyPut)
			late := w.Serve(t, pause.step).Vault
			got := make(chan *seal.Key, 1)
			go func() { got <- create(t, late, id) }()
			<-pause.reached // it has wrapped its key under epoch 1, and has not written it yet
			other := w.Serve(t, nil)
			for range rotations {
				rotate(t, other, id)
			}
			pause.resume <- nil
			key := <-got
			if create(t, other.Vault, id).Commit() != key.Commit() {
				t.Error("the key that the creator got is not the one that stands")
			}
			rotate(t, other, id)
			if create(t, other.Vault, id).Commit() != key.Commit() {
				t.Error("the key did not survive the next rotation")
			}
		})
	}
}

func TestALateRowWhoseCreatorCrashedIsReplaced(t *testing.T) {
	w := sealtest.NewWorld(nil)
	id := newID(t)
	before, after := newPause(beforeKeyPut), newPause(afterKeyPut)
	late := w.Serve(t, func(ctx context.Context, op sealtest.Op) error {
		return errors.Join(before.step(ctx, op), after.step(ctx, op))
	}).Vault
	failed := make(chan error, 1)
	go func() {
		_, err := late.GetOrCreate(t.Context(), access(), id)
		failed <- err
	}()
	<-before.reached
	other := w.Serve(t, nil)
	rotate(t, other, id)
	before.resume <- nil
	<-after.reached
	after.resume <- sealtest.ErrCrash // it has written, and used nothing of it
	if err := <-failed; !errors.Is(err, sealtest.ErrCrash) {
		t.Fatalf("create: %v, want the crash", err)
	}
	key := create(t, other.Vault, id)
	rotate(t, other, id)
	if create(t, other.Vault, id).Commit() != key.Commit() {
		t.Error("the key did not survive the next rotation")
	}
}

func TestAReaderHelpsARowThatIsStillToBeMoved(t *testing.T) {
	w := sealtest.NewWorld(nil)
	id := newID(t)
	first := w.Serve(t, nil)
	commit := create(t, first.Vault, id).Commit()
	pause := newPause(beforeKeyPut)
	rotated := make(chan error, 1)
	rotating := w.Serve(t, pause.step)
	go func() { rotated <- rotating.Keeper.Rotate(t.Context(), partitionOf(id)) }()
	<-pause.reached // epoch 2 has begun, the row is still under 1
	if create(t, first.Vault, id).Commit() != commit {
		t.Error("the key changed")
	}
	pause.resume <- nil
	if err := <-rotated; err != nil {
		t.Fatal(err)
	}
	if create(t, first.Vault, id).Commit() != commit {
		t.Error("the key changed afterwards")
	}
}

// TestCreatorsRaceRotations: whoever got a key, with whatever pauses, holds the
// one that stands at the end.
func TestCreatorsRaceRotations(t *testing.T) {
	w := sealtest.NewWorld(nil)
	ids := sameIDs(t, 60)
	stop := make(chan struct{})
	var turning, making sync.WaitGroup
	for i := range 2 {
		p := w.Serve(t, jitter(uint64(i)))
		turning.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := p.Keeper.Rotate(t.Context(), partitionOf(ids[0])); err != nil {
					t.Errorf("rotate: %v", err)
					return
				}
			}
		})
	}
	var mu sync.Mutex
	got := map[seal.KeyID][][32]byte{}
	for i := range 8 {
		v := w.Serve(t, jitter(uint64(100+i))).Vault
		making.Go(func() {
			for n := range ids {
				id := ids[(n+i)%len(ids)]
				lease, err := v.GetOrCreate(t.Context(), access(), id)
				if err != nil {
					t.Errorf("get or create: %v", err)
					continue
				}
				mu.Lock()
				got[id] = append(got[id], lease.Key.Commit())
				mu.Unlock()
			}
		})
	}
	making.Wait()
	close(stop)
	turning.Wait()
	final := w.Serve(t, nil)
	for id, commits := range got {
		stands := create(t, final.Vault, id).Commit()
		for _, c := range commits {
			if c != stands {
				t.Errorf("a caller holds a key that does not stand")
			}
		}
	}
	t.Logf("%d epochs ended while %d keys were made", len(w.Ledger.Entries()), len(ids))
}

// jitter lets a caller wait up to 200 µs at every third step, by a fixed rule.
func jitter(seed uint64) sealtest.Step {
	var mu sync.Mutex
	state := seed*2862933555777941757 + 3037000493
	return func(context.Context, sealtest.Op) error {
		mu.Lock()
		state = state*6364136223846793005 + 1442695040888963407
		roll := state >> 33
		mu.Unlock()
		if roll%3 == 0 {
			<-time.After(time.Duration(roll%200) * time.Microsecond)
		}
		return nil
	}
}
