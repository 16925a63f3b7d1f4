package readmodel

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"habeas.internal/services/internal/es"

	"github.com/redis/go-redis/v9"
)

// Write is one change of a key of the model: a Redis command that needs no
// reading before. Key is a suffix, see the package comment.
type Write struct {
	Command string
	Key     string
	Args    []string
}

// allowed lists the commands that a write may use: each depends on nothing but
// the key that it names. HINCRBY is among them because a batch is applied once
// or not at all; a key that it counts in must be written by nothing else, so
// that no write of a script can fail after others have been done.
func allowed(command string) bool {
	switch command {
	case "HSET", "HDEL", "DEL", "SET", "SADD", "SREM", "ZADD", "ZREM", "HINCRBY":
		return true
	}
	return false
}

// Model names a read model and says what commits mean for it. Project is pure:
// the same commits in the same order give the same bytes.
type Model struct {
	Name    string
	Version int
	Project func(es.Recorded) ([]Write, error)
}

func (m Model) prefix(stream, epoch string) string {
	return "{" + stream + "}:" + m.Name + ".v" + strconv.Itoa(m.Version) + "." + epoch + ":"
}

// Sink writes a model into Redis.
type Sink struct {
	client redis.UniversalClient
	model  Model
}

var _ es.Sink = (*Sink)(nil)

// NewSink makes the sink of a model.
func NewSink(client redis.UniversalClient, model Model) *Sink {
	return &Sink{client: client, model: model}
}

const checkpointKey = "checkpoint"

// Checkpoint is how far a stream was read into the model.
func (s *Sink) Checkpoint(ctx context.Context, stream, epoch string) (es.Checkpoint, error) {
	text, err := s.client.Get(ctx, s.model.prefix(stream, epoch)+checkpointKey).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return es.Checkpoint{}, fmt.Errorf("read checkpoint: %w", err)
	}
	seq, commit, err := parseCheckpoint(text)
	return es.Checkpoint{Position: es.Position{Stream: stream, Epoch: epoch, Seq: seq}, Commit: commit}, err
}

// checkpointText is a checkpoint as it is stored: the sequence, a space and
// the commit's id; nothing before the first commit.
func checkpointText(c es.Checkpoint) string {
	if c.Seq == 0 {
		return ""
	}
	return strconv.FormatUint(c.Seq, 10) + " " + c.Commit
}

func parseCheckpoint(text string) (seq uint64, commit string, err error) {
	if text == "" {
		return 0, "", nil
	}
	number, commit, _ := strings.Cut(text, " ")
	if seq, err = strconv.ParseUint(number, 10, 64); err != nil {
		return 0, "", fmt.Errorf("parse checkpoint: %w", err)
	}
	return seq, commit, nil
}

// apply compares and writes. Sequences stay text: Lua's numbers end at 2^53.
// KEYS: the checkpoint, then every key. ARGV: where the checkpoint must stand,
// where it goes, then for each write the number of its arguments, its command,
// the index of its key, and the arguments.
func applyScript() *redis.Script {
	return redis.NewScript(`
local call, keys, argv = redis.call, KEYS, ARGV
local at = call('GET', keys[1]) or ''
if at ~= argv[1] then return at end
local i, last = 3, #argv
while i <= last do
  local to = i + 2 + tonumber(argv[i])
  call(argv[i + 1], keys[tonumber(argv[i + 2])], unpack(argv, i + 3, to))
  i = to + 1
end
call('SET', keys[1], argv[2])
return argv[1]
`)
}

// Apply writes what the batch means and moves the checkpoint, both or neither.
func (s *Sink) Apply(ctx context.Context, from es.Checkpoint, batch []es.Recorded) error {
	last := es.CheckpointAt(batch[len(batch)-1])
	prefix := s.model.prefix(last.Stream, last.Epoch)
	b := script{prefix: prefix, index: map[string]int{}}
	b.key(checkpointKey)
	b.args = append(b.args, checkpointText(from), checkpointText(last))
	for _, r := range batch {
		writes, err := s.model.Project(r)
		if err != nil {
			return fmt.Errorf("%w: %w", es.ErrUnprojectable, err)
		}
		for _, w := range writes {
			if err := b.add(w); err != nil {
				return err
			}
		}
	}
	return s.write(ctx, from, b)
}

// write runs a script that does nothing unless the checkpoint stands at from.
func (s *Sink) write(ctx context.Context, from es.Checkpoint, b script) error {
	at, err := applyScript().Run(ctx, s.client, b.keys, b.args...).Text()
	if err != nil {
		return fmt.Errorf("write read model: %w", err)
	}
	if at != checkpointText(from) {
		return es.ErrMoved
	}
	return nil
}

// maxArgs bounds a write; Lua takes some 8,000 values off its stack at once.
const maxArgs = 4000

type script struct {
	prefix string
	keys   []string
	index  map[string]int
	args   []any
}

func (b *script) key(suffix string) int {
	if i, ok := b.index[suffix]; ok {
		return i
	}
	b.keys = append(b.keys, b.prefix+suffix)
	b.index[suffix] = len(b.keys)
	return len(b.keys)
}

func (b *script) add(w Write) error {
	if !allowed(w.Command) || w.Key == checkpointKey || len(w.Args) > maxArgs {
		return fmt.Errorf("write %s: %w", w.Command, es.ErrUnprojectable)
	}
	b.args = append(b.args, strconv.Itoa(len(w.Args)), w.Command, strconv.Itoa(b.key(w.Key)))
	for _, a := range w.Args {
		b.args = append(b.args, a)
	}
	return nil
}

// Drop removes a stream's part of the model, so that it is built anew. The
// checkpoint goes first: from then on the model is behind, and not half of it
// current.
func (s *Sink) Drop(ctx context.Context, stream, epoch string) error {
	if err := s.client.Del(ctx, s.model.prefix(stream, epoch)+checkpointKey).Err(); err != nil {
		return fmt.Errorf("drop checkpoint: %w", err)
	}
	return s.remove(ctx, s.model.prefix(stream, epoch))
}

// remove removes all keys that begin alike.
func (s *Sink) remove(ctx context.Context, prefix string) error {
	it := s.client.Scan(ctx, 0, escapeGlob(prefix)+"*", 1000).Iterator()
	for it.Next(ctx) {
		if err := s.client.Unlink(ctx, it.Val()).Err(); err != nil {
			return fmt.Errorf("drop read model: %w", err)
		}
	}
	if err := it.Err(); err != nil {
		return fmt.Errorf("drop read model: %w", err)
	}
	return nil
}

func escapeGlob(s string) string {
	out := make([]byte, 0, len(s)+4)
	for i := range len(s) {
		switch s[i] {
		case '*', '?', '[', ']', '\\':
			out = append(out, '\\')
		}
		out = append(out, s[i])
	}
	return string(out)
}
