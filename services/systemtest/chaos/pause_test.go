package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	"github.com/nats-io/nats.go"
)

func TestALeaderThatWasFrozenGivesNoWrongAnswer(t *testing.T) {
	freezeLeaders(t, begin(t, time.Second))
}

const (
	adders     = 4
	askersEach = 4 // per node
	readersAll = 3 // counters a question is drawn from

	confirmersEach = 8 // per connection to the frozen node
	confirmerConns = 8
)

// parlour is clients of many counters, each of which lives shortly: it is
// added to, closed, and asked about all the time.
type parlour struct {
	c       *campaign
	history *history
	round   int
	closing atomic.Int64 // index of the counter that is closed next
	heads   sync.Map     // index -> es.Head before the close was acknowledged
	closer  atomic.Pointer[counterHandler]
	ids     atomic.Int64
	acks    acknowledged
	proofs  atomic.Int64
	fail    func(error)
}

func (p *parlour) counter(i int64) es.Aggregate { return counterAt(p.c.seed, p.round, int(i)) }

// ask sends one command once. What became of it is not asked for again: the
// history knows how to judge an unknown outcome.
func (p *parlour) ask(ctx context.Context, client int, h counterHandler, i int64, cmd estest.CounterCommand, patience time.Duration) (es.Result[estest.Counter, estest.CounterEvent], error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id := strconv.FormatInt(p.ids.Add(1), 10)
	called := p.history.now()
	res, err := h.Handle(ctx, p.counter(i), estest.ClientCommand(id, cmd, id))
	if broken := p.history.note(client, p.counter(i), cmd, called, res, err); broken != nil {
		p.fail(fmt.Errorf("client %d: %w", client, broken))
	}
	return res, err
}

// run keeps the clients going until ctx ends: those that change something on
// the healthy nodes, those that ask on all. When it is quiet, counters are
// closed and nothing else: an idle leader is thawed with nothing to catch up
// on, and takes longest to notice.
func (p *parlour) run(ctx context.Context, healthy, all []counterHandler, quiet bool) *sync.WaitGroup {
	var clients sync.WaitGroup
	p.closer.Store(&healthy[0])
	clients.Go(func() { p.closeAll(ctx) })
	if quiet {
		return &clients
	}
	for i := range adders {
		clients.Go(func() {
			for ctx.Err() == nil {
				_, _ = p.ask(ctx, i, healthy[i%len(healthy)], p.closing.Load(), estest.Add{By: 1}, 15*time.Second)
			}
		})
	}
	for i := range askersEach * len(all) {
		rng := p.c.fork(uint64(p.round*1000 + i))
		clients.Go(func() {
			for ctx.Err() == nil {
				_, _ = p.ask(ctx, 100+i, all[i%len(all)], p.lately(rng), estest.Add{By: 0}, 2500*time.Millisecond)
			}
		})
	}
	return &clients
}

// lately draws the counter that is open, or one that was closed just before.
func (p *parlour) lately(rng *rand.Rand) int64 {
	return max(0, p.closing.Load()-rng.Int64N(readersAll))
}

// closeAll closes one counter after the other, each when it holds something.
func (p *parlour) closeAll(ctx context.Context) {
	for ctx.Err() == nil {
		i, h := p.closing.Load(), *p.closer.Load()
		res, err := p.ask(ctx, 99, h, i, estest.Add{By: 1}, 15*time.Second)
		if err != nil || res.State.Sum < 3 {
			continue
		}
		closed, err := p.ask(ctx, 99, h, i, estest.Close{}, 15*time.Second)
		if err != nil {
			continue
		}
		p.acks.note(closed.Head.Seq)
		p.heads.Store(i, res.Head)
		p.closing.Add(1)
	}
}

// confirmers ask, on a frozen node, whether an older head of a counter that
// was closed is its last: the one from before the close, or that it has no
// commits at all, which is what a server says that was frozen before it had
// any. The answer is wrong if it is yes.
func (p *parlour) confirmers(ctx context.Context, logs []*jetstream.Log, clients *sync.WaitGroup) {
	for i := range confirmersEach * len(logs) {
		rng := p.c.fork(uint64(p.round*1000 + 500 + i))
		clients.Go(func() {
			for ctx.Err() == nil {
				p.confirm(ctx, logs[i%len(logs)], rng)
			}
		})
	}
}

func (p *parlour) confirm(ctx context.Context, log *jetstream.Log, rng *rand.Rand) {
	closed := p.closing.Load() - 1 - rng.Int64N(readersAll)
	head, ok := p.heads.Load(closed)
	if !ok {
		_ = testwait.Until(ctx, func() error {
			if p.closing.Load() == 0 {
				return errors.New("nothing is closed yet")
			}
			return nil
		})
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2500*time.Millisecond)
	defer cancel()
	before, _ := head.(es.Head)
	if rng.IntN(2) == 0 {
		before = es.Head{}
	}
	if log.Confirm(ctx, p.counter(closed), before) == nil {
		p.fail(fmt.Errorf("counter %d: commit %d was confirmed to be its last after it was closed", closed, before.Commits))
	}
}

