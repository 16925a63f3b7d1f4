//go:build long

package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	"github.com/nats-io/nats.go"
)

// TestAFrozenLeaderDoesNotEndAScanEarly freezes a leader until the others have
// acknowledged a commit without it. When it wakes up, questions wait for it
// already, and it does not know yet that it was replaced.
func TestAFrozenLeaderDoesNotEndAScanEarly(t *testing.T) {
	cluster := testserver.Cluster(t, 3)
	in := jstest.New(t, 1, 3, "identity")
	in.Provision(t, cluster.Connect(t, testserver.Admin))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	leader, err := cluster.Leader(ctx, jetstream.StreamName("identity", 0))
	if err != nil {
		t.Fatal(err)
	}
	nodes := slices.Clone(cluster.Nodes())
	other := nodes[slices.IndexFunc(nodes, func(n *testserver.Node) bool { return n != leader })]
	frozen := in.Open(t, leader.Connect(t, testserver.Admin, nats.IgnoreDiscoveredServers()))
	healthy := in.Open(t, other.Connect(t, testserver.Admin, nats.IgnoreDiscoveredServers()))

	scans := make(chan error, 64)
	for range 5 {
		if err := leader.Pause(); err != nil {
			t.Fatal(err)
		}
		acknowledged := appendPatiently(t, healthy)
		var asking sync.WaitGroup
		for range cap(scans) {
			asking.Go(func() { scans <- misses(ctx, frozen, acknowledged) })
		}
		<-time.After(500 * time.Millisecond) // the questions wait at the frozen node
		if err := leader.Resume(); err != nil {
			t.Fatal(err)
		}
		asking.Wait()
		for range cap(scans) {
			if err := <-scans; err != nil {
				t.Error(err)
			}
		}
		if err := cluster.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
		if leader, err = cluster.Leader(ctx, jetstream.StreamName("identity", 0)); err != nil {
			t.Fatal(err)
		}
		other = nodes[slices.IndexFunc(nodes, func(n *testserver.Node) bool { return n != leader })]
		frozen = in.Open(t, leader.Connect(t, testserver.Admin, nats.IgnoreDiscoveredServers()))
		healthy = in.Open(t, other.Connect(t, testserver.Admin, nats.IgnoreDiscoveredServers()))
	}
}

func appendPatiently(t *testing.T, log *jetstream.Log) es.Position {
	t.Helper()
	var at es.Position
	c := estest.NewCommit(t, counter(t), 1)
	testwait.For(t, time.Minute, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r, err := log.Append(ctx, es.Head{}, c)
		at = r.Position
		return err
	})
	return at
}

// misses reports a whole scan that did not yield an acknowledged commit. That
// there was none, because the cluster elects, is no fault.
func misses(ctx context.Context, log *jetstream.Log, acknowledged es.Position) error {
	var last es.Position
	for r, err := range log.Scan(ctx, "identity", nil) {
		if errors.Is(err, es.ErrUnavailable) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		last = r.Position
	}
	if last.Seq < acknowledged.Seq {
		return fmt.Errorf("the scan ended at %d, and %d was acknowledged", last.Seq, acknowledged.Seq)
	}
	return nil
}
