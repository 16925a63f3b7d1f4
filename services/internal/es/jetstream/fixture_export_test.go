package jetstream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/testserver"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// connector is a server, a node or a cluster.
type connector interface {
	Connect(t testing.TB, user string, options ...nats.Option) *nats.Conn
}

// home is an installation, the server it lives on, and what it holds.
type home struct {
	server connector
	in     jstest.Installation
	log    *jetstream.Log
	aggs   []es.Aggregate
}

// settle provisions an installation of two contexts and opens it.
func settle(t *testing.T, server connector, shards, replicas int) *home {
	t.Helper()
	h := &home{server: server, in: jstest.New(t, shards, replicas, "identity", "consent")}
	h.in.Provision(t, server.Connect(t, testserver.Admin))
	h.log = h.in.Open(t, server.Connect(t, testserver.Admin))
	return h
}

// aggregate makes an aggregate of one of the two contexts.
func (h *home) aggregate(t *testing.T) es.Aggregate {
	t.Helper()
	agg := counter(t)
	agg.Context = h.in.Topology.Contexts[len(h.aggs)%2]
	h.aggs = append(h.aggs, agg)
	return agg
}

// live fills the installation: aggregates of one commit, added in batches,
// some of a few, written by two instances, and one of long commits.
func (h *home) live(t *testing.T, many int) {
	t.Helper()
	byShard := map[string][]es.Pending{}
	for range many {
		agg := h.aggregate(t)
		shard := jetstream.StreamName(agg.Context, es.Shard(agg.Partition(), h.in.Topology.Shards))
		byShard[shard] = append(byShard[shard], es.Pending{Commit: estest.NewCommit(t, agg, 1)})
	}
	for _, all := range byShard {
		for batch := range slices.Chunk(all, es.MaxBatch) {
			if _, err := h.log.AppendBatch(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
	}
	second := h.in.Open(t, h.server.Connect(t, testserver.Admin))
	for range 10 {
		agg := h.aggregate(t)
		for i := range 6 {
			h.add(t, []*jetstream.Log{h.log, second}[i%2], agg, uint64(i+1))
		}
	}
	h.long(t, h.aggregate(t))
}

// long appends three commits of 100 KiB.
func (h *home) long(t *testing.T, agg es.Aggregate) {
	t.Helper()
	head := es.Head{}
	for range 3 {
		c := estest.NewCommit(t, agg, 1)
		c.Events[0].Data = append(c.Events[0].Data, make([]byte, 100<<10)...)
		r, err := h.log.Append(t.Context(), head, c)
		if err == nil {
			head, err = head.Next(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (h *home) add(t *testing.T, log *jetstream.Log, agg es.Aggregate, by uint64) {
	t.Helper()
	handler, err := estest.CounterHandler(log, log.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := handler.Handle(t.Context(), agg, estest.ClientCommand(newID(t), estest.Add{By: by}, "")); err != nil {
		t.Fatalf("add: %v", err)
	}
}

// keep writes rows of the vault and of the suppression set: plain ones, one
// that was written twice and one that was destroyed.
func (h *home) keep(t *testing.T) {
	t.Helper()
	put := func(subject, value string) uint64 {
		ack, err := h.js(t).PublishMsg(t.Context(), &nats.Msg{
			Subject: subject, Data: []byte(value),
		}, natsjs.WithMsgID(newID(t)))
		if err != nil {
			t.Fatal(err)
		}
		return ack.Sequence
	}
	for _, p := range es.ShardPartitions(3, 4) {
		put("habeas.vault."+p+".key.t1.h1.profile", "wrapped "+p)
	}
	put("habeas.suppression.t1.a", "reference")
	put("habeas.vault.00.lookup.t1.x", "old")
	put("habeas.vault.00.lookup.t1.x", "new")
	gone := put("habeas.vault.01.key.t1.h2.profile", "destroyed")
	s, err := h.js(t).Stream(t.Context(), jetstream.VaultStream(0))
	if err == nil {
		err = s.SecureDeleteMsg(t.Context(), gone)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (h *home) js(t *testing.T) natsjs.JetStream {
	t.Helper()
	js, err := natsjs.New(h.server.Connect(t, testserver.Admin))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// rows is what the vault and the suppression set hold, by subject.
func (h *home) rows(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	names := []string{jetstream.StreamSuppression}
	for k := range h.in.Topology.Shards {
		names = append(names, jetstream.VaultStream(k))
	}
	for _, name := range names {
		s, err := h.js(t).Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := s.Info(t.Context(), natsjs.WithSubjectFilter(">"))
		if err != nil {
			t.Fatal(err)
		}
		for subject := range info.State.Subjects {
			m, err := s.GetLastMsgForSubject(t.Context(), subject)
			if err != nil {
				t.Fatal(err)
			}
			out[subject] = string(m.Data)
		}
	}
	return out
}

// story is all that must not change on the way: each aggregate's state, hash
// and messages as they were published.
type story struct {
	State    estest.Counter
	Head     es.Head
	Messages []es.Message
}

func (h *home) stories(t *testing.T) map[es.Aggregate]story {
	t.Helper()
	registry, err := es.NewRegistry(estest.CounterTypes()...)
	if err != nil {
		t.Fatal(err)
	}
	out := map[es.Aggregate]story{}
	for _, agg := range h.aggs {
		var s story
		head, err := es.Fold(t.Context(), h.log.Verifier(), es.Head{}, h.log.Load(t.Context(), agg, 0, es.Leader), func(r es.Recorded) error {
			events, err := registry.DecodeAll(r.Commit)
			for _, ev := range events {
				s.State = estest.EvolveCounter(s.State, ev)
			}
			s.Messages = append(s.Messages, r.Message)
			return err
		})
		if err != nil {
			t.Fatalf("load: %v", err)
		}
		head.Seq = 0 // places may change
		s.Head = head
		out[agg] = s
	}
	return out
}

// export writes the installation's archive, signed.
func (h *home) export(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	got, err := h.log.Export(t.Context(), &out, jetstream.ExportConfig{LogKey: h.in.LogKey, Now: time.Now()})
	if err != nil {
		t.Fatalf("export: %v", err)
	}
	if len(got.Moved) > 0 || got.Parked > 0 {
		t.Errorf("export says that %v moved and %d are parked", got.Moved, got.Parked)
	}
	return out.Bytes()
}

// into is the configuration of an import of h's archive into a fresh
// installation with as many shards.
func (h *home) into(t *testing.T, server connector, shards, replicas int) (jetstream.ImportConfig, *home) {
	t.Helper()
	next := &home{server: server, in: jstest.New(t, shards, replicas, h.in.Topology.Contexts...), aggs: slices.Clone(h.aggs)}
	return jetstream.ImportConfig{
		Config: next.in.Config(t, server.Connect(t, testserver.Admin)), Installation: next.in.Setup(),
		OldLogKey: h.in.LogKey.Public(),
	}, next
}

// move imports a whole archive and opens what came of it.
func (h *home) move(t *testing.T, archive io.Reader, server connector, shards, replicas int) *home {
	t.Helper()
	cfg, next := h.into(t, server, shards, replicas)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	got, err := jetstream.Import(ctx, cfg, archive)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	if !got.Signed || got.Found != 0 {
		t.Errorf("import says signed %v, %d commits found", got.Signed, got.Found)
	}
	next.log = next.in.Open(t, server.Connect(t, testserver.Admin))
	return next
}

// sameAs compares all that must not change.
func (h *home) sameAs(t *testing.T, want map[es.Aggregate]story, rows map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, h.stories(t)); diff != "" {
		t.Errorf("history differs (-want +got):\n%.2000s", diff)
	}
	if got := h.rows(t); !maps.Equal(got, rows) {
		t.Errorf("%d rows, want %d: %s", len(got), len(rows), cmp.Diff(rows, got))
	}
}

// domain counts the domain commits of all shards.
func (h *home) domain(t *testing.T) (n uint64) {
	t.Helper()
	for _, c := range h.in.Topology.Contexts {
		for k := range h.in.Topology.Shards {
			s, err := h.js(t).Stream(t.Context(), jetstream.StreamName(c, k))
			if errors.Is(err, natsjs.ErrStreamNotFound) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			info, err := s.Info(t.Context(), natsjs.WithSubjectFilter("habeas.ev.*.*."+es.LogTenant+".>"))
			if err != nil {
				t.Fatal(err)
			}
			n += info.State.Msgs
			for _, control := range info.State.Subjects {
				n -= control
			}
		}
	}
	return n
}

func commits(all map[es.Aggregate]story) (n uint64) {
	for _, s := range all {
		n += uint64(len(s.Messages))
	}
	return n
}
