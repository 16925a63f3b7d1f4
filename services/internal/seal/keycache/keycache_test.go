package keycache_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/keycache"
)

const (
	purpose = "test"
	lasts   = 30 * time.Second
)

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// source makes keys and counts questions. While hold is set, answers wait.
type source struct {
	mu    sync.Mutex
	made  map[seal.KeyID][]byte
	gone  map[seal.KeyID]bool
	asked map[string]int // by purpose
	keys  []*seal.Key    // everything handed out
	hold  chan struct{}
	held  chan struct{}
}

func newSource() *source {
	return &source{made: map[seal.KeyID][]byte{}, gone: map[seal.KeyID]bool{}, asked: map[string]int{}}
}

func (s *source) Keys(_ context.Context, purpose string, wants []keycache.Want) ([]keycache.Got, error) {
	got := s.answer(purpose, wants)
	if s.hold != nil {
		s.held <- struct{}{}
		<-s.hold
	}
	return got, nil
}

func (s *source) answer(purpose string, wants []keycache.Want) []keycache.Got {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[purpose]++
	out := make([]keycache.Got, len(wants))
	for i, w := range wants {
		if s.gone[w.ID] {
			out[i].Err = &seal.Erased{ID: w.ID, Reason: "TEST"}
			continue
		}
		if s.made[w.ID] == nil {
			s.made[w.ID] = make([]byte, seal.KeySize)
			_, _ = rand.Read(s.made[w.ID])
		}
		out[i].For = lasts
		out[i].Key, out[i].Err = seal.NewKey(w.ID, 1, s.made[w.ID])
		s.keys = append(s.keys, out[i].Key)
	}
	return out
}

func (s *source) questions(purpose string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[purpose]
}

type bench struct {
	*testing.T
	clock  *clock
	source *source
	cache  *keycache.Cache
	field  seal.Field
}

