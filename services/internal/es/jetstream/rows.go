package jetstream

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/rows"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var _ rows.Store = (*Rows)(nil)

// RowsConfig is what Rows needs.
type RowsConfig struct {
	Conn     *nats.Conn
	Topology Topology // Shards and Replicas
	// TryTimeout bounds one try of a read or a write; default 1.5 s.
	TryTimeout time.Duration
}

// Rows keeps rows on the mutable streams: a row is the last message of its
// subject, its revision that message's sequence. It is safe for concurrent
// use.
//
// A message that is replaced or deleted is overwritten in the stream's files.
// Three places are out of its reach, and the reason why rows hold only wrapped
// keys and keyed hashes: the raft log of a replicated stream, until the server
// compacts it; a mirror, which these streams must not have; and the file
// itself when the server encrypts its files, because it then leaves the old
// ciphertext where it is.
//
// Reads are the leader's. Where streams are replicated, a read counts only if
// a leader that was in touch with a majority answered within the last
// proofReuse, so that one that is cut off can't go on answering. What remains
// is a leader that was paused for longer than an election: it may answer a
// read in the instant in which it wakes, before its successor's first message
// reaches it. Writes are not affected.
type Rows struct {
	cfg  RowsConfig
	js   jetstream.JetStream
	conn *conn

	mu     sync.Mutex
	proofs map[string]time.Time // by stream: when a leader was last proven
}

// proofReuse is how long a proof of leadership serves further reads. An
// election takes several seconds, so a leader that was in touch a second
// before is the only one.
const proofReuse = 250 * time.Millisecond

// OpenRows binds to the mutable streams that hold rows. It creates nothing: a
// missing stream is ErrMissingStream, one in which bytes could survive or rows
// could vanish is ErrConfiguration.
func OpenRows(ctx context.Context, cfg RowsConfig) (*Rows, error) {
	if !es.ValidShards(cfg.Topology.Shards) || cfg.Topology.Replicas < 1 {
		return nil, fmt.Errorf("open rows: shards or replicas: %w", es.ErrConfiguration)
	}
	if cfg.TryTimeout == 0 {
		cfg.TryTimeout = defaultTryTimeout
	}
	js, err := jetstream.New(cfg.Conn)
	if err != nil {
		return nil, fmt.Errorf("jetstream client: %w", err)
	}
	r := &Rows{cfg: cfg, js: js, conn: newConn(cfg.Conn, cfg.TryTimeout), proofs: map[string]time.Time{}}
	for _, want := range rowStreams(cfg.Topology) {
		if err := r.check(ctx, want); err != nil {
			return nil, fmt.Errorf("open rows of %s: %w", want.Name, err)
		}
	}
	return r, nil
}

// rowStreams are the mutable streams that hold rows.
func rowStreams(t Topology) []jetstream.StreamConfig {
	all := mutableConfigs(t, func() map[string]string { return nil })
	return slices.DeleteFunc(all, func(c jetstream.StreamConfig) bool {
		return c.Name != StreamSuppression && !strings.HasPrefix(c.Name, vaultRoot)
	})
}

func (r *Rows) check(ctx context.Context, want jetstream.StreamConfig) error {
	s, err := r.conn.stream(ctx, r.js, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return es.ErrMissingStream
	}
	if err != nil {
		return unavailable(err)
	}
	have := s.CachedInfo().Config
	lasting := have.Retention == jetstream.LimitsPolicy && have.MaxAge == 0 && !have.AllowRollup &&
		have.MaxMsgs < 0 && have.MaxBytes < 0 && have.MaxMsgsPerSubject < 0
	destroyable := !have.DenyDelete && !have.AllowDirect && have.Compression == jetstream.NoCompression &&
		have.Mirror == nil && len(have.Sources) == 0 && have.RePublish == nil && have.SubjectTransform == nil
	slices.Sort(have.Subjects)
	slices.Sort(want.Subjects)
	if !lasting || !destroyable || have.Storage != jetstream.FileStorage || have.Replicas != want.Replicas ||
		!slices.Equal(have.Subjects, want.Subjects) {
		return es.ErrConfiguration
	}
	return nil
}

var errNotRow = errors.New("subject or filter is of no row")

const (
	rootTokens     = 2 // habeas.vault, habeas.suppression
	partitionToken = rootTokens
)

