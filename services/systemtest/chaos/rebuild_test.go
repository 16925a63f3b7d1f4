package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/readmodel"
	"habeas.internal/services/internal/testwait"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

func TestAReadModelAnswersRightWhileItIsWiped(t *testing.T) {
	for name, open := range map[string]func(*testing.T) shelf{"on Redis": realRedis, "on the embedded store": embeddedRedis} {
		t.Run(name, func(t *testing.T) {
			_, in := onOneNode(t)
			wipeModel(t, begin(t, 3*time.Second), in, open)
		})
	}
}

// answer is what a reader was told, and of which moment.
type answer struct {
	agg    es.Aggregate
	at     uint64
	sum    uint64
	closed bool
}

// library is writers and readers of counters, and what reads them into a
// model that is wiped all the time.
type library struct {
	c       *campaign
	log     *jetstream.Log
	handler counterHandler
	shelf   shelf
	reader  *readmodel.Reader

	mu      sync.Mutex
	answers []answer
	waits   int // questions that were not answered in time
	fail    func(error)
}

const (
	libraryWriters  = 4
	libraryReaders  = 4
	libraryCounters = 12
)

// wipeModel writes, reads, restarts projections and wipes the model, and then
// compares what was answered with the log, and the model with one that is built
// from nothing.
func wipeModel(t *testing.T, c *campaign, in installation, open func(*testing.T) shelf) {
	l := &library{c: c, log: in.Open(t, in.asService(t)), shelf: open(t), fail: func(err error) { t.Error(err) }}
	var err error
	if l.handler, err = estest.CounterHandler(l.log, l.log.Verifier()); err != nil {
		t.Fatal(err)
	}
	model, err := tally()
	if err != nil {
		t.Fatal(err)
	}
	if l.reader, err = readmodel.NewReader(t.Context(), l.shelf.client, model, l.log, domain); err != nil {
		t.Fatal(err)
	}
	working, stop := context.WithCancel(t.Context())
	var staff sync.WaitGroup
	for i := range libraryWriters {
		staff.Go(func() { l.write(working, i) })
	}
	for i := range libraryReaders {
		staff.Go(func() { l.browse(working, i) })
	}
	for i := range 2 { // on one model
		staff.Go(func() { l.restartProjection(working, i) })
	}
	wipes := l.wipe(t)
	stop()
	staff.Wait()
	l.compareAnswers(t)
	l.compareModels(t, open(t))
	t.Logf("the model was wiped %d times; %d answers, %d questions not answered in time", wipes, len(l.answers), l.waits)
}

// write changes counters and asks after each change for what it just did.
func (l *library) write(ctx context.Context, w int) {
	rng := l.c.fork(uint64(100 + w))
	for n := 0; ctx.Err() == nil; n++ {
		agg := counterAt(l.c.seed, n/200, rng.IntN(libraryCounters))
		var cmd estest.CounterCommand = estest.Add{By: 1 + rng.Uint64N(9)}
		if rng.IntN(60) == 0 {
			cmd = estest.Close{}
		}
		id := fmt.Sprintf("w%d-%d", w, n)
		res, err := l.handler.Handle(ctx, agg, estest.ClientCommand(id, cmd, id))
		if err != nil && !errors.Is(err, estest.ErrCounterClosed) && !errors.Is(err, es.ErrContended) && ctx.Err() == nil {
			l.fail(fmt.Errorf("write: %w", err))
			return
		}
		if rng.IntN(4) > 0 || res.Position.Stream == "" {
			continue
		}
		got, ok := l.ask(ctx, l.reader, agg, res.Token())
		if ok && (got.sum < res.State.Sum || got.at < res.Position.Seq) {
			l.fail(fmt.Errorf("asked with a token of %d, got %d as of %d", res.Position.Seq, got.sum, got.at))
		}
	}
}

// browse asks without a token. Its answers never go back in time, though some
// come from readers that were made just now.
func (l *library) browse(ctx context.Context, i int) {
	rng := l.c.fork(uint64(200 + i))
	last := map[es.Aggregate]answer{}
	model, err := tally()
	if err != nil {
		l.fail(err)
		return
	}
	for n := 0; ctx.Err() == nil; n++ {
		reader := l.reader
		if n%10 == 9 {
			if reader, err = readmodel.NewReader(ctx, l.shelf.client, model, l.log, domain); err != nil {
				continue
			}
		}
		agg := counterAt(l.c.seed, 0, rng.IntN(libraryCounters))
		got, ok := l.ask(ctx, reader, agg, nil)
		if before := last[agg]; ok && (got.at < before.at || got.sum < before.sum) {
			l.fail(fmt.Errorf("an answer as of %d after one as of %d: %d after %d", got.at, before.at, got.sum, before.sum))
		}
		if ok {
			last[agg] = got
		}
	}
}

