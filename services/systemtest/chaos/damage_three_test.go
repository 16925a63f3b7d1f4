package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	"github.com/nats-io/nats.go"
)

// triple is a cluster whose files can be put back.
type triple struct {
	cluster  *testserver.Nodes
	in       installation
	tr       truth
	pristine string
}

func newTriple(t *testing.T, c *campaign) triple {
	t.Helper()
	cluster, in := onCluster(t)
	log := in.Open(t, in.connect(t, testserver.Admin))
	x := triple{cluster: cluster, in: in, tr: fill(t, log, c.seed), pristine: t.TempDir()}
	log.Close()
	x.stopAll(t)
	for _, node := range cluster.Nodes() {
		copyDir(t, node.Dir(), filepath.Join(x.pristine, node.Name()))
	}
	return x
}

func (x triple) stopAll(t *testing.T) {
	t.Helper()
	var all sync.WaitGroup
	for _, node := range x.cluster.Nodes() {
		all.Go(func() {
			if err := node.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// restore starts the cluster with the files as they were.
func (x triple) restore(t *testing.T) {
	t.Helper()
	x.stopAll(t)
	for _, node := range x.cluster.Nodes() {
		copyDir(t, filepath.Join(x.pristine, node.Name()), node.Dir())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := x.cluster.RestartAll(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestDamageOnOneOfThreeReplicasMakesNoHistoryShorter(t *testing.T) {
	damageOneOf(t, begin(t, 0), some("the end of the last block"))
}

// damageOneOf damages each kind on one replica, which then follows, then leads
// and at last has led.
func damageOneOf(t *testing.T, c *campaign, which []damage) {
	x := newTriple(t, c)
	for _, d := range which {
		t.Run(d.name, func(t *testing.T) {
			x.restore(t)
			nodes := x.cluster.Nodes()
			victim := nodes[c.rng.IntN(len(nodes))]
			watching := x.watch(t, nodes)
			restart(t, victim, func() { d.do(t, streamFiles(t, victim.Dir()), x.tr) })
			settle(t, x.cluster)
			watching.look(t, "the damaged replica follows")
			if lead(t, x.cluster, victim) {
				watching.look(t, "the damaged replica leads")
			}
			restart(t, victim, func() {})
			settle(t, x.cluster)
			watching.look(t, "the damaged replica has led")
		})
	}
}

// observers are one observer on each node.
type observers []observer

func (x triple) watch(t *testing.T, nodes []*testserver.Node) observers {
	t.Helper()
	var all observers
	for _, node := range nodes {
		nc := node.Connect(t, testserver.Admin, nats.IgnoreDiscoveredServers())
		o := observer{log: x.in.Open(t, nc), tr: x.tr, in: x.in, mayLag: true}
		if refused := o.fold(t, es.Leader); len(refused) > 0 {
			t.Fatalf("%d counters are damaged before anything was done", len(refused))
		}
		all = append(all, o)
	}
	return all
}

// look loads, decides and projects through each node. Whatever is answered is
// whole or refused by name.
func (all observers) look(t *testing.T, when string) {
	t.Helper()
	refused := 0
	var halts []uint64
	for _, o := range all {
		refused += len(o.fold(t, es.AnyReplica)) + len(o.fold(t, es.Leader))
		if err := o.project(t, es.Checkpoint{}, false); err != nil {
			halts = append(halts, sequenceOf(err))
		}
	}
	t.Logf("%s: of %d loads %d were refused, the others whole; projections halted at %v",
		when, len(all)*2*damagedCounters, refused, halts)
}

func settle(t *testing.T, cluster *testserver.Nodes) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := cluster.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// lead makes a node the leader of the stream. It may be that the node can't:
// then the stream has no leader for a while, and nobody answers wrongly.
func lead(t *testing.T, cluster *testserver.Nodes, node *testserver.Node) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	nc := cluster.Connect(t, testserver.Admin)
	defer nc.Close()
	order, err := json.Marshal(map[string]any{"placement": map[string]string{"preferred": node.Name()}})
	if err != nil {
		t.Fatal(err)
	}
	err = testwait.Until(ctx, func() error {
		leader, err := cluster.Leader(ctx, stream)
		if err != nil || leader == node {
			return err
		}
		m, err := nc.RequestWithContext(ctx, "$JS.API.STREAM.LEADER.STEPDOWN."+stream, order)
		if err != nil {
			return err
		}
		return fmt.Errorf("%s leads: %s", leader.Name(), m.Data)
	})
	if err != nil {
		t.Logf("the damaged replica was not made the leader: %v", err)
	}
	return err == nil
}