// onlookers are readers on every node. A frozen server may keep them waiting,
// but history is whole, so none of them may find it corrupt.
func (p *parlour) onlookers(ctx context.Context, logs map[*testserver.Node]*jetstream.Log, clients *sync.WaitGroup) {
	for node, log := range logs {
		clients.Go(func() {
			p.whole(log.Project(ctx, jetstream.Projection{Name: "list", Context: domain, Sink: &listSink{}, ProbeEvery: 20 * time.Millisecond}))
		})
		clients.Go(func() {
			p.whole(log.RunProcess(ctx, jetstream.Process{
				Name: "look-" + node.Name(), Context: domain,
				React: func(context.Context, es.Recorded) error { return nil },
			}))
		})
		rng := p.c.fork(uint64(p.round * 7))
		clients.Go(func() {
			for ctx.Err() == nil {
				p.load(ctx, log, rng)
			}
		})
	}
}

func (p *parlour) load(ctx context.Context, log *jetstream.Log, rng *rand.Rand) {
	ctx, cancel := context.WithTimeout(ctx, 2500*time.Millisecond)
	defer cancel()
	commits := log.Load(ctx, p.counter(p.lately(rng)), 0, es.Leader)
	_, err := es.Fold(ctx, log.Verifier(), es.Head{}, commits, func(es.Recorded) error { return nil })
	p.whole(err)
}

func (p *parlour) whole(err error) {
	if _, halt := es.HaltReason(err); halt {
		p.fail(fmt.Errorf("a whole history was called corrupt: %w", err))
	}
}

// freezeLeaders stops the leader for longer than an election takes, again and
// again, with clients connected to it and to the others.
func freezeLeaders(t *testing.T, c *campaign) {
	cluster, in := onCluster(t)
	logs := map[*testserver.Node]*jetstream.Log{}
	for _, node := range cluster.Nodes() {
		logs[node] = in.Open(t, node.Connect(t, testserver.Admin, nats.IgnoreDiscoveredServers()))
	}
	freezes := 0
	for end := time.Now().Add(c.length); time.Now().Before(end); freezes++ {
		freezeLeader(t, c, cluster, in, logs, freezes)
	}
	t.Logf("the leader was frozen %d times", freezes)
}

func freezeLeader(t *testing.T, c *campaign, cluster *testserver.Nodes, in installation, logs map[*testserver.Node]*jetstream.Log, round int) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	leader, err := cluster.Leader(ctx, stream)
	if err != nil {
		t.Fatal(err)
	}
	var healthy, all []counterHandler
	var healthyNode *testserver.Node
	for node, log := range logs {
		h, err := estest.CounterHandler(log, log.Verifier())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
		if node != leader {
			healthy, healthyNode = append(healthy, h), node
		}
	}
	p := &parlour{c: c, history: newHistory(), round: round, fail: func(err error) { t.Error(err) }}
	working, stop := context.WithCancel(ctx)
	clients := p.run(working, healthy, all, round%2 == 1)
	var questioned []*jetstream.Log
	for range confirmerConns {
		questioned = append(questioned, in.Open(t, leader.Connect(t, testserver.Admin, nats.IgnoreDiscoveredServers())))
	}
	p.confirmers(working, questioned, clients)
	p.provers(working, questioned, clients)
	p.onlookers(working, logs, clients)
	pass(t, c.between(200*time.Millisecond, 800*time.Millisecond))
	freeze(t, c, leader, p, func() { p.enter(ctx, t, in, healthyNode) })
	stop()
	clients.Wait()
	p.history.judge(t)
	if p.proofs.Load() == 0 {
		t.Error("nothing was ever proven")
	}
	if err := cluster.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// enter lets a new instance close the counters from now on: the frozen server
// does not know its key.
func (p *parlour) enter(ctx context.Context, t *testing.T, in installation, node *testserver.Node) {
	t.Helper()
	log, err := in.orders(0, 0, "").open(ctx, node.Connect(t, testserver.Admin, nats.IgnoreDiscoveredServers()))
	if err != nil {
		t.Errorf("a new instance could not start while the leader was frozen: %v", err)
		return
	}
	t.Cleanup(log.Close)
	h, err := estest.CounterHandler(log, log.Verifier())
	if err != nil {
		t.Error(err)
		return
	}
	p.closer.Store(&h)
}

// freeze stops the leader until the others have gone on without it.
func freeze(t *testing.T, c *campaign, leader *testserver.Node, p *parlour, meanwhile func()) {
	t.Helper()
	if err := leader.Pause(); err != nil {
		t.Fatal(err)
	}
	pass(t, 3*time.Second)
	goesOn(t, p, 3)
	meanwhile()
	goesOn(t, p, 3)
	pass(t, c.between(0, 700*time.Millisecond))
	if err := leader.Resume(); err != nil {
		t.Fatal(err)
	}
	pass(t, 800*time.Millisecond)
}

// goesOn waits until some more counters were closed.
func goesOn(t *testing.T, p *parlour, more int64) {
	t.Helper()
	before := p.closing.Load()
	testwait.For(t, time.Minute, func() error {
		if n := p.closing.Load() - before; n < more {
			return fmt.Errorf("%d counters were closed without the frozen leader", n)
		}
		return nil
	})
}
