package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"habeas.internal/services/consent/internal/mirror"
	"habeas.internal/services/consent/internal/record"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/consent/policy"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/readmodel"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"
)

const (
	stream      = "S"
	changesHeld = 4
	epoch       = "E"
)

func somebody(n int) es.Aggregate {
	return es.Aggregate{Context: "consent", Tenant: "acme", Type: person.AggregateType, ID: fmt.Sprintf("aaaaaaaaaaaaaaaaaaaaaaaa%ca", 'b'+n)}
}

// world is a stream that is written by hand, the read model of it, and a mirror
// of it, each moved by hand.
type world struct {
	log     []es.Recorded
	model   *readmodel.FoldSink
	mirror  *mirror.Mirror
	read    es.Checkpoint // of the model
	seen    es.Checkpoint // of the mirror
	proof   es.Proof
	during  func() // runs once, while the read model is being asked
	encode  func(context.Context, es.Aggregate, string, person.Event) (es.Event, error)
	stalled bool
}

func (w *world) Locate(es.Aggregate) (es.Position, error) {
	return es.Position{Stream: stream, Epoch: epoch}, nil
}
func (w *world) Latest(string) es.Proof { return w.proof }
func (w *world) Since(context.Context, string, time.Time) (es.Proof, error) {
	return w.proof, nil
}

// The three are a hook of the Redis client.
func (w *world) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (w *world) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if w.stalled {
			return errors.New("stalled")
		}
		err := next(ctx, cmd)
		if f := w.during; f != nil && cmd.Name() == "mget" {
			w.during = nil
			f()
		}
		return err
	}
}

func (w *world) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

type fataler interface {
	Helper()
	Fatal(args ...any)
}

func newWorld(t fataler, server *miniredis.Miniredis, most int) (*world, func()) {
	t.Helper()
	server.FlushAll()
	codec, err := wire.Person()
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	at := es.Checkpoint{Position: es.Position{Stream: stream, Epoch: epoch}}
	w := &world{read: at, seen: at, encode: codec.Encode(nil)}
	client.AddHook(w)
	w.model = readmodel.NewFoldSink(client, record.Model(codec.Registry()))
	w.mirror = mirror.New(mirror.Config{
		Registry: codec.Registry(), Redis: client, Locator: w, Prover: w, Max: most, Changes: changesHeld, Patience: time.Second,
	}, map[string]es.Checkpoint{stream: at})
	return w, func() { _ = client.Close() }
}