func newBench(t *testing.T, size int) *bench {
	t.Helper()
	b := &bench{T: t, clock: &clock{now: time.Now()}, source: newSource(), field: seal.Field{
		Tenant: "t1", Context: "identity", AggregateType: "subject", AggregateID: "a",
		EventID: "ceirceirceirceirceirceirce-0", Path: "name",
	}}
	var err error
	b.cache, err = keycache.New(keycache.Config{Source: b.source, Size: size, Now: b.clock.Now, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) id() seal.KeyID {
	b.Helper()
	holder, err := seal.RandomHolder(seal.Subject, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return seal.KeyID{Tenant: "t1", Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_PROFILE}
}

func (b *bench) seal(id seal.KeyID) *sealv1.Sealed {
	b.Helper()
	s, err := b.cache.Seal(b.Context(), purpose, id, b.field, []byte("Jane"))
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func (b *bench) open(purpose string, s *sealv1.Sealed) {
	b.Helper()
	plain, err := b.cache.Open(b.Context(), purpose, b.field, s)
	if err != nil || string(plain) != "Jane" {
		b.Errorf("open: %q, %v", plain, err)
	}
}

func (b *bench) expectQuestions(purpose string, want int) {
	b.Helper()
	if got := b.source.questions(purpose); got != want {
		b.Errorf("%d questions for %s, want %d", got, purpose, want)
	}
}

func TestAKeyIsAskedForOncePerLease(t *testing.T) {
	b := newBench(t, 10)
	s := b.seal(b.id())
	b.open(purpose, s)
	b.clock.advance(lasts - time.Nanosecond)
	b.open(purpose, s)
	b.expectQuestions(purpose, 1)
	b.clock.advance(time.Nanosecond)
	b.open(purpose, s)
	b.expectQuestions(purpose, 2)
}

func TestEveryPurposeAsksForItself(t *testing.T) {
	b := newBench(t, 10)
	s := b.seal(b.id())
	b.open("another", s)
	b.open("another", s)
	b.open(purpose, s)
	b.expectQuestions("another", 1)
	b.expectQuestions(purpose, 1)
}

func TestThePurposesThatACallerMakesUpDoNotPileUp(t *testing.T) {
	b := newBench(t, 10)
	s := b.seal(b.id())
	for i := range 3 * keycache.MaxPurposes {
		b.open(fmt.Sprintf("made up %d", i), s)
	}
	if n := b.cache.Leases(); n != keycache.MaxPurposes {
		t.Errorf("%d leases are kept, want %d", n, keycache.MaxPurposes)
	}
	b.clock.advance(lasts)
	b.open(purpose, s)
	if n := b.cache.Leases(); n != 1 {
		t.Errorf("%d leases are kept when all but one have ended", n)
	}
}

func TestADroppedKeyIsZeroedAndAskedForAgain(t *testing.T) {
	b := newBench(t, 10)
	id := b.id()
	s := b.seal(id)
	b.source.gone[id] = true
	if err := b.cache.Drop(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := b.source.keys[0].Material(); !errors.Is(err, seal.ErrDropped) {
		t.Errorf("the key's bytes are still held: %v", err)
	}
	var gone *seal.Erased
	if _, err := b.cache.Open(t.Context(), purpose, b.field, s); !errors.As(err, &gone) || gone.Reason != "TEST" {
		t.Errorf("open: %v, want an Erased error with its reason", err)
	}
}

func TestAnAnswerFromBeforeTheDropIsRefused(t *testing.T) {
	b := newBench(t, 10)
	id := b.id()
	s := b.seal(id)
	b.cache.Close()
	b.source.hold, b.source.held = make(chan struct{}), make(chan struct{})
	opened := make(chan error)
	go func() {
		_, err := b.cache.Open(t.Context(), purpose, b.field, s)
		opened <- err
	}()
	<-b.source.held // the vault has answered with the key; the answer is on its way
	b.source.mu.Lock()
	b.source.gone[id] = true
	b.source.mu.Unlock()
	if err := b.cache.Drop(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b.source.hold <- struct{}{}
	<-b.source.held // it asks again
	b.source.hold <- struct{}{}
	if err := <-opened; !errors.Is(err, seal.ErrErased) {
		t.Errorf("open: %v, want ErrErased", err)
	}
	if b.cache.Len() != 0 {
		t.Error("the dropped key was taken in")
	}
}

func TestAnAnswerThatTookALeaseIsRefused(t *testing.T) {
	b := newBench(t, 10)
	b.source.hold, b.source.held = make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		_, err := b.cache.Seal(t.Context(), purpose, b.id(), b.field, nil)
		done <- err
	}()
	for range 3 {
		<-b.source.held
		b.clock.advance(lasts)
		b.source.hold <- struct{}{}
	}
	if err := <-done; !errors.Is(err, seal.ErrDropped) {
		t.Errorf("seal: %v, want ErrDropped", err)
	}
}

func TestTheLeastRecentlyUsedKeyMakesRoom(t *testing.T) {
	b := newBench(t, 2)
	ids := []seal.KeyID{b.id(), b.id(), b.id()}
	first, second := b.seal(ids[0]), b.seal(ids[1])
	b.open(purpose, first)
	b.seal(ids[2])
	if b.cache.Len() != 2 {
		t.Errorf("%d keys held, want 2", b.cache.Len())
	}
	b.open(purpose, first)
	b.expectQuestions(purpose, 3)
	b.open(purpose, second)
	b.expectQuestions(purpose, 4)
}

func TestWarmingAsksOnceForAllThatIsMissing(t *testing.T) {
	b := newBench(t, 10)
	have, missing, gone := b.id(), b.id(), b.id()
	b.seal(have)
	b.source.gone[gone] = true
	errs := b.cache.Warm(t.Context(), purpose, []keycache.Want{{ID: gone}, {ID: have}, {ID: missing}})
	if !errors.Is(errs[0], seal.ErrErased) || errs[1] != nil || errs[2] != nil {
		t.Errorf("warm: %v", errs)
	}
	b.seal(missing)
	b.expectQuestions(purpose, 2)
}

func TestManyUsersOfAFewKeysGetNoFalseAnswer(t *testing.T) {
	b := newBench(t, 2)
	ids := []seal.KeyID{b.id(), b.id(), b.id()}
	var users sync.WaitGroup
	for i := range 8 {
		users.Go(func() {
			for n := range 200 {
				id := ids[(i+n)%len(ids)]
				s, err := b.cache.Seal(t.Context(), purpose, id, b.field, []byte("Jane"))
				if errors.Is(err, seal.ErrDropped) {
					continue // driven out by the others, as often as it tried
				}
				if err != nil {
					t.Error(err)
					return
				}
				plain, err := b.cache.Open(t.Context(), purpose, b.field, s)
				if err == nil && string(plain) != "Jane" || err != nil && !errors.Is(err, seal.ErrDropped) {
					t.Errorf("open: %q, %v", plain, err)
				}
			}
		})
	}
	users.Wait()
}
