package testserver

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"habeas.internal/services/internal/natsd"
	"habeas.internal/services/internal/testserver/child"
)

// clusterGrace is how long a cluster may take to elect its leader.
const clusterGrace = 90 * time.Second

// Nodes is a NATS cluster of processes on this machine. Its methods may be
// called from any goroutine.
type Nodes struct {
	*access
	nodes []*Node
}

// Cluster starts n NATS servers as processes, with routes between them and
// every message synced, and waits until they have elected a leader and all
// follow it. It ends with the test.
func Cluster(t testing.TB, n int, options ...Option) *Nodes {
	t.Helper()
	p, dir := planned(options), t.TempDir()
	c := &Nodes{access: newAccess(t, dir, p)}
	onFreePorts(t, func() error {
		c.KillAll()
		if err := c.prepare(t, p, n); err != nil {
			return err
		}
		return c.startAll()
	})
	c.awaitLeader(t)
	return c
}

func (c *Nodes) awaitLeader(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clusterGrace)
	defer cancel()
	if err := c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// prepare gives each node its ports and folder. All route ports must be known
// before the first node starts.
func (c *Nodes) prepare(t testing.TB, p plan, n int) error {
	t.Helper()
	c.nodes = nil
	ports := make([]int, n)
	routes := make([]string, n)
	for i := range n {
		port, err := child.FreePort()
		if err != nil {
			return err
		}
		ports[i], routes[i] = port, child.Loopback(port)
	}
	for i := range n {
		node, err := newNode(t, nodePlan{
			plan:   p,
			access: c.access,
			name:   fmt.Sprintf("n%d", i+1),
			dir:    t.TempDir(),
			cluster: &natsd.Cluster{
				Name: "test", Host: "127.0.0.1", Port: ports[i], Routes: routes,
				TLS: files(c.routes, true),
			},
		})
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, node)
	}
	return nil
}

// Nodes are all nodes, in the order of their names n1, n2, …
func (c *Nodes) Nodes() []*Node { return c.nodes }

// Node is the node of that name, or nil.
func (c *Nodes) Node(name string) *Node {
	for _, node := range c.nodes {
		if node.Name() == name {
			return node
		}
	}
	return nil
}

// URL lists the addresses of all nodes.
func (c *Nodes) URL() string {
	urls := make([]string, len(c.nodes))
	for i, node := range c.nodes {
		urls[i] = node.URL()
	}
	return strings.Join(urls, ",")
}

// Connect connects to any node as the named user and moves to another when
// that one goes away. The connection is closed when the test ends.
func (c *Nodes) Connect(t testing.TB, user string, options ...nats.Option) *nats.Conn {
	t.Helper()
	return c.ConnectTo(t, c.URL(), user, options...)
}

// KillAll kills every node at once, as a loss of power in the whole room
// would end the processes.
func (c *Nodes) KillAll() {
	var all sync.WaitGroup
	for _, node := range c.nodes {
		all.Go(node.Kill)
	}
	all.Wait()
}

// RestartAll starts the nodes that are down and waits until the cluster works.
// The leaders of streams may still be elected after that.
func (c *Nodes) RestartAll(ctx context.Context) error {
	if err := c.startAll(); err != nil {
		return err
	}
	return c.WaitReady(ctx)
}

// startAll launches first and waits then: a member that recovers needs the
// others.
func (c *Nodes) startAll() error {
	var launched []*Node
	for _, node := range c.nodes {
		if node.Running() {
			continue
		}
		if err := node.Launch(); err != nil {
			return err
		}
		launched = append(launched, node)
	}
	for _, node := range launched {
		if err := node.AwaitReady(); err != nil {
			return err
		}
	}
	return nil
}
