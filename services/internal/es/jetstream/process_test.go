package jetstream_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/testwait"
)

// echo is a saga that copies every number that a counter gets to a second
// counter, its target: it records the reaction on itself and acts then.
func echo(w *world, fail func() error) es.Saga[estest.Counter, estest.CounterCommand, estest.CounterEvent, uint64] {
	return es.Saga[estest.Counter, estest.CounterCommand, estest.CounterEvent, uint64]{
		Handler: w.handler,
		Route: func(r es.Recorded) (es.Aggregate, es.Command[estest.CounterCommand], bool, error) {
			agg := r.Aggregate
			agg.Type = "echo"
			cmd := es.Command[estest.CounterCommand]{ID: r.ID, At: r.Time, Data: estest.Add{By: 1}}
			return agg, cmd, r.Aggregate.Type == "counter", nil
		},
		Effects: func(s estest.Counter) []uint64 { // every step so far: all are harmless to repeat
			var steps []uint64
			for i := range s.Adds {
				steps = append(steps, i+1)
			}
			return steps
		},
		Do: func(ctx context.Context, agg es.Aggregate, _ estest.Counter, step uint64) error {
			if err := fail(); err != nil {
				return err
			}
			target := agg
			target.Type = "target"
			id := es.StepID(agg, "copy", int(step))
			_, err := w.handler.Handle(ctx, target, estest.ClientCommand(id, estest.Add{By: 1}, id))
			return err
		},
	}
}

func (w *world) process(t *testing.T, p jetstream.Process) (failed <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended, stopped := make(chan error, 1), make(chan struct{})
	go func() { ended <- w.log.RunProcess(ctx, p); close(stopped) }()
	t.Cleanup(func() { cancel(); <-stopped })
	return ended
}

func (w *world) awaitSum(t *testing.T, agg es.Aggregate, want uint64) {
	t.Helper()
	testwait.For(t, 20*time.Second, func() error {
		s, _, err := w.handler.Load(t.Context(), agg, es.Leader)
		if err == nil && s.Sum != want {
			err = fmt.Errorf("sum is %d, want %d", s.Sum, want)
		}
		return err
	})
}

var errTrouble = errors.New("trouble outside")

func TestASagaThatFailsHalfwayEndsWithEachEffectOnce(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	calls := 0
	saga := echo(w, func() error {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls < 20 && calls%4 != 0 {
			return errTrouble
		}
		return nil
	})
	p := jetstream.Process{Name: "echo", Context: "identity", React: saga.React, Backoff: slices.Repeat([]time.Duration{10 * time.Millisecond}, 50)}
	w.process(t, p)
	w.process(t, p)
	agg := counter(t)
	for range 5 {
		w.add(t, agg, 1)
	}
	target := agg
	target.Type = "target"
	w.awaitSum(t, target, 5)
}

func TestWhatCannotBeHandledIsParkedAndReplayed(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	broken := true
	saga := echo(w, func() error {
		mu.Lock()
		defer mu.Unlock()
		if broken {
			return errTrouble
		}
		return nil
	})
	p := jetstream.Process{
		Name: "echo", Context: "identity", React: saga.React, CodeVersion: "test",
		Backoff: []time.Duration{time.Millisecond, time.Millisecond},
	}
	w.process(t, p)
	agg := counter(t)
	at := w.add(t, agg, 1).Position
	var parked []jetstream.ParkedMessage
	testwait.For(t, 20*time.Second, func() error {
		var err error
		if parked, err = w.log.Parked(t.Context()); err == nil && len(parked) != 1 {
			err = fmt.Errorf("%d messages are parked", len(parked))
		}
		return err
	})
	got := parked[0]
	if got.GetStream() != at.Stream || got.GetSequence() != at.Seq || got.GetReason() != "INTERNAL" || got.GetDeliveries() != 3 ||
		got.GetTypes() != "counter.added.v1" || got.GetCodeVersion() != "test" {
		t.Errorf("park record: %s/%d reason %s deliveries %d types %s", got.GetStream(), got.GetSequence(), got.GetReason(), got.GetDeliveries(), got.GetTypes())
	}
	if err := w.log.Replay(t.Context(), p, got); !errors.Is(err, errTrouble) {
		t.Errorf("replay while it is broken: %v", err)
	}
	mu.Lock()
	broken = false
	mu.Unlock()
	if err := w.log.Replay(t.Context(), p, got); err != nil {
		t.Fatalf("replay: %v", err)
	}
	target := agg
	target.Type = "target"
	w.awaitSum(t, target, 1)
	if left, err := w.log.Parked(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%d still parked, error %v", len(left), err)
	}
}

func TestAProcessThatHaltedHaltsAgainAndSeesNothingBehind(t *testing.T) {
	w := newWorld(t)
	agg := counter(t)
	unannounced, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.log.As(unannounced).Append(t.Context(), es.Head{}, estest.NewCommit(t, agg, 1)); err != nil {
		t.Fatal(err)
	}
	behind := counter(t)
	for es.Shard(behind.Partition(), 2) != es.Shard(agg.Partition(), 2) {
		behind = counter(t)
	}
	p := jetstream.Process{Name: "echo", Context: "identity", Workers: 1, React: func(_ context.Context, r es.Recorded) error {
		if r.Aggregate == behind {
			t.Error("the process went past a forged commit")
		}
		return nil
	}}
	for range 3 {
		failed := w.process(t, p)
		var corrupt *es.CorruptError
		if err := <-failed; !errors.As(err, &corrupt) || corrupt.Reason != es.CorruptKey {
			t.Errorf("want an unknown key, got %v", err)
		}
		w.add(t, behind, 1)
		testwait.For(t, 5*time.Second, func() error { return w.givenBack(t, "echo", agg) })
	}
}

