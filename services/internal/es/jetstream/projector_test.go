package jetstream_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/es/readmodel"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
)

// world is an installation with one context, a counter handler and Redis.
type world struct {
	server  *testserver.Server
	in      jstest.Installation
	log     *jetstream.Log
	handler es.Handler[estest.Counter, estest.CounterCommand, estest.CounterEvent]
	redis   *redis.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{server: testserver.NATS(t), in: jstest.New(t, 2, 1, "identity")}
	w.in.Provision(t, w.server.Connect(t, testserver.Admin))
	w.log = w.in.Open(t, w.server.Connect(t, testserver.Admin))
	var err error
	if w.handler, err = estest.CounterHandler(w.log, w.log.Verifier()); err != nil {
		t.Fatal(err)
	}
	w.redis = redis.NewClient(&redis.Options{Addr: testserver.Redis(t).Addr()})
	t.Cleanup(func() { _ = w.redis.Close() })
	return w
}

func (w *world) add(t *testing.T, agg es.Aggregate, by uint64) es.Result[estest.Counter, estest.CounterEvent] {
	t.Helper()
	res, err := w.handler.Handle(t.Context(), agg, estest.ClientCommand(newID(t), estest.Add{By: by}, ""))
	if err != nil {
		t.Fatalf("add: %v", err)
	}
	return res
}

func newID(t *testing.T) string {
	t.Helper()
	id, err := es.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func counter(t *testing.T) es.Aggregate {
	t.Helper()
	return es.Aggregate{Context: "identity", Tenant: "t1", Type: "counter", ID: newID(t)}
}

// sums is a model of what counters hold, and of how many there are.
func sums() readmodel.Model {
	registry, err := es.NewRegistry(estest.CounterTypes()...)
	return readmodel.Model{Name: "sums", Version: 1, Project: func(r es.Recorded) ([]readmodel.Write, error) {
		if err != nil || r.Aggregate.Tenant == es.LogTenant {
			return nil, err
		}
		events, err := registry.DecodeAll(r.Commit)
		if err != nil {
			return nil, err
		}
		var out []readmodel.Write
		for _, ev := range events {
			if e, ok := ev.(estest.Added); ok {
				out = append(out, readmodel.Write{Command: "HINCRBY", Key: "sum:" + r.Aggregate.ID, Args: []string{"sum", strconv.FormatUint(e.By, 10)}})
			}
		}
		return append(out, readmodel.Write{Command: "SADD", Key: "all", Args: []string{r.Aggregate.ID}}), nil
	}}
}

func (w *world) project(t *testing.T) (failed <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- w.log.Project(ctx, jetstream.Projection{
			Name: "sums", Context: "identity", Sink: readmodel.NewSink(w.redis, sums()), ProbeEvery: 50 * time.Millisecond,
		})
	}()
	ended := make(chan error, 1)
	stopped := make(chan struct{})
	go func() { ended <- <-done; close(stopped) }()
	t.Cleanup(func() { cancel(); <-stopped })
	return ended
}

func (w *world) reader(t *testing.T) *readmodel.Reader {
	t.Helper()
	r, err := readmodel.NewReader(t.Context(), w.redis, sums(), w.log, "identity")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readSum(ctx context.Context, r *readmodel.Reader, agg es.Aggregate, want es.Token) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var sum *redis.StringCmd
	_, err := r.Read(ctx, agg, want, func(p redis.Pipeliner, key func(string) string) {
		sum = p.HGet(ctx, key("sum:"+agg.ID), "sum")
	})
	if err != nil {
		return 0, err
	}
	n, err := sum.Uint64()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	return n, err
}

func TestAReadThatIsGivenATokenSeesTheCommand(t *testing.T) {
	w := newWorld(t)
	w.project(t)
	reader := w.reader(t)
	for range 20 {
		agg := counter(t)
		res := w.add(t, agg, 5)
		sum, err := readSum(t.Context(), reader, agg, res.Token())
		if err != nil || sum != 5 {
			t.Fatalf("sum %d, error %v", sum, err)
		}
	}
}

func TestAModelThatIsFlushedIsBehindAndNotEmpty(t *testing.T) {
	w := newWorld(t)
	reader := w.reader(t)
	agg := counter(t)
	token := w.add(t, agg, 7).Token()
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := readSum(short, reader, agg, token); !errors.Is(err, es.ErrBehind) && !errors.Is(err, es.ErrUnavailable) {
		t.Errorf("no projector runs, and the answer is %v", err)
	}
	w.project(t)
	if sum, err := readSum(t.Context(), reader, agg, token); err != nil || sum != 7 {
		t.Fatalf("sum %d, error %v", sum, err)
	}
	for range 10 {
		if err := w.redis.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if sum, err := readSum(t.Context(), reader, agg, nil); err != nil || sum != 7 {
			t.Fatalf("after a flush: sum %d, error %v", sum, err)
		}
	}
}