func (l *library) ask(ctx context.Context, reader *readmodel.Reader, agg es.Aggregate, want es.Token) (answer, bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var figures *redis.MapStringStringCmd
	at, err := reader.Read(ctx, agg, want, func(p redis.Pipeliner, key func(string) string) {
		figures = p.HGetAll(ctx, key(counterKey(agg.ID)))
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.waits++
		if !errors.Is(err, es.ErrBehind) && !errors.Is(err, es.ErrUnavailable) {
			l.fail(fmt.Errorf("read: %w", err))
		}
		return answer{}, false
	}
	sum, _ := strconv.ParseUint(figures.Val()["sum"], 10, 64)
	a := answer{agg: agg, at: at.Seq, sum: sum, closed: figures.Val()["closed"] == "1"}
	l.answers = append(l.answers, a)
	return a, true
}

// restartProjection runs a projection for a moment, again and again.
func (l *library) restartProjection(ctx context.Context, i int) {
	rng := l.c.fork(uint64(300 + i))
	for ctx.Err() == nil {
		moment, cancel := context.WithTimeout(ctx, randomMoment(rng, 100*time.Millisecond, 900*time.Millisecond))
		if err := l.shelf.projectInto(moment, l.log); err != nil {
			l.fail(err)
		}
		cancel()
	}
}

func randomMoment(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)))
}

// wipe empties the store under everybody's hands, by order or by a crash.
func (l *library) wipe(t *testing.T) int {
	t.Helper()
	wipes := 0
	for end := time.Now().Add(l.c.length); time.Now().Before(end); wipes++ {
		pass(t, l.c.between(150*time.Millisecond, 700*time.Millisecond))
		if l.shelf.server != nil && l.c.rng.IntN(4) == 0 {
			l.shelf.server.Kill()
			if err := l.shelf.server.Start(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := l.shelf.client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	return wipes
}

// compareAnswers holds each answer against the log as of the position that
// came with it.
func (l *library) compareAnswers(t *testing.T) {
	t.Helper()
	commits := map[es.Aggregate][]es.Recorded{}
	for r, err := range l.log.Scan(t.Context(), domain, nil) {
		if err != nil {
			t.Fatal(err)
		}
		commits[r.Aggregate] = append(commits[r.Aggregate], r)
	}
	if len(l.answers) == 0 {
		t.Error("nothing was answered")
	}
	for _, a := range l.answers {
		var want estest.Counter
		for _, r := range commits[a.agg] {
			if r.Position.Seq > a.at {
				break
			}
			events, err := l.handler.Registry.DecodeAll(r.Commit)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				want = estest.EvolveCounter(want, e)
			}
		}
		if a.sum != want.Sum || a.closed != want.Closed {
			t.Errorf("as of %d the answer was %d (closed: %t), the log says %d (closed: %t)", a.at, a.sum, a.closed, want.Sum, want.Closed)
		}
	}
}

// compareModels lets the model catch up and builds another one from nothing.
func (l *library) compareModels(t *testing.T, other shelf) {
	t.Helper()
	live, rebuilt := l.caughtUp(t, l.shelf), l.caughtUp(t, other)
	if diff := cmp.Diff(live.content(t), rebuilt.content(t)); diff != "" {
		t.Errorf("the model (-live +rebuilt):\n%s", diff)
	}
	a, b := live.dumps(t), rebuilt.dumps(t)
	for key := range a {
		if _, both := b[key]; both && a[key] != b[key] {
			t.Errorf("the bytes of %s differ", key)
		}
	}
}

// caughtUp runs a projection until the model is where the log ends.
func (l *library) caughtUp(t *testing.T, s shelf) shelf {
	t.Helper()
	model, err := tally()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.projectInto(ctx, l.log) }()
	testwait.For(t, 30*time.Second, func() error {
		end, err := l.log.End(t.Context(), domain)
		if err != nil {
			return err
		}
		want := end[stream]
		at, err := readmodel.NewSink(s.client, model).Checkpoint(t.Context(), want.Stream, want.Epoch)
		if err == nil && at.Seq != want.Seq {
			err = fmt.Errorf("the model is at %d of %d", at.Seq, want.Seq)
		}
		return err
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return s
}
