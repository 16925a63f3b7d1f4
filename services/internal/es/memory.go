package es

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"
)

// MemoryStore is a Store that forgets everything with its process. It keeps
// messages in their published form, so that encoding, chain and signatures
// are those of any store. Its faults can be set; it is safe for concurrent
// use.
type MemoryStore struct {
	signer Signer
	log    *memoryLog
}

type memoryLog struct {
	mu        sync.Mutex
	messages  []memoryMessage
	bySubject map[string][]int
	lag       int
	unknown   int
}

type memoryMessage struct {
	Message
	stored time.Time
}

// NewMemoryStore makes an empty store that signs with signer.
func NewMemoryStore(signer Signer) *MemoryStore {
	return &MemoryStore{signer: signer, log: &memoryLog{bySubject: map[string][]int{}}}
}

// As is the same store signing with another key.
func (s *MemoryStore) As(signer Signer) *MemoryStore { return &MemoryStore{signer: signer, log: s.log} }

// Lag makes AnyReplica loads miss the last n commits of each aggregate.
func (s *MemoryStore) Lag(n int) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.lag = n
}

// LoseOutcomes makes the next n appends store their commit and still report
// ErrUnknownOutcome.
func (s *MemoryStore) LoseOutcomes(n int) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.unknown = n
}

const (
	memoryStream = "memory"
	memoryEpoch  = "memory"
)

// Load yields from a copy of the index, so that appends may go on meanwhile.
func (s *MemoryStore) Load(ctx context.Context, agg Aggregate, after uint64, from Source) iter.Seq2[Recorded, error] {
	return func(yield func(Recorded, error) bool) {
		if err := agg.Validate(); err != nil {
			yield(Recorded{}, err)
			return
		}
		for _, i := range s.index(agg, from) {
			if uint64(i) < after {
				continue
			}
			r, err := s.read(i)
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// LoadAll loads one after the other.
func (s *MemoryStore) LoadAll(ctx context.Context, aggs []Aggregate) ([][]Recorded, error) {
	if len(aggs) > MaxBatch {
		return nil, ErrTooLarge
	}
	out := make([][]Recorded, len(aggs))
	for i, agg := range aggs {
		for r, err := range s.Load(ctx, agg, 0, AnyReplica) {
			if err != nil {
				return nil, err
			}
			out[i] = append(out[i], r)
		}
	}
	return out, nil
}

func (s *MemoryStore) index(agg Aggregate, from Source) []int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	seqs := slices.Clone(s.log.bySubject[agg.Subject()])
	if from == AnyReplica {
		seqs = seqs[:max(0, len(seqs)-s.log.lag)]
	}
	return seqs
}

func (s *MemoryStore) read(i int) (Recorded, error) {
	s.log.mu.Lock()
	m := s.log.messages[i]
	s.log.mu.Unlock()
	return Decode(m.Message, Position{Stream: memoryStream, Epoch: memoryEpoch, Seq: uint64(i) + 1}, m.stored)
}

// Append adds one commit.
func (s *MemoryStore) Append(ctx context.Context, head Head, c Commit) (Recorded, error) {
	out, err := s.AppendBatch(ctx, []Pending{{Head: head, Commit: c}})
	if err != nil {
		return Recorded{}, err
	}
	return out[0], nil
}

// AppendBatch adds all commits or none.
func (s *MemoryStore) AppendBatch(ctx context.Context, batch []Pending) ([]Recorded, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(batch) == 0 || len(batch) > MaxBatch {
		return nil, ErrTooLarge
	}
	messages := make([]Message, len(batch))
	seen := make(map[string]bool, len(batch))
	for i, p := range batch {
		m, err := Encode(p.Head, p.Commit, s.signer)
		if err != nil {
			return nil, err
		}
		if seen[m.Subject] {
			return nil, ErrInvalidAggregate
		}
		seen[m.Subject], messages[i] = true, m
	}
	return s.log.append(batch, messages)
}

func (l *memoryLog) append(batch []Pending, messages []Message) ([]Recorded, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, m := range messages {
		if l.last(m.Subject) == batch[i].Head.Seq {
			continue
		}
		return l.existing(messages)
	}
	out := make([]Recorded, len(messages))
	for i, m := range messages {
		now := time.Now().UTC()
		seq := uint64(len(l.messages)) + 1
		l.messages = append(l.messages, memoryMessage{m, now})
		l.bySubject[m.Subject] = append(l.bySubject[m.Subject], int(seq-1))
		r, err := Decode(m, Position{Stream: memoryStream, Epoch: memoryEpoch, Seq: seq}, now)
		if err != nil {
			return nil, err
		}
		out[i] = r
	}
	if l.unknown > 0 {
		l.unknown--
		return nil, ErrUnknownOutcome
	}
	return out, nil
}

// existing finds the commits of a batch that was stored before: appending the
// same commits again has the result of the first time.
func (l *memoryLog) existing(messages []Message) ([]Recorded, error) {
	out := make([]Recorded, len(messages))
	for i, m := range messages {
		at := slices.IndexFunc(l.bySubject[m.Subject], func(j int) bool { return l.messages[j].ID == m.ID })
		if at < 0 {
			return nil, ErrConflict
		}
		j := l.bySubject[m.Subject][at]
		r, err := Decode(l.messages[j].Message, Position{Stream: memoryStream, Epoch: memoryEpoch, Seq: uint64(j) + 1}, l.messages[j].stored)
		if err != nil {
			return nil, err
		}
		out[i] = r
	}
	return out, nil
}

func (l *memoryLog) last(subject string) uint64 {
	seqs := l.bySubject[subject]
	if len(seqs) == 0 {
		return 0
	}
	return uint64(seqs[len(seqs)-1]) + 1
}

// Confirm compares with the last commit.
func (s *MemoryStore) Confirm(_ context.Context, agg Aggregate, head Head) error {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	if s.log.last(agg.Subject()) != head.Seq {
		return ErrStale
	}
	return nil
}