// write adds a decision about the purpose of a number.
func (w *world) write(t fataler, who, purpose int) {
	t.Helper()
	at := time.Unix(int64(len(w.log)), 0).UTC()
	ev, err := w.encode(context.Background(), somebody(who), fmt.Sprint(len(w.log)), person.DecisionRecorded{Policy: "p", Purpose: fmt.Sprint(purpose), Decision: person.Decision{
		Status: person.Given, Version: uint32(len(w.log) + 1), DecidedAt: at, RecordedAt: at,
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.add(somebody(who), ev)
}

func (w *world) add(agg es.Aggregate, events ...es.Event) {
	seq := uint64(len(w.log) + 1)
	w.log = append(w.log, es.Recorded{
		Commit:   es.Commit{ID: fmt.Sprint("c", seq), Aggregate: agg, Events: events},
		Position: es.Position{Stream: stream, Epoch: epoch, Seq: seq},
	})
}

// step applies up to n commits to a sink.
func (w *world) step(t fataler, sink es.Sink, at *es.Checkpoint, n int) {
	t.Helper()
	batch := w.log[at.Seq:min(at.Seq+uint64(n), uint64(len(w.log)))]
	if len(batch) == 0 {
		return
	}
	if err := sink.Apply(context.Background(), *at, batch); err != nil {
		t.Fatal(err)
	}
	*at = es.CheckpointAt(batch[len(batch)-1])
}

func (w *world) modelReads(t fataler, n int)  { t.Helper(); w.step(t, w.model, &w.read, n) }
func (w *world) mirrorReads(t fataler, n int) { t.Helper(); w.step(t, w.mirror, &w.seen, n) }

// version is the number of the last commit that a state holds of a person; it
// tells all states apart.
func version(s person.Person) uint64 {
	var last uint32
	for _, p := range s.Purposes {
		last = max(last, p.Decision.Version)
	}
	return uint64(last)
}

// last is the last commit of a person up to a position.
func (w *world) last(who int, upTo uint64) uint64 {
	for seq := upTo; seq > 0; seq-- {
		if w.log[seq-1].Aggregate == somebody(who) {
			return seq
		}
	}
	return 0
}

func TestWhatTheMirrorSaysIsNeverOlderThanItClaims(t *testing.T) {
	server := miniredis.RunT(t)
	rapid.Check(t, func(t *rapid.T) {
		w, end := newWorld(t, server, rapid.IntRange(1, 4).Draw(t, "most"))
		defer end()
		move := func() {
			switch rapid.IntRange(0, 2).Draw(t, "move") {
			case 0:
				w.write(t, rapid.IntRange(0, 3).Draw(t, "who"), rapid.IntRange(0, 2).Draw(t, "purpose"))
			case 1:
				w.modelReads(t, rapid.IntRange(1, 4).Draw(t, "n"))
			case 2:
				w.mirrorReads(t, rapid.IntRange(1, 4).Draw(t, "n"))
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "moves") {
				move()
				continue
			}
			who, times := rapid.IntRange(0, 3).Draw(t, "asked"), rapid.IntRange(0, 5).Draw(t, "moves meanwhile")
			w.during = func() {
				for range times {
					move()
				}
			}
			at, _, err := w.mirror.Fresh(somebody(who))
			if err != nil {
				t.Fatal(err)
			}
			s, err := w.mirror.Person(context.Background(), somebody(who))
			w.during = nil
			if errors.Is(err, mirror.ErrAbsent) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, least := version(s), w.last(who, at.Seq); got < least || got > w.last(who, uint64(len(w.log))) || got > 0 && w.log[got-1].Aggregate != somebody(who) {
				t.Fatalf("knows commit %d, least %d", got, least)
			}
		}
	})
}

func TestAModelThatLagsSendsToTheLog(t *testing.T) {
	w, end := newWorld(t, miniredis.RunT(t), 10)
	defer end()
	w.write(t, 0, 0)
	w.mirrorReads(t, 1)
	if _, err := w.mirror.Person(t.Context(), somebody(0)); !errors.Is(err, mirror.ErrAbsent) {
		t.Errorf("the model has seen less: %v", err)
	}
	w.modelReads(t, 1)
	if s, err := w.mirror.Person(t.Context(), somebody(0)); err != nil || version(s) != 1 {
		t.Errorf("version %d, error %v", version(s), err)
	}
	w.stalled = true
	if _, err := w.mirror.Person(t.Context(), somebody(0)); err != nil {
		t.Errorf("who is in memory is asked of nobody: %v", err)
	}
	if _, err := w.mirror.Person(t.Context(), somebody(1)); !errors.Is(err, mirror.ErrAbsent) {
		t.Errorf("without Redis: %v", err)
	}
}

func TestAnotherSpellingOfAReferenceIsNobodyInMemory(t *testing.T) {
	w, end := newWorld(t, miniredis.RunT(t), 10)
	defer end()
	agg := somebody(0)
	for _, ref := range []string{agg.ID[:25] + "b", agg.ID[:25], agg.ID + "a", "AAAAAAAAAAAAAAAAAAAAAAAABA", ""} {
		agg.ID = ref
		if _, err := w.mirror.Person(t.Context(), agg); !errors.Is(err, mirror.ErrAbsent) {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

func TestFreshnessNeedsTheWholeOfWhatWasProven(t *testing.T) {
	w, end := newWorld(t, miniredis.RunT(t), 10)
	defer end()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.write(t, 0, 0)
	w.write(t, 0, 1)
	fresh := func() time.Time {
		_, at, err := w.mirror.Fresh(somebody(0))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	w.proof = es.Proof{Position: es.Position{Stream: stream, Epoch: epoch, Seq: 2}, At: noon}
	w.mirrorReads(t, 1)
	if got := fresh(); !got.IsZero() {
		t.Errorf("one of two: %s", got)
	}
	w.mirrorReads(t, 1)
	if got := fresh(); !got.Equal(noon) {
		t.Errorf("two of two: %s", got)
	}
	w.proof = es.Proof{Position: es.Position{Stream: stream, Epoch: "another", Seq: 2}, At: noon.Add(time.Hour)}
	if got := fresh(); !got.Equal(noon) {
		t.Errorf("a proof of another history: %s", got)
	}
}

func TestAPolicyThatChangedIsSaidToHave(t *testing.T) {
	w, end := newWorld(t, miniredis.RunT(t), 10)
	defer end()
	agg := es.Aggregate{Context: "consent", Tenant: "acme", Type: policy.AggregateType, ID: "p"}
	if !w.mirror.Unchanged(agg, 0) {
		t.Error("nothing happened")
	}
	w.add(agg)
	w.mirrorReads(t, 1)
	if w.mirror.Unchanged(agg, 0) || !w.mirror.Unchanged(agg, 1) {
		t.Error("it changed at 1")
	}
}

func TestWaitingForAPositionEndsWhenItIsReached(t *testing.T) {
	w, end := newWorld(t, miniredis.RunT(t), 10)
	defer end()
	w.write(t, 0, 0)
	reached := make(chan error, 1)
	want := es.Position{Stream: stream, Epoch: epoch, Seq: 1}
	go func() { reached <- w.mirror.Reach(context.Background(), somebody(0), want) }()
	w.mirrorReads(t, 1)
	if err := <-reached; err != nil {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	want.Seq = 2
	if err := w.mirror.Reach(gone, somebody(0), want); !errors.Is(err, es.ErrBehind) {
		t.Errorf("nobody writes it: %v", err)
	}
	want.Epoch = "another"
	if err := w.mirror.Reach(t.Context(), somebody(0), want); !errors.Is(err, es.ErrOtherEpoch) {
		t.Errorf("of another history: %v", err)
	}
}
