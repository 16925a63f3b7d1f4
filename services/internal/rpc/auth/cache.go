package auth

import (
	"crypto/sha256"
	"sync"
	"time"
)

// entry is a token that was found good.
type entry struct {
	principal Principal
	key       *Key
	expires   time.Time
}

// shards is a power of two, so that callers seldom wait for each other.
const shards = 16

// cache remembers good tokens by their digest. It never holds more than its
// limit; when a shard is full an ended token leaves, or else any.
type cache struct {
	limit  int
	shards [shards]shard
}

type shard struct {
	mu      sync.RWMutex
	entries map[[sha256.Size]byte]*entry
}

func newCache(limit int) *cache {
	c := &cache{limit: max(limit/shards, 1)}
	for i := range c.shards {
		c.shards[i].entries = map[[sha256.Size]byte]*entry{}
	}
	return c
}

func (c *cache) shard(digest *[sha256.Size]byte) *shard { return &c.shards[digest[0]%shards] }

func (c *cache) get(digest *[sha256.Size]byte) *entry {
	s := c.shard(digest)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.entries[*digest]
}

func (c *cache) put(digest *[sha256.Size]byte, e *entry, now time.Time) {
	s := c.shard(digest)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.entries[*digest]; !known && len(s.entries) >= c.limit {
		s.evict(now)
	}
	s.entries[*digest] = e
}

func (c *cache) remove(digest *[sha256.Size]byte) {
	s := c.shard(digest)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, *digest)
}

// evict makes room for one. It looks at a few entries only: Go's random order
// of iteration makes the choice fair enough.
func (s *shard) evict(now time.Time) {
	var victim [sha256.Size]byte
	looked := 0
	for digest, e := range s.entries {
		victim = digest
		if looked++; looked == 8 || !now.Before(e.expires) {
			break
		}
	}
	delete(s.entries, victim)
}
