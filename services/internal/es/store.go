package es

import (
	"context"
	"iter"
)

// Source says who may answer a load.
type Source int

const (
	// AnyReplica is fast and may lag behind the leader.
	AnyReplica Source = iota
	// Leader has everything that was acknowledged before the call.
	Leader
)

// Store is an append-only log of commits, one ordered sequence per aggregate.
type Store interface {
	// Load yields the commits of agg after stream sequence after, in order.
	// An error ends the sequence.
	Load(ctx context.Context, agg Aggregate, after uint64, from Source) iter.Seq2[Recorded, error]
	// LoadAll returns the commits of each of some aggregates of one shard,
	// MaxBatch at most, in order and as any replica has them: it may lack what was
	// appended last, also all of it.
	LoadAll(ctx context.Context, aggs []Aggregate) ([][]Recorded, error)
	// Append adds c behind head: all of it or nothing. ErrConflict: head is
	// not the last commit. ErrUnknownOutcome: no answer in time.
	Append(ctx context.Context, head Head, c Commit) (Recorded, error)
	// AppendBatch adds commits of different aggregates of one shard, all or
	// none; MaxBatch at most.
	AppendBatch(ctx context.Context, batch []Pending) ([]Recorded, error)
	// Confirm returns nil when a leader that can prove its leadership says
	// that head is the last commit of agg, and ErrStale when it is not.
	Confirm(ctx context.Context, agg Aggregate, head Head) error
}

// MaxBatch is the most commits of one AppendBatch.
const MaxBatch = 1000

// Pending is a commit that waits to be appended behind Head.
type Pending struct {
	Head   Head
	Commit Commit
}

// Verifier vouches for the origin of a commit; a commit that no announced key
// signed is a CorruptError.
type Verifier interface {
	Verify(ctx context.Context, r Recorded) error
}

// Fold walks commits from head on, checks that each continues the one before,
// hands each to visit, and has the last one's signature verified: through the
// chain of hashes it vouches for all.
func Fold(ctx context.Context, v Verifier, head Head, commits iter.Seq2[Recorded, error], visit func(Recorded) error) (Head, error) {
	var last *Recorded
	for r, err := range commits {
		if err != nil {
			return head, err
		}
		if head, err = head.Next(r); err != nil {
			return head, err
		}
		if err := visit(r); err != nil {
			return head, err
		}
		last = &r
	}
	if last == nil {
		return head, nil
	}
	return head, v.Verify(ctx, *last)
}