// givenBack reports whether no message of a process's consumer is away.
func (w *world) givenBack(t *testing.T, process string, agg es.Aggregate) error {
	t.Helper()
	at, err := w.log.Locate(agg)
	if err != nil {
		return err
	}
	c, err := admin(t, w).Consumer(t.Context(), at.Stream, process+"-"+strings.ToLower(at.Stream))
	if err != nil {
		return err
	}
	if n := c.CachedInfo().NumAckPending; n > 1 {
		return fmt.Errorf("%d commits are away", n)
	}
	return nil
}

func TestACommitThatWaitsForAWorkerIsNotGivenToAnother(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	handled := map[string]int{}
	w.process(t, jetstream.Process{
		Name: "slow", Context: "identity", Workers: 1, AckWait: 300 * time.Millisecond,
		React: func(_ context.Context, r es.Recorded) error {
			mu.Lock()
			handled[r.ID]++
			mu.Unlock()
			<-time.After(400 * time.Millisecond)
			return nil
		},
	})
	for range 6 {
		w.add(t, counter(t), 1)
	}
	testwait.For(t, 20*time.Second, func() error {
		mu.Lock()
		defer mu.Unlock()
		if len(handled) < 6 {
			return fmt.Errorf("%d of 6 commits are handled", len(handled))
		}
		return nil
	})
	mu.Lock()
	defer mu.Unlock()
	for id, n := range handled {
		if n != 1 {
			t.Errorf("commit %s was handled %d times", id, n)
		}
	}
}

func (w *world) alarm(t *testing.T, due func(context.Context, jetstream.Timer) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		a := jetstream.Alarm{Name: "alarm", Context: "identity", Due: due, RetryAfter: 20 * time.Millisecond}
		if err := w.log.RunAlarm(ctx, a); err != nil {
			t.Errorf("alarm: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-stopped })
}

func TestATimerFiresNeverEarlyAndComesAgainUntilItIsHandled(t *testing.T) {
	w := newWorld(t)
	fired := make(chan time.Time, 10)
	failures := 2
	w.alarm(t, func(context.Context, jetstream.Timer) error {
		if failures--; failures >= 0 {
			return errTrouble
		}
		fired <- time.Now()
		return nil
	})
	at := time.Now().Add(1300 * time.Millisecond)
	if err := w.log.SetTimer(t.Context(), jetstream.Timer{Aggregate: counter(t), Name: "close", At: at}); err != nil {
		t.Fatal(err)
	}
	if early := (<-fired).Sub(at); early < 0 {
		t.Errorf("fired %v early", -early)
	}
}

func TestATimerDoesNotWaitForOneOfAnotherAggregate(t *testing.T) {
	w := newWorld(t)
	var handled atomic.Int32
	release := make(chan struct{})
	w.alarm(t, func(ctx context.Context, _ jetstream.Timer) error {
		handled.Add(1)
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil
	})
	at := time.Now().Add(time.Second)
	for range 16 {
		if err := w.log.SetTimer(t.Context(), jetstream.Timer{Aggregate: counter(t), Name: "close", At: at}); err != nil {
			t.Fatal(err)
		}
	}
	testwait.For(t, time.Minute, func() error {
		if handled.Load() < 2 {
			return fmt.Errorf("%d are handled at a time", handled.Load())
		}
		return nil
	})
	close(release)
}

func TestAMovedTimerFiresOnceAndACancelledOneNever(t *testing.T) {
	w := newWorld(t)
	fired := make(chan jetstream.Timer, 10)
	w.alarm(t, func(_ context.Context, timer jetstream.Timer) error {
		fired <- timer
		return nil
	})
	far := time.Now().Add(time.Hour)
	moved := jetstream.Timer{Aggregate: counter(t), Name: "close", At: far}
	cancelled := jetstream.Timer{Aggregate: counter(t), Name: "close", At: time.Now().Add(700 * time.Millisecond)}
	for _, timer := range []jetstream.Timer{moved, cancelled} {
		if err := w.log.SetTimer(t.Context(), timer); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.log.CancelTimer(t.Context(), cancelled); err != nil {
		t.Fatal(err)
	}
	if err := w.log.CancelTimer(t.Context(), cancelled); err != nil {
		t.Errorf("cancel of a timer that is gone: %v", err)
	}
	moved.At = time.Now().Add(time.Second)
	if err := w.log.SetTimer(t.Context(), moved); err != nil {
		t.Fatal(err)
	}
	if got := <-fired; got.Aggregate != moved.Aggregate || got.Name != "close" {
		t.Errorf("another timer fired: %v", got.Aggregate.Type)
	}
	if len(fired) != 0 {
		t.Error("a timer fired twice, or a cancelled one did")
	}
}

func TestASweepSetsExactlyTheTimersThatAreMissing(t *testing.T) {
	w := newWorld(t)
	var want []jetstream.Timer
	for range 10 {
		want = append(want, jetstream.Timer{Aggregate: counter(t), Name: "close", At: time.Now().Add(time.Hour)})
	}
	for _, timer := range want[:4] {
		if err := w.log.SetTimer(t.Context(), timer); err != nil {
			t.Fatal(err)
		}
	}
	list := func() iter.Seq2[jetstream.Timer, error] {
		return func(yield func(jetstream.Timer, error) bool) {
			for _, timer := range want {
				if !yield(timer, nil) {
					return
				}
			}
		}
	}
	for _, missing := range []int{6, 0} {
		if got, err := w.log.SweepTimers(t.Context(), list()); err != nil || got != missing {
			t.Errorf("%d timers were missing, want %d; error %v", got, missing, err)
		}
	}
}
