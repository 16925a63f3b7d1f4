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
			"projection: `Log.Project` into `readmodel.Sink` on redis-server (TCP, append-only file synced every second), empty at the start of each point. An event sets one field of a hash of its aggregate (HSET) and counts up a total (HINCRBY).",
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
		{Name: Rebuild, Callers: historyShards, Pass: r.rebuild, Prepare: r.wipe, CPU: sum(log, server.CPU)},
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

const purposes = 5

func model() readmodel.Model {
	return readmodel.Model{Name: "bench", Version: 1, Project: func(r es.Recorded) ([]readmodel.Write, error) {
		if r.Aggregate.Tenant == es.LogTenant {
			return nil, nil
		}
		writes := make([]readmodel.Write, 0, 2*len(r.Events))
		for i, ev := range r.Events {
			purpose := strconv.Itoa(int(ev.Data[0]) % purposes)
			version := strconv.FormatUint(r.FirstVersion+uint64(i), 10)
			writes = append(writes,
				readmodel.Write{Command: "HSET", Key: "person:" + r.Aggregate.ID, Args: []string{purpose, version}},
				readmodel.Write{Command: "HINCRBY", Key: "totals", Args: []string{purpose, "1"}})
		}
		return writes, nil
	}}
}

func (r *rebuilder) rebuild(ctx context.Context) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sink := &endingSink{Sink: readmodel.NewSink(r.client, model()), end: r.end, left: len(r.end), reached: cancel}
	err := r.log.logs[0].Project(ctx, jetstream.Projection{Name: "bench", Context: domain, Sink: sink})
	if err != nil {
		return 0, err
	}
	return r.total(), r.check(context.WithoutCancel(ctx))
}

// check compares the totals with what was written: a fast rebuild that loses
// something is none.
func (r *rebuilder) check(ctx context.Context) error {
	counted := 0
	for _, p := range r.end {
		key := "{" + p.Stream + "}:bench.v1." + p.Epoch + ":totals"
		totals, err := r.client.HVals(ctx, key).Result()
		if err != nil {
			return fmt.Errorf("read totals: %w", err)
		}
		for _, text := range totals {
			n, err := strconv.Atoi(text)
			if err != nil {
				return fmt.Errorf("read totals: %w", err)
			}
			counted += n
		}
	}
	if want := len(r.ids) * r.commits; counted != want {
		return fmt.Errorf("the model counts %d events, want %d", counted, want)
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
func (e *endingSink) Apply(ctx context.Context, from es.Position, batch []es.Recorded) error {
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
