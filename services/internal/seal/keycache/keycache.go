// Package keycache is how a service uses keys: it asks for them in batches,
// keeps them for the length of their lease, and forgets them when told.
//
// What a caller may rely on:
//
//   - No key is used after its lease. The lease counts from before the key was
//     asked for and is checked at every use, by the monotonic and by the wall
//     clock, so that a machine that slept does not wake up with a valid key.
//   - When Drop has returned, the key is used no more, also not by a call
//     whose answer was still on its way.
//   - Each purpose asks for itself, so that the reading of a key is recorded
//     for every purpose.
package keycache

import (
	"container/list"
	"context"
	"errors"
	"io"
	"maps"
	"sync"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal"
)

// Want asks for one key.
type Want struct {
	ID     seal.KeyID
	Create bool // make it if there is none
}

// Got is one answer: a key that may be used for a while, or why there is none.
type Got struct {
	Key *seal.Key
	For time.Duration
	Err error
}

// Source hands out keys; answers stand in the order of the wants. The cache
// owns the keys it gets.
type Source interface {
	Keys(ctx context.Context, purpose string, wants []Want) ([]Got, error)
}

// Config is what a Cache needs.
type Config struct {
	Source Source
	// Size is the greatest number of keys kept; 50,000 in production.
	Size int
	// Now is the clock; time.Now, whose readings are monotonic.
	Now func() time.Time
	// Random is read for nonces; crypto/rand's.
	Random io.Reader
}

// Cache holds keys. Its methods may be called from several goroutines.
type Cache struct {
	cfg Config

	mu      sync.Mutex
	entries map[seal.KeyID]*list.Element // of *entry
	order   *list.List                   // most recently used first
	dropped map[seal.KeyID]time.Time     // when; answers to earlier questions are refused
	asking  map[uint64]time.Time         // questions under way, by number: when they were asked
	asked   uint64                       // questions so far
}

type entry struct {
	id     seal.KeyID
	key    *seal.Key
	leases map[string]lease // by purpose
}

type lease struct {
	asked time.Time
	lasts time.Duration
}

// MaxPurposes is for how many purposes a key is kept at a time.
const MaxPurposes = 32

// lease keeps one for a purpose. What has ended goes, and the oldest where there
// are too many: their next use asks anew.
func (e *entry) lease(purpose string, l lease, now time.Time) {
	maps.DeleteFunc(e.leases, func(_ string, l lease) bool { return !l.valid(now) })
	for len(e.leases) >= MaxPurposes {
		oldest := ""
		for p, have := range e.leases {
			if oldest == "" || have.asked.Before(e.leases[oldest].asked) {
				oldest = p
			}
		}
		delete(e.leases, oldest)
	}
	e.leases[purpose] = l
}

// valid holds against both clocks: the monotonic one stands still while a
// machine sleeps, the wall clock may be set back.
func (l lease) valid(now time.Time) bool {
	return now.Sub(l.asked) < l.lasts && now.Round(0).Sub(l.asked.Round(0)) < l.lasts
}

// New makes an empty cache.
func New(cfg Config) (*Cache, error) {
	if cfg.Source == nil || cfg.Size < 1 || cfg.Now == nil || cfg.Random == nil {
		return nil, errors.New("key cache: configuration is incomplete")
	}
	return &Cache{
		cfg: cfg, order: list.New(),
		entries: map[seal.KeyID]*list.Element{}, dropped: map[seal.KeyID]time.Time{}, asking: map[uint64]time.Time{},
	}, nil
}

// uses bounds how often a key that vanished while it was used is asked for
// again.
const uses = 3

// Seal makes a box under the key of id, which is made if there is none.
func (c *Cache) Seal(ctx context.Context, purpose string, id seal.KeyID, f seal.Field, plaintext []byte) (*sealv1.Sealed, error) {
	var out *sealv1.Sealed
	err := c.use(ctx, purpose, Want{ID: id, Create: true}, func(k *seal.Key) (err error) {
		out, err = k.Seal(f, c.cfg.Random, plaintext)
		return err
	})
	return out, err
}

// Open returns what a box holds, or an Erased error.
func (c *Cache) Open(ctx context.Context, purpose string, f seal.Field, s *sealv1.Sealed) ([]byte, error) {
	h, err := seal.Parse(s)
	if err != nil {
		return nil, err
	}
	var out []byte
	err = c.use(ctx, purpose, Want{ID: h.KeyID(f.Tenant)}, func(k *seal.Key) (err error) {
		out, err = k.Open(f, s)
		return err
	})
	return out, err
}

// use runs do with a valid key, again if the key was dropped meanwhile.
func (c *Cache) use(ctx context.Context, purpose string, want Want, do func(*seal.Key) error) error {
	err := seal.ErrDropped
	for try := 0; try < uses && errors.Is(err, seal.ErrDropped); try++ {
		key := c.cached(purpose, want.ID)
		if key == nil {
			if key, err = c.fetchOne(ctx, purpose, want); err != nil {
				continue
			}
		}
		err = do(key)
	}
	return err
}

