package testserver

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"

	"habeas.internal/services/internal/natsd"
	"habeas.internal/services/internal/testserver/child"
)

const (
	// natsReady is what a node prints when it takes connections.
	natsReady = "Server is ready"
	// keyVariable is where a node with encrypted files reads its key.
	keyVariable = "HABEAS_TEST_JETSTREAM_KEY"
)

// Node is a NATS server in a process of its own: Start, Stop, Kill, Pause and
// Resume act on that process. They may be called from any goroutine.
type Node struct {
	*child.Server
	*access
	config natsd.Node
}

// Process starts one NATS server with one replica as a process of its own, so
// that it can be killed. It ends with the test.
func Process(t testing.TB, options ...Option) *Node {
	t.Helper()
	p, dir := planned(options), t.TempDir()
	a := newAccess(t, dir, p)
	var node *Node
	onFreePorts(t, func() (err error) {
		if node, err = newNode(t, nodePlan{plan: p, access: a, name: "n1", dir: t.TempDir()}); err != nil {
			return err
		}
		return node.Start()
	})
	return node
}

// nodePlan is what one node of a cluster, or the only one, is made from.
type nodePlan struct {
	plan
	access  *access
	name    string
	dir     string
	cluster *natsd.Cluster
}

// newNode writes the node's configuration and prepares its process.
func newNode(t testing.TB, p nodePlan) (*Node, error) {
	t.Helper()
	port, err := child.FreePort()
	if err != nil {
		return nil, err
	}
	config := natsd.Node{Config: p.access.config(p.plan), Cluster: p.cluster}
	config.Dir = filepath.Join(p.dir, "data")
	config.ServerName = p.name
	config.Port = port
	command := child.Command{Name: p.name, LogDir: p.dir}
	if p.key != "" {
		config.KeyVariable = keyVariable
		command.Env = []string{keyVariable + "=" + string(p.key)}
	}
	if command.Path, err = nodeBinary(t); err != nil {
		return nil, err
	}
	path := filepath.Join(p.dir, "nats.conf")
	command.Args = []string{path}
	if err := writeConfig(path, config); err != nil {
		return nil, err
	}
	return &Node{Server: child.NewServer(t, command, natsReady), access: p.access, config: config}, nil
}

func writeConfig(path string, config natsd.Node) error {
	text, err := config.Render()
	if err != nil {
		return fmt.Errorf("render configuration: %w", err)
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// Name is the server's name, which JetStream gives as the leader's.
func (n *Node) Name() string { return n.config.ServerName }

// URL is the node's own address; it stays the same over restarts.
func (n *Node) URL() string { return address(n.config.Port, n.server != nil) }

// Dir is the node's data directory.
func (n *Node) Dir() string { return n.config.Dir }

// StreamFolder is where the node keeps the files of a stream, for tests that
// damage them. Stop the node first.
func (n *Node) StreamFolder(stream string) string { return natsd.StreamFolder(n.Dir(), stream) }

// Connect connects to this node as the named user; the connection is closed
// when the test ends.
func (n *Node) Connect(t testing.TB, user string, options ...nats.Option) *nats.Conn {
	t.Helper()
	return n.ConnectTo(t, n.URL(), user, options...)
}
