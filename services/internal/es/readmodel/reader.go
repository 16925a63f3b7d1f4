package readmodel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/redis/go-redis/v9"
)

// Locator finds the stream that holds an aggregate, and where a context's
// streams end.
type Locator interface {
	Locate(agg es.Aggregate) (es.Position, error)
	End(ctx context.Context, context string) (es.Token, error)
}

// Reader answers from a model that a Sink keeps. It is safe for concurrent
// use.
type Reader struct {
	client redis.UniversalClient
	model  Model
	log    Locator

	mu   sync.Mutex
	seen es.Token // the furthest that this reader has seen each stream's model
}

// NewReader makes a reader that answers from nothing older than what stands
// in the log now: a model that is empty or was wiped is behind, not empty.
func NewReader(ctx context.Context, client redis.UniversalClient, model Model, log Locator, domain string) (*Reader, error) {
	end, err := log.End(ctx, domain)
	if err != nil {
		return nil, fmt.Errorf("find the end of the log: %w", err)
	}
	return &Reader{client: client, model: model, log: log, seen: end}, nil
}

// pollEvery is how often a reader looks whether the model has caught up.
const pollEvery = 5 * time.Millisecond

// Read runs queries on the keys of agg's shard and returns the position that
// their answers reflect, which is not before want nor before anything that
// this reader has answered earlier. It waits until ctx ends, then returns
// ErrBehind. ErrOtherEpoch: want speaks of an earlier history.
//
// queries gets the key of a suffix and queues commands; their results are
// valid after Read returned nil.
func (r *Reader) Read(ctx context.Context, agg es.Aggregate, want es.Token, queries func(p redis.Pipeliner, key func(suffix string) string)) (es.Position, error) {
	at, err := r.log.Locate(agg)
	if err != nil {
		return es.Position{}, err
	}
	floor, err := r.floor(at, want)
	if err != nil {
		return es.Position{}, err
	}
	for {
		if at.Seq, err = r.once(ctx, at, queries); err != nil {
			return at, fmt.Errorf("%w: %w", es.ErrUnavailable, err)
		}
		if at.Seq >= floor {
			r.note(at)
			return at, nil
		}
		select {
		case <-ctx.Done():
			return at, es.ErrBehind
		case <-time.After(pollEvery):
		}
	}
}

func (r *Reader) once(ctx context.Context, at es.Position, queries func(redis.Pipeliner, func(string) string)) (uint64, error) {
	prefix := r.model.prefix(at.Stream, at.Epoch)
	var checkpoint *redis.StringCmd
	_, err := r.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		checkpoint = p.Get(ctx, prefix+checkpointKey)
		queries(p, func(suffix string) string { return prefix + suffix })
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, fmt.Errorf("read model: %w", err)
	}
	text, err := checkpoint.Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, fmt.Errorf("read checkpoint: %w", err)
	}
	seq, _, err := parseCheckpoint(text)
	return seq, err
}

func (r *Reader) floor(at es.Position, want es.Token) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	floor := uint64(0)
	for _, t := range []es.Token{r.seen, want} {
		p, ok := t[at.Stream]
		if !ok {
			continue
		}
		if p.Epoch != at.Epoch {
			return 0, es.ErrOtherEpoch
		}
		floor = max(floor, p.Seq)
	}
	return floor, nil
}

func (r *Reader) note(at es.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.Seq > r.seen[at.Stream].Seq {
		r.seen[at.Stream] = at
	}
}
