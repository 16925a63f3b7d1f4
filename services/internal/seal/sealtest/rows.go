// Package sealtest holds what tests of sealed data share: the suite that every
// store of rows must pass, a store that can be made to stop between two
// writes, a key store in memory, and a ledger that remembers.
package sealtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"habeas.internal/services/internal/seal/rows"

	"github.com/google/go-cmp/cmp"
)

// Subjects of the suite, one on each side of a two-shard store.
const (
	subjectA = "habeas.vault.00.key.t1.subject-a.profile"
	subjectB = "habeas.vault.ff.key.t1.subject-b.profile"
)

// RunRows is what a store of rows promises. Open returns an empty store that
// takes subjects under habeas.vault.
func RunRows(t *testing.T, open func(testing.TB) rows.Store) {
	t.Run("a row is what was put last", func(t *testing.T) { putAndGet(t, open(t)) })
	t.Run("a put names the revision that it replaces", func(t *testing.T) { compareAndSet(t, open(t)) })
	t.Run("a delete names the revision that it removes", func(t *testing.T) { deleteByRevision(t, open(t)) })
	t.Run("a row can come back after its end, at a higher revision", func(t *testing.T) { comeBack(t, open(t)) })
	t.Run("a listing yields the rows of its filter as they stand", func(t *testing.T) { list(t, open(t)) })
	t.Run("a listing misses no row that moves meanwhile", func(t *testing.T) { listMoving(t, open(t)) })
	t.Run("a listing from a revision on yields what was written since", func(t *testing.T) { listAfter(t, open(t)) })
	t.Run("of many writers one wins each revision", func(t *testing.T) { contend(t, open(t)) })
	t.Run("of many creators one wins", func(t *testing.T) { create(t, open(t)) })
	t.Run("an ended context is an error, not a result", func(t *testing.T) { ended(t, open(t)) })
}

func put(t testing.TB, s rows.Store, subject, value string, expect uint64) uint64 {
	t.Helper()
	rev, err := s.Put(t.Context(), subject, []byte(value), expect)
	if err != nil {
		t.Fatalf("put %s at %d: %v", subject, expect, err)
	}
	return rev
}

func expectRow(t testing.TB, s rows.Store, want rows.Row) {
	t.Helper()
	got, err := s.Get(t.Context(), want.Subject)
	if err != nil {
		t.Fatalf("get %s: %v", want.Subject, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("row differs (-want +got):\n%s", diff)
	}
}

func expectNone(t testing.TB, s rows.Store, subject string) {
	t.Helper()
	if _, err := s.Get(t.Context(), subject); !errors.Is(err, rows.ErrNotFound) {
		t.Errorf("get %s: %v, want ErrNotFound", subject, err)
	}
}

func putAndGet(t *testing.T, s rows.Store) {
	expectNone(t, s, subjectA)
	first := put(t, s, subjectA, "one", 0)
	expectRow(t, s, rows.Row{Subject: subjectA, Value: []byte("one"), Rev: first})
	second := put(t, s, subjectA, "two", first)
	if second <= first {
		t.Errorf("revision %d follows %d", second, first)
	}
	expectRow(t, s, rows.Row{Subject: subjectA, Value: []byte("two"), Rev: second})
	expectNone(t, s, subjectB)
}

func compareAndSet(t *testing.T, s rows.Store) {
	first := put(t, s, subjectA, "one", 0)
	second := put(t, s, subjectA, "two", first)
	for _, stale := range []uint64{0, first, second + 100} {
		if _, err := s.Put(t.Context(), subjectA, []byte("three"), stale); !errors.Is(err, rows.ErrConflict) {
			t.Errorf("put at %d: %v, want ErrConflict", stale, err)
		}
	}
	expectRow(t, s, rows.Row{Subject: subjectA, Value: []byte("two"), Rev: second})
	if _, err := s.Put(t.Context(), subjectB, []byte("one"), first); !errors.Is(err, rows.ErrConflict) {
		t.Errorf("put of a missing row at %d: %v, want ErrConflict", first, err)
	}
}

func deleteByRevision(t *testing.T, s rows.Store) {
	if err := s.Delete(t.Context(), subjectA, 1); err != nil {
		t.Errorf("delete of a missing row: %v", err)
	}
	first := put(t, s, subjectA, "one", 0)
	second := put(t, s, subjectA, "two", first)
	if err := s.Delete(t.Context(), subjectA, first); !errors.Is(err, rows.ErrConflict) {
		t.Errorf("delete of an old revision: %v, want ErrConflict", err)
	}
	expectRow(t, s, rows.Row{Subject: subjectA, Value: []byte("two"), Rev: second})
	for range 2 {
		if err := s.Delete(t.Context(), subjectA, second); err != nil {
			t.Errorf("delete: %v", err)
		}
		expectNone(t, s, subjectA)
	}
}

func comeBack(t *testing.T, s rows.Store) {
	first := put(t, s, subjectA, "one", 0)
	if err := s.Delete(t.Context(), subjectA, first); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), subjectA, []byte("two"), first); !errors.Is(err, rows.ErrConflict) {
		t.Errorf("put at the removed revision: %v, want ErrConflict", err)
	}
	if second := put(t, s, subjectA, "two", 0); second <= first {
		t.Errorf("revision %d follows %d", second, first)
	}
}

func collect(t testing.TB, s rows.Store, filter string) map[string]rows.Row {
	t.Helper()
	out := map[string]rows.Row{}
	for row, err := range s.List(t.Context(), filter, 0) {
		if err != nil {
			t.Fatalf("list %s: %v", filter, err)
		}
		if row.Rev <= out[row.Subject].Rev {
			t.Errorf("list %s: %s came at %d after %d", filter, row.Subject, row.Rev, out[row.Subject].Rev)
		}
		out[row.Subject] = row
	}
	return out
}

