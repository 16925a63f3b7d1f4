package consents

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/bench/internal/eventlog"
	"habeas.internal/services/bench/internal/measure"
	"habeas.internal/services/bench/internal/place"
	"habeas.internal/services/consent/consentd"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// MemorySection is the section of the room and the time that many people take.
func MemorySection(ctx context.Context, in eventlog.Settings) (*eventlog.Section, error) {
	s := &eventlog.Section{
		Name: memory, Title: "Many people", Notes: []string{
			fmt.Sprintf("%d people with a decision on each of five purposes. One yes and one no were recorded over gRPC; everybody else's commit is a copy of one of the two, under a reference and an id of its own, chained and signed, appended in atomic batches.", in.Held),
			"Rebuild: Redis is emptied and a consentd started; from there until all its read models have everything. ops are commits, five decisions each. All read models of consent are built at once.",
			"Warm: a consentd with an empty memory is asked about everybody once, 500 questions a call, 16 calls at once; every answer is looked at. ops are people.",
			"Redis: used_memory, before and after, of everything that consent keeps there; a replica's memory: live heap after a collection, before and after.",
		},
	}
	w, err := newWorld(ctx, s, in, "", 4)
	if err != nil {
		return s, err
	}
	h := &held{world: w, redis: w.redis.Client(), figures: map[string][]float64{}}
	s.Closing(h.redis.Close)
	if err := h.fill(ctx); err != nil {
		return s, err
	}
	s.Figures = h.show
	s.Variants = []measure.Variant{
		{Name: Rebuild, Callers: fewest, Prepare: h.wipe, Pass: h.rebuild, CPU: eventlog.Sum(w.NATS.CPU, w.redis.CPU, h.cpu)},
		{Name: Warm, Callers: batchAsking, Prepare: h.cold, Pass: h.warm, CPU: eventlog.Sum(w.redis.CPU, h.cpu)},
	}
	return s, nil
}

// held are many people, and what holds them.
type held struct {
	*world
	people  people
	redis   *redis.Client
	end     es.Token
	server  *replica
	figures map[string][]float64
}

func (h *held) show() []measure.Figure {
	var out []measure.Figure
	for _, name := range []string{RedisBytes, HeapBytes, RebuildTime, WarmTime} {
		if len(h.figures[name]) > 0 {
			out = append(out, measure.Figure{Name: name, Values: h.figures[name]})
		}
	}
	return out
}

func (h *held) note(name string, value float64) { h.figures[name] = append(h.figures[name], value) }

// fill writes everybody's decisions into the log.
func (h *held) fill(ctx context.Context) error {
	var err error
	if h.people, err = newPeople(max(h.in.Held, 2)); err != nil {
		return err
	}
	first, err := h.start(ctx, "writer", ServeCommand)
	if err != nil {
		return err
	}
	if err := h.publish(ctx, first); err != nil {
		return err
	}
	conn, err := h.product(first)
	if err != nil {
		return err
	}
	if err := h.people[:2].record(ctx, consentv1.NewConsentServiceClient(conn)); err != nil {
		return err
	}
	if err := first.Stop(); err != nil {
		return err
	}
	log, err := h.OpenLog(ctx, consentd.Name)
	if err != nil {
		return err
	}
	if err := h.copies(ctx, log); err != nil {
		return err
	}
	h.end, err = log.End(ctx, domain)
	return err
}

func person(ref string) es.Aggregate {
	return es.Aggregate{Context: domain, Tenant: place.Tenant, Type: "person", ID: ref}
}