func TestATokenOfAnotherEpochIsRefused(t *testing.T) {
	w := newWorld(t)
	agg := counter(t)
	token := w.add(t, agg, 1).Token()
	for stream, p := range token {
		p.Epoch = "another"
		token[stream] = p
	}
	if _, err := readSum(t.Context(), w.reader(t), agg, token); !errors.Is(err, es.ErrOtherEpoch) {
		t.Errorf("want another epoch, got %v", err)
	}
}

func TestTwoProjectorsOfOneModelApplyEachCommitOnce(t *testing.T) {
	w := newWorld(t)
	w.project(t)
	w.project(t)
	agg := counter(t)
	var token es.Token
	for range 100 {
		token = token.Merge(w.add(t, agg, 1).Token())
	}
	if sum, err := readSum(t.Context(), w.reader(t), agg, token); err != nil || sum != 100 {
		t.Errorf("sum %d, error %v", sum, err)
	}
}

func TestAProjectionHaltsOnWhatNoAnnouncedKeySigned(t *testing.T) {
	w := newWorld(t)
	failed := w.project(t)
	agg := counter(t)
	token := w.add(t, agg, 1).Token()
	if _, err := readSum(t.Context(), w.reader(t), agg, token); err != nil {
		t.Fatal(err)
	}
	stranger := w.log.As(jstest.Signer(t))
	if _, err := stranger.Append(t.Context(), es.Head{}, estest.NewCommit(t, counter(t), 1)); err != nil {
		t.Fatal(err)
	}
	var corrupt *es.CorruptError
	if err := <-failed; !errors.As(err, &corrupt) || corrupt.Reason != es.CorruptKey {
		t.Errorf("want an unknown key, got %v", err)
	}
	if err := <-w.project(t); !errors.As(err, &corrupt) || corrupt.Reason != es.CorruptKey {
		t.Errorf("after a restart: %v", err)
	}
}

func TestAProjectionHaltsWhenAnAdministratorSetsALimit(t *testing.T) {
	w := newWorld(t)
	failed := w.project(t)
	for range 20 {
		w.add(t, counter(t), 1)
	}
	js, err := natsjs.New(w.server.Connect(t, testserver.Admin))
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), jetstream.StreamName("identity", 0))
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.MaxMsgs = 5
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, es.ErrConfiguration) {
		t.Errorf("want a changed configuration, got %v", err)
	}
	if _, err := jetstream.Open(t.Context(), w.in.Config(t, w.server.Connect(t, testserver.Admin))); err == nil {
		t.Error("the log was opened with a changed configuration")
	}
}

func TestAProjectionHaltsOnAnEventTypeThatItDoesNotKnow(t *testing.T) {
	w := newWorld(t)
	failed := w.project(t)
	c := estest.NewCommit(t, counter(t), 1)
	c.Events[0].Type = "counter.multiplied"
	if _, err := w.log.Append(t.Context(), es.Head{}, c); err != nil {
		t.Fatal(err)
	}
	var unknown *es.UnknownEventError
	if err := <-failed; !errors.Is(err, es.ErrUnprojectable) || !errors.As(err, &unknown) {
		t.Errorf("want an unknown event, got %v", err)
	}
}

func TestAProjectionOutlivesAServerRestart(t *testing.T) {
	w := newWorld(t)
	failed := w.project(t)
	agg := counter(t)
	w.add(t, agg, 1)
	w.server.Stop()
	w.server.Start(t)
	var token es.Token
	testwait.For(t, 20*time.Second, func() error {
		res, err := w.handler.Handle(t.Context(), agg, estest.ClientCommand("after", estest.Add{By: 2}, ""))
		token = res.Token()
		return err
	})
	reader := w.reader(t)
	testwait.For(t, 20*time.Second, func() error {
		sum, err := readSum(t.Context(), reader, agg, token)
		if err == nil && sum != 3 {
			err = fmt.Errorf("sum is %d", sum)
		}
		return err
	})
	select {
	case err := <-failed:
		t.Errorf("the projection ended: %v", err)
	default:
	}
}
