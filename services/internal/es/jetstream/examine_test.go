package jetstream_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"
)

func TestAHoleInOneOfThreeCopiesIsFoundByItsOwnFigures(t *testing.T) {
	cluster := testserver.Cluster(t, 3)
	h := settle(t, cluster, 1, 3)
	for range 30 { // more than one block
		agg := h.aggregate(t)
		agg.Context = "consent"
		c := estest.NewCommit(t, agg, 1)
		c.Events[0].Data = append(c.Events[0].Data, make([]byte, 400<<10)...)
		if _, err := h.log.Append(t.Context(), es.Head{}, c); err != nil {
			t.Fatal(err)
		}
	}
	stream := jetstream.StreamName("consent", 0)
	follower := followerOf(t, cluster, stream)
	if err := follower.Stop(); err != nil {
		t.Fatal(err)
	}
	loseABlocksEnd(t, follower.StreamFolder(stream))
	if err := follower.Start(); err != nil {
		t.Fatal(err)
	}
	system, cfg := cluster.Connect(t, testserver.System), h.in.Config(t, cluster.Connect(t, testserver.Admin))
	testwait.For(t, time.Minute, func() error { // until the follower is back
		found, err := jetstream.Examine(t.Context(), cfg, jetstream.Examination{System: system})
		if err != nil {
			return err
		}
		return holeOn(found, stream, follower.Name())
	})
}

// holeOn is nil when a hole is named in that copy, and nothing elsewhere.
func holeOn(found []jetstream.Health, stream, server string) error {
	for _, h := range found {
		var corrupt *es.CorruptError
		switch {
		case h.Stream != stream && h.Err != nil:
			return h.Err
		case h.Stream == stream && !errors.As(h.Err, &corrupt):
			return errors.Join(errors.New("no hole was found"), h.Err)
		case h.Stream != stream:
			continue
		}
		for _, r := range h.Replicas {
			if r.Figures == nil {
				return errors.New(r.Server + " was not asked")
			}
			if holed := r.Figures.Messages != r.Figures.Last; holed != (r.Server == server) {
				return errors.New("the hole is not where it was made")
			}
		}
	}
	return nil
}

func followerOf(t *testing.T, cluster *testserver.Nodes, stream string) *testserver.Node {
	t.Helper()
	leader, err := cluster.Leader(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range cluster.Nodes() {
		if n != leader {
			return n
		}
	}
	t.Fatal("no follower")
	return nil
}

// loseABlocksEnd cuts the first block and removes the index, as a crash and a
// bad disk do.
func loseABlocksEnd(t *testing.T, folder string) {
	t.Helper()
	block := filepath.Join(folder, "msgs", "1.blk")
	info, err := os.Stat(block)
	if err == nil {
		err = os.Truncate(block, info.Size()*7/10)
	}
	if err = errors.Join(err, os.Remove(filepath.Join(folder, "msgs", "index.db"))); err != nil {
		t.Fatal(err)
	}
}