// streams are those that can hold subjects matching the filter.
func (r *Rows) streams(filter string) ([]string, error) {
	tokens := rows.Tokens(filter)
	if strings.HasPrefix(filter, suppressionSubjects) {
		return []string{StreamSuppression}, nil
	}
	if !strings.HasPrefix(filter, vaultSubjects) || len(tokens) <= partitionToken {
		return nil, errNotRow
	}
	if partition := tokens[partitionToken]; isPartition(partition) {
		return []string{VaultStream(es.Shard(partition, r.cfg.Topology.Shards))}, nil
	}
	var all []string
	for k := range r.cfg.Topology.Shards {
		all = append(all, VaultStream(k))
	}
	return all, nil
}

func isPartition(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 1 && s == strings.ToLower(s)
}

// stream is the one that holds a row.
func (r *Rows) stream(subject string) (string, error) {
	all, err := r.streams(subject)
	if err != nil || strings.ContainsAny(subject, "*>") || (len(all) != 1 && r.cfg.Topology.Shards > 1) {
		return "", errNotRow
	}
	return all[0], nil
}

// Get is part of rows.Store.
func (r *Rows) Get(ctx context.Context, subject string) (rows.Row, error) {
	stream, err := r.stream(subject)
	if err != nil {
		return rows.Row{}, err
	}
	m, ok, err := r.last(ctx, stream, subject)
	if err != nil {
		return rows.Row{}, err
	}
	if !ok {
		return rows.Row{}, rows.ErrNotFound
	}
	return rowOf(m), nil
}

func rowOf(m stored) rows.Row { return rows.Row{Subject: m.subject, Value: m.data, Rev: m.seq} }

// last is the newest revision of a row, from a proven leader.
func (r *Rows) last(ctx context.Context, stream, subject string) (stored, bool, error) {
	return r.read(ctx, stream, map[string]any{"last_by_subj": subject})
}

// next is the first revision from a sequence on whose subject matches.
func (r *Rows) next(ctx context.Context, stream, filter string, from uint64) (stored, bool, error) {
	return r.read(ctx, stream, map[string]any{"seq": from, "next_by_subj": filter})
}

func (r *Rows) read(ctx context.Context, stream string, query map[string]any) (stored, bool, error) {
	m, ok, err := r.conn.leaderGet(ctx, stream, query)
	if err != nil {
		return m, ok, err
	}
	return m, ok, r.prove(ctx, stream)
}

// prove makes sure that the stream has a leader that reaches a majority.
func (r *Rows) prove(ctx context.Context, stream string) error {
	if r.cfg.Topology.Replicas == 1 || r.proven(stream) {
		return nil
	}
	for try := 0; ; try++ {
		asked := time.Now()
		err := r.proof(ctx, stream)
		if err == nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.proofs[stream] = asked
			return nil
		}
		if !backoff(ctx, try) {
			return fmt.Errorf("read of %s: %w: %w", stream, es.ErrUnavailable, err)
		}
	}
}

func (r *Rows) proven(stream string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.proofs[stream]) < proofReuse
}

func (r *Rows) proof(ctx context.Context, stream string) error {
	ctx, cancel := context.WithTimeout(ctx, proofAge)
	defer cancel()
	var a infoAnswer
	if err := r.conn.api(ctx, "STREAM.INFO."+stream, struct{}{}, &a); err != nil {
		return err
	}
	if a.Error != nil || !a.majority() {
		return errNoProof
	}
	return nil
}

// List is part of rows.Store. It reads one row a request: batched reads are
// answered by any replica.
func (r *Rows) List(ctx context.Context, filter string, after uint64) iter.Seq2[rows.Row, error] {
	return func(yield func(rows.Row, error) bool) {
		streams, err := r.streams(filter)
		if err != nil {
			yield(rows.Row{}, err)
			return
		}
		for _, stream := range streams {
			if !r.list(ctx, stream, filter, after, yield) {
				return
			}
		}
	}
}

func (r *Rows) list(ctx context.Context, stream, filter string, after uint64, yield func(rows.Row, error) bool) bool {
	seen := map[string]uint64{} // what comes again was replaced; a crash may have left the older bytes
	for {
		m, ok, err := r.next(ctx, stream, filter, after+1)
		if err == nil && !ok {
			return true
		}
		if old, again := seen[m.subject]; err == nil && again {
			err = r.destroy(ctx, stream, old)
		}
		if err != nil {
			yield(rows.Row{}, fmt.Errorf("list rows: %w", err))
			return false
		}
		seen[m.subject], after = m.seq, m.seq
		if !yield(rowOf(m), nil) {
			return false
		}
	}
}
