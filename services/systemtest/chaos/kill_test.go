package chaos_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"
)

func TestNothingIsLostOrDoubledWhenServersAreKilled(t *testing.T) {
	cluster, in := onCluster(t)
	t.Run("the leader of the stream, again and again", func(t *testing.T) {
		killLeaders(t, begin(t, 3*time.Second), cluster, in)
	})
	t.Run("all nodes at once", func(t *testing.T) {
		killAllNodes(t, begin(t, 2*time.Second), cluster, in)
	})
	t.Run("the process that writes to three replicas", func(t *testing.T) {
		killWriters(t, begin(t, 3*time.Second), in)
	})
}

func TestNothingIsLostOrDoubledOnOneReplica(t *testing.T) {
	node, in := onOneNode(t)
	t.Run("when the server is killed", func(t *testing.T) {
		killOneNode(t, begin(t, 2*time.Second), node, in)
	})
	t.Run("when the process that writes is killed", func(t *testing.T) {
		killWriters(t, begin(t, 2*time.Second), in)
	})
}

// field is writers at work in this process.
type field struct {
	log    *jetstream.Log
	crew   crew
	notes  *reader
	public *audience
	cancel context.CancelFunc
	ended  chan error
}

func setToWork(t *testing.T, c *campaign, in installation) *field {
	t.Helper()
	log := in.Open(t, in.asService(t))
	h, err := estest.CounterHandler(log, log.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "journal")
	j, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f := &field{
		log: log, notes: &reader{path: path}, public: seat(t, log), cancel: cancel, ended: make(chan error, 1),
		crew: crew{handler: h, journal: j, seed: c.seed, round: new(atomic.Int64)},
	}
	go func() { f.ended <- f.crew.work(ctx, nil) }()
	f.goesOn(t)
	return f
}

// goesOn waits until the writers have got further.
func (f *field) goesOn(t *testing.T) {
	t.Helper()
	getsOn(t, f.notes)
}

func getsOn(t *testing.T, r *reader) {
	t.Helper()
	refresh(t, r)
	before := r.acknowledged
	testwait.For(t, time.Minute, func() error {
		if err := r.refresh(); err != nil {
			return err
		}
		if r.acknowledged < before+writers {
			return fmt.Errorf("%d more commands were acknowledged", r.acknowledged-before)
		}
		return nil
	})
}

// nextRound moves the writers to new counters.
func (f *field) nextRound() { f.crew.round.Add(1) }

// finish ends the writers and audits what they did.
func (f *field) finish(t *testing.T) {
	t.Helper()
	f.cancel()
	if err := <-f.ended; err != nil {
		t.Errorf("a writer gave up: %v", err)
	}
	settleAll(t, f.crew, f.notes)
	audit(t, f.log, f.crew.handler, f.notes)
	f.public.leave(t)
	if err := f.crew.journal.close(); err != nil {
		t.Error(err)
	}
}

func killLeaders(t *testing.T, c *campaign, cluster *testserver.Nodes, in installation) {
	f := setToWork(t, c, in)
	kills := 0
	for end := time.Now().Add(c.length); time.Now().Before(end); kills++ {
		pass(t, c.between(200*time.Millisecond, 1500*time.Millisecond))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		killed, err := cluster.KillLeader(ctx, stream)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		f.nextRound()
		f.goesOn(t)
		if err := killed.Start(); err != nil {
			t.Fatal(err)
		}
	}
	f.finish(t)
	t.Logf("the leader was killed %d times", kills)
}

func killAllNodes(t *testing.T, c *campaign, cluster *testserver.Nodes, in installation) {
	f := setToWork(t, c, in)
	kills := 0
	for end := time.Now().Add(c.length); time.Now().Before(end); kills++ {
		pass(t, c.between(200*time.Millisecond, 1500*time.Millisecond))
		cluster.KillAll()
		f.nextRound()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := cluster.RestartAll(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		f.goesOn(t)
	}
	f.finish(t)
	t.Logf("all nodes were killed %d times", kills)
}

func killOneNode(t *testing.T, c *campaign, node *testserver.Node, in installation) {
	f := setToWork(t, c, in)
	kills := 0
	for end := time.Now().Add(c.length); time.Now().Before(end); kills++ {
		pass(t, c.between(50*time.Millisecond, 800*time.Millisecond))
		node.Kill()
		f.nextRound()
		if err := node.Start(); err != nil {
			t.Fatal(err)
		}
		f.goesOn(t)
	}
	f.finish(t)
	t.Logf("the server was killed %d times", kills)
}

// killWriters kills the process that writes; the next one begins by settling
// what the journal leaves open.
func killWriters(t *testing.T, c *campaign, in installation) {
	notes := &reader{path: filepath.Join(t.TempDir(), "journal")}
	kills := 0
	for end := time.Now().Add(c.length); time.Now().Before(end); kills++ {
		o := in.orders(c.seed, kills, notes.path)
		o.Round = kills / 3
		process := o.launch(t)
		getsOn(t, notes)
		pass(t, c.between(0, 700*time.Millisecond))
		process.Kill()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	last, err := in.orders(c.seed, kills, notes.path).crew(ctx)
	if err != nil {
		t.Fatal(err)
	}
	settleAll(t, last, notes)
	log := in.Open(t, in.asService(t))
	audit(t, log, last.handler, notes)
	t.Logf("the writing process was killed %d times", kills)
}
