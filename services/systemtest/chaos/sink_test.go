package chaos_test

import (
	"context"
	"sync"

	"habeas.internal/services/internal/es"
)

// listSink is the plainest read model: the list of commits. It starts at the
// commit that it is given, as a model does that was built before.
type listSink struct {
	mu      sync.Mutex
	at      es.Checkpoint
	applied []string // ids of commits
}

// Checkpoint is how far the list goes.
func (s *listSink) Checkpoint(_ context.Context, stream, epoch string) (es.Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.at
	at.Stream, at.Epoch = stream, epoch
	return at, nil
}

// Apply adds the batch.
func (s *listSink) Apply(_ context.Context, from es.Checkpoint, batch []es.Recorded) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from.Seq != s.at.Seq || from.Commit != s.at.Commit {
		return es.ErrMoved
	}
	for _, r := range batch {
		s.applied = append(s.applied, r.ID)
	}
	s.at = es.CheckpointAt(batch[len(batch)-1])
	return nil
}

// reached is the sequence up to which the list goes.
func (s *listSink) reached() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at.Seq
}
