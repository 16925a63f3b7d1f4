package eventlog

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"

	"habeas.internal/services/bench/internal/measure"
	"habeas.internal/services/bench/internal/servers"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/readmodel"

	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// Names of the rebuild section's variants.
const (
	RawConsumer = "JetStream ordered consumer, counting"
	Rebuild     = "projection into Redis"
)

// RebuildSection is the section of building a read model from the first
// commit on.
func RebuildSection(ctx context.Context, in Settings, h *History) (*Section, error) {
	s := &Section{
		Name: "rebuild", Title: "Rebuild of a read model from zero", Base: Base{Variant: RawConsumer},
		Notes: []string{
			fmt.Sprintf("All %d commits of the log above, %d shards at once, on one connection.", len(h.ids)*h.commits, historyShards),
			"projection: `Log.Project` into `readmodel.Sink` on redis-server (TCP, append-only file synced every second), empty at the start of each point. An event sets two fields of the hash of its person (HSET): the decision on a purpose, and the version.",
			"JetStream: one ordered consumer a shard, nothing decoded, messages counted.",
		},
	}
	server, err := servers.StartRedis(ctx, filepath.Join(in.Dir, "rebuild-redis"))
	if err != nil {
		return s, err
	}
	s.closing(server.Stop)
	r := &rebuilder{History: h, client: server.Client()}
	s.closing(r.client.Close)
	if r.end, err = r.log.logs[0].End(ctx, domain); err != nil {
		return s, err
	}
	log := h.log.server.CPU
	s.Variants = []measure.Variant{
		{Name: RawConsumer, Callers: historyShards, Pass: r.count, CPU: log},
		{Name: Rebuild, Callers: historyShards, Pass: r.rebuild, Prepare: r.wipe, CPU: Sum(log, server.CPU)},
	}
	return s, nil
}

type rebuilder struct {
	*History
	client *redis.Client
	end    es.Token // where each shard ends
}

func (r *rebuilder) total() int {
	n := 0
	for _, p := range r.end {
		n += int(p.Seq)
	}
	return n
}

// count reads every shard to its end.
func (r *rebuilder) count(ctx context.Context) (int, error) {
	js, err := natsjs.New(r.log.conns[0])
	if err != nil {
		return 0, fmt.Errorf("jetstream client: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	for stream, p := range r.end {
		g.Go(func() error { return countStream(ctx, js, stream, p.Seq) })
	}
	return r.total(), g.Wait()
}

func countStream(ctx context.Context, js natsjs.JetStream, stream string, want uint64) error {
	c, err := js.OrderedConsumer(ctx, stream, natsjs.OrderedConsumerConfig{DeliverPolicy: natsjs.DeliverAllPolicy})
	if err != nil {
		return fmt.Errorf("open consumer: %w", err)
	}
	n, done := uint64(0), make(chan struct{})
	consuming, err := c.Consume(func(natsjs.Msg) {
		if n++; n == want {
			close(done)
		}
	}, natsjs.PullMaxMessages(2000))
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	defer consuming.Stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *rebuilder) wipe(ctx context.Context) error {
	if err := r.client.FlushAll(ctx).Err(); err != nil {
		return fmt.Errorf("flush redis: %w", err)
	}
	return nil
}

// purposes is how many fields a person's hash gets, beside its version.
const purposes = 5

const modelName = "bench"

// model keeps, like the consent model, one hash a person: what was decided
// last on each purpose, and the version that this is of.
func model() readmodel.Model {
	return readmodel.Model{Name: modelName, Version: 1, Project: func(r es.Recorded) ([]readmodel.Write, error) {
		if r.Aggregate.Tenant == es.LogTenant {
			return nil, nil
		}
		writes := make([]readmodel.Write, 0, len(r.Events))
		for i, ev := range r.Events {
			version := strconv.FormatUint(r.FirstVersion+uint64(i), 10)
			writes = append(writes, readmodel.Write{
				Command: "HSET", Key: "person:" + r.Aggregate.ID,
				Args: []string{"purpose" + strconv.Itoa(int(ev.Data[0])%purposes), "given." + version, versionField, version},
			})
		}
		return writes, nil
	}}
}

const versionField = "version"

func (r *rebuilder) rebuild(ctx context.Context) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sink := &endingSink{Sink: readmodel.NewSink(r.client, model()), end: r.end, left: len(r.end), reached: cancel}
	err := r.log.logs[0].Project(ctx, jetstream.Projection{Name: modelName, Context: domain, Sink: sink})
	if err != nil {
		return 0, err
	}
	return r.total(), r.check(context.WithoutCancel(ctx))
}

// sampled is how many persons a finished model is asked for.
const sampled = 1000

// check looks whether the model is whole: a fast rebuild that loses something
// is none.
func (r *rebuilder) check(ctx context.Context) error {
	keys, err := r.client.DBSize(ctx).Result()
	if err != nil {
		return fmt.Errorf("count keys: %w", err)
	}
	if want := len(r.ids) + len(r.end); int(keys) != want { // persons and checkpoints
		return fmt.Errorf("the model has %d keys, want %d", keys, want)
	}
	for range min(sampled, len(r.ids)) {
		agg := r.next()
		at, err := r.log.logs[0].Locate(agg)
		if err != nil {
			return err
		}
		key := fmt.Sprintf("{%s}:%s.v1.%s:person:%s", at.Stream, modelName, at.Epoch, agg.ID)
		version, err := r.client.HGet(ctx, key, versionField).Int()
		if err != nil {
			return fmt.Errorf("read a person: %w", err)
		}
		if version != r.commits {
			return fmt.Errorf("a person is at version %d, want %d", version, r.commits)
		}
	}
	return nil
}

// endingSink says when every shard was applied to its end.
type endingSink struct {
	es.Sink
	mu      sync.Mutex
	end     es.Token
	left    int
	reached func()
}

// Apply applies the batch.
func (e *endingSink) Apply(ctx context.Context, from es.Checkpoint, batch []es.Recorded) error {
	if err := e.Sink.Apply(ctx, from, batch); err != nil {
		return err
	}
	last := batch[len(batch)-1].Position
	e.mu.Lock()
	defer e.mu.Unlock()
	if last.Seq == e.end[last.Stream].Seq {
		if e.left--; e.left == 0 {
			e.reached()
		}
	}
	return nil
}
