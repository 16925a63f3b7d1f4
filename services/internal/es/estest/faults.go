package estest

import (
	"context"
	"errors"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
)

func lostAck(t *testing.T, f Fixture) {
	agg := aggregate(t)
	head := mustAppend(t, f, es.Head{}, NewCommit(t, agg, 1))
	mend := f.LoseAck()
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-time.After(2 * time.Second):
		case <-t.Context().Done():
		}
		mend()
	}()
	head = mustAppend(t, f, head, NewCommit(t, agg, 2))
	<-done
	if got := fold(t, f, agg); got != head || got.Commits != 2 {
		t.Errorf("head %+v, want %+v", got, head)
	}
}

func lostBatchAck(t *testing.T, f Fixture) {
	batch := pending(t, 5)
	mend := f.LoseAck()
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-time.After(2 * time.Second):
		case <-t.Context().Done():
		}
		mend()
	}()
	got, err := f.Store.AppendBatch(ctx(t), batch)
	<-done
	if err != nil || len(got) != len(batch) {
		t.Fatalf("%d of %d commits, error %v", len(got), len(batch), err)
	}
	for i, p := range batch {
		if head := fold(t, f, p.Commit.Aggregate); head.Seq != got[i].Position.Seq || head.Commits != 1 {
			t.Errorf("commit %d stands at %d (%d commits), reported %d", i, head.Seq, head.Commits, got[i].Position.Seq)
		}
	}
}

func unknownOutcome(t *testing.T, f Fixture) {
	agg := aggregate(t)
	c := NewCommit(t, agg, 1)
	mend := f.LoseAck()
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	_, err := f.Store.Append(short, es.Head{}, c)
	cancel()
	mend()
	if err != nil && !errors.Is(err, es.ErrUnknownOutcome) {
		t.Fatalf("want an unknown outcome, got %v", err)
	}
	mustAppend(t, f, es.Head{}, c)
	if n := len(mustLoad(t, f, agg, 0, es.Leader)); n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
}
