package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/readmodel"
	"habeas.internal/services/internal/testserver"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// tally is a read model in which nothing is harmless to do twice or to leave
// out: it counts, it moves between sets, it forgets.
func tally() (readmodel.Model, error) {
	registry, err := es.NewRegistry(estest.CounterTypes()...)
	return readmodel.Model{Name: "tally", Version: 1, Project: func(r es.Recorded) ([]readmodel.Write, error) {
		if r.Aggregate.Tenant == es.LogTenant {
			return nil, nil
		}
		events, err := registry.DecodeAll(r.Commit)
		if err != nil {
			return nil, err
		}
		out := []readmodel.Write{{Command: "SET", Key: "latest", Args: []string{r.ID}}}
		for _, e := range events {
			out = append(out, tallied(r, e)...)
		}
		return out, nil
	}}, err
}

func counterKey(id string) string { return "counter:" + id }

func tallied(r es.Recorded, ev estest.CounterEvent) []readmodel.Write {
	id := r.Aggregate.ID
	figures := counterKey(id)
	switch e := ev.(type) {
	case estest.Added:
		return []readmodel.Write{
			{Command: "HINCRBY", Key: figures, Args: []string{"sum", strconv.FormatUint(e.By, 10)}},
			{Command: "HINCRBY", Key: "totals", Args: []string{"adds", "1"}},
			{Command: "ZADD", Key: "recent", Args: []string{strconv.FormatUint(r.Position.Seq, 10), id}},
			{Command: "SET", Key: "draft:" + id, Args: []string{r.CommandID}},
			{Command: "SADD", Key: "open", Args: []string{id}},
		}
	case estest.Closed:
		return []readmodel.Write{
			{Command: "HSET", Key: figures, Args: []string{"closed", "1"}},
			{Command: "ZREM", Key: "recent", Args: []string{id}},
			{Command: "SREM", Key: "open", Args: []string{id}},
			{Command: "DEL", Key: "draft:" + id},
		}
	case estest.AddRefused:
		return []readmodel.Write{{Command: "HINCRBY", Key: "totals", Args: []string{"refused", "1"}}}
	}
	return nil
}

// shelf is where a model is kept: a Redis of one kind or another.
type shelf struct {
	client *redis.Client
	server *testserver.RedisServer // nil if it is embedded
}

func realRedis(t *testing.T) shelf {
	t.Helper()
	server := testserver.Redis(t)
	return shelf{client: dialRedis(t, server.Addr()), server: server}
}

func embeddedRedis(t *testing.T) shelf {
	t.Helper()
	return shelf{client: dialRedis(t, miniredis.RunT(t).Addr())}
}

func dialRedis(t *testing.T, addr string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// projectInto keeps the model on the shelf until ctx ends; it must not halt.
func (s shelf) projectInto(ctx context.Context, log *jetstream.Log) error {
	model, err := tally()
	if err != nil {
		return err
	}
	return log.Project(ctx, jetstream.Projection{Name: model.Name, Context: domain, Sink: readmodel.NewSink(s.client, model)})
}

// content is everything on the shelf: each key with its type and what it
// holds, in an order that does not depend on how it got there.
func (s shelf) content(t *testing.T) map[string]string {
	t.Helper()
	keys, err := s.client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, key := range keys {
		if out[key], err = s.value(t.Context(), key); err != nil {
			t.Fatalf("read %s: %v", key, err)
		}
	}
	return out
}

func (s shelf) value(ctx context.Context, key string) (string, error) {
	kind, err := s.client.Type(ctx, key).Result()
	if err != nil {
		return "", err
	}
	var parts []string
	switch kind {
	case "string":
		parts = make([]string, 1)
		parts[0], err = s.client.Get(ctx, key).Result()
	case "hash":
		var fields map[string]string
		fields, err = s.client.HGetAll(ctx, key).Result()
		for _, f := range slices.Sorted(maps.Keys(fields)) {
			parts = append(parts, f+"="+fields[f])
		}
	case "set":
		parts, err = s.client.SMembers(ctx, key).Result()
		sort.Strings(parts)
	case "zset":
		var members []redis.Z
		members, err = s.client.ZRangeWithScores(ctx, key, 0, -1).Result()
		for _, m := range members {
			parts = append(parts, fmt.Sprint(m.Member, "=", m.Score))
		}
	default:
		err = errors.New("a type that no write makes: " + kind)
	}
	return kind + " " + strings.Join(parts, ","), err
}

// dumps are the server's own bytes of the keys that it keeps in the order in
// which they were written. Of the others the order depends on a seed of the
// server's.
func (s shelf) dumps(t *testing.T) map[string]string {
	t.Helper()
	ordered := []string{"int", "embstr", "raw", "listpack", "ziplist", "intset"}
	out := map[string]string{}
	if s.server == nil {
		return out // the embedded one can't dump
	}
	for key := range s.content(t) {
		encoding, err := s.client.ObjectEncoding(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(ordered, encoding) {
			continue
		}
		if out[key], err = s.client.Dump(t.Context(), key).Result(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
