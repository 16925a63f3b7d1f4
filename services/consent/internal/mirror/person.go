package mirror

import (
	"context"
	"crypto/sha256"

	"habeas.internal/services/consent/internal/record"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"
)

// id is a person in memory: half of a digest of tenant and reference, which takes
// less room than both.
type id [sha256.Size / 2]byte

// identify is the id of an aggregate. Not ok: its reference is none that
// identity gives.
func identify(agg es.Aggregate) (id, bool) {
	if !record.IsReference(agg.ID) {
		return id{}, false
	}
	var room [128]byte // so that most digests allocate nothing
	text := append(append(append(room[:0], agg.Tenant...), 0), agg.ID...)
	digest := sha256.Sum256(text)
	return id(digest[:len(id{})]), true
}

// Person is a person's state, as of a position of the stream that Fresh gave
// before or of a later one. ErrAbsent: the log has to be asked.
func (m *Mirror) Person(ctx context.Context, agg es.Aggregate) (person.Person, error) {
	s, at, err := m.locate(agg)
	if err != nil {
		return person.Person{}, err
	}
	who, ok := identify(agg)
	if !ok {
		return person.Person{}, ErrAbsent
	}
	for {
		packed, wait, mine := s.find(who)
		switch {
		case wait == nil:
			return record.Unpack([]byte(packed))
		case mine:
			if err := m.fetch(ctx, s, at, agg, who, wait); err != nil {
				return person.Person{}, err
			}
		default:
			select {
			case <-ctx.Done():
				return person.Person{}, ErrAbsent
			case <-wait.done:
			}
			if !s.has(who) { // the other one could not tell either
				return person.Person{}, ErrAbsent
			}
		}
	}
}

// find is a person in memory, or who fetches them: the caller, if mine.
func (s *shard) find(who id) (packed string, wait *load, mine bool) {
	s.mu.RLock()
	e, ok := s.people[who]
	s.mu.RUnlock()
	if ok {
		return e.packed, nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.people[who]; ok {
		return e.packed, nil, false
	}
	if l, ok := s.loading[who]; ok {
		return "", l, false
	}
	l := &load{done: make(chan struct{}), from: s.at.Seq}
	s.loading[who] = l
	return "", l, true
}

func (s *shard) has(who id) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.people[who]
	return ok
}

// fetch brings a person from the read model into memory.
func (m *Mirror) fetch(ctx context.Context, s *shard, at es.Position, agg es.Aggregate, who id, l *load) error {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Patience)
	defer cancel()
	packed, at, err := m.model.Value(ctx, m.cfg.Redis, at, agg)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.loading, who)
	defer close(l.done)
	if err != nil || at.Seq < l.from || at.Seq < l.touched {
		return ErrAbsent
	}
	s.keep(who, entry{seq: at.Seq, packed: string(packed)})
	return nil
}

// keep puts a person into memory. If it is full, somebody leaves: whom the map
// names first.
func (s *shard) keep(who id, e entry) {
	for other := range s.people {
		if len(s.people) < s.most {
			break
		}
		delete(s.people, other)
	}
	s.people[who] = e
}
