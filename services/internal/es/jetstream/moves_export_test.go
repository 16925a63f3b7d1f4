package jetstream_test

import (
	"bytes"
	"errors"
	"testing"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/readmodel"
	"habeas.internal/services/internal/testserver"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"
)

func TestAnInstallationGrowsFromOneShardToFourToSixteen(t *testing.T) {
	one := settle(t, testserver.NATS(t), 1, 1)
	one.live(t, 600)
	one.keep(t)
	stories, rows := one.stories(t), one.rows(t)

	four := one.move(t, bytes.NewReader(one.export(t)), testserver.NATS(t), 4, 1)
	four.sameAs(t, stories, rows)
	if got, want := four.domain(t), commits(stories); got != want {
		t.Fatalf("four shards hold %d commits, want %d", got, want)
	}

	for _, agg := range four.aggs[:20] { // life goes on before the next move
		four.add(t, four.log, agg, 5)
	}
	stories = four.stories(t)
	sixteen := four.move(t, bytes.NewReader(four.export(t)), testserver.NATS(t), 16, 1)
	sixteen.sameAs(t, stories, rows)
	if got, want := sixteen.domain(t), commits(stories); got != want {
		t.Errorf("sixteen shards hold %d commits, want %d", got, want)
	}
	sixteen.add(t, sixteen.log, sixteen.aggs[0], 1)
}

func TestAnAggregateOfAThousandCommitsMovesInOrder(t *testing.T) {
	old := settle(t, testserver.NATS(t), 1, 1)
	agg := old.aggregate(t)
	head := es.Head{}
	for i := range 1000 {
		r, err := old.log.Append(t.Context(), head, estest.NewCommit(t, agg, uint64(i+1)))
		if err == nil {
			head, err = head.Next(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	stories := old.stories(t)
	next := old.move(t, bytes.NewReader(old.export(t)), testserver.NATS(t), 4, 1)
	next.sameAs(t, stories, map[string]string{})
	if got := stories[agg].Head.Commits; got != 1000 {
		t.Errorf("%d commits, want 1000", got)
	}
}

func TestShardsCanBeMergedToo(t *testing.T) {
	old := settle(t, testserver.NATS(t), 4, 1)
	old.live(t, 300)
	old.keep(t)
	next := old.move(t, bytes.NewReader(old.export(t)), testserver.NATS(t), 2, 1)
	next.sameAs(t, old.stories(t), old.rows(t))
}

func TestATokenOfTheOldInstallationIsOfAnotherEpoch(t *testing.T) {
	old := settle(t, testserver.NATS(t), 1, 1)
	agg := old.aggregate(t)
	old.add(t, old.log, agg, 1)
	var token es.Token
	for r, err := range old.log.Load(t.Context(), agg, 0, es.Leader) {
		if err != nil {
			t.Fatal(err)
		}
		token = es.TokenAt(r.Position)
	}
	next := old.move(t, bytes.NewReader(old.export(t)), testserver.NATS(t), 1, 1)
	client := redis.NewClient(&redis.Options{Addr: testserver.Redis(t).Addr()})
	t.Cleanup(func() { _ = client.Close() })
	reader, err := readmodel.NewReader(t.Context(), client, sums(), next.log, "identity")
	if err != nil {
		t.Fatal(err)
	}
	_, err = reader.Read(t.Context(), agg, token, func(redis.Pipeliner, func(string) string) {})
	if !errors.Is(err, es.ErrOtherEpoch) {
		t.Errorf("read at a token of the old installation: %v", err)
	}
}

func TestTheNewGenesisNamesTheOldFinalStates(t *testing.T) {
	old := settle(t, testserver.NATS(t), 2, 1)
	old.live(t, 10)
	next := old.move(t, bytes.NewReader(old.export(t)), testserver.NATS(t), 4, 1)
	control := es.Control{Context: "consent", Partition: es.ShardPartitions(3, 4)[0]}
	g, err := es.ReadGenesis(t.Context(), next.log, control, next.in.LogKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	if got := len(g.GetAncestors()); got != 4 {
		t.Fatalf("%d ancestors, want 2 contexts of 2 shards", got)
	}
	for i, a := range g.GetAncestors() {
		named := a.GetInstallation() != "" && a.GetInstallation() != g.GetInstallation() && len(a.GetDigest()) == 32 &&
			bytes.Equal(a.GetLogKey(), old.in.LogKey.Public()) && a.GetLastSequence() > 2
		if !named || a.GetStream() != old.log.Streams(old.in.Topology.Contexts[i/2])[i%2] {
			t.Errorf("ancestor %d is named incompletely", i)
		}
	}
}

func TestAnImportedKeyIsAnnouncedAsSuchWhereItSigned(t *testing.T) {
	old := settle(t, testserver.NATS(t), 1, 1)
	agg := old.aggregate(t)
	old.add(t, old.log, agg, 1)
	next := old.move(t, bytes.NewReader(old.export(t)), testserver.NATS(t), 4, 1)
	for r, err := range next.log.Load(t.Context(), agg, 0, es.Leader) {
		if err != nil {
			t.Fatal(err)
		}
		control := es.ControlOf(agg, 4)
		for key, err := range next.log.Load(t.Context(), control.Key(r.Message.Header[es.HeaderKeyID]), 0, es.Leader) {
			var a logv1.KeyAnnounced
			if err != nil || proto.Unmarshal(key.Events[0].Data, &a) != nil {
				t.Fatal(err)
			}
			if a.GetImportedFrom() == "" || key.Message.Header[es.HeaderKeyID] != next.in.LogKey.KeyID {
				t.Errorf("key is announced as from %q, signed by %s", a.GetImportedFrom(), key.Message.Header[es.HeaderKeyID])
			}
			return
		}
	}
	t.Error("the key that signed is not announced")
}

func TestAnInstallationMovesBetweenClusters(t *testing.T) {
	old := settle(t, testserver.Cluster(t, 3), 2, 3)
	old.live(t, 300)
	old.keep(t)
	next := old.move(t, bytes.NewReader(old.export(t)), testserver.Cluster(t, 3), 4, 3)
	next.sameAs(t, old.stories(t), old.rows(t))
	next.add(t, next.log, next.aggs[0], 1)
}

func TestAnExportSaysThatServicesWereRunning(t *testing.T) {
	old := settle(t, testserver.NATS(t), 1, 1)
	old.live(t, 10)
	agg := old.aggregate(t) // of identity or consent, whichever is next
	busy := writer(func(p []byte) (int, error) {
		old.add(t, old.log, agg, 1)
		return len(p), nil
	})
	got, err := old.log.Export(t.Context(), busy, jetstream.ExportConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if want := jetstream.StreamName(agg.Context, 0); len(got.Moved) != 1 || got.Moved[0] != want {
		t.Errorf("moved = %v, want %s", got.Moved, want)
	}
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
