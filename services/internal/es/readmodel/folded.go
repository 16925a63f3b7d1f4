package readmodel

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"habeas.internal/services/internal/es"

	"github.com/redis/go-redis/v9"
)

// Folded names a read model that keeps one value for each aggregate: what its
// commits fold to.
type Folded struct {
	Name    string
	Version int
	// Key is where an aggregate's value is kept. Not ok: it is not kept.
	Key func(agg es.Aggregate) (suffix string, ok bool)
	// Fold is what a value becomes by a commit. It is pure; an empty value is
	// that of an aggregate without commits.
	Fold func(value []byte, r es.Recorded) ([]byte, error)
}

// Model is the folded model's name and version, for a Reader.
func (m Folded) Model() Model { return Model{Name: m.Name, Version: m.Version} }

// tagBytes is how much of a digest stands for the name, version and epoch in the keys
// of values: there is a key for each aggregate, and a long one takes more room than
// many a value.
const tagBytes = 6

// values is the beginning of the keys of values.
func (m Folded) values(stream, epoch string) string {
	digest := sha256.Sum256([]byte(m.Model().prefix(stream, epoch)))
	return "{" + stream + "}" + string(digest[:tagBytes])
}

// FoldSink writes a folded model into Redis.
type FoldSink struct {
	*Sink

	model Folded
}

var _ es.Sink = (*FoldSink)(nil)

// NewFoldSink makes the sink of a folded model.
func NewFoldSink(client redis.UniversalClient, model Folded) *FoldSink {
	return &FoldSink{Sink: NewSink(client, model.Model()), model: model}
}

// Drop removes a stream's part of the model, its checkpoint first.
func (s *FoldSink) Drop(ctx context.Context, stream, epoch string) error {
	if err := s.Sink.Drop(ctx, stream, epoch); err != nil {
		return err
	}
	return s.remove(ctx, s.model.values(stream, epoch))
}

// Apply folds the batch into the values as they stand at the checkpoint, and
// writes them only if it still stands there.
func (s *FoldSink) Apply(ctx context.Context, from es.Checkpoint, batch []es.Recorded) error {
	last := es.CheckpointAt(batch[len(batch)-1])
	checkpoint := s.model.Model().prefix(last.Stream, last.Epoch) + checkpointKey
	keys := s.keys(batch)
	values, err := s.values(ctx, checkpoint, from, keys)
	if err != nil {
		return err
	}
	for _, r := range batch {
		key, ok := s.key(r)
		if !ok {
			continue
		}
		if values[key], err = s.model.Fold(values[key], r); err != nil {
			return fmt.Errorf("%w: %w", es.ErrUnprojectable, err)
		}
	}
	b := script{index: map[string]int{}}
	b.key(checkpoint)
	b.args = append(b.args, checkpointText(from), checkpointText(last))
	for _, key := range keys {
		if err := b.add(Write{Command: "SET", Key: key, Args: []string{string(values[key])}}); err != nil {
			return err
		}
	}
	return s.write(ctx, from, b)
}

// key is where the value of a commit's aggregate is kept.
func (s *FoldSink) key(r es.Recorded) (string, bool) {
	suffix, ok := s.model.Key(r.Aggregate)
	return s.model.values(r.Position.Stream, r.Position.Epoch) + suffix, ok
}

// keys are those that a batch touches, in the order of its commits.
func (s *FoldSink) keys(batch []es.Recorded) []string {
	var out []string
	seen := map[string]bool{}
	for _, r := range batch {
		if key, ok := s.key(r); ok && !seen[key] {
			seen[key] = true
			out = append(out, key)
		}
	}
	return out
}

// values reads what stands under keys, if the checkpoint is where it should be.
func (s *FoldSink) values(ctx context.Context, checkpoint string, from es.Checkpoint, keys []string) (map[string][]byte, error) {
	found, err := s.client.MGet(ctx, append([]string{checkpoint}, keys...)...).Result() // all of one moment
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	if at, _ := found[0].(string); at != checkpointText(from) {
		return nil, es.ErrMoved
	}
	out := make(map[string][]byte, len(keys))
	for i, key := range keys {
		if text, ok := found[i+1].(string); ok {
			out[key] = []byte(text)
		}
	}
	return out, nil
}

// Value is an aggregate's value in the model, and how far the model was read
// when it stood there: one round trip. An empty value is that of an aggregate
// without commits up to there. It waits for nothing.
func (m Folded) Value(ctx context.Context, client redis.UniversalClient, at es.Position, agg es.Aggregate) ([]byte, es.Position, error) {
	key, ok := m.Key(agg)
	if !ok {
		return nil, at, es.ErrInvalidAggregate
	}
	found, err := client.MGet(ctx, m.Model().prefix(at.Stream, at.Epoch)+checkpointKey, m.values(at.Stream, at.Epoch)+key).Result()
	if err != nil {
		return nil, at, fmt.Errorf("read model: %w: %w", es.ErrUnavailable, err)
	}
	text, _ := found[0].(string)
	if at.Seq, _, err = parseCheckpoint(text); err != nil {
		return nil, at, errors.Join(es.ErrUnavailable, err)
	}
	value, _ := found[1].(string)
	return []byte(value), at, nil
}
