package mirror

import (
	"errors"
	"slices"
	"time"

	"habeas.internal/services/consent/person"
	"habeas.internal/services/consent/policy"
	"habeas.internal/services/consent/recipient"
	"habeas.internal/services/internal/es"
)

var (
	// ErrGone says that a position can't be gone on from: it is older than what
	// is held here, or of another history.
	ErrGone = errors.New("what has changed since is not held")
	// ErrSlow says that a follower has fallen behind what is held.
	ErrSlow = errors.New("the follower is too slow")
)

// change is a commit of something that answers depend on.
type change struct {
	agg es.Aggregate
	seq uint64
}

// note holds what a batch has changed, and lets go of the oldest.
func (s *shard) note(batch []es.Recorded) {
	for _, r := range batch {
		switch r.Aggregate.Type {
		case person.AggregateType, policy.AggregateType, recipient.AggregateType:
			s.recent = append(s.recent, change{r.Aggregate, r.Position.Seq})
		}
	}
	if cut := len(s.recent) - s.held; cut > s.held {
		s.since = s.recent[cut-1].seq
		s.recent = slices.Clone(s.recent[cut:])
	}
}

// after are the changes after a sequence, and how far they reach.
func (s *shard) after(seq uint64) ([]change, uint64, error) {
	if seq < s.since {
		return nil, seq, ErrSlow
	}
	i, _ := slices.BinarySearchFunc(s.recent, seq+1, func(c change, want uint64) int {
		if c.seq < want {
			return -1
		}
		return 1
	})
	return s.recent[i:], max(seq, s.at.Seq), nil
}

// Follower is one reader's place in what changes. It is not safe for concurrent
// use, but for Late.
type Follower struct {
	mirror *Mirror
	tenant string
	places []*place
	moved  chan struct{}
}

// place is how far a follower got in a shard. Its sequence is guarded by the
// shard's lock.
type place struct {
	shard *shard
	epoch string
	name  string
	seq   uint64
}

// Follow makes a follower of a tenant's changes: from now on, or from where a
// follower before had got to, here or at another replica. ErrGone: that is too
// long ago. The caller calls Leave.
func (m *Mirror) Follow(tenant string, from es.Token) (*Follower, error) {
	f := &Follower{mirror: m, tenant: tenant, moved: make(chan struct{}, 1)}
	for name, s := range m.shards {
		s.mu.RLock()
		at, since := s.at, s.since
		s.mu.RUnlock()
		p := &place{shard: s, name: name, epoch: at.Epoch, seq: at.Seq}
		if len(from) > 0 {
			last, ok := from[name]
			if !ok || last.Epoch != at.Epoch || last.Seq < since {
				return nil, ErrGone
			}
			p.seq = last.Seq
		}
		f.places = append(f.places, p)
	}
	m.followers.add(f.moved)
	f.moved <- struct{}{} // there may be something to read already
	return f, nil
}

// Leave ends the following.
func (f *Follower) Leave() { f.mirror.followers.remove(f.moved) }

// Moved wakes when there may be something to read.
func (f *Follower) Moved() <-chan struct{} { return f.moved }

// Next are at most some of the changes that were not read yet, and whether there
// are more. ErrSlow: some of them are gone.
func (f *Follower) Next(most int) (changes []es.Aggregate, more bool, err error) {
	for _, p := range f.places {
		taken, rest, err := p.read(f.tenant, most-len(changes))
		if err != nil {
			return nil, false, err
		}
		changes, more = append(changes, taken...), more || rest
	}
	return changes, more, nil
}

func (p *place) read(tenant string, most int) (taken []es.Aggregate, rest bool, err error) {
	p.shard.mu.Lock()
	defer p.shard.mu.Unlock()
	changes, reach, err := p.shard.after(p.seq)
	if err != nil {
		return nil, false, err
	}
	for _, c := range changes {
		if c.agg.Tenant != tenant {
			continue
		}
		if len(taken) == most {
			return taken, true, nil
		}
		taken, p.seq = append(taken, c.agg), c.seq
	}
	p.seq = reach
	return taken, false, nil
}

// Late reports whether so much is unread that the follower had better begin
// anew from where it got to.
func (f *Follower) Late() bool {
	for _, p := range f.places {
		p.shard.mu.RLock()
		unread, _, err := p.shard.after(p.seq)
		late := err != nil || len(unread) > p.shard.held
		p.shard.mu.RUnlock()
		if late {
			return true
		}
	}
	return false
}

// Fresh is the moment before which everything that was acknowledged is among
// what Next gives or has given; zero when not known.
func (f *Follower) Fresh() time.Time {
	var oldest time.Time
	for i, p := range f.places {
		proof := f.mirror.cfg.Prover.Latest(p.name)
		p.shard.mu.Lock()
		p.shard.prove(proof)
		fresh := p.shard.fresh
		p.shard.mu.Unlock()
		if i == 0 || fresh.Before(oldest) {
			oldest = fresh
		}
	}
	return oldest
}

// Token is how far the follower got.
func (f *Follower) Token() es.Token {
	out := es.Token{}
	for _, p := range f.places {
		p.shard.mu.RLock()
		out[p.name] = es.Position{Stream: p.name, Epoch: p.epoch, Seq: p.seq}
		p.shard.mu.RUnlock()
	}
	return out
}
