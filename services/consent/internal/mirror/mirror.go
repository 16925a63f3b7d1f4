// Package mirror is a replica's own copy of what Check asks: persons in memory,
// kept in step with the log by the replica's own readers. It knows how fresh it
// is, and says nothing that it can't place in time.
//
// A person who is not in memory is read from the read model, if that has seen
// at least as much of the stream as the mirror has.
package mirror

import (
	"context"
	"errors"
	"sync"
	"time"

	"habeas.internal/services/consent/internal/record"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/consent/policy"
	"habeas.internal/services/consent/recipient"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/readmodel"

	"github.com/redis/go-redis/v9"
)

// ErrAbsent says that neither memory nor the read model can tell: the log has
// to be asked.
var ErrAbsent = errors.New("not in the mirror")

// Locator says in which stream an aggregate stands.
type Locator interface {
	Locate(agg es.Aggregate) (es.Position, error)
}

// Config is what a mirror needs.
type Config struct {
	Registry es.Registry[person.Event]
	Redis    redis.UniversalClient
	Locator  Locator
	Prover   es.Prover
	// Max is the most persons in memory, in all shards together.
	Max int
	// Changes is how many are held, at least, in all shards together, for those
	// who follow.
	Changes int
	// Patience bounds a question to the read model.
	Patience time.Duration
}

// Mirror is the copy. It is the sink of a projection, and safe for concurrent
// use.
type Mirror struct {
	cfg    Config
	model  readmodel.Folded
	shards map[string]*shard

	followers followers
}

var _ es.Sink = (*Mirror)(nil)

// New makes a mirror that begins at ends, with nobody in it.
func New(cfg Config, ends map[string]es.Checkpoint) *Mirror {
	m := &Mirror{
		cfg: cfg, model: record.Model(cfg.Registry), shards: make(map[string]*shard, len(ends)),
	}
	for stream, at := range ends {
		m.shards[stream] = &shard{
			at: at, moved: make(chan struct{}), people: map[id]entry{}, loading: map[id]*load{}, changed: map[es.Aggregate]uint64{},
			most: max(cfg.Max/len(ends), 1), since: at.Seq, held: max(cfg.Changes/len(ends), 1),
		}
	}
	return m
}

// shard is one stream's part.
type shard struct {
	most int

	mu      sync.RWMutex
	at      es.Checkpoint
	moved   chan struct{} // closed by the next step
	fresh   time.Time     // everything that was acknowledged before is in here
	people  map[id]entry
	loading map[id]*load
	changed map[es.Aggregate]uint64 // where a policy or a recipient was last changed, since the mirror began

	held   int      // how many changes are, at least
	recent []change // the last ones, by sequence
	since  uint64   // all after this are there
}

// entry is a person, as of a sequence of the stream and everything applied
// since.
type entry struct {
	seq    uint64
	packed string
}

// load is a person who is being fetched. What is written of them meanwhile is
// noted.
type load struct {
	done    chan struct{}
	from    uint64 // where the mirror stood
	touched uint64 // the last commit of the person that came meanwhile
}

// Checkpoint is how far the mirror got.
func (m *Mirror) Checkpoint(_ context.Context, stream, epoch string) (es.Checkpoint, error) {
	s, ok := m.shards[stream]
	if !ok {
		return es.Checkpoint{}, es.ErrMissingStream
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.at.Epoch != epoch {
		return es.Checkpoint{}, es.ErrOtherEpoch
	}
	return s.at, nil
}

// Apply changes those in memory.
func (m *Mirror) Apply(_ context.Context, from es.Checkpoint, batch []es.Recorded) error {
	s, ok := m.shards[from.Stream]
	if !ok {
		return es.ErrMissingStream
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at != from {
		return es.ErrMoved
	}
	for _, r := range batch {
		if err := m.apply(s, r); err != nil {
			return errors.Join(es.ErrUnprojectable, err)
		}
	}
	s.note(batch)
	s.at = es.CheckpointAt(batch[len(batch)-1])
	s.prove(m.cfg.Prover.Latest(from.Stream))
	close(s.moved)
	s.moved = make(chan struct{})
	m.followers.wake()
	return nil
}

func (m *Mirror) apply(s *shard, r es.Recorded) error {
	switch r.Aggregate.Type {
	case policy.AggregateType, recipient.AggregateType:
		s.changed[r.Aggregate] = r.Position.Seq
	case person.AggregateType:
		who, ok := identify(r.Aggregate)
		if !ok {
			return nil // never in memory
		}
		if l := s.loading[who]; l != nil {
			l.touched = r.Position.Seq
		}
		e, ok := s.people[who]
		if !ok || r.Position.Seq <= e.seq {
			return nil
		}
		packed, err := m.model.Fold([]byte(e.packed), r)
		if err != nil {
			return err
		}
		s.people[who] = entry{seq: r.Position.Seq, packed: string(packed)}
	}
	return nil
}

// prove raises the shard's freshness, if it has reached what the proof names.
func (s *shard) prove(p es.Proof) {
	if p.Epoch == s.at.Epoch && p.Seq <= s.at.Seq && p.At.After(s.fresh) {
		s.fresh = p.At
	}
}

// Fresh is how far the mirror of an aggregate's stream got, and the moment
// before which everything that was acknowledged is in it; zero when not known.
func (m *Mirror) Fresh(agg es.Aggregate) (es.Position, time.Time, error) {
	s, at, err := m.locate(agg)
	if err != nil {
		return es.Position{}, time.Time{}, err
	}
	proof := m.cfg.Prover.Latest(at.Stream)
	s.mu.RLock()
	position, fresh := s.at.Position, s.fresh
	s.mu.RUnlock()
	if proof.Epoch != position.Epoch || proof.Seq > position.Seq || !proof.At.After(fresh) {
		return position, fresh, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prove(proof)
	return s.at.Position, s.fresh, nil
}

func (m *Mirror) locate(agg es.Aggregate) (*shard, es.Position, error) {
	at, err := m.cfg.Locator.Locate(agg)
	if err != nil {
		return nil, at, err
	}
	s, ok := m.shards[at.Stream]
	if !ok {
		return nil, at, es.ErrMissingStream
	}
	return s, at, nil
}

// Reach waits until the mirror of an aggregate's stream has got to a position
// of it. ErrOtherEpoch: the position is of an earlier history.
func (m *Mirror) Reach(ctx context.Context, agg es.Aggregate, want es.Position) error {
	s, _, err := m.locate(agg)
	if err != nil {
		return err
	}
	for {
		s.mu.RLock()
		at, moved := s.at, s.moved
		s.mu.RUnlock()
		switch {
		case want.Epoch != at.Epoch:
			return es.ErrOtherEpoch
		case want.Seq <= at.Seq:
			return nil
		}
		select {
		case <-ctx.Done():
			return es.ErrBehind
		case <-moved:
		}
	}
}

// Unchanged reports whether a policy or a recipient that was read up to a sequence, since the
// mirror began, is still the same as far as the mirror got.
func (m *Mirror) Unchanged(agg es.Aggregate, seq uint64) bool {
	s, _, err := m.locate(agg)
	if err != nil {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.changed[agg] <= seq
}
