package testserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"habeas.internal/services/internal/testwait"
)

// askTimeout bounds one question to one node, which may be paused.
const askTimeout = time.Second

// WaitReady waits until all nodes follow one leader of the cluster and are
// caught up with it. All nodes must run.
func (c *Nodes) WaitReady(ctx context.Context) error {
	if err := testwait.Until(ctx, func() error { return c.agreed(ctx) }); err != nil {
		return fmt.Errorf("wait for the cluster: %w", err)
	}
	return nil
}

// membership is the part of a server's JetStream report that is of interest.
type membership struct {
	Data struct {
		Meta struct {
			Leader   string `json:"leader"`
			Replicas []struct {
				Current bool `json:"current"`
				Offline bool `json:"offline"`
			} `json:"replicas"`
		} `json:"meta_cluster"`
	} `json:"data"`
}

// agreed asks all servers through the first and compares their answers.
func (c *Nodes) agreed(ctx context.Context) error {
	reports, err := c.reports(ctx)
	if err != nil {
		return err
	}
	followers := 0
	for _, report := range reports {
		meta := report.Data.Meta
		if meta.Leader == "" || meta.Leader != reports[0].Data.Meta.Leader {
			return errors.New("the nodes have no common leader")
		}
		for _, replica := range meta.Replicas {
			if replica.Current && !replica.Offline {
				followers++
			}
		}
	}
	// Only the leader's report lists the others.
	if followers < len(c.nodes)-1 {
		return fmt.Errorf("%d of %d nodes follow the leader", followers, len(c.nodes)-1)
	}
	return nil
}

func (c *Nodes) reports(ctx context.Context) ([]membership, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := c.dial(c.nodes[0].URL(), System, nats.Timeout(askTimeout))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", c.nodes[0].Name(), err)
	}
	defer conn.Close()
	answers, err := conn.SubscribeSync(conn.NewInbox())
	if err != nil {
		return nil, err
	}
	if err := conn.PublishRequest("$SYS.REQ.SERVER.PING.JSZ", answers.Subject, nil); err != nil {
		return nil, err
	}
	reports := make([]membership, len(c.nodes))
	for i := range reports {
		msg, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("hear from %d of %d nodes: %w", i, len(reports), err)
		}
		if err := json.Unmarshal(msg.Data, &reports[i]); err != nil {
			return nil, fmt.Errorf("read a node's report: %w", err)
		}
	}
	return reports, nil
}

// Leader is the node that leads the stream now. It waits, as long as ctx
// allows, until some node says so; a leader may change at any time after.
func (c *Nodes) Leader(ctx context.Context, stream string) (*Node, error) {
	var leader *Node
	err := testwait.Until(ctx, func() (err error) {
		leader, err = c.askLeader(ctx, stream)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find the leader of %s: %w", stream, err)
	}
	return leader, nil
}

// askLeader asks each node in turn: some may be down and some paused.
func (c *Nodes) askLeader(ctx context.Context, stream string) (*Node, error) {
	problems := []error{errors.New("no node knows a leader")}
	for _, node := range c.nodes {
		if !node.Running() {
			continue
		}
		name, err := c.leaderBy(ctx, node, stream)
		if leader := c.Node(name); err == nil && leader != nil && leader.Running() {
			return leader, nil
		}
		problems = append(problems, err)
	}
	return nil, errors.Join(problems...)
}

func (c *Nodes) leaderBy(ctx context.Context, node *Node, stream string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := c.dial(node.URL(), Admin, nats.Timeout(askTimeout))
	if err != nil {
		return "", fmt.Errorf("connect to %s: %w", node.Name(), err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return "", err
	}
	handle, err := js.Stream(ctx, stream)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", node.Name(), err)
	}
	cluster := handle.CachedInfo().Cluster
	if cluster == nil || cluster.Leader == "" {
		return "", fmt.Errorf("%s knows no leader", node.Name())
	}
	return cluster.Leader, nil
}

// KillLeader kills the node that leads the stream and returns it, so that it
// can be started again.
func (c *Nodes) KillLeader(ctx context.Context, stream string) (*Node, error) {
	leader, err := c.Leader(ctx, stream)
	if err != nil {
		return nil, err
	}
	leader.Kill()
	return leader, nil
}