// cached returns a key whose lease for the purpose is valid now.
func (c *Cache) cached(purpose string, id seal.KeyID) *seal.Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.entries[id]
	if el == nil {
		return nil
	}
	e := entryOf(el)
	if !e.leases[purpose].valid(c.cfg.Now()) {
		return nil
	}
	c.order.MoveToFront(el)
	return e.key
}

func entryOf(el *list.Element) *entry {
	e, _ := el.Value.(*entry)
	return e
}

func (c *Cache) fetchOne(ctx context.Context, purpose string, want Want) (*seal.Key, error) {
	keys, errs := c.fetch(ctx, purpose, []Want{want})
	return keys[0], errs[0]
}

// Warm asks for many keys at once, so that the uses that follow need not ask
// one by one. The errors stand in the order of the wants.
func (c *Cache) Warm(ctx context.Context, purpose string, wants []Want) []error {
	var missing []Want
	var places []int
	for i, w := range wants {
		if c.cached(purpose, w.ID) == nil {
			missing, places = append(missing, w), append(places, i)
		}
	}
	out := make([]error, len(wants))
	if len(missing) == 0 {
		return out
	}
	_, errs := c.fetch(ctx, purpose, missing)
	for i, place := range places {
		out[place] = errs[i]
	}
	return out
}

func (c *Cache) fetch(ctx context.Context, purpose string, wants []Want) ([]*seal.Key, []error) {
	keys, errs := make([]*seal.Key, len(wants)), make([]error, len(wants))
	asked, done := c.ask()
	defer done()
	got, err := c.cfg.Source.Keys(ctx, purpose, wants)
	if err == nil && len(got) != len(wants) {
		err = errors.New("key source gave another number of answers")
	}
	for i, w := range wants {
		if err != nil {
			errs[i] = err
			continue
		}
		if errs[i] = got[i].Err; errs[i] == nil {
			keys[i], errs[i] = c.keep(purpose, w.ID, got[i], asked)
		}
	}
	return keys, errs
}

// ask notes the time of a question, which is before it is sent: what the
// answer says was true then or later. Drops are remembered while a question
// from before them is under way.
func (c *Cache) ask() (asked time.Time, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	number, asked := c.asked, c.cfg.Now()
	c.asking[number] = asked
	return asked, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.asking, number)
		c.forgetDrops()
	}
}

func (c *Cache) forgetDrops() {
	for id, at := range c.dropped {
		needed := false
		for _, asked := range c.asking {
			needed = needed || !asked.After(at)
		}
		if !needed {
			delete(c.dropped, id)
		}
	}
}

// keep takes a key in, unless it was dropped after it had been asked for or
// its lease is over already.
func (c *Cache) keep(purpose string, id seal.KeyID, got Got, asked time.Time) (*seal.Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := lease{asked: asked, lasts: got.For}
	at, dropped := c.dropped[id]
	if dropped && !asked.After(at) || !l.valid(c.cfg.Now()) {
		got.Key.Destroy()
		return nil, seal.ErrDropped
	}
	if el := c.entries[id]; el != nil {
		return c.renew(el, purpose, got.Key, l), nil
	}
	c.entries[id] = c.order.PushFront(&entry{id: id, key: got.Key, leases: map[string]lease{purpose: l}})
	if c.order.Len() > c.cfg.Size {
		c.remove(c.order.Back())
	}
	return got.Key, nil
}

// renew keeps the key that others may be using, if the new one is the same.
func (c *Cache) renew(el *list.Element, purpose string, key *seal.Key, l lease) *seal.Key {
	e := entryOf(el)
	if e.key.Commit() != key.Commit() {
		e.key, key = key, e.key
		clear(e.leases)
	}
	key.Destroy()
	e.lease(purpose, l, c.cfg.Now())
	c.order.MoveToFront(el)
	return e.key
}

func (c *Cache) remove(el *list.Element) {
	e := entryOf(el)
	c.order.Remove(el)
	delete(c.entries, e.id)
	e.key.Destroy() // waits for a running use, which is a matter of microseconds
}

// Drop forgets a key. It is how a fence.Member is told.
func (c *Cache) Drop(_ context.Context, id seal.KeyID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.asking) > 0 {
		c.dropped[id] = c.cfg.Now()
	}
	if el := c.entries[id]; el != nil {
		c.remove(el)
	}
	return nil
}

// Close forgets every key. The cache may be used again.
func (c *Cache) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for el := c.order.Front(); el != nil; el = c.order.Front() {
		c.remove(el)
	}
}

// Len is the number of keys held.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}

// Leases is the number of leases of all keys held.
func (c *Cache) Leases() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for el := c.order.Front(); el != nil; el = el.Next() {
		n += len(entryOf(el).leases)
	}
	return n
}
