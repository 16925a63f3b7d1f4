package vault

import (
	"sync"
	"time"

	"habeas.internal/services/internal/seal"
)

const (
	// knownKeys bounds what is remembered: some ten megabytes.
	knownKeys = 100_000
	// knownFor bounds for how long, in case that a whole stream of rows, its
	// revisions included, is put back under a running process.
	knownFor = 5 * time.Minute
)

// known remembers of which rows the log was asked. A key is ended by a write to
// its row, and a revision is never used twice: a row that still stands at the
// revision at which its key had not ended holds a key that has not.
type known struct {
	mu   sync.Mutex
	rows map[seal.KeyID]seen
}

type seen struct {
	rev   uint64
	until time.Time
}

// live reports whether the key had not ended when its row was at this revision.
func (k *known) live(id seal.KeyID, rev uint64, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.rows[id]
	return ok && s.rev == rev && now.Before(s.until)
}

// add remembers it. When there is too much, everything is forgotten: what is
// still used is soon asked again.
func (k *known) add(id seal.KeyID, rev uint64, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rows == nil || len(k.rows) >= knownKeys {
		k.rows = map[seal.KeyID]seen{}
	}
	k.rows[id] = seen{rev: rev, until: now.Add(knownFor)}
}
