package limit

import (
	"sync"
	"time"
)

// maxLocal bounds the memory of counting in this process.
const maxLocal = 50_000

// local counts in this process. The zero value is ready.
type local struct {
	mu   sync.Mutex
	next map[localKey]time.Time
}

type localKey struct{ tenant, kind, id string }

// allow is the script's rule, here.
func (l *local) allow(now time.Time, tenant string, keys []Key) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.makeRoom(now, len(keys))
	var refused *ExceededError
	for _, k := range keys {
		wait := l.moved(now, tenant, k).Sub(now) - k.Rate.span()
		if wait > 0 && (refused == nil || wait > refused.Retry) {
			refused = &ExceededError{Kind: k.Kind, Retry: wait}
		}
	}
	if refused != nil {
		return exceeded(refused.Kind, refused.Retry)
	}
	for _, k := range keys {
		if k.Look {
			continue
		}
		l.next[localKey{tenant, k.Kind, k.ID}] = l.moved(now, tenant, k)
	}
	return nil
}

// moved is the key's moment after one more.
func (l *local) moved(now time.Time, tenant string, k Key) time.Time {
	at := l.next[localKey{tenant, k.Kind, k.ID}]
	if at.Before(now) {
		at = now
	}
	if latest := now.Add(k.Rate.span()); at.After(latest) {
		at = latest
	}
	return at.Add(k.Rate.Every)
}

// makeRoom forgets what says nothing any more, and when that is not enough,
// everything: this count is the last resort and must not fill the memory.
func (l *local) makeRoom(now time.Time, more int) {
	if l.next != nil && len(l.next)+more <= maxLocal {
		return
	}
	kept := map[localKey]time.Time{}
	for k, at := range l.next {
		if at.After(now) {
			kept[k] = at
		}
	}
	if len(kept)+more > maxLocal/2 {
		kept = map[localKey]time.Time{}
	}
	l.next = kept
}
