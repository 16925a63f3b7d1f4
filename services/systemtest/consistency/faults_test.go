package consistency_test

import (
	"context"
	"fmt"
	"time"

	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/testserver"

	"github.com/redis/go-redis/v9"
)

// fault is something that goes wrong, and how it is made right.
type fault struct {
	name    string
	whom    string // for the record
	hits    bool   // a replica of consent
	replica int    // which
	model   bool   // the read model is lost
	begin   func() error
	heal    func() error
}

// ownReplica is the phase of calls to the replica that the fault hits.
const ownReplica = "the replica asked is itself killed or frozen"

const (
	killConsent   = "a consentd killed"
	freezeConsent = "a consentd frozen"
	killRedis     = "Redis killed"
	freezeRedis   = "Redis frozen"
	emptyRedis    = "Redis emptied"
	killLeader    = "a stream's leader killed"
	freezeLeader  = "a stream's leader frozen"
	killOther     = "another NATS node killed"
	freezeOther   = "another NATS node frozen"
	killMost      = "two of three NATS nodes killed"
	freezeMost    = "two of three NATS nodes frozen"
)

// kinds are all faults, in the order of the table.
func kinds() []string {
	return []string{killConsent, freezeConsent, killRedis, freezeRedis, emptyRedis, killLeader, freezeLeader, killOther, freezeOther, killMost, freezeMost}
}

// fault draws one of a kind.
func (c *campaign) fault(kind string) fault {
	c.t.Helper()
	f := fault{name: kind, heal: func() error { return nil }}
	number := c.rng.IntN(replicas)
	r, redisServer := c.place.replicas[number], c.place.redis
	switch kind {
	case killConsent, freezeConsent:
		f.hits, f.replica, f.whom = true, number, fmt.Sprintf(" (replica %d)", number+1)
		if f.begin, f.heal = r.Pause, r.Resume; kind == killConsent {
			f.begin, f.heal = killed(r.Kill), r.Start
		}
	case killRedis:
		f.begin, f.heal, f.model = killed(redisServer.Kill), redisServer.Start, true
	case freezeRedis:
		f.begin, f.heal = redisServer.Pause, redisServer.Resume
	case emptyRedis:
		f.begin, f.model = c.flush, true
	default:
		nodes := c.nodes(kind)
		for _, node := range nodes {
			f.whom += " " + node.Name()
		}
		f.begin, f.heal = each(nodes, (*testserver.Node).Pause), each(nodes, (*testserver.Node).Resume)
		if kind == killLeader || kind == killOther || kind == killMost {
			f.begin, f.heal = each(nodes, func(n *testserver.Node) error { n.Kill(); return nil }), func() error { return start(nodes) }
		}
	}
	return f
}

func killed(kill func()) func() error { return func() error { kill(); return nil } }

func each(nodes []*testserver.Node, do func(*testserver.Node) error) func() error {
	return func() error {
		for _, node := range nodes {
			if err := do(node); err != nil {
				return err
			}
		}
		return nil
	}
}

// start launches all before it waits: a member that recovers needs the others.
func start(nodes []*testserver.Node) error {
	if err := each(nodes, (*testserver.Node).Launch)(); err != nil {
		return err
	}
	return each(nodes, (*testserver.Node).AwaitReady)()
}

// nodes are those of NATS that a fault hits.
func (c *campaign) nodes(kind string) []*testserver.Node {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	leader, err := c.place.nats.Leader(ctx, jetstream.StreamName("consent", c.rng.IntN(shards)))
	if err != nil {
		c.t.Fatal(err)
	}
	var others []*testserver.Node
	for _, node := range c.place.nats.Nodes() {
		if node != leader {
			others = append(others, node)
		}
	}
	other := others[c.rng.IntN(len(others))]
	switch kind {
	case killLeader, freezeLeader:
		return []*testserver.Node{leader}
	case killOther, freezeOther:
		return []*testserver.Node{other}
	}
	return []*testserver.Node{leader, other}
}

// flush empties Redis, as an operator's FLUSHALL does.
func (c *campaign) flush() error {
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	client := redis.NewClient(&redis.Options{Addr: c.place.redis.Addr()})
	defer func() { _ = client.Close() }()
	return client.FlushAll(ctx).Err()
}