func list(t *testing.T, s rows.Store) {
	want := map[string]rows.Row{}
	for i := range 5 {
		subject := fmt.Sprintf("habeas.vault.00.key.t1.subject-%d.profile", i)
		want[subject] = rows.Row{Subject: subject, Value: []byte("v"), Rev: put(t, s, subject, "v", 0)}
	}
	gone := "habeas.vault.00.key.t1.subject-3.profile"
	if err := s.Delete(t.Context(), gone, want[gone].Rev); err != nil {
		t.Fatal(err)
	}
	delete(want, gone)
	moved := "habeas.vault.00.key.t1.subject-1.profile"
	want[moved] = rows.Row{Subject: moved, Value: []byte("w"), Rev: put(t, s, moved, "w", want[moved].Rev)}
	epoch := "habeas.vault.00.epoch.t1"
	put(t, s, epoch, "e", 0)
	far := rows.Row{Subject: subjectB, Value: []byte("b"), Rev: put(t, s, subjectB, "b", 0)}

	if diff := cmp.Diff(want, collect(t, s, "habeas.vault.00.key.t1.>")); diff != "" {
		t.Errorf("one partition's keys differ (-want +got):\n%s", diff)
	}
	want[far.Subject] = far
	if diff := cmp.Diff(want, collect(t, s, "habeas.vault.*.key.>")); diff != "" {
		t.Errorf("all partitions' keys differ (-want +got):\n%s", diff)
	}
	if got := collect(t, s, "habeas.vault.*.epoch.*"); len(got) != 1 {
		t.Errorf("%d epoch rows, want 1", len(got))
	}
	if got := collect(t, s, "habeas.vault.00.pepper.>"); len(got) != 0 {
		t.Errorf("%d rows of an empty filter", len(got))
	}
}

func listMoving(t *testing.T, s rows.Store) {
	const n = 20
	revs := map[string]uint64{}
	for i := range n {
		subject := fmt.Sprintf("habeas.vault.00.key.t1.subject-%02d.profile", i)
		revs[subject] = put(t, s, subject, "old", 0)
	}
	seen := map[string]string{}
	for row, err := range s.List(t.Context(), "habeas.vault.00.key.>", 0) {
		if err != nil {
			t.Fatal(err)
		}
		if len(seen) == 0 { // all the others move behind the listing's start
			for subject, rev := range revs {
				put(t, s, subject, "new", rev)
			}
		}
		seen[row.Subject] = string(row.Value)
	}
	for subject := range revs {
		if seen[subject] != "new" {
			t.Errorf("%s: last seen as %q, want new", subject, seen[subject])
		}
	}
}

func listAfter(t *testing.T, s rows.Store) {
	const a, b, c = "habeas.vault.00.key.t1.a", "habeas.vault.00.key.t1.b", "habeas.vault.00.key.t1.c"
	first := put(t, s, a, "1", 0)
	since := put(t, s, b, "2", 0)
	put(t, s, a, "3", first)
	put(t, s, c, "4", 0)
	var got []string
	for row, err := range s.List(t.Context(), "habeas.vault.00.key.>", since) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, row.Subject+"="+string(row.Value))
	}
	if diff := cmp.Diff([]string{a + "=3", c + "=4"}, got); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
}

// contend raises a counter: a lost update would leave it too low.
func contend(t *testing.T, s rows.Store) {
	const writers, each = 8, 5
	put(t, s, subjectA, "", 0)
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				if err := raise(t.Context(), s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	row, err := s.Get(t.Context(), subjectA)
	if err != nil || len(row.Value) != writers*each {
		t.Errorf("%d writes stand, want %d (%v)", len(row.Value), writers*each, err)
	}
}

func raise(ctx context.Context, s rows.Store) error {
	for {
		row, err := s.Get(ctx, subjectA)
		if err != nil {
			return fmt.Errorf("get: %w", err)
		}
		_, err = s.Put(ctx, subjectA, append(row.Value, '+'), row.Rev)
		if !errors.Is(err, rows.ErrConflict) {
			return err
		}
		if now, err := s.Get(ctx, subjectA); err == nil && now.Rev == row.Rev {
			return fmt.Errorf("a conflict was reported, but the row still stands at %d", row.Rev)
		}
	}
}

func create(t *testing.T, s rows.Store) {
	const creators = 8
	won := make(chan uint64, creators)
	var all sync.WaitGroup
	for range creators {
		all.Go(func() {
			rev, err := s.Put(t.Context(), subjectA, []byte("mine"), 0)
			if err == nil {
				won <- rev
			} else if !errors.Is(err, rows.ErrConflict) {
				t.Errorf("put: %v", err)
			}
		})
	}
	all.Wait()
	if len(won) != 1 {
		t.Fatalf("%d creators won, want 1", len(won))
	}
	expectRow(t, s, rows.Row{Subject: subjectA, Value: []byte("mine"), Rev: <-won})
}

func ended(t *testing.T, s rows.Store) {
	rev := put(t, s, subjectA, "one", 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(ctx, subjectB); err == nil || errors.Is(err, rows.ErrNotFound) {
		t.Errorf("get: %v, want the context's error", err)
	}
	if _, err := s.Put(ctx, subjectA, []byte("two"), rev); err == nil {
		t.Error("put succeeded")
	}
	var last error
	for _, err := range s.List(ctx, "habeas.vault.>", 0) {
		last = err
	}
	if last == nil {
		t.Error("list ended without an error")
	}
}