// copies gives everybody but the first two the commit of one of them.
func (h *held) copies(ctx context.Context, log *jetstream.Log) error {
	var models [2]es.Commit
	for i := range models {
		for r, err := range log.Load(ctx, person(h.people[i]), 0, es.Leader) {
			if err != nil {
				return fmt.Errorf("load a model: %w", err)
			}
			models[i] = r.Commit
		}
	}
	byShard := make([][]es.Commit, h.Shards)
	for i, ref := range h.people[2:] {
		c := models[i%2]
		c.Aggregate = person(ref)
		var err error
		if c.ID, err = es.NewID(rand.Reader); err != nil {
			return err
		}
		if c.CommandID, err = es.NewID(rand.Reader); err != nil {
			return err
		}
		k := es.Shard(c.Aggregate.Partition(), h.Shards)
		byShard[k] = append(byShard[k], c)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, commits := range byShard {
		g.Go(func() error { return appendAll(ctx, log, commits) })
	}
	return g.Wait()
}

func appendAll(ctx context.Context, log *jetstream.Log, commits []es.Commit) error {
	const atOnce = 500
	for from := 0; from < len(commits); from += atOnce {
		var pending []es.Pending
		for _, c := range commits[from:min(from+atOnce, len(commits))] {
			pending = append(pending, es.Pending{Commit: c})
		}
		if _, err := log.AppendBatch(ctx, pending); err != nil {
			return fmt.Errorf("write people: %w", err)
		}
	}
	return nil
}

// wipe ends what runs and empties Redis.
func (h *held) wipe(ctx context.Context) error {
	if err := h.stop(); err != nil {
		return err
	}
	if err := h.redis.FlushAll(ctx).Err(); err != nil {
		return fmt.Errorf("flush redis: %w", err)
	}
	return nil
}

func (h *held) stop() error {
	if h.server == nil {
		return nil
	}
	defer func() { h.server = nil }()
	return h.server.Stop()
}

// cpu is what the replica has used, if there is one.
func (h *held) cpu() (time.Duration, error) {
	if h.server == nil {
		return 0, nil
	}
	return h.server.CPU()
}

// run starts a replica whose memory has room for everybody.
func (h *held) run(ctx context.Context) (err error) {
	h.server, err = h.start(ctx, "holder", ServeCommand, fmt.Sprintf("HABEAS_MEMORY_PEOPLE=%d", 2*len(h.people)))
	return err
}

// rebuild waits until Redis has everybody.
func (h *held) rebuild(ctx context.Context) (int, error) {
	empty, err := h.used(ctx)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := h.run(ctx); err != nil {
		return 0, err
	}
	for done := false; !done; {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return 0, err
		}
		if done, err = h.built(ctx); err != nil {
			return 0, err
		}
	}
	h.note(RebuildTime, time.Since(began).Seconds())
	full, err := h.used(ctx)
	if err != nil {
		return 0, err
	}
	h.note(RedisBytes, float64(full-empty)/float64(len(h.people)))
	return len(h.people), nil
}

// built reports whether every read model has reached the end.
func (h *held) built(ctx context.Context) (bool, error) {
	const models = 3 // policies, efforts, persons
	keys, err := h.redis.Keys(ctx, "*:checkpoint").Result()
	if err != nil || len(keys) < models*h.Shards {
		return false, err
	}
	for _, key := range keys {
		text, err := h.redis.Get(ctx, key).Result()
		if err != nil {
			return false, err
		}
		stream, _, _ := strings.Cut(strings.TrimPrefix(key, "{"), "}")
		number, _, _ := strings.Cut(text, " ")
		if at, err := strconv.ParseUint(number, 10, 64); err != nil || at < h.end[stream].Seq {
			return false, err
		}
	}
	return true, nil
}

// used is how many bytes Redis uses.
func (h *held) used(ctx context.Context) (int, error) {
	info, err := h.redis.Info(ctx, "memory").Result()
	if err != nil {
		return 0, fmt.Errorf("ask redis: %w", err)
	}
	for line := range strings.Lines(info) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory:"); ok {
			return strconv.Atoi(n)
		}
	}
	return 0, errors.New("redis does not say how much memory it uses")
}

// cold starts a replica that has nobody in memory.
func (h *held) cold(ctx context.Context) error {
	if err := h.stop(); err != nil {
		return err
	}
	return h.run(ctx)
}

// warm asks about everybody.
func (h *held) warm(ctx context.Context) (int, error) {
	conn, err := h.product(h.server)
	if err != nil {
		return 0, err
	}
	c := consentv1.NewConsentServiceClient(conn)
	if err := h.people[:1].askAll(ctx, c); err != nil { // the policy is read once
		return 0, err
	}
	empty, err := h.server.heap(ctx)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := h.people.askAll(ctx, c); err != nil {
		return 0, err
	}
	h.note(WarmTime, time.Since(began).Seconds())
	full, err := h.server.heap(ctx)
	if err != nil {
		return 0, err
	}
	h.note(HeapBytes, float64(full-empty)/float64(len(h.people)))
	return len(h.people), nil
}
