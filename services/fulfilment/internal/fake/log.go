// Package fake stands in for what lies around fulfilment in its tests: a log
// that forgets, a clock that is set by hand, the other services, a system that
// holds data, a mail server.
package fake

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
)

// Log is a memory store that keeps what was appended for those who follow it.
type Log struct {
	*es.MemoryStore
	Ring *es.KeyRing

	mu     sync.Mutex
	queue  []es.Recorded
	timers map[string]jetstream.Timer
}

// NewLog makes an empty log.
func NewLog(t testing.TB) *Log {
	t.Helper()
	keys := make([]es.Signer, 3)
	for i := range keys {
		var err error
		if keys[i], err = es.GenerateSigner(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	store := es.NewMemoryStore(keys[2])
	control := es.Control{Context: "fulfilment", Partition: "00"}
	roles := []logv1.KeyRole{logv1.KeyRole_KEY_ROLE_SERVICE, logv1.KeyRole_KEY_ROLE_INSTANCE}
	for i, role := range roles {
		err := es.Announce(context.Background(), store.As(keys[i]), rand.Reader, control, role, "fulfilment", keys[i+1].Public(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
	}
	return &Log{MemoryStore: store, Ring: es.NewKeyRing(store, keys[0].Public(), 1), timers: map[string]jetstream.Timer{}}
}

// Append appends and notes the commit for Next.
func (l *Log) Append(ctx context.Context, head es.Head, c es.Commit) (es.Recorded, error) {
	r, err := l.MemoryStore.Append(ctx, head, c)
	if err == nil {
		l.mu.Lock()
		l.queue = append(l.queue, r)
		l.mu.Unlock()
	}
	return r, err
}

// Next takes the first commit that nobody has taken.
func (l *Log) Next() (es.Recorded, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return es.Recorded{}, false
	}
	r := l.queue[0]
	l.queue = l.queue[1:]
	return r, true
}

// Again puts a commit back: its reaction has failed.
func (l *Log) Again(r es.Recorded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append([]es.Recorded{r}, l.queue...)
}

// Appended is how many commits wait to be taken.
func (l *Log) Appended() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// SetTimer sets or moves a timer.
func (l *Log) SetTimer(_ context.Context, t jetstream.Timer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timers[t.Aggregate.Subject()+"/"+t.Name] = t
	return nil
}

// Fire takes the timer that is due first.
func (l *Log) Fire() (jetstream.Timer, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := ""
	for k, t := range l.timers {
		if first == "" || t.At.Before(l.timers[first].At) {
			first = k
		}
	}
	t, ok := l.timers[first]
	delete(l.timers, first)
	return t, ok
}

// Clock is a time that moves when it is told to.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts a clock.
func NewClock(at time.Time) *Clock { return &Clock{now: at} }

// Now is the time; it moves on a little, as time does.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

// To moves the clock on to a moment; never back.
func (c *Clock) To(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.now) {
		c.now = at
	}
}
