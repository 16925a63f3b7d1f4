package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/readmodel"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	natsjs "github.com/nats-io/nats.go/jetstream"
)

// noticeWithin is how long a reader may go on after an administrator's deed.
const noticeWithin = 2 * time.Second

// house is a service at work: it projects, it reacts, and it writes or not.
type house struct {
	log     *jetstream.Log
	handler counterHandler
	seed    uint64
	halted  map[string]chan error
}

// moveIn starts the readers and waits until they have seen what is written.
func moveIn(t *testing.T, c *campaign, in installation) *house {
	t.Helper()
	log := in.Open(t, in.connect(t, testserver.Admin))
	h, err := estest.CounterHandler(log, log.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	b := &house{log: log, handler: h, seed: c.seed, halted: map[string]chan error{
		"the projection": make(chan error, 1), "the process": make(chan error, 1),
	}}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	sink, reacted := &listSink{}, make(chan struct{}, 1000)
	go func() {
		b.halted["the projection"] <- log.Project(ctx, jetstream.Projection{Name: "list", Context: domain, Sink: sink})
	}()
	go func() {
		b.halted["the process"] <- log.RunProcess(ctx, jetstream.Process{
			Name: "react", Context: domain,
			React: func(context.Context, es.Recorded) error { reacted <- struct{}{}; return nil },
		})
	}()
	var last uint64
	for range 10 {
		last = b.add(t)
	}
	testwait.For(t, 20*time.Second, func() error {
		if sink.reached() < last || len(reacted) < 10 {
			return fmt.Errorf("projected up to %d of %d, reacted to %d", sink.reached(), last, len(reacted))
		}
		return nil
	})
	return b
}

func (b *house) add(t *testing.T) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	id := fmt.Sprint(time.Now().UnixNano())
	res, err := b.handler.Handle(ctx, counterAt(b.seed, 0, 0), estest.ClientCommand(id, estest.Add{By: 1}, id))
	if err != nil {
		t.Fatal(err)
	}
	return res.Position.Seq
}

// keepWriting writes as one who never looks at anything, until the test ends.
func (b *house) keepWriting(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	t.Cleanup(func() { cancel(); <-stopped })
	go func() {
		defer close(stopped)
		for n := 0; ctx.Err() == nil; n++ {
			id := fmt.Sprint("load-", n)
			_, _ = b.handler.Handle(ctx, counterAt(b.seed, 1, n), estest.ClientCommand(id, estest.Add{By: 1}, id))
			testPause(ctx, 20*time.Millisecond)
		}
	}()
}

func testPause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// expectHalts waits until every reader has halted by name, in time.
func (b *house) expectHalts(t *testing.T, since time.Time, limit time.Duration) {
	t.Helper()
	for name, halted := range b.halted {
		select {
		case err := <-halted:
			took := time.Since(since)
			t.Logf("%s halted after %s: %v", name, took.Round(time.Millisecond), err)
			if !named(err) {
				t.Errorf("%s halted without a name: %v", name, err)
			}
			if took > limit {
				t.Errorf("%s went on for %s", name, took)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s goes on", name)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := b.handler.Handle(ctx, counterAt(b.seed, 0, 0), estest.ClientCommand("late", estest.Add{By: 1}, ""))
	if !named(err) {
		t.Errorf("a command on the stream is not refused by name: %v", err)
	}
}

func limitTo(t *testing.T, in installation, messages int64) {
	t.Helper()
	js, err := natsjs.New(in.connect(t, testserver.Admin))
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	config := s.CachedInfo().Config
	config.MaxMsgs = messages
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}

func deleteStream(t *testing.T, in installation) {
	t.Helper()
	js, err := natsjs.New(in.connect(t, testserver.Admin))
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
}

func TestWhatAnAdministratorDoesToAStreamIsNoticed(t *testing.T) {
	for name, deed := range map[string]func(*testing.T, installation){
		"a limit is set":                  func(t *testing.T, in installation) { limitTo(t, in, 5) },
		"a limit is set and lifted again": func(t *testing.T, in installation) { limitTo(t, in, 5); limitTo(t, in, -1) },
		"the stream is deleted":           deleteStream,
	} {
		for load, busy := range map[string]bool{"while nothing is written": false, "while much is written": true} {
			t.Run(name+" "+load, func(t *testing.T) {
				_, in := onOneNode(t)
				b := moveIn(t, begin(t, 0), in)
				if busy {
					b.keepWriting(t)
				}
				deed(t, in)
				b.expectHalts(t, time.Now(), noticeWithin)
			})
		}
	}
}

// TestAnOlderHistoryUnderANewerModelIsNoticed restores the server's files from
// a copy, as an operator might, while Redis keeps the model.
func TestAnOlderHistoryUnderANewerModelIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		writes int // after the restore
		want   string
	}{
		"as long as it is shorter":      {0, es.CorruptBehind},
		"and when it was written to":    {5, es.CorruptDiffers},
		"and when it has become longer": {9, es.CorruptDiffers},
	} {
		t.Run(name, func(t *testing.T) {
			node, in := onOneNode(t)
			b := moveIn(t, begin(t, 0), in)
			older := filepath.Join(t.TempDir(), "older")
			restart(t, node, func() { copyDir(t, node.Dir(), older) })
			shelf := realRedis(t)
			for range 5 {
				b.add(t)
			}
			(&library{log: b.log}).caughtUp(t, shelf)

			restart(t, node, func() { copyDir(t, older, node.Dir()) })
			later := in.Open(t, in.connect(t, testserver.Admin)) // of a service that starts now
			h, err := estest.CounterHandler(later, later.Verifier())
			if err != nil {
				t.Fatal(err)
			}
			for range c.writes - 1 { // the instance's key is one more commit
				(&house{handler: h, seed: b.seed}).add(t)
			}
			model, err := tally()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			err = later.Project(ctx, jetstream.Projection{Name: model.Name, Context: domain, Sink: readmodel.NewSink(shelf.client, model)})
			var corrupt *es.CorruptError
			if !errors.As(err, &corrupt) || corrupt.Reason != c.want || corrupt.Stream != stream || corrupt.Sequence == 0 {
				t.Errorf("the projection ended with %v, want %s", err, c.want)
			}
			b.expectHalts(t, time.Now(), 5*time.Second)
		})
	}
}
