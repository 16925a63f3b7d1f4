package estest

import (
	"errors"
	"slices"
	"testing"

	"habeas.internal/services/internal/es"
)

// sameShard makes n aggregates of one partition, hence of one shard.
func sameShard(t *testing.T, n int) []es.Aggregate {
	t.Helper()
	out := []es.Aggregate{aggregate(t)}
	for len(out) < n {
		if a := aggregate(t); es.Shard(a.Partition(), 4) == es.Shard(out[0].Partition(), 4) {
			out = append(out, a)
		}
	}
	return out
}

func pending(t *testing.T, n int) []es.Pending {
	t.Helper()
	var out []es.Pending
	for i, agg := range sameShard(t, n) {
		out = append(out, es.Pending{Commit: NewCommit(t, agg, uint64(i+1))})
	}
	return out
}

func wholeBatch(t *testing.T, f Fixture) {
	batch := pending(t, es.MaxBatch)
	got, err := f.Store.AppendBatch(ctx(t), batch)
	if err != nil || len(got) != len(batch) {
		t.Fatalf("%d of %d commits, error %v", len(got), len(batch), err)
	}
	for i, r := range got {
		if i > 0 && r.Position.Seq != got[i-1].Position.Seq+1 {
			t.Fatalf("commit %d is not contiguous", i)
		}
	}
	for _, i := range []int{0, 499, 999} {
		if head := fold(t, f, batch[i].Commit.Aggregate); head.Seq != got[i].Position.Seq {
			t.Errorf("commit %d stands at %d, reported %d", i, head.Seq, got[i].Position.Seq)
		}
	}
}

func staleBatch(t *testing.T, f Fixture) {
	batch := pending(t, 10)
	mustAppend(t, f, es.Head{}, NewCommit(t, batch[7].Commit.Aggregate, 1))
	if _, err := f.Store.AppendBatch(ctx(t), batch); !errors.Is(err, es.ErrConflict) {
		t.Fatalf("want a conflict, got %v", err)
	}
	for i, p := range batch {
		want := 0
		if i == 7 {
			want = 1
		}
		if n := len(mustLoad(t, f, p.Commit.Aggregate, 0, es.Leader)); n != want {
			t.Errorf("aggregate %d has %d commits, want %d", i, n, want)
		}
	}
}

func badBatch(t *testing.T, f Fixture) {
	batch := pending(t, 2)
	batch[1].Commit.Aggregate = batch[0].Commit.Aggregate
	if _, err := f.Store.AppendBatch(ctx(t), batch); !errors.Is(err, es.ErrInvalidAggregate) {
		t.Errorf("repeated aggregate: %v", err)
	}
	if _, err := f.Store.AppendBatch(ctx(t), nil); !errors.Is(err, es.ErrTooLarge) {
		t.Errorf("empty batch: %v", err)
	}
	if _, err := f.Store.AppendBatch(ctx(t), make([]es.Pending, es.MaxBatch+1)); !errors.Is(err, es.ErrTooLarge) {
		t.Errorf("too large a batch: %v", err)
	}
	if n := len(mustLoad(t, f, batch[0].Commit.Aggregate, 0, es.Leader)); n != 0 {
		t.Errorf("a refused batch stored %d commits", n)
	}
}

func batchTwice(t *testing.T, f Fixture) {
	batch := pending(t, 20)
	first, err := f.Store.AppendBatch(ctx(t), batch)
	if err != nil {
		t.Fatal(err)
	}
	second, err := f.Store.AppendBatch(ctx(t), batch)
	if err != nil {
		t.Fatalf("second append: %v", err)
	}
	same := slices.EqualFunc(first, second, func(a, b es.Recorded) bool { return a.Position == b.Position && a.ID == b.ID })
	if !same {
		t.Error("the second append of one batch has other positions")
	}
}
